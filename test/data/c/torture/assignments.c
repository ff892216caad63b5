// The value of an assignment is what the left side then holds, in its type.
long t_assignments(long a, long b) { unsigned char c; int i; short s; _Bool q; long r = c = a; r += (i = b) * 2L; r += (s = c = i = a + b); r += (q = a) + (q = 0); r += (c += 200) + (c -= b) * 3 + (s <<= 3) + (i /= 3) + (c ^= 0x155) + (q |= 2) + (q ^= 1); return r + c + i + s + q; }
