// Packed bit fields cross what would be units.
struct __attribute__((packed)) tight { unsigned a : 3; unsigned b : 13; unsigned c : 20; unsigned d : 28; unsigned long e : 40; };
union seen { struct tight s; unsigned char w[sizeof(struct tight)]; };
long t_bits_packed(long a, long b) { union seen v = {}; long sum = sizeof(struct tight); v.s.a = a; v.s.b = b; v.s.c = a >> 7; v.s.d = b >> 3; v.s.e = a; for (unsigned i = 0; i < sizeof(v.w); i++) sum = sum * 7 + v.w[i]; return sum + v.s.c + v.s.d + v.s.e; }
