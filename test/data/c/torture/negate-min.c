// The ends of the ranges, where arithmetic wraps.
long t_negate_min(long a, long b) { int i = (int)a == 5 ? -2147483647 - 1 : (int)a; long l = b == 3 ? -9223372036854775807L - 1 : b; unsigned u = a; return -i + (i * -1) + (~i + 1) + -l + (u - 1) + (-u) + (unsigned char)(-(char)a) + (short)(i - 1) + (i < 0 ? -(unsigned)i : i) + (int)(u + 0x7fffffff) + (l ^ (l >> 63)) - (l >> 63); }
