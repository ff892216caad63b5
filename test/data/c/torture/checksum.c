// Sums of 16 bits with carry, as IP has them; bytes in the order of the network.
typedef unsigned short u16; typedef unsigned int u32;
static inline u16 fold(unsigned long s) { for (int i = 0; i < 4; i++) s = (s & 0xffff) + (s >> 16); return ~s; }
struct iphdr { unsigned char ihl : 4, version : 4; unsigned char tos; u16 len, id, off; unsigned char ttl, proto; u16 check; u32 from, to; };
long t_checksum(long a, long b) { struct iphdr h = {5, 4, .len = __builtin_bswap16(84), .ttl = 64, .proto = a, .from = a, .to = b}; unsigned long s = 0; u16 *p = (void *)&h; for (unsigned i = 0; i < sizeof(h) / 2; i++) s += p[i]; h.check = fold(s); s = 0; for (unsigned i = 0; i < sizeof(h) / 2; i++) s += p[i]; return fold(s) + h.check * 3 + *(unsigned char *)&h; }
