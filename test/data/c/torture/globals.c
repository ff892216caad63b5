// Globals of all kinds, initialised whole, in part, or not.
int g1 = -5; unsigned char g2[4] = {1, 2}; static long g3; struct { short a; long b; } g4 = {.b = 7}; const int g5 = 9; static const volatile int g6 = 4; int g7[] = {1, 2, 3}; int g1; extern int g1;
static enum { A = 3, B } g8 = B; static char g9[] = "text"; static struct { unsigned a : 3, b : 9; int c : 5; } g10 = {5, 300, -7}; static union { long l; char c; } g11 = {.c = 65};
long t_globals_all(long a, long b) { g3 = a; g3 += g1; g2[a & 3] += b; g4.a = b; long r = g1 + g2[a & 3] * 3 + g3 * 5 + g4.a + g4.b + g5 + g6 + g7[2] + sizeof(g7) + g8 + g9[a & 3] + g10.a + g10.b + g10.c + g11.l; g2[a & 3] -= b; g3 = 0; g4.a = 0; return r; }
