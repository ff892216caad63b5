// The cases are converted to the type of what is asked.
long t_switch_wide(long a, long b) { unsigned char c = a; switch (c) { case 255: return 1; case 0: return 2; } switch ((short)b) { case 7: return 3; case -32768: return 4; case 0x41: return 5; } return 6; }
enum e { X = 1, Y = 5, Z = -2 };
long t_switch_enum(long a, long b) { enum e e = a & 1 ? X : b & 1 ? Y : Z; switch (e) { case X: return 10; case Y: return 20; case Z: return 30; } return 0; }
