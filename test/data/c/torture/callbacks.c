// Pointers to functions that are known where they are called.
static __attribute__((noinline)) long add(long x, long y) { return x + y; }
static inline long apply(long (*f)(long, long), long x, long y) { return f(x, y); }
#ifdef __bpf__
static long (*loop)(unsigned n, void *f, void *ctx, unsigned long flags) = (void *)181;
#else
static long loop(unsigned n, long (*f)(unsigned, void *), void *ctx, unsigned long flags) { unsigned i = 0; while (i < n && !f(i++, ctx)); return i; }
#endif
struct ctx { long sum; int stop; };
static long each(unsigned i, void *p) { struct ctx *c = p; c->sum = c->sum * 3 + i; return i == c->stop; }
long t_callbacks(long a, long b) { struct ctx c = {a, b & 15}; long n = loop(10, each, &c, 0); return c.sum + n * 7 + add(a, b); }
