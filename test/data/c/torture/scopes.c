// Names hide others: of outer blocks, of loops, of parameters, of typedefs, of tags, of enumerators.
typedef int number; enum { K = 4 }; static int outer = 3; struct t { int x; };
long t_scopes(long a, long b) { int outer = a, r = 0; { int outer = b; r += outer; { extern int; long outer = 7; r += outer; } } r += outer; for (int a = 0; a < 3; a++) { int b = a * 2; r += b; } { long number = 5; r += number; } { enum { K = 9 }; r += K; struct t { char y[3]; }; r += sizeof(struct t); } number n = K; { typedef char number; n += sizeof(number); } return r + n + a + sizeof(struct t); }
long t_scope_self(long a, long b) { long x = 1; { long y = x, x = 5; a += x + y; } { int z = sizeof z; a += z; } return a + x + b; }
