// Assertions where declarations stand, and sizes as C has them.
struct s { char a; int b; char c; long d; char e[3]; short f; };
_Static_assert(sizeof(struct s) == 32, "size"); _Static_assert(__builtin_offsetof(struct s, f) == 28 && _Alignof(struct s) == 8, "places");
_Static_assert(sizeof(long long) == 8 && sizeof(void *) == 8 && sizeof(short) == 2 && (char)-1 < 0, "types"); _Static_assert(1);
long t_assertions(long a, long b) { _Static_assert(sizeof(a) == 8, "a"); struct q { int x; _Static_assert(sizeof(int) == 4, "int"); } q = {b}; return sizeof(struct s) + __builtin_offsetof(struct s, e[1]) + a + q.x; }
