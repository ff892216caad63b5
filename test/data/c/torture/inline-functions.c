// Functions in place of their calls: returns from within loops, parameters that are changed, calls in calls.
static inline __attribute__((always_inline)) int find(const int *v, int n, int x) { for (int i = 0; i < n; i++) if (v[i] == x) return i; return -1; }
static inline long clamp(long x, long lo, long hi) { if (x < lo) return lo; if (x > hi) return hi; return x; }
static inline void twice(long *p) { *p *= 2; if (*p > 100) return; *p += 1; }
static inline unsigned char low(long x) { x >>= 3; return x; }
static inline long maybe(long x) { switch (x & 3) { case 0: return 1; case 1: break; default: return x; } return -x; }
long t_inline_functions(long a, long b) { int v[5] = {1, 3, (int)a, 7, (int)b}; long r = find(v, 5, b) * 10 + find(v, 3, 99) + find(v, 5, 7); twice(&r); twice(&a); return r + a + clamp(b, -10, clamp(a, 5, 50)) * 3 + low(a) * 5 + low(low(b)) + maybe(maybe(a) + maybe(b)); }
