import { live, structOps, type tcp_sock, u64, type Writable } from "scry/bpf";
export const avoids = live(u64, 0);
export const scry_half = structOps("tcp_congestion_ops", {
  name: "scry_half",
  ssthresh: (sk) => {
    const tp = sk as unknown as tcp_sock;
    return tp.snd_cwnd > 4 ? tp.snd_cwnd >> 1 : 2;
  },
  undo_cwnd: (sk) => (sk as unknown as tcp_sock).prior_cwnd,
  cong_avoid: (sk, _ack, _acked) => {
    const tp = sk as unknown as Writable<tcp_sock>;
    avoids.value += 1;
    tp.snd_cwnd = tp.snd_cwnd + 1;
  },
});
