// Matrices by value in structs, powers of them.
struct m { unsigned v[2][2]; };
static struct m product(struct m x, struct m y) { struct m r; for (int i = 0; i < 2; i++) for (int j = 0; j < 2; j++) { r.v[i][j] = 0; for (int k = 0; k < 2; k++) r.v[i][j] += x.v[i][k] * y.v[k][j]; } return r; }
long t_matrix_power(long a, long b) { struct m r = {{{1, 0}, {0, 1}}}, x = {{{1, 1}, {1, (unsigned)b & 1}}}; unsigned n = a & 31; while (n) { if (n & 1) r = product(r, x); x = product(x, x); n >>= 1; } return r.v[0][1] + r.v[1][1] * 3ul; }
