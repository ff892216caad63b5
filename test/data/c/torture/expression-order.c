// Precedence: every level against its neighbours.
long t_precedence(long a, long b) { int x = a, y = b, *p = &x; return (x + y * 3 - -y) + (x << 2 + 1) + (x & 3 == 3) + (x | y & 6 ^ 5) + (x > y == y < x) + (!x + 1) + (~x & 7) + (x - y - 3) + (x ? y : x ? 1 : 2) + (-*p + *p * *p) + (sizeof(int) * 3) + (x & 1 || y & 2 && x) + (- -x) + (x >= 3 != 1) + (5 % 3 * 2 / 2); }
