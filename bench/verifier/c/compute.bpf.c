// Arithmetic over a map's value: a sort, a sieve, a hash, a matrix; loops that clang leaves as they are.
#include "bpf.h"
#define LOOP _Pragma("clang loop unroll(disable)") for
struct cells { u32 at[64]; u64 sum; };
struct { __uint(type, ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct cells); } memory SEC(".maps");
INLINE struct cells *cells(void) { u32 zero = 0; return map_lookup_elem(&memory, &zero); }

SEC("socket") int sort(struct __sk_buff *skb) {
  struct cells *c = cells();
  if (!c) return 0;
  LOOP (u32 i = 1; i < 16; i++) {
    LOOP (u32 j = i; j > 0 && j < 16; j--) {
      if (c->at[j - 1] <= c->at[j]) break;
      u32 t = c->at[j]; c->at[j] = c->at[j - 1]; c->at[j - 1] = t;
    }
  }
  return c->at[0];
}
SEC("socket") int sieve(struct __sk_buff *skb) {
  struct cells *c = cells();
  if (!c) return 0;
  LOOP (u32 i = 2; i < 8; i++) {
    if (c->at[i]) continue;
    LOOP (u32 j = i * i; j < 64; j += i) c->at[j] = 1;
  }
  return c->at[61];
}
SEC("socket") int hash(struct __sk_buff *skb) {
  struct cells *c = cells();
  if (!c) return 0;
  u64 h = 0xcbf29ce484222325ull;
  LOOP (u32 i = 0; i < 256; i++) h = (h ^ c->at[i & 63]) * 0x100000001b3ull;
  c->sum = h;
  return h >> 32;
}
SEC("socket") int matrix(struct __sk_buff *skb) {
  struct cells *c = cells();
  if (!c) return 0;
  u32 out[16] = {};
  LOOP (u32 i = 0; i < 4; i++)
    LOOP (u32 j = 0; j < 4; j++) {
      u32 sum = 0;
      LOOP (u32 k = 0; k < 4; k++) sum += c->at[i * 4 + k] * c->at[16 + k * 4 + j];
      out[(i * 4 + j) & 15] = sum;
    }
  u32 all = 0;
  LOOP (u32 i = 0; i < 16; i++) all ^= out[i];
  return all;
}
char _license[] SEC("license") = "GPL";
