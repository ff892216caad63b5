// A shift has the type of its left side alone.
long t_shift_left(long a, long b) { unsigned char c = a; unsigned n = b & 7; unsigned long big = b & 31; return (c << n) + ((unsigned)a << big) + (1L << (b & 63)) + sizeof(c << big) + ((char)a << 2); }
long t_shift_right(long a, long b) { signed char c = a; unsigned n = b & 7; return (c >> n) + ((unsigned char)c >> n) + ((int)a >> (b & 31)) + ((unsigned)a >> (b & 31L)) + (a >> (b & 63)) + ((unsigned long)a >> (char)(b & 63)); }
long t_shift_assign(long a, long b) { unsigned char c = a; c <<= b & 7; short s = a; s >>= b & 15; unsigned u = a; u >>= (unsigned long)(b & 31); return c + s * 256 + u; }
