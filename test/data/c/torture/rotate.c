// Rotations, written as compilers know them.
static inline unsigned rol32(unsigned x, unsigned n) { return x << (n & 31) | x >> (-n & 31); }
static inline unsigned long rol64(unsigned long x, unsigned n) { return x << (n & 63) | x >> (-n & 63); }
static inline unsigned char rol8(unsigned char x, unsigned n) { return x << (n & 7) | x >> (-n & 7); }
static inline unsigned short rol16(unsigned short x, unsigned n) { return x << (n & 15) | x >> (-n & 15); }
long t_rotate(long a, long b) { return rol32(a, b) + rol64(a, b) * 3 + rol8(a, b) * 5 + rol16(a, b) * 7 + rol32(b, 13) + rol64(b, 47); }
