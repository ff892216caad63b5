// Functions that are called as such: arguments narrowed, results widened, five of them, pointers.
static __attribute__((noinline)) signed char narrow(unsigned char x, short y) { return x + y; }
static __attribute__((noinline)) unsigned wide(int a, unsigned b, long c, unsigned char d, short *e) { *e += d; return a + b + c; }
static __attribute__((noinline)) void nothing(long *p) { *p ^= 0x55; }
static __attribute__((noinline)) _Bool odd(long x) { return x & 1; }
static __attribute__((noinline)) int negative(long x) { return -(int)x; }
long t_calls_all(long a, long b) { short s = b; long r = narrow(a, b) + wide(a, b, a, b, &s); nothing(&r); return r * 3 + s + odd(a) + odd(b) * 2 + (negative(a) < 0) + negative(b) + (narrow(200, 100) < 0); }
