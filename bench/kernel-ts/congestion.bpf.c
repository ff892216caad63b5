// The twin of examples/kernel/congestion.bpf.ts, after net/ipv4/tcp_vegas.c.
#include "common.h"

struct own_path {
	__u32 base, least, samples, roundEnds;
};
#define NONE 0x7fffffff

LIVE(__u32, few, 2);
LIVE(__u32, many, 4);
LIVE(__u32, start, 1);
LIVE(__u64, rounds, 0);

extern __u32 tcp_slow_start(struct tcp_sock *tp, __u32 acked) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

static __always_inline struct tcp_sock *socket_of(const struct sock *sk)
{
	return (struct tcp_sock *)sk;
}
static __always_inline struct own_path *path_of(struct tcp_sock *tp)
{
	return (struct own_path *)tp->inet_conn.icsk_ca_priv;
}

static __always_inline void begin(struct own_path *path, struct tcp_sock *tp)
{
	path->least = NONE;
	path->samples = 0;
	path->roundEnds = tp->snd_nxt;
}

SEC("struct_ops")
void BPF_PROG(delay_init, struct sock *sk)
{
	struct tcp_sock *tp = socket_of(sk);
	struct own_path *path = path_of(tp);

	path->base = NONE;
	begin(path, tp);
}

SEC("struct_ops")
__u32 BPF_PROG(delay_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = socket_of(sk);

	return max(tp->snd_cwnd >> 1U, 2U);
}

SEC("struct_ops")
__u32 BPF_PROG(delay_undo_cwnd, struct sock *sk)
{
	struct tcp_sock *tp = socket_of(sk);

	return max(tp->snd_cwnd, tp->prior_cwnd);
}

SEC("struct_ops")
void BPF_PROG(delay_pkts_acked, struct sock *sk, const struct ack_sample *sample)
{
	struct own_path *path = path_of(socket_of(sk));
	__u32 took;

	if (sample->rtt_us < 0)
		return;
	took = sample->rtt_us + 1;
	path->base = min(path->base, took);
	path->least = min(path->least, took);
	path->samples++;
}

SEC("struct_ops")
void BPF_PROG(delay_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = socket_of(sk);
	struct own_path *path = path_of(tp);

	if (path->roundEnds - ack < 0x80000000 && path->roundEnds != ack) {
		if (tp->snd_cwnd < tp->snd_ssthresh)
			tcp_slow_start(tp, acked);
		return;
	}
	rounds += 1;
	if (path->samples <= 2) {
		tcp_reno_cong_avoid(sk, ack, acked);
	} else {
		__u32 window = tp->snd_cwnd;
		__u32 waiting = (__u64)window * (path->least - path->base) / path->base;

		if (window < tp->snd_ssthresh) {
			if (waiting > start) {
				tp->snd_cwnd = min(window, (__u32)((__u64)window * path->base / path->least) + 1);
				tp->snd_ssthresh = min(tp->snd_ssthresh, window - 1);
			} else {
				tcp_slow_start(tp, acked);
			}
		} else if (waiting > many) {
			tp->snd_cwnd = window - 1;
			tp->snd_ssthresh = min(tp->snd_ssthresh, window - 1);
		} else if (waiting < few) {
			tp->snd_cwnd = window + 1;
		}
		tp->snd_cwnd = max(min(tp->snd_cwnd, tp->snd_cwnd_clamp), 2U);
	}
	begin(path, tp);
}

SEC("struct_ops")
void BPF_PROG(delay_cwnd_event, struct sock *sk, enum tcp_ca_event event)
{
	struct tcp_sock *tp = socket_of(sk);

	if (event == CA_EVENT_CWND_RESTART || event == CA_EVENT_TX_START)
		begin(path_of(tp), tp);
}

SEC(".struct_ops")
struct tcp_congestion_ops delay = {
	.init = (void *)delay_init,
	.ssthresh = (void *)delay_ssthresh,
	.undo_cwnd = (void *)delay_undo_cwnd,
	.pkts_acked = (void *)delay_pkts_acked,
	.cong_avoid = (void *)delay_cong_avoid,
	.cwnd_event = (void *)delay_cwnd_event,
	.name = "scry_delay_c",
};
