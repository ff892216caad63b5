// An array without a length at the end of a struct has no size of its own.
struct flex { unsigned short n; int v[]; };
struct zero { char c; long z[0]; };
long t_flexible(long a, long b) { long room[5] = {}; struct flex *f = (void *)room; f->n = 4; for (int i = 0; i < 4; i++) f->v[i] = a >> i; f->v[b & 3] ^= b; long s = sizeof(*f) + sizeof(struct zero) + _Alignof(struct zero); for (int i = 0; i < 4 && i < f->n; i++) s = s * 3 + f->v[i]; return s + ((char *)&f->v[1] - (char *)f); }
