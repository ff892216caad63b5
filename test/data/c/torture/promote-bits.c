// A bit field smaller than `int` is an `int`; one of 32 unsigned bits is unsigned; wider ones keep their type.
struct f { unsigned a : 31; unsigned b : 32; unsigned long c : 33; int d : 3; unsigned long e : 20; };
long t_promote_bits(long a, long b) { struct f s = {.a = a, .b = b, .c = a, .d = b, .e = a}; return (s.a - 1 < 0) + (s.b - 1 > s.b) * 2 + (s.d < 1u) * 4 + (-s.e < 0) * 8 + (-s.a < 1) * 16 + (s.e << 13) * 32; }
