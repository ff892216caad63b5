// Variables of functions that last; here each starts as it says, for it is set again.
static long counted(long by) { static long n = 5; n += by; long was = n; if (by > 2) n = 5; return was; }
long t_static_locals(long a, long b) { static int seen[4] = {1, 2, 3}; long r = seen[a & 3]; seen[a & 3] += 5; r += seen[a & 3]; seen[a & 3] -= 5; r += counted(1); r += counted(3); { static int r = 9; b += r; } return r * 10 + b; }
