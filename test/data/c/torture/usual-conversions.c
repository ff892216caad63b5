// Two operands meet in one type: the wider, and of one width the unsigned.
long t_usual_conversions(long a, long b) { int i = a; unsigned u = b; long l = a; unsigned long ul = b; short s = a; return (i < u) + (s < u) * 2 + (l < u) * 4 + (i < ul) * 8 + (l < ul) * 16 + (i + u > l) * 32 + (1 ? -1 : u) + (i | ul) % 1000; }
long t_usual_divide(long a, long b) { int i = a; unsigned u = (b & 63) + 1; return i / u + i % (int)u + (long)i / u + a / (int)u; }
