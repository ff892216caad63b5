// `cleanup`: called in the reverse order of the declarations, on every way out of the block.
static long trace; static void note(int *p) { trace = trace * 10 + *p; }
#define AUTO __attribute__((cleanup(note)))
static long work(long a) { int AUTO x = 1; { int AUTO y = 2; if (a & 1) return 5; } for (int i = 0; i < 3; i++) { int AUTO z = 3 + i; if (i == (a >> 1 & 3)) continue; if (a & 8) break; } int AUTO w = 9; return a & 4 ? x : w; }
long t_cleanup(long a, long b) { trace = 0; long r = work(a); r += work(b) * 10; return trace * 100 + r; }
