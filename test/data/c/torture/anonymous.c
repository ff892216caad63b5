// Members without names: theirs are the outer one's, to any depth.
struct s { int a; union { long b; struct { short c, d; union { char e[4]; int f; }; }; }; struct { int g; } h; };
long t_anonymous(long a, long b) { struct s v = {.a = 1, .c = a, .d = b, .e = {1, 2, 3}}; v.e[3] = a; long r = v.b + v.f; v.b = b; v.h.g = a; struct s w = {5, {b}, {.g = 3}}; return r + v.c * 3 + v.d * 5 + v.f + w.d + w.h.g + sizeof(v) + __builtin_offsetof(struct s, f); }
