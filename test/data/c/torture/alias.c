// Two ways to one place: what is written through one is read through the other.
static void both(int *p, int *q, long a) { *p = a; *q += 3; *p += *q; }
long t_alias(long a, long b) { int v[3] = {1, 2, (int)b}; both(&v[0], &v[a & 1], a); int *p = &v[b & 1], *q = v + 1; *p = 7; *q = 9; long r = *p + v[0]; unsigned char *c = (void *)v; c[4] ^= 0xff; struct { int x, y; } *s = (void *)v; s->y++; return r + v[0] * 3 + v[1] * 5 + v[2] + s->x; }
