// `_Generic` chooses by type.
#define KIND(x) _Generic((x), char: 1, signed char: 2, int: 3, unsigned: 4, long: 5, unsigned long: 6, int *: 7, const char *: 8, char *: 9, default: 10)
struct s { int x; };
long t_generic(long a, long b) { char c = a; signed char sc = a; int i = b; unsigned u = a; struct s s = {1}; return KIND(c) + KIND(sc) * 11 + KIND(i) * 13 + KIND(u) * 17 + KIND(a) * 19 + KIND(&i) * 23 + KIND("s") * 29 + KIND(s) * 31 + KIND(c + 0) * 37 + KIND(sizeof i) * 41 + _Generic(a, long: a, default: s.x); }
