// XDP: VLAN tags, IPv4 with options, ports; a blocklist by prefix, counters by protocol.
#include "bpf.h"
struct prefix { u32 bits, address; };
struct { __uint(type, LPM_TRIE); __uint(max_entries, 64); __uint(map_flags, 1); __type(key, struct prefix); __type(value, u64); } blocked SEC(".maps");
struct { __uint(type, PERCPU_ARRAY); __uint(max_entries, 256); __type(key, u32); __type(value, u64); } seen SEC(".maps");
struct { __uint(type, LRU_HASH); __uint(max_entries, 1024); __type(key, u64); __type(value, u64); } flows SEC(".maps");

INLINE void count(u32 what) {
  u64 *n = map_lookup_elem(&seen, &what);
  if (n) (*n)++;
}

SEC("xdp") int firewall(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end) return 1;
  u16 proto = eth->proto;
  void *next = eth + 1;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    if (proto != htons(0x8100) && proto != htons(0x88a8)) break;
    if (next + 4 > end) return 1;
    proto = *(u16 *)(next + 2);
    next += 4;
  }
  if (proto != htons(0x0800)) return 2;
  struct iphdr *ip = next;
  if ((void *)(ip + 1) > end) return 1;
  u32 length = (ip->version_length & 15) * 4;
  if (length < sizeof *ip) return 1;
  struct prefix key = {32, ip->from};
  u64 *hits = map_lookup_elem(&blocked, &key);
  if (hits) { __sync_fetch_and_add(hits, 1); return 1; }
  count(ip->protocol);
  if (ip->protocol != 6 && ip->protocol != 17) return 2;
  struct ports *ports = next + length;
  if ((void *)(ports + 1) > end) return 1;
  u64 flow = (u64)ip->from << 32 | (u32)ports->from << 16 | ports->to;
  u64 now = ktime_get_ns(), *last = map_lookup_elem(&flows, &flow);
  if (last) *last = now; else map_update_elem(&flows, &flow, &now, 0);
  return ports->to == htons(23) ? 1 : 2;
}
char _license[] SEC("license") = "GPL";
