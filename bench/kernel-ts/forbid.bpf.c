// The twin of examples/kernel/forbid.bpf.ts, with libbpf's headers.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 bits;
	__be32 address;
};

struct allowed {
	__u16 port;
};

struct refused {
	__u32 pid;
	char comm[16];
	__be32 address;
	__be16 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, struct allowed);
} allowed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} refused SEC(".maps");

SEC("cgroup/connect4")
int connect(struct bpf_sock_addr *ctx)
{
	__be16 port = ctx->user_port;
	struct key key = { .bits = 32, .address = ctx->user_ip4 };
	struct allowed *rule = bpf_map_lookup_elem(&allowed, &key);
	struct refused *event;

	if (rule && (rule->port == 0 || rule->port == bpf_ntohs(port)))
		return 1;
	event = bpf_ringbuf_reserve(&refused, sizeof(*event), 0);
	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		event->address = key.address;
		event->port = port;
		bpf_ringbuf_submit(event, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
