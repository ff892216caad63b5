// Structs within packed ones; packed members; unaligned reads and writes.
struct in { short a; int b; }; struct __attribute__((packed)) out { char c; struct in i; long l; struct { char x; int y; } n; int t[2]; }; struct part { char c; int p __attribute__((packed)); short s; };
long t_packed_nested(long a, long b) { struct out o = {1, {a, b}, a ^ b, {3, a}, {b, a}}; o.i.b += 5; o.l -= a; o.n.y ^= b; o.t[a & 1] *= 3; struct in j = o.i; struct part p = {1, a, b}; p.p++; return o.c + o.i.a * 3 + j.b * 5 + o.l + o.n.y + o.t[0] + o.t[1] * 7 + p.p + p.s + sizeof(o) + sizeof(p); }
