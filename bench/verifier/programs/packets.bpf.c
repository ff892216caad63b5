// Programs that look into packets, for every type that may: with loops, offsets that vary, spills, functions.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define NOINLINE __attribute__((noinline))
#define INLINE static __attribute__((always_inline)) inline

struct key {
  __u32 source, target;
  __u16 ports[2];
  __u32 protocol;
};
struct counters {
  __u64 packets, bytes;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, struct key);
  __type(value, struct counters);
  __uint(max_entries, 1024);
} flows SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
  __type(value, struct counters);
  __uint(max_entries, 256);
} protocols SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, 64);
} ports SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, 8);
} stages SEC(".maps");
struct lpm {
  __u32 bits, address;
};
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct lpm);
  __type(value, __u32);
  __uint(max_entries, 128);
} routes SEC(".maps");

const volatile __u32 limit = 40;
const volatile __u16 table[16] = {80, 443, 53, 22};
__u64 seen;

struct cursor {
  void *at, *end;
};

INLINE int take(struct cursor *c, int bytes, void **out) {
  if (c->at + bytes > c->end) return -1;
  *out = c->at;
  c->at += bytes;
  return 0;
}

struct vlan {
  __be16 tci, type;
};

INLINE int ethernet(struct cursor *c) {
  struct ethhdr *eth;
  if (take(c, sizeof(*eth), (void **)&eth)) return -1;
  __be16 type = eth->h_proto;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    struct vlan *vlan;
    if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) break;
    if (take(c, sizeof(*vlan), (void **)&vlan)) return -1;
    type = vlan->type;
  }
  return type;
}

INLINE int ipv4(struct cursor *c, struct iphdr **out) {
  struct iphdr *ip = c->at;
  if ((void *)(ip + 1) > c->end) return -1;
  int size = ip->ihl * 4;
  if (size < (int)sizeof(*ip)) return -1;
  if (c->at + size > c->end) return -1;
  c->at += size;
  *out = ip;
  return ip->protocol;
}

INLINE int ipv6(struct cursor *c) {
  struct ipv6hdr *ip;
  if (take(c, sizeof(*ip), (void **)&ip)) return -1;
  __u8 next = ip->nexthdr;
  for (int i = 0; i < 6; i++) {
    struct {
      __u8 next, length, pad[6];
    } *extension = c->at;
    if ((void *)(extension + 1) > c->end) return -1;
    switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_DSTOPTS:
    case IPPROTO_ROUTING:
      c->at = (void *)extension + (extension->length + 1) * 8;
      break;
    case IPPROTO_FRAGMENT:
      c->at = extension + 1;
      break;
    default:
      return next;
    }
    next = extension->next;
  }
  return -1;
}

INLINE int count_flow(struct cursor *c, struct iphdr *ip, int protocol, __u64 bytes) {
  struct key key = {.source = ip->saddr, .target = ip->daddr, .protocol = protocol};
  struct udphdr *udp = c->at;
  if ((void *)(udp + 1) <= c->end) {
    key.ports[0] = udp->source;
    key.ports[1] = udp->dest;
  }
  struct counters *old = bpf_map_lookup_elem(&flows, &key);
  if (old) {
    __sync_fetch_and_add(&old->packets, 1);
    __sync_fetch_and_add(&old->bytes, bytes);
    return 1;
  }
  struct counters new = {1, bytes};
  return bpf_map_update_elem(&flows, &key, &new, BPF_NOEXIST);
}

SEC("xdp")
int parse_all(struct xdp_md *ctx) {
  struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
  int type = ethernet(&c);
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip;
    int protocol = ipv4(&c, &ip);
    if (protocol < 0) return XDP_DROP;
    count_flow(&c, ip, protocol, ctx->data_end - ctx->data);
    return XDP_PASS;
  }
  if (type == bpf_htons(ETH_P_IPV6)) {
    int protocol = ipv6(&c);
    struct counters *one = bpf_map_lookup_elem(&protocols, &protocol);
    if (one) one->packets++;
  }
  return XDP_PASS;
}

SEC("xdp")
int tcp_options(struct xdp_md *ctx) {
  struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
  struct iphdr *ip;
  struct tcphdr *tcp;
  if (ethernet(&c) != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ipv4(&c, &ip) != IPPROTO_TCP) return XDP_PASS;
  tcp = c.at;
  if ((void *)(tcp + 1) > c.end) return XDP_DROP;
  int length = tcp->doff * 4;
  __u8 *at = (void *)(tcp + 1);
  void *stop = (void *)tcp + length;
  if (stop > c.end) return XDP_DROP;
  for (int i = 0; i < 40; i++) {
    if ((void *)at + 1 > stop || (void *)at + 1 > c.end) break;
    __u8 kind = *at;
    if (kind == 0) break;
    if (kind == 1) {
      at++;
      continue;
    }
    if ((void *)at + 2 > stop || (void *)at + 2 > c.end) break;
    __u8 size = at[1];
    if (size < 2) break;
    if (kind == 2 && (void *)at + 4 <= c.end) return at[2] << 8 | at[3];
    at += size;
  }
  return XDP_PASS;
}

SEC("xdp")
int payload_sum(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u32 sum = 0;
  for (__u32 i = 0; i < 1500; i++) {
    if (data + i + 1 > end) break;
    sum += data[i];
  }
  seen = sum;
  return XDP_PASS;
}

SEC("xdp")
int payload_walk(struct xdp_md *ctx) {
  __u8 *at = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u32 sum = 0;
  for (__u32 i = 0; i < 300 && at + 1 <= end; i++, at++) sum = sum * 31 + *at;
  seen = sum;
  return XDP_PASS;
}

SEC("xdp")
int masked_offset(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  __u32 off = ctx->rx_queue_index & 0xff;
  __u32 *word = data + off;
  if ((void *)(word + 1) > end) return XDP_DROP;
  bpf_printk("%x", *word);
  void *back = data + off;
  if (back + 8 > end) return XDP_DROP;
  return *(__u64 *)back == 7 ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int two_offsets(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  if (data + 34 > end) return XDP_DROP;
  __u32 first = (*(__u8 *)(data + 14) & 15) * 4;
  void *next = data + 14 + first;
  if (next + 20 > end) return XDP_DROP;
  __u32 second = *(__u8 *)(next + 12) >> 4 << 2;
  void *last = next + second;
  if (last + 4 > end) return XDP_DROP;
  *(__u32 *)last = 0;
  return XDP_TX;
}

static NOINLINE int checked_read(void *data, void *end, __u32 off) {
  off &= 0x3ff;
  if (data + off + 2 > end) return 0;
  return *(__u16 *)(data + off);
}

SEC("xdp")
int by_function(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  return checked_read(data, end, ctx->ingress_ifindex) + checked_read(data, end, 12) == 5 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int shrink_and_grow(struct xdp_md *ctx) {
  if (bpf_xdp_adjust_head(ctx, -20)) return XDP_ABORTED;
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 34 > end) return XDP_DROP;
  __builtin_memset(data, 0, 34);
  if (bpf_xdp_adjust_tail(ctx, 10)) return XDP_DROP;
  data = (void *)(long)ctx->data, end = (void *)(long)ctx->data_end;
  if (data + 6 > end) return XDP_DROP;
  __builtin_memcpy(data, "\1\2\3\4\5\6", 6);
  return XDP_TX;
}

SEC("xdp")
int metadata(struct xdp_md *ctx) {
  if (bpf_xdp_adjust_meta(ctx, -8)) return XDP_ABORTED;
  void *meta = (void *)(long)ctx->data_meta, *data = (void *)(long)ctx->data;
  if (meta + 8 > data) return XDP_ABORTED;
  *(__u64 *)meta = bpf_ktime_get_ns();
  return XDP_PASS;
}

SEC("xdp")
int by_route(struct xdp_md *ctx) {
  struct lpm key = {32, 0};
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 34 > end) return XDP_DROP;
  key.address = *(__u32 *)(data + 30);
  __u32 *port = bpf_map_lookup_elem(&routes, &key);
  return port ? bpf_redirect_map(&ports, *port, 0) : XDP_PASS;
}

SEC("xdp")
int route(struct xdp_md *ctx) {
  struct bpf_fib_lookup fib = {};
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = data + sizeof(*eth);
  if ((void *)(ip + 1) > end) return XDP_DROP;
  fib.family = 2;
  fib.l4_protocol = ip->protocol;
  fib.ipv4_src = ip->saddr;
  fib.ipv4_dst = ip->daddr;
  fib.ifindex = ctx->ingress_ifindex;
  if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0)) return XDP_PASS;
  __builtin_memcpy(eth->h_dest, fib.dmac, 6);
  __builtin_memcpy(eth->h_source, fib.smac, 6);
  return bpf_redirect(fib.ifindex, 0);
}

SEC("xdp")
int key_in_packet(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 64 > end) return XDP_DROP;
  struct counters *one = bpf_map_lookup_elem(&flows, data + 26);
  if (!one) return XDP_PASS;
  one->bytes += *(__u8 *)data == 0;
  return XDP_DROP;
}

SEC("xdp")
int checksum(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct iphdr *ip = data + 14;
  if ((void *)(ip + 1) > end) return XDP_DROP;
  __u32 sum = bpf_csum_diff(0, 0, (void *)ip, sizeof(*ip), 0);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->check = ~sum;
  return XDP_PASS;
}

SEC("xdp")
int stage(struct xdp_md *ctx) {
  bpf_tail_call(ctx, &stages, ctx->rx_queue_index & 7);
  return XDP_ABORTED;
}

SEC("xdp/devmap")
int out(struct xdp_md *ctx) { return ctx->egress_ifindex == 3 ? XDP_DROP : XDP_PASS; }

SEC("xdp")
int from_table(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + limit + 2 > end) return XDP_PASS;
  __u16 port = bpf_ntohs(*(__u16 *)(data + limit));
  for (int i = 0; i < 16; i++)
    if (table[i] == port) return XDP_DROP;
  return XDP_PASS;
}

SEC("tc")
int classify(struct __sk_buff *skb) {
  struct cursor c = {(void *)(long)skb->data, (void *)(long)skb->data_end};
  int type = ethernet(&c);
  struct iphdr *ip;
  if (type != bpf_htons(ETH_P_IP) || ipv4(&c, &ip) < 0) return 0;
  skb->mark = ip->saddr;
  skb->priority = 7;
  skb->cb[0] = skb->len;
  skb->tc_classid = 0x10001;
  skb->tstamp = bpf_ktime_get_ns();
  return count_flow(&c, ip, ip->protocol, skb->wire_len) < 0 ? -1 : skb->hash & 3;
}

SEC("tc")
int pull(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data;
  if (data + 54 > (void *)(long)skb->data_end) {
    if (bpf_skb_pull_data(skb, 54)) return 2;
    data = (void *)(long)skb->data;
    if (data + 54 > (void *)(long)skb->data_end) return 2;
  }
  struct iphdr *ip = data + 14;
  __be32 old = ip->saddr, new = old ^ 0x01000000;
  bpf_l4_csum_replace(skb, 14 + 20 + 16, old, new, BPF_F_PSEUDO_HDR | 4);
  bpf_l3_csum_replace(skb, 14 + 10, old, new, 4);
  bpf_skb_store_bytes(skb, 26, &new, 4, 0);
  return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

SEC("tc")
int load_bytes(struct __sk_buff *skb) {
  __u8 buffer[64];
  __u32 size = skb->len;
  if (size > sizeof(buffer)) size = sizeof(buffer);
  if (size == 0) return 0;
  if (bpf_skb_load_bytes(skb, 0, buffer, size)) return 2;
  int sum = 0;
  for (int i = 0; i < 64; i++) sum += buffer[i];
  return sum & 1;
}

SEC("tc")
int tunnel(struct __sk_buff *skb) {
  struct bpf_tunnel_key key = {};
  if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) < 0) return 2;
  key.remote_ipv4 = 0x0a000001;
  bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX);
  bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 3);
  bpf_skb_adjust_room(skb, 4, BPF_ADJ_ROOM_MAC, 0);
  return bpf_clone_redirect(skb, 1, 0);
}

SEC("tc")
int narrow(struct __sk_buff *skb) {
  volatile __u8 *p = (void *)skb;
  return p[__builtin_offsetof(struct __sk_buff, mark)] + p[__builtin_offsetof(struct __sk_buff, len) + 1] +
         *(volatile __u16 *)(p + __builtin_offsetof(struct __sk_buff, protocol)) +
         *(volatile __u16 *)(p + __builtin_offsetof(struct __sk_buff, hash) + 2);
}

SEC("tc")
int socket_of(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (!sk) return 0;
  sk = bpf_sk_fullsock(sk);
  if (!sk) return 0;
  struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
  if (!tcp) return sk->family + sk->src_port;
  return tcp->snd_cwnd + tcp->bytes_acked;
}

SEC("tc")
int lookup(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 38 > end) return 0;
  tuple.ipv4.saddr = *(__u32 *)(data + 26);
  tuple.ipv4.daddr = *(__u32 *)(data + 30);
  struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 0;
  int result = sk->state;
  if (sk->state == 10) bpf_sk_assign(skb, sk, 0);
  bpf_sk_release(sk);
  return result;
}

SEC("cgroup_skb/egress")
int limit_cgroup(struct __sk_buff *skb) {
  __u8 byte;
  if (bpf_skb_load_bytes(skb, 9, &byte, 1)) return 0;
  volatile __u8 *p = (void *)skb;
  skb->mark = p[__builtin_offsetof(struct __sk_buff, remote_ip4)];
  skb->tstamp = 5;
  return byte == IPPROTO_TCP && skb->local_port != 22 && skb->remote_ip4 != 5 && skb->family == 2;
}

SEC("cgroup_skb/ingress")
int cgroup_direct(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + sizeof(struct iphdr) > end) return 1;
  struct iphdr *ip = data;
  struct bpf_sock *sk = skb->sk;
  if (sk && bpf_sk_cgroup_id(sk) == 7) return 0;
  return ip->version == 4 && skb->remote_ip6[0] != 1;
}

SEC("socket")
int filter(struct __sk_buff *skb) {
  __u16 type;
  if (bpf_skb_load_bytes(skb, 12, &type, 2)) return 0;
  skb->cb[2] = type;
  return type == bpf_htons(ETH_P_IP) ? skb->len : 0;
}

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");

SEC("socket")
int classic(struct __sk_buff *skb) {
  if (load_half(skb, 12) != ETH_P_IP) return 0;
  __u32 off = (load_byte(skb, 14) & 15) * 4 + 14;
  return load_half(skb, off + 2) == 53 ? -1 : 0;
}

SEC("lwt_in")
int route_in(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 20 > end) return BPF_DROP;
  return *(__u8 *)data >> 4 == 4 ? BPF_OK : BPF_DROP;
}

SEC("lwt_xmit")
int route_out(struct __sk_buff *skb) {
  __u8 mac[14] = {};
  if (bpf_skb_change_head(skb, 14, 0)) return BPF_DROP;
  if (bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0)) return BPF_DROP;
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 14 > end) return BPF_DROP;
  *(__u16 *)(data + 12) = bpf_htons(ETH_P_IP);
  skb->mark = 1;
  skb->cb[0] = 3;
  return bpf_redirect(2, 0);
}

SEC("lwt_seg6local")
int seg6(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  __u64 tag = 0;
  if (data + 48 > end) return BPF_DROP;
  if (bpf_lwt_seg6_store_bytes(skb, 46, &tag, 2)) return BPF_DROP;
  return BPF_OK;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb) {
  struct bpf_flow_keys *keys = skb->flow_keys;
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + sizeof(struct iphdr) > end) return BPF_DROP;
  struct iphdr *ip = data;
  keys->nhoff = 0;
  keys->thoff = ip->ihl * 4;
  keys->ipv4_src = ip->saddr;
  keys->n_proto = keys->addr_proto;
  return BPF_OK;
}
char _license[] SEC("license") = "GPL";
