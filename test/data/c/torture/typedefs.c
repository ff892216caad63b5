// Typedefs of everything, and declarators that are read from the inside out.
typedef int I, *P, A[3], *(*F)(P, A); typedef struct node { I v; struct node *n; } node, *list; typedef unsigned char bytes[4]; typedef const node *cn;
long t_typedefs(long a, long b) { A v = {1, (int)a, 3}; P p = v + 1, *pp = &p; node x = {b}, y = {7, &x}; list l = &y; cn c = l->n; bytes z = {1, 2, 3}; I(*q)[3] = &v; I *(w[2]) = {p, v}; unsigned long long int long_ = 3; int unsigned long u = 4; return **pp + c->v + l->v + z[b & 3] + (*q)[2] + *w[1] + sizeof(A) + sizeof(F) + sizeof(bytes) + long_ + u; }
