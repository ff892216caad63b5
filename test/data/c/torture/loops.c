// Loops of all forms with `continue` and `break`, and what their counters hold behind them.
long t_loop_forms(long a, long b) { long s = 0; int i; for (i = 0; ; i++) { if (i > 12) break; if (i % 3 == (a & 1)) continue; s += i; } do { if (s & 1) continue; s /= 2; } while ((s -= 3) > 5); while (i-- > 0) { s ^= i; if (i == (b & 7)) break; } return s * 100 + i; }
long t_loop_down(long a, long b) { long s = 0; for (unsigned char c = 10; c < 250; c -= 3) s += c; for (int i = 20; i >= 0; i -= 4) s += a >> i; for (unsigned u = 5; u; u >>= 1) s ^= b * u; return s; }
long t_loop_two(long a, long b) { long s = 0; for (int i = 0, j = 10; i < j; i++, j--) s += (a >> i) ^ (b >> j); return s; }
long t_loop_wrap(long a, long b) { unsigned char c = 250; long n = 0; do n++; while (++c); signed char d = a; for (int i = 0; i < 20; i++) d += 13; return n * 1000 + d + b; }
