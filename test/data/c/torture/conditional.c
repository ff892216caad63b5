// `?:` chains, omits its middle, mixes types, and is evaluated on one side only.
long t_conditional(long a, long b) { int n = 0; long c = a > b ? n++, 5 : b ? (n += 2, 6) : 7; c += (a & 3) ?: b; c += (n++ ? n : n) ?: 9; char ch = a; unsigned u = b; c += (a & 4 ? ch : u) + (b & 1 ? ch : -1L) + (a ? 1 : 2 ? 3 : 4); long *p = a & 1 ? &a : 0; return c * 10 + n + (p ? *p : 3) + (a < 0 ? -1 : a > 0); }
long t_conditional_place(long a, long b) { long x = 1, y = 2; *(a < b ? &x : &y) = 10; long v[2] = {a, b}; (a & 1 ? v : &x)[0]++; return x + y * 3 + v[0] + v[1]; }
