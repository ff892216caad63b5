// Statements as an expression: their last one is the value; blocks of their own, `goto` and `return` in them.
#define max(x, y) ({ typeof(x) _x = (x); typeof(y) _y = (y); _x > _y ? _x : _y; })
#define swap(x, y) do { typeof(x) t_ = (x); (x) = (y); (y) = t_; } while (0)
long t_statements(long a, long b) { long c = max(a, b) + max((int)a, max(1, (int)b)); swap(a, b); c += ({ long s = 0; for (int i = 0; i < 5; i++) s += a >> i; s; }); c ^= ({ if (a & 1) b++; b; }); int n = ({ if (c == 5) return 7; (int)c; }); struct { int x; } q = ({ struct { int x; } r = {3}; (typeof(q)){r.x}; }); return c + n + a * 3 + q.x; }
long t_statements_in_condition(long a, long b) { long n = 0; while (({ n++; n < (a & 15); })) b += n; return ({ b; }) + (({ int z = n; z; }) && b); }
