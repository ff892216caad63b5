// What is volatile is read and written each time.
static volatile int shared = 3; static volatile long counter;
long t_volatile(long a, long b) { volatile int local = a; shared = b; int x = shared + shared; local += x; counter = 0; for (int i = 0; i < 5; i++) counter += local; volatile unsigned char c = a; c++; volatile long *p = &counter; *p ^= c; return counter + x + local; }
