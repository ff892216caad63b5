#include "common.h"

struct owner {
	__u32 pid;
	char comm[16];
};
struct life {
	__u32 pid;
	char comm[16];
	__u16 family, localPort, remotePort;
	__u8 local[16], remote[16];
	__u64 sent, received, microseconds;
};

HASH(born, __u64, __u64, 10240);
HASH(owners, __u64, struct owner, 10240);
RING(lives);
LIVE(__u32, pid, 0);
LIVE(__u32, port, 0);
LIVE(__u32, family, 0);

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(change, struct sock *sk, int before, int state)
{
	__u64 key = (__u64)sk, now, *start, began;
	struct owner owner = {}, *known;
	__u16 local, remote, kind;
	struct tcp_sock *tcp;
	struct life *life;

	if (family && sk->__sk_common.skc_family != family)
		return 0;
	if (state < TCP_FIN_WAIT1) {
		now = bpf_ktime_get_ns();
		bpf_map_update_elem(&born, &key, &now, BPF_ANY);
	}
	if (state == TCP_SYN_SENT || state == TCP_LAST_ACK) {
		owner.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(owner.comm, sizeof(owner.comm));
		bpf_map_update_elem(&owners, &key, &owner, BPF_NOEXIST);
	}
	if (state != TCP_CLOSE)
		return 0;
	start = bpf_map_lookup_elem(&born, &key);
	if (start) {
		began = *start;
		bpf_map_delete_elem(&born, &key);
	}
	known = bpf_map_lookup_elem(&owners, &key);
	if (known) {
		owner = *known;
		bpf_map_delete_elem(&owners, &key);
	}
	if (!start || (pid && owner.pid != pid))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	local = __builtin_bswap16(tcp->inet_conn.icsk_inet.inet_sport);
	remote = __builtin_bswap16(sk->__sk_common.skc_dport);
	if (port && local != port && remote != port)
		return 0;
	life = bpf_ringbuf_reserve(&lives, sizeof(*life), 0);
	if (!life)
		return 0;
	__builtin_memset(life, 0, sizeof(*life));
	life->pid = owner.pid;
	__builtin_memcpy(life->comm, owner.comm, sizeof(life->comm));
	kind = sk->__sk_common.skc_family;
	life->family = kind;
	life->localPort = local;
	life->remotePort = remote;
	if (kind == 10) {
		bpf_probe_read_kernel(life->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(life->remote, 16, &sk->__sk_common.skc_v6_daddr);
	} else {
		__u32 from = sk->__sk_common.skc_rcv_saddr, to = sk->__sk_common.skc_daddr;

		__builtin_memcpy(life->local, &from, 4);
		__builtin_memcpy(life->remote, &to, 4);
	}
	life->sent = tcp->bytes_acked;
	life->received = tcp->bytes_received;
	life->microseconds = (bpf_ktime_get_ns() - began) / 1000;
	bpf_ringbuf_submit(life, 0);
	return 0;
}
