// Ranges of cases, of signed and unsigned numbers of each width.
long t_switch_ranges(long a, long b) { switch ((signed char)a) { case -128 ... -1: a = 1; break; case 0: a = 2; break; case 1 ... 100: a = 3; break; default: a = 4; } switch ((unsigned char)b) { case 0 ... 63: return a; case 128 ... 255: return a * 2; } return a * 3; }
long t_switch_long(long a, long b) { switch (a) { case -0x7fffffffffffffff ... -1000: return b; case 255 ... 256: return 3; case 1000 ... 0x123456789abcdeef: return 2; case 0x123456789abcdef0: return 4; case 0x123456789abcdef1 ... 0x7fffffffffffffff: return 5; } return 6; }
long t_switch_unsigned(long a, long b) { switch ((unsigned)a) { case 0x80000000u ... 0xffffffffu: return 1 + b; case -1L & 0xff: return 2; case 5: return 3; } return 4; }
