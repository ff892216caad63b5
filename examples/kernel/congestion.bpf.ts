// A congestion control by delay: where packets begin to queue on their way, it sends less, before any is lost. As TCP Vegas has
// it (Brakmo and Peterson, 1994; net/ipv4/tcp_vegas.c). While it is loaded, sockets may ask for it:
//     sudo scry run congestion.bpf.ts
//     sudo sysctl net.ipv4.tcp_congestion_control=scry_delay

import { enums, kernel, live, struct, structOps, type tcp_sock, u32, u64, type ValueOf, view, type Writable } from "scry/bpf";

/** Of each connection, in the kernel's own memory for it. */
const Path = struct({ base: u32, least: u32, samples: u32, roundEnds: u32 });
/** No sample yet. */
const NONE = 0x7fff_ffff;

/** Packets that may wait in queues: fewer, then more is sent; more, then less. */
export const few = live(u32, 2);
export const many = live(u32, 4);
/** While it starts: it slows down when more than these wait. */
export const start = live(u32, 1);
export const rounds = live(u64, 0);

function begin(path: ValueOf<typeof Path>, socket: tcp_sock): void {
  path.least = NONE;
  path.samples = 0;
  path.roundEnds = socket.snd_nxt;
}

export const delay = structOps("tcp_congestion_ops", {
  name: "scry_delay",

  init: (sk) => {
    const socket = sk as unknown as tcp_sock;
    const path = view(Path, socket.inet_conn.icsk_ca_priv);
    path.base = NONE;
    begin(path, socket);
  },

  ssthresh: (sk) => {
    const socket = sk as unknown as tcp_sock;
    return Math.max(socket.snd_cwnd >> 1, 2);
  },

  undo_cwnd: (sk) => {
    const socket = sk as unknown as tcp_sock;
    return Math.max(socket.snd_cwnd, socket.prior_cwnd);
  },

  /** How long a packet was on its way, and its answer back. */
  pkts_acked: (sk, sample) => {
    const socket = sk as unknown as tcp_sock;
    const path = view(Path, socket.inet_conn.icsk_ca_priv);
    if (sample.rtt_us < 0) return;
    // 0 stands for none.
    const took = u32(sample.rtt_us) + 1;
    path.base = Math.min(path.base, took);
    path.least = Math.min(path.least, took);
    path.samples += 1;
  },

  cong_avoid: (sk, ack, acked) => {
    const socket = sk as unknown as Writable<tcp_sock>;
    const path = view(Path, socket.inet_conn.icsk_ca_priv);
    // Numbers of bytes go round: the later one is less than half a turn ahead.
    if (path.roundEnds - ack < 0x8000_0000 && path.roundEnds !== ack) {
      if (socket.snd_cwnd < socket.snd_ssthresh) kernel.tcp_slow_start(sk, acked);
      return;
    }
    rounds.value += 1;
    if (path.samples <= 2) {
      // Too few to say anything of the way.
      kernel.tcp_reno_cong_avoid(sk, ack, acked);
    } else {
      const window = socket.snd_cwnd;
      const waiting = u32((u64(window) * (path.least - path.base)) / path.base);
      if (window < socket.snd_ssthresh) {
        if (waiting > start.value) {
          socket.snd_cwnd = Math.min(window, u32((u64(window) * path.base) / path.least) + 1);
          socket.snd_ssthresh = Math.min(socket.snd_ssthresh, window - 1);
        } else kernel.tcp_slow_start(sk, acked);
      } else if (waiting > many.value) {
        socket.snd_cwnd = window - 1;
        socket.snd_ssthresh = Math.min(socket.snd_ssthresh, window - 1);
      } else if (waiting < few.value) socket.snd_cwnd = window + 1;
      socket.snd_cwnd = Math.max(Math.min(socket.snd_cwnd, socket.snd_cwnd_clamp), 2);
    }
    begin(path, socket);
  },

  /** After a rest what is known of the way is old. */
  cwnd_event: (sk, event) => {
    const socket = sk as unknown as tcp_sock;
    const path = view(Path, socket.inet_conn.icsk_ca_priv);
    if (event === enums.CA_EVENT_CWND_RESTART || event === enums.CA_EVENT_TX_START) begin(path, socket);
  },
});
