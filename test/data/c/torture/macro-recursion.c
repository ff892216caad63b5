// A macro does not expand itself again; arguments are expanded first; conditions with defined, and, or.
#define f(x) ((x) + g(x))
#define g(x) (f)(x)
#define foo (foo + 1)
#define TWICE(m, x) m(m(x))
#define INC(x) ((x) + 1)
#if defined(f) && !defined NOPE && (1 ? 2 : 0) == 2 && -1 < 0 && 0x10 == 020 && 'a' == 97 && NOPE == 0
#define OK 1
#elif 1
#define OK 2
#endif
#ifndef OK
#error no
#endif
#undef NOPE
static long (f)(long x) { return x * 2; }
long t_macro_recursion(long a, long b) { long foo_ = 0; { struct { long x; } v = {a}; long *p = &v.x; *p += 3;
#undef foo
long foo = a;
#define foo (foo + 1)
 foo_ = foo + *p; } return f(a) + TWICE(INC, b) + foo_ + OK + f(f(1)); }
