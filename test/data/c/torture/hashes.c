// Hash functions as programs have them.
typedef unsigned int u32; typedef unsigned long u64; typedef unsigned char u8;
#define rol32(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define mix(a, b, c) { a -= c; a ^= rol32(c, 4); c += b; b -= a; b ^= rol32(a, 6); a += c; c -= b; c ^= rol32(b, 8); b += a; a -= c; a ^= rol32(c, 16); c += b; b -= a; b ^= rol32(a, 19); a += c; c -= b; c ^= rol32(b, 4); b += a; }
static inline u32 jhash2(u32 a, u32 b, u32 c) { a += 0xdeadbeef; b += 0xdeadbeef; c += 0xdeadbeef; mix(a, b, c); return c; }
static u64 fnv(const u8 *p, int n) { u64 h = 0xcbf29ce484222325; for (int i = 0; i < n; i++) { h ^= p[i]; h *= 0x100000001b3; } return h; }
static u32 murmur(u32 h) { h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; return h ^ h >> 16; }
long t_hashes(long a, long b) { u8 v[16]; __builtin_memcpy(v, &a, 8); __builtin_memcpy(v + 8, &b, 8); return jhash2(a, b, a >> 32) + fnv(v, 16) + murmur(a) * 3ul + murmur(b); }
