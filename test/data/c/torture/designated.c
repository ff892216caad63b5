// Designators: of members, elements, ranges, nested; the last one wins, and what follows goes on behind it.
struct in { int a, b[4]; struct { short c; char d[3]; } e; };
long t_designated(long a, long b) { struct in v = {.b = {[1] = a, b, [0] = 7}, .e.d[1] = 5, .e.c = a, .a = 9, .b[3] = 2}; int w[10] = {1, [4 ... 6] = 3, 4, [1] = b, [8] = 6}; struct in x[2] = {[1].e = {1, "ab"}, [0].b[2] = a, 5}; long s = v.a + v.b[0] * 3 + v.b[1] * 5 + v.b[2] * 7 + v.b[3] + v.e.c + v.e.d[0] + v.e.d[1]; for (int i = 0; i < 10; i++) s = s * 3 + w[i]; for (int i = 0; i < 2; i++) s = s * 5 + x[i].a + x[i].b[2] + x[i].b[3] + x[i].e.c + x[i].e.d[1]; return s + sizeof((int[]){[9] = 1}); }
long t_designated_old(long a, long b) { struct in v = {a: 3, e: {c: a}}; return v.a + v.e.c + v.b[2] + b; }
