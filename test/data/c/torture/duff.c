// A loop within a switch, whose cases lead into it.
long t_duff(long a, long b) { long r = 0; int n = (b & 3) + 1; switch (a & 3) { case 0: do { r += 1; case 3: r = r * 2 + 3; case 2: r ^= a & 0xff; case 1: r += 5; } while (--n > 0); } return r; }
long t_switch_if(long a, long b) { long r = 1; switch (a & 3) { case 0: if (b & 1) { r = 2; case 1: r += 3; } else { r += 9; case 2: r *= 5; } } return r; }
