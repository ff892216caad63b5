// Pointers to pointers, to arrays, to members; differences and comparisons; void and char arithmetic.
struct s { int a[3]; struct s *next; };
long t_pointers(long a, long b) { struct s x = {{1, a, 3}}, y = {{4, 5, b}, &x}; struct s *p = &y, **pp = &p; int *q = &(*pp)->next->a[1]; *q += 2; int(*row)[3] = &y.a; (*row)[1]++; long r = p->next->a[1] + y.a[1] * 3 + (q - x.a) * 7; *pp = (*pp)->next; r += p == &x; r += p->next == 0; void *v = x.a; v += 4; r += *(int *)v; r += *(short *)((char *)x.a + 8); return r + (&x.a[2] - &x.a[0]) + !p; }
long t_pointer_table(long a, long b) { long v[4] = {a, b, a ^ b, 5}; long *t[3] = {v + 1, &v[3], v}; *t[0] += *t[1]; t[1] = t[2] + 2; return *t[0] + *t[1] * 3 + t[2][0] + t[1][-1] + 1[v]; }
