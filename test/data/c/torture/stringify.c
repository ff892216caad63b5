// `#` and `##`: what is written, not what it means; one more macro around it, and it is expanded first.
#define STR(x...) #x
#define XSTR(x...) STR(x)
#define NUMBER 4 + 2
#define join(x, y) x##y
#define xjoin(x, y) join(x, y)
#define prefix var
#define EMPTY
static int text(const char *s, int i) { return s[i]; }
long t_stringify(long a, long b) { long var1 = a, var2 = b; static const char s[] = STR(NUMBER  "a\n" 'c'), x[] = XSTR(NUMBER), e[] = STR(), v[] = STR(a,  b); return sizeof(s) * 1000 + sizeof(x) * 100 + sizeof(e) * 10 + sizeof(v) + s[a & 7] + x[b & 3] + v[1] + xjoin(prefix, 1) + join(va, r2) + join(1, 2) + xjoin(3, EMPTY) + join(0x, ff) + __LINE__; }
