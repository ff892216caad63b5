// `_Bool` is 0 or 1, whatever it is made from.
struct s { _Bool b; _Bool f : 1; }; static _Bool any(long x) { return x; }
long t_bool_all(long a, long b) { _Bool p = a, q = (unsigned char)b, r = a > b; p += 5; q = !q; r ^= 1; struct s s = {a & 0x100, b & 2}; s.f = a; _Bool v[3] = {a, b & 8}; v[2] = v[0] & v[1]; _Bool *w = &v[1]; *w = 7; int *np = 0; return p + q * 2 + r * 4 + s.b * 8 + s.f * 16 + v[0] * 32 + v[1] * 64 + v[2] * 128 + any(a) * 256 + any(b & 256) * 512 + (_Bool)0x100 * 1024 + (_Bool)np * 2048 + (++p) + sizeof(p); }
