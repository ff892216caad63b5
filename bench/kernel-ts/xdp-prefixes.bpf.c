// The twin of examples/kernel/xdp-prefixes.bpf.ts, with libbpf's headers.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct rule {
	__u64 packets;
	__u64 bytes;
	bool drop;
};

struct key4 {
	__u32 bits;
	__be32 address;
};

struct key6 {
	__u32 bits;
	struct in6_addr address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 100000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key4);
	__type(value, struct rule);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 100000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key6);
	__type(value, struct rule);
} prefixes6 SEC(".maps");

struct vlan_hdr {
	__be16 tci;
	__be16 proto;
};

static __always_inline int verdict(struct rule *rule, __u64 length)
{
	if (!rule)
		return XDP_PASS;
	rule->packets++;
	rule->bytes += length;
	return rule->drop ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *next = eth + 1;
	__be16 proto;

	if (next > end)
		return XDP_PASS;
	proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *vlan = next;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return XDP_PASS;
		proto = vlan->proto;
		next = vlan + 1;
	}

	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = next;
		struct key4 key = { .bits = 32 };

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		key.address = ip->saddr;
		return verdict(bpf_map_lookup_elem(&prefixes, &key), end - data);
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = next;
		struct key6 key = { .bits = 128 };

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		key.address = ip->saddr;
		return verdict(bpf_map_lookup_elem(&prefixes6, &key), end - data);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
