// Bit fields lie one behind another, but never across a unit of their type.
struct units { unsigned a : 20; unsigned b : 20; unsigned char c : 5; unsigned char d : 5; long e : 50; long f : 20; };
union seen { struct units s; unsigned long w[4]; };
long t_bits_units(long a, long b) { union seen v = {.w = {0, 0, 0, 0}}; v.s.a = a; v.s.b = b; v.s.c = a; v.s.d = b; v.s.e = a; v.s.f = b; return v.w[0] + v.w[1] * 3 + v.w[2] * 5 + v.w[3] * 7 + sizeof(struct units); }
