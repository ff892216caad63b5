// tc: the header by skb_load_bytes and directly; functions of its own; a table of rules in a loop.
#include "bpf.h"
struct rule { u32 address, mask; u16 port; u8 protocol, verdict; };
struct { __uint(type, ARRAY); __uint(max_entries, 1); struct { struct rule rules[16]; u32 used; } *value; __type(key, u32); } table SEC(".maps");
NOINLINE int matches(struct rule *rule, u32 address, u32 port, u32 protocol) {
  if (!rule) return 0;
  if ((address & rule->mask) != rule->address) return 0;
  if (rule->port && rule->port != port) return 0;
  return !rule->protocol || rule->protocol == protocol;
}
SEC("tc") int classify(struct __sk_buff *skb) {
  struct iphdr ip;
  if (skb_load_bytes(skb, 14, &ip, sizeof ip) < 0) return 0;
  struct ports ports = {};
  u32 length = (ip.version_length & 15) * 4;
  skb_load_bytes(skb, 14 + length, &ports, sizeof ports);
  u32 zero = 0;
  struct { struct rule rules[16]; u32 used; } *t = map_lookup_elem(&table, &zero);
  if (!t) return 0;
  for (u32 i = 0; i < 16; i++) {
    if (i >= t->used) break;
    struct rule *r = &t->rules[i];
    if ((ip.from & r->mask) == r->address && (!r->port || r->port == ports.to) && (!r->protocol || r->protocol == ip.protocol))
      return r->verdict;
  }
  skb->mark = ip.from;
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 60 <= end) {
    u16 *words = data;
    u32 sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 30; i++) sum += words[i];
    skb->priority = sum & 0xff;
  }
  return 0;
}
char _license[] SEC("license") = "GPL";
