// Bit fields through pointers, in arrays, and copied as structs.
struct f { unsigned a : 5, b : 11; int c : 7; unsigned char d; };
static void set(struct f *p, long v) { p->a = v; p->b += v; p->c ^= v; p->d = p->a; }
long t_bits_memory(long a, long b) { struct f v[3] = {{1, 2, 3, 4}, {.c = -1}}; set(v, a); set(&v[1], b); v[2] = v[a & 1]; set(v + 2, a ^ b); long s = 0; for (int i = 0; i < 3; i++) s = s * 31 + v[i].a + v[i].b + v[i].c + v[i].d; return s; }
