// Cases fall through, and `default` may stand anywhere.
long t_switch_fall(long a, long b) { long r = 0; switch (a & 7) { default: r += 1; case 1: r += 10; break; case 2: r += 100; case 3: r += 1000; case 4: if (b & 1) break; r += 7; case 5:; } return r; }
long t_switch_default_mid(long a, long b) { switch ((int)b % 5) { case -1: return 1; case 0: a++; default: a += 2; break; case 1: case 2: a -= 3; } return a; }
long t_switch_nothing(long a, long b) { switch (a) ; switch (b) {} switch (a) { long x; case 1: x = 5; b += x; } switch (a) case 5: b++; return a + b; }
