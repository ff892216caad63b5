// The value of an assignment to a bit field is what the field then holds.
struct f { int a : 4; unsigned b : 4; _Bool c : 1; long d : 40; unsigned long e : 33; };
long t_bits_assigned(long a, long b) { struct f s = {}; long x = s.a = a; long y = s.b = b; int z = s.c = a & 6; long d = s.d = a; unsigned long e = s.e = b; return x + y * 16 + z * 256 + d + e; }
long t_bits_updated(long a, long b) { struct f s = {3, 9, 0, 5, 7}; long x = s.a += a; long y = s.b *= b; long z = ++s.a; long w = s.b--; long v = s.a++; long d = s.d -= b; return x + y * 100 + z * 1000 + w * 10000 + v * 100000 + d + s.a + s.b; }
long t_bits_condition(long a, long b) { struct f s = {a, b, a, b, a}; return (s.a ? 1 : 2) + (s.b && s.a) * 4 + (!s.c) * 8 + (s.d == (b << 24 >> 24)) * 16 + (s.a < s.b) * 32 + (s.e > 5) * 64; }
