// `typeof` of types and of expressions that are not evaluated.
struct s { short m[3]; };
long t_typeof(long a, long b) { int i = a; typeof(i) j = b; typeof(i++) k = 3; typeof(int *) p = &i; __typeof__(*p) l = *p + 1; typeof(((struct s *)0)->m[0]) n = a; typeof(a + i) q = b; const typeof(i) r = 5; typeof(struct s) t = {{1, n}}; typeof(t.m) w = {7}; return i + j + k + l + n + q + r + t.m[1] + w[0] + sizeof(typeof(w)) + sizeof(n); }
