// Constant expressions where C asks for them.
enum { N = 3 * sizeof(int) - 2, M = N > 5 ? N << 1 : 0, L = (int)sizeof(struct { char c[N]; }) }; struct s { char a[N + (M == 20)]; int f : N - 5; }; static int v[(N | 1) + 2] = {[N - 8] = M, [sizeof(v) / sizeof(*v) - 1] = L};
long t_const_expressions(long a, long b) { switch (a & 31) { case N: return 1; case M + 1: return 2; case (N ^ M) & 15: return 3; case 'c' - 'a': return 4; case !N + 1: return 5; } char w[__builtin_offsetof(struct s, a[4])]; return sizeof(struct s) + sizeof(v) + v[2] + v[a & 7] + sizeof(w) + L + b; }
