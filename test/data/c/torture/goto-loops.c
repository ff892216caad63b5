// `goto` into loops, out of them, and from one into another.
long t_goto_into(long a, long b) { long n = 0; if (a & 1) goto in; while (n < 20) { n += 3; in: n += (b & 1) + 1; } return n; }
long t_goto_out(long a, long b) { long n = 0; for (int i = 0; i < 10; i++) for (int j = 0; j < 10; j++) { n += i ^ j; if (n > (a & 63)) goto out; } n = -n; out: return n + b; }
long t_goto_between(long a, long b) { long n = a & 7, m = 0; again: if (n < 10) goto up; goto down; up: n += 2; m += b & 3; if (m < 20) goto again; down: while (m > 3) { m -= 3; if (m == 7) goto up; } return n * 100 + m; }
long t_goto_state(long a, long b) { unsigned char in[8]; long acc = 0; int i = 0; for (int k = 0; k < 8; k++) in[k] = a >> (k * 8); zero: if (i == 8) goto done; if (in[i++] & 1) goto one; acc++; goto zero; one: if (i == 8) goto done; acc += 10; if (in[i++] & 2) goto two; goto zero; two: acc += 100; if (i < 8 && in[i] & 4) { i++; goto one; } goto zero; done: return acc + b; }
