// Division goes towards zero, and the remainder has the sign of what is divided; by constants, too.
#define BY(n) (a / n) * 3 + (a % n) + ((int)b / n) * 5 + ((int)b % n)
long t_signed_division(long a, long b) { return BY(2) + BY(7) + BY(-3) + BY(16) + BY(1000) + BY(-64) + BY(1) + (short)a / 3 + (signed char)b % 5 + (unsigned char)a / 3 + ((unsigned)b % 10u); }
long t_unsigned_division(long a, long b) { unsigned long x = a; unsigned y = b; unsigned short s = a; return x / 10 + x % 10 + y / 7 + y % 7 + s / 9 + s % 9 + x / 0x100000001ul + y / 0x80000001u; }
long t_divide_variable(long a, long b) { int d = (int)b | 1; long e = b | 1; if (d == -1) d = 3; if (e == -1) e = 5; return (int)a / d + (int)a % d + a / e + a % e + (unsigned)a / (unsigned)d + (unsigned long)a % (unsigned long)e + (short)a / (signed char)(b | 1); }
