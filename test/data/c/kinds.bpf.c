// Programs of many kinds: packets, timers, locks, maps in maps, tail calls, iterators, storage of tasks.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#define ETH_P_IP 0x0800
#define TC_ACT_OK 0
struct flow { __be32 s, d; __be16 sp, dp; __u8 proto; __u8 pad[3]; };
struct sums { u64 packets; u64 bytes; struct bpf_spin_lock lock; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024); __type(key, struct flow); __type(value, struct sums); } flows SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, u32); __type(value, u32); } in1 SEC(".maps"), in2 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner); } outer SEC(".maps") = { .values = { [0] = &in1, [1] = &in2 } };
int target(struct xdp_md *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int (void *)); } jumps SEC(".maps") = { .values = { [1] = (void *)&target } };
struct elem { struct bpf_timer t; u64 n; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct elem); } timers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, u64); } storage SEC(".maps");
struct cursor { void *pos; };
static __always_inline int ethernet_at(struct cursor *nh, void *end, struct ethhdr **eth)
{
	struct ethhdr *e = nh->pos;
	if ((void *)(e + 1) > end) return -1;
	nh->pos = e + 1;
	*eth = e;
	return e->h_proto;
}
static __noinline u16 fold(u32 sum) { sum = (sum & 0xffff) + (sum >> 16); sum = (sum & 0xffff) + (sum >> 16); return ~sum; }
SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct cursor nh = { .pos = data };
	struct ethhdr *eth;
	if (ethernet_at(&nh, end, &eth) != bpf_htons(ETH_P_IP)) return XDP_PASS;
	struct iphdr *ip = nh.pos;
	if (ip + 1 > (struct iphdr *)end) return XDP_DROP;
	int len = ip->ihl * 4;
	if (len < sizeof(*ip)) return XDP_DROP;
	if ((void *)ip + len > end) return XDP_DROP;
	struct flow k = { .s = ip->saddr, .d = ip->daddr, .proto = ip->protocol };
	if (ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_TCP) {
		struct udphdr *u = (void *)ip + len;
		if ((void *)(u + 1) > end) return XDP_DROP;
		k.sp = u->source; k.dp = u->dest;
	}
	u32 sum = 0;
	__u16 *w = (void *)ip;
	for (int i = 0; i < 10; i++) sum += w[i];
	if (fold(sum)) return XDP_ABORTED;
	struct sums *st = bpf_map_lookup_elem(&flows, &k);
	if (!st) { struct sums init = { 1, 64 }; bpf_map_update_elem(&flows, &k, &init, BPF_ANY); }
	else { bpf_spin_lock(&st->lock); st->packets++; st->bytes += end - data; bpf_spin_unlock(&st->lock); }
	u32 zero = 0;
	void *m = bpf_map_lookup_elem(&outer, &zero);
	if (m) { u32 *v = bpf_map_lookup_elem(m, &zero); if (v) *v += 1; }
	bpf_tail_call(ctx, &jumps, 1);
	return XDP_PASS;
}
SEC("xdp") int target(struct xdp_md *ctx) { return XDP_TX; }
static int on_timer(void *map, u32 *key, struct elem *e) { e->n++; return 0; }
SEC("tc")
int classify(struct __sk_buff *skb)
{
	u32 key = 0;
	struct elem *e = bpf_map_lookup_elem(&timers, &key);
	if (e) { bpf_timer_init(&e->t, &timers, 1); bpf_timer_set_callback(&e->t, on_timer); bpf_timer_start(&e->t, 1000000, 0); }
	if (bpf_skb_pull_data(skb, 54)) return TC_ACT_OK;
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	if ((void *)(ip + 1) > end) return TC_ACT_OK;
	if (ip->ttl == 1) { __be32 a = bpf_htonl(0x7f000001); bpf_skb_store_bytes(skb, 14 + offsetof(struct iphdr, daddr), &a, 4, 0); bpf_l3_csum_replace(skb, 14 + __builtin_offsetof(struct iphdr, check), 0, a, 4); }
	skb->mark = skb->mark | 1;
	skb->cb[1] = skb->len;
	return skb->mark == 3 ? 2 : TC_ACT_OK;
}
SEC("raw_tp/sched_switch")
int BPF_PROG(sw, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u64 *v = bpf_task_storage_get(&storage, (struct task_struct *)bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (v) __sync_fetch_and_add(v, 1);
	int i, sum = 0;
	bpf_for(i, 0, 5) { sum += i; if (i == 3) break; }
	return BPF_CORE_READ(prev, __state) + sum + BPF_CORE_READ_BITFIELD_PROBED(next, in_execve);
}
SEC("tp_btf/sched_switch")
int BPF_PROG(swb, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	if (prev->pid == next->tgid && prev->mm && prev->mm->arg_start) return 0;
	char comm[16];
	__builtin_memcpy(comm, next->comm, 16);
	bpf_printk("%s %d %d %d", comm, prev->prio, next->prio, prev->in_execve);
	return 0;
}
struct iter_out { int n; };
SEC("iter/task")
int dump(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *t = ctx->task;
	if (!t) return 0;
	BPF_SEQ_PRINTF(seq, "%d %s\n", t->pid, t->comm);
	return 0;
}
SEC("cgroup/connect4")
int conn(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(80)) { ctx->user_ip4 = bpf_htonl(0x7f000001); ctx->user_port = bpf_htons(8080); }
	return 1;
}
char LICENSE[] SEC("license") = "Dual BSD/GPL";
