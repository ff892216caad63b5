// Functions of two numbers: gcc for x86 and scry for BPF give the same.
typedef signed char s8; typedef unsigned char u8; typedef short s16; typedef unsigned short u16;
typedef int s32; typedef unsigned int u32; typedef long long s64; typedef unsigned long long u64;

long t_add(long a, long b) { return a + b * 3 - (a ^ b); }
long t_int(long a, long b) { int x = a, y = b; return x * y + (x >> 3) - (y << 2); }
long t_unsigned(long a, long b) { unsigned x = a, y = b; return x * y + (x >> 3) - (y << 2); }
long t_char(long a, long b) { signed char c = a; unsigned char d = b; c += d; return c * 1000 + d; }
long t_short(long a, long b) { short s = a; unsigned short u = b; return (s >> 2) * u - (u >> 3); }
long t_promote(long a, long b) { unsigned char c = a; signed char d = b; return (c > d) * 10 + (c == d) + ~c; }
long t_mixed(long a, long b) { int i = a; unsigned u = b; return (i < u) * 2 + (i < (int)u); }
long t_mixed64(long a, long b) { int i = a; unsigned long u = b; return (i < u) * 2 + (i + u > 5); }
long t_divide(long a, long b) { int x = a, y = b; if (y == 0 || y == -1) return 7; return x / y * 1000 + x % y; }
long t_divide64(long a, long b) { if (b == 0 || b == -1) return 7; return a / b * 1000 + a % b; }
long t_udivide(long a, long b) { unsigned x = a, y = b; return y ? x / y + x % y : 1; }
long t_udivide64(long a, long b) { u64 x = a, y = b; return y ? x / y + x % y : 1; }
long t_shift(long a, long b) { int n = b & 31; return ((int)a << n) + ((int)a >> n) + ((unsigned)a >> n); }
long t_shift64(long a, long b) { int n = b & 63; return (a << n) ^ (a >> n) ^ ((u64)a >> n); }
long t_logic(long a, long b) { return (a && b) + (a || b) * 2 + !a * 4 + !!b * 8; }
long t_side(long a, long b) { int n = 0; (void)(a && n++); (void)(b || n++); n += a > b ? 4 : 3; return n; }
long t_ternary(long a, long b) { return a < b ? (int)a : (unsigned)b; }
long t_elvis(long a, long b) { return (a ?: b) + (b ?: 5); }
long t_comma(long a, long b) { long c; return c = a + 1, c += b, c * 2; }
long t_incdec(long a, long b) { long x = a; long y = x++; y += ++x; y -= --x; y -= x--; return x * 3 + y + b; }
long t_compound(long a, long b) { int x = a; x += b; x -= 3; x *= 5; x ^= b; x |= 1; x &= 0xffff; x <<= 2; x >>= 1; if (b & 0xff) x %= (b & 0xff); return x; }
long t_compound8(long a, long b) { u8 x = a; s8 y = b; x += y; y -= x; x <<= 1; y >>= 1; x *= y; return x * 256 + y; }
long t_bool(long a, long b) { _Bool p = a, q = b & 0x100; p += 1; return p * 2 + q; }
long t_while(long a, long b) { u64 n = a & 0xff, s = 0; while (n) { s += n & b; n >>= 1; } return s; }
long t_for(long a, long b) { long s = 0; for (int i = 0; i < 20; i++) { if (i == (a & 7)) continue; if (i > (b & 15)) break; s = s * 3 + i; } return s; }
long t_do(long a, long b) { int i = 0; long s = a; do { s += b ^ i; } while (++i < 9); return s; }
long t_nested(long a, long b) { long s = 0; for (int i = 0; i < 6; i++) for (int j = i; j < 6; j++) { if (j == 4) break; if (((i + j) & 3) == (a & 3)) continue; s += i * 10 + j + (b & 1); } return s; }
long t_goto(long a, long b) { long n = 0; again: n++; if (n < (a & 15)) goto again; if (b & 1) goto odd; return n; odd: return -n; }
long t_goto_in(long a, long b) { long n = 0; if (a & 1) goto inside; for (n = 1; n < 10; n++) { n += 2; inside: n += b & 3; } return n; }
long t_switch(long a, long b) { long r = 0; switch (a & 7) { case 0: r = 1; case 1: r += 2; break; case 2: case 3: r = b; break; case 5: return -5; default: r = 9; } return r; }
long t_switch_many(long a, long b) { switch ((int)(a % 40)) { case 1: return 10; case 3: return 30; case 5: return 50; case 7: return 70; case 9: return 90; case 11: return 110; case -13: return 130; case 15: return 150; case -17: return 170; case 19: return 190; case 21 ... 30: return b; default: return 1; } }
long t_switch_loop(long a, long b) { long s = 0; for (int i = 0; i < 8; i++) switch ((a >> i) & 3) { case 0: continue; case 1: s += b; break; case 2: if (s > 100) goto out; s *= 2; default: s++; } out: return s; }
long t_array(long a, long b) { int v[8]; for (int i = 0; i < 8; i++) v[i] = a * i + b; long s = 0; for (int i = 0; i < 8; i++) s += v[i] * (i & 1 ? -1 : 1); return s + v[a & 7]; }
long t_array2(long a, long b) { short m[3][4] = {{1, 2, 3, 4}, {5}, {6, [2] = 7}}; m[1][2] = a; m[b & 1][3] += 5; long s = 0; for (int i = 0; i < 3; i++) for (int j = 0; j < 4; j++) s = s * 3 + m[i][j]; return s; }
long t_pointer(long a, long b) { long x = a, y = b, *p = &x, **q = &p; *p += 2; p = &y; **q *= 3; return x * 5 + y + (q == &p); }
long t_pointer_pick(long a, long b) { long x = a, y = b; long *p = a < b ? &x : &y; *p = 77; return x - y; }
long t_walk(long a, long b) { u8 v[16]; for (int i = 0; i < 16; i++) v[i] = a >> i; u8 *p = v, *e = v + 16; long s = 0; while (p < e) s = s * 2 + *p++; return s + (e - p) + (p - v) + b; }
long t_index_back(long a, long b) { int v[6] = {1, 2, 3, 4, 5, 6}; int *p = v + 3; return p[-1] * 100 + 2[p] * 10 + *(p - (a & 1)) + b; }

struct point { int x; short y; char z; long w; };
struct line { struct point from, to; u8 tag[3]; };
long t_struct(long a, long b) { struct point p = {.x = a, .w = b}; p.y = p.x; p.z += 5; struct point q = p; q.x++; return p.x + q.x * 2 + q.y + q.z + q.w; }
long t_struct_in(long a, long b) { struct line l = {{1, 2}, {.w = a}, {7, 8}}; struct line *p = &l; p->from = p->to; p->from.w += b; p->tag[2] = p->tag[0] + a; return l.from.w + l.to.w + l.tag[2] + l.from.x + sizeof(l); }
long t_literal(long a, long b) { struct point *p = &(struct point){a, b, 3, 4}; p->x++; return p->x + p->y + p->z + ((struct point){.w = a}).w + ((int[]){1, 2, 3})[b & 1]; }
union mix { u64 whole; u32 half[2]; u8 bytes[8]; struct { u16 a, b; s32 c; }; };
long t_union(long a, long b) { union mix m = {.whole = a}; m.bytes[b & 7] ^= 0x55; m.a += 3; return m.whole + m.half[1] + m.c; }
struct bits { u32 a : 3; s32 b : 5; u32 c : 24; u64 d : 40; s64 e : 20; u8 f : 1; };
long t_bits(long a, long b) { struct bits v = {}; v.a = a; v.b = b; v.c = a * 7; v.d = a ^ b; v.e = b; v.f = a; v.b++; v.c -= 5; v.a += b; return v.a + v.b * 3 + v.c + (u64)v.d + (s64)v.e * 2 + v.f + (v.b < 0) + sizeof(v); }
long t_bits_init(long a, long b) { struct bits v = {1, -3, 9, .e = -4, .f = 1}; return v.a + v.b + v.c + (u64)v.d + (s64)v.e + v.f + a + b; }
struct __attribute__((packed)) tight { u8 a; u32 b; u16 c; u64 d; };
long t_packed(long a, long b) { struct tight t = {1, a, b, 5}; t.b += t.a; return t.b + t.c + t.d + sizeof(t) + __builtin_offsetof(struct tight, d); }
enum color { RED, GREEN = 5, BLUE };
long t_enum(long a, long b) { enum color c = (a & 1) ? BLUE : GREEN; return c * RED + c + (c > b); }

static int square(int x) { return x * x; }
static __attribute__((noinline)) long mix3(long a, int b, u8 c) { return a * 3 + b - c; }
static inline long fact(long n) { long r = 1; for (long i = 2; i <= n; i++) r *= i; return r; }
static struct point made(int x, long w) { struct point p = {.x = x, .y = 2, .w = w}; return p; }
static long total(struct point p) { p.x += 1; return p.x + p.y + p.z + p.w; }
static void bump(long *p, long by) { if (by < 0) return; *p += by; }
static long early(long x) { for (int i = 0; i < 10; i++) if ((x >> i) & 1) return i; return -1; }
static int many(int a, int b, int c, int d, int e, int f, int g) { return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g; }
long t_calls(long a, long b) { return square(a) + square(square(b & 15)) + mix3(a, b, a) + mix3(b, a, 300); }
long t_fact(long a, long b) { return fact(a & 15) - fact(b & 7); }
long t_struct_call(long a, long b) { return total(made(a, b)) + made(b, a).w; }
long t_bump(long a, long b) { long x = 1; bump(&x, a); bump(&x, b); return x; }
long t_early(long a, long b) { return early(a) * 100 + early(b); }
long t_many(long a, long b) { return many(a, b, 3, a, 5, b, 7); }
static int table[5] = {3, 1, 4, 1, 5};
static const long fixed[4] = {10, -20, 30, -40};
static long counter = 5;
static const char text[] = "hello";
const unsigned char bytes[] = {[0 ... 3] = 1, [7] = 9};
long t_globals(long a, long b) { table[a & 3] = b; counter = 5; counter += table[0] + fixed[b & 3]; long r = counter + table[4]; table[a & 3] = 2; table[0] = 3; return r; }
long t_text(long a, long b) { char s[8] = "abc"; const char *t = "wxyz"; return s[a & 3] * 1000 + t[b & 3] + text[a & 3] + sizeof(text) + sizeof("ab" "cd") + s[7]; }
long t_static(long a, long b) { static int calls = 3; calls = 3 + (int)a; calls++; return calls + b + bytes[a & 7]; }
long t_sizeof(long a, long b) { int v[7]; return sizeof(v) / sizeof(v[0]) + sizeof(char) + sizeof(a + 1) + sizeof('a') + sizeof(struct line) + _Alignof(struct point) + sizeof(*&v) + sizeof(int[3]) + (a, b); }
long t_block(long a, long b) { return ({ long x = a; x += ({ int y = b; y * 2; }); x; }) + 1; }
#define max(x, y) ({ typeof(x) _x = (x); typeof(y) _y = (y); _x > _y ? _x : _y; })
#define SUM(...) sum_(__VA_ARGS__, 0, 0, 0)
#define sum_(a, b, c, d, ...) ((a) + (b) + (c) + (d))
#define NAME(x) var_##x
#define STR(x) #x
long t_macro(long a, long b) { long NAME(q) = max(a, b); return NAME(q) + SUM(a, b) + SUM(1) + sizeof(STR(a + b)) + max((int)a, (int)b); }
long t_memory(long a, long b) { char x[20], y[20]; __builtin_memset(x, a, sizeof(x)); __builtin_memcpy(y, x, 20); y[3] = b; long s = 0; for (int i = 0; i < 20; i++) s += y[i] * i; return s + (__builtin_memcmp(x, y, 3) == 0) * 5 + (__builtin_memcmp(x, y, 20) != 0); }
long t_swap(long a, long b) { return __builtin_bswap16(a) + __builtin_bswap32(b) + (long)__builtin_bswap64(a) + __builtin_bswap32(0x12345678); }
long t_count(long a, long b) { unsigned u = a; return __builtin_popcountll(a) + (u ? __builtin_ctz(u) * 100 + __builtin_clz(u) : 0) + (b ? __builtin_ctzll(b) + __builtin_clzll(b) : 0) + __builtin_ffs(a); }
long t_atomic(long a, long b) { long x = a; int y = b; long o = __sync_fetch_and_add(&x, b); __sync_fetch_and_or(&y, 5); long n = __sync_lock_test_and_set(&x, 9); long c = __sync_val_compare_and_swap(&x, 9, a); return o + n * 3 + c * 5 + x + y; }
static long shared;
long t_atomic_shared(long a, long b) { shared = a; long o = __sync_fetch_and_add(&shared, b); __sync_fetch_and_sub(&shared, 3); long p = __sync_add_and_fetch(&shared, 2); __sync_fetch_and_and(&shared, 0xffff); __sync_fetch_and_xor(&shared, b); long s = __sync_bool_compare_and_swap(&shared, 1, 2); return o + p + shared + s; }
long t_convert(long a, long b) { return (s8)a + (u8)b + (s16)(a * 3) + (u16)b + (s32)(a * b) + (u32)(a - b) + (_Bool)(a & 0x10) + (long)(s8)b; }
long t_sign(long a, long b) { s8 x = a; u64 y = x; s32 z = x; u32 w = x; return (y > 100) + z + w + (x < 0) * 7 + (long)(u8)x + b; }
long t_negative(long a, long b) { int x = a; unsigned y = -x; long z = -(long)y; return z + ~x + -x + -b; }
long t_compare(long a, long b) { return (a < b) + (a <= b) * 2 + ((u64)a > (u64)b) * 4 + ((int)a >= (int)b) * 8 + ((u32)a < (u32)b) * 16 + ((s8)a != (s8)b) * 32; }
long t_unreached(long a, long b) { if (a > b) return 1; else return 2; a = b; return a; }
long t_shadow(long a, long b) { long x = a; { long x = b; x++; { int x = 3; b += x; } b += x; } for (long x = 0; x < 3; x++) b += x; return x + b; }
long t_uninit_loop(long a, long b) { long last = 0; for (int i = 0; i < 5; i++) { long now = a + i; if (i) last += now * b; } return last; }
long t_copy_over(long a, long b) { struct line x = {}, y; x.from.x = a; x.tag[1] = b; y = x; y.to = y.from; x = y; return x.to.x + x.tag[1]; }
long t_ptr_struct(long a, long b) { struct point v[3] = {{1}, {2}, {3}}; struct point *p = v; p++; p->w = a; (p + 1)->y = b; p[-1].x += 4; long s = 0; for (struct point *q = v; q != v + 3; q++) s += q->x + q->y + q->w; return s; }
long t_const_expr(long a, long b) { enum { N = sizeof(struct point) * 2, M = N > 4 ? 3 : 9 }; char v[M + 1]; _Static_assert(sizeof(v) == 4, "size"); return N + M + sizeof(v) + a - b; }
long t_types(long a, long b) { return __builtin_types_compatible_p(typeof(a), long) + __builtin_constant_p(5) * 2 + _Generic(a, int: 10, long: 20, default: 30) + _Generic((u8)b, unsigned char: 100, default: 200); }
long t_hash(long a, long b) { u32 h = 2166136261u; for (int i = 0; i < 8; i++) { h ^= (u8)(a >> (i * 8)); h *= 16777619; h = (h << 5) | (h >> 27); } return h ^ (u32)b; }
long t_sort(long a, long b) { int v[6] = {a, b, a ^ b, a + b, a - b, 5}; for (int i = 0; i < 6; i++) for (int j = 0; j + 1 < 6 - i; j++) if (v[j] > v[j + 1]) { int t = v[j]; v[j] = v[j + 1]; v[j + 1] = t; } return v[0] * 3L + v[2] * 5L + v[5]; }
long t_matrix(long a, long b) { int m[2][2] = {{a, b}, {1, 1}}, r[2][2] = {{1, 0}, {0, 1}}; for (int n = 0; n < 3; n++) { int t[2][2] = {}; for (int i = 0; i < 2; i++) for (int j = 0; j < 2; j++) for (int k = 0; k < 2; k++) t[i][j] += r[i][k] * m[k][j]; __builtin_memcpy(r, t, sizeof(r)); } return r[0][0] + r[0][1] * 3 + r[1][0] * 5 + r[1][1] * 7; }
