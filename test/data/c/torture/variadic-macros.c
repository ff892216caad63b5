// Macros of any number of arguments, counted, handed on, and left empty.
#define NTH(_1, _2, _3, _4, N, ...) N
#define COUNT(...) NTH(__VA_ARGS__, 4, 3, 2, 1, 0)
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define S1(x) (x)
#define S2(x, y) ((x) * 2 + (y))
#define S3(x, ...) ((x) * 3 + S2(__VA_ARGS__))
#define S(...) CAT(S, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define GNU(f, args...) f(0, ##args)
#define OPT(x, ...) (x __VA_OPT__(+ sum3(__VA_ARGS__)))
static long sum3(long x, long y, long z) { return x + y * 2 + z * 3; }
static long one(long x, ...);
#define one(x, ...) ((x) + 0 __VA_OPT__(- 1))
long t_variadic_macros(long a, long b) { return S(a) + S(a, b) + S(a, b, 7) + COUNT(a, b, 1) + GNU(sum3, a, b) + OPT(a) + OPT(b, 1, a, 2) + one(a) + GNU(one) + one(b, 2); }
