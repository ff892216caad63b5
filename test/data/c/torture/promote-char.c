// Integer promotion: small operands are `int` before anything is done with them.
long t_promote_char(long a, long b) { unsigned char x = a, y = b; signed char s = a; return (x + y > 255) + (x - y < 0) * 2 + (~x < 0) * 4 + (-x < 0) * 8 + (x << 24 < 0) * 16 + (s >> 1) * 32 + (x * y) * 64; }
long t_promote_short(long a, long b) { unsigned short x = a, y = b; short s = b; return (x - y) / 2 + (~x >> 3) + (s == y) + (x + 1 > 0xffff); }
long t_promote_result(long a, long b) { unsigned char x = a; x = x + 300; signed char c = x; c = c * 2; return x * 1000 + c + sizeof(x + x) + sizeof(+x) + sizeof(x++) + b; }
