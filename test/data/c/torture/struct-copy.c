// Structs are copied whole: by assignment, as arguments, as results.
struct s { char a; long b; short c[3]; struct { int d; } e; };
static struct s make(long a, long b) { struct s s = {a, b, {1, a, b}, {a ^ b}}; return s; }
static struct s twice(struct s s) { s.b *= 2; s.c[1]++; return s; }
static long sum(struct s s) { return s.a + s.b * 3 + s.c[0] + s.c[1] * 5 + s.c[2] * 7 + s.e.d; }
long t_struct_copy(long a, long b) { struct s x = make(a, b), y, z; y = z = twice(x); x.b = 1; return sum(x) + sum(y) * 3 + sum(z) + sum(twice(twice(x))) + make(b, a).e.d + twice(y).c[1]; }
long t_struct_chosen(long a, long b) { struct s x = make(a, b), y = make(b, a); struct s z = a < b ? x : y; return sum(z) + (a & 1 ? x : y).c[1] + sum(a & 2 ? twice(x) : z); }
long t_struct_swap(long a, long b) { struct s v[2] = {make(a, 1), make(b, 2)}, t; t = v[0]; v[0] = v[1]; v[1] = t; struct s *p = &v[a & 1]; *p = *p; v[0] = *p; return sum(v[0]) * 3 + sum(v[1]); }
