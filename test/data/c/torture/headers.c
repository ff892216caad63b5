// The standard's own headers: their types and limits.
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <limits.h>
#define container(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
struct s { char c; int64_t l; uint8_t t[3]; };
long t_headers(long a, long b) { struct s v = {1, a, {2, 3, b}}; uint8_t *p = &v.t[1]; struct s *q = container(p, struct s, t[1]); bool t = true; size_t n = sizeof(ptrdiff_t); uintptr_t z = (uintptr_t)NULL; return q->l + q->t[2] + t + false + n + z + (INT_MAX < a) + (LONG_MIN == a) * 2 + UINT8_MAX + CHAR_BIT + (INT64_MAX > b) + SHRT_MIN + (int)UINT_MAX; }
