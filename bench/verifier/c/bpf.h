// The little of the kernel's and libbpf's headers that these programs need, so that clang alone can build them.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))
#define INLINE static __attribute__((always_inline)) inline
#define __uint(name, value) int(*name)[value]
#define __type(name, value) value *name
#define htons(x) __builtin_bswap16(x)

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const ktime_get_ns)(void) = (void *)5;
static u64 (*const get_current_pid_tgid)(void) = (void *)14;
static long (*const get_current_comm)(void *buffer, u32 size) = (void *)16;
static long (*const skb_load_bytes)(const void *skb, u32 offset, void *to, u32 size) = (void *)26;
static long (*const xdp_adjust_head)(void *context, int delta) = (void *)44;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static void *(*const ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *record, u64 flags) = (void *)132;
static void (*const ringbuf_discard)(void *record, u64 flags) = (void *)133;
static long (*const bpf_loop)(u32 turns, void *callback, void *context, u64 flags) = (void *)181;

enum { HASH = 1, ARRAY = 2, PERCPU_ARRAY = 6, LRU_HASH = 9, LPM_TRIE = 11, RINGBUF = 27 };

struct xdp_md {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex,
      ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};
struct ethhdr {
  u8 to[6], from[6];
  u16 proto;
} __attribute__((packed));
struct iphdr {
  u8 version_length, tos;
  u16 length, id, fragment;
  u8 ttl, protocol;
  u16 check;
  u32 from, to;
};
struct ports {
  u16 from, to;
};
