// Declared before, defined after; functions without `static`; the same name in different places.
static long later(long); extern long elsewhere; long shared_fn(long x, long y); static int data[2];
long t_linkage(long a, long b) { data[0] = a; return later(a) + elsewhere + shared_fn(b, a) + data[0] + data[1]; }
static long later(long x) { static long elsewhere = 11; return x + elsewhere; }
long elsewhere = 4; long shared_fn(long x, long y) { return x * 2 - y; } static int data[2] = {0, 6};
