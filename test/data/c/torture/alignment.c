// Alignment that is asked for, of types, members and variables.
struct a { char x; int y __attribute__((aligned(8))); char z; }; struct b { char x; _Alignas(16) char y; }; typedef int __attribute__((aligned(2))) half; struct __attribute__((packed, aligned(4))) d { char x; long y; short z; };
long t_alignment(long a, long b) { struct d v = {1, a, b}; return sizeof(struct a) + __builtin_offsetof(struct a, y) * 3 + sizeof(struct b) * 5 + __builtin_offsetof(struct b, y) + sizeof(struct d) * 7 + __builtin_offsetof(struct d, z) + v.y + v.z + v.x; }
