// The comma: left for its effect, right for its value; not the one between arguments.
static long two(long x, long y) { return x * 3 + y; }
long t_comma_all(long a, long b) { long c = (a++, b--, a + b); int i; for (i = 0, a &= 7; i < 5; i++, b += i) c = (c, i), c++; long d[] = {(1, 2), 3}; return c + two((a, b), a) + (i = 4, i + 1) + d[0] + ((void)0, 5); }
