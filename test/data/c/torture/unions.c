// One place, many types.
union u { unsigned char c[8]; unsigned short s[4]; int i[2]; long l; struct { unsigned char x; unsigned short y __attribute__((packed)); } p; };
long t_unions(long a, long b) { union u v; v.l = a; v.c[3] = b; v.s[3] ^= 0x1234; long r = v.l; v.i[0] = -1; r += v.l + v.p.x * 3 + v.p.y * 5; union u w = v; w.c[0]++; return r + w.l - v.l; }
long t_union_cast(long a, long b) { int i = ((union { long l; int i[2]; }){.l = a}).i[1]; return i + ((union { int i; short s[2]; }){(int)b}).s[1]; }
