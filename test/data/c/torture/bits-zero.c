// A width of zero begins a new unit; fields without a name leave room.
struct zero { unsigned a : 3; unsigned : 0; unsigned b : 3; unsigned : 7; unsigned c : 5; unsigned char d; int : 0; char e : 2; };
union seen { struct zero s; unsigned char w[sizeof(struct zero)]; };
long t_bits_zero(long a, long b) { union seen v = {}; long sum = sizeof(struct zero); v.s.a = a; v.s.b = b; v.s.c = a >> 3; v.s.d = b; v.s.e = a; for (unsigned i = 0; i < sizeof(v.w); i++) sum = sum * 7 + v.w[i]; return sum; }
