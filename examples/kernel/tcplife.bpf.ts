// Connections of TCP when they end, with what they carried and how long: sudo scry run tcplife.bpf.ts
//
//     --set pid=123       only of this process        --set port=443    only with this port, on either side
//     --set family=10     only over IPv6; 2: IPv4

import { bpf, btfTracepoint, hash, helpers, ipv4, ipv6, live, ring, struct, text, u16, u32, u64 } from "scry/bpf";

const SYN_SENT = 2;
const FIN_WAIT1 = 4;
const CLOSE = 7;
const LAST_ACK = 9;
const INET6 = 10;

const Owner = struct({ pid: u32, comm: text(16) });
const Life = struct({
  pid: u32,
  comm: text(16),
  family: u16,
  localPort: u16,
  remotePort: u16,
  local: ipv4,
  remote: ipv4,
  local6: ipv6,
  remote6: ipv6,
  sent: u64,
  received: u64,
  microseconds: u64,
});

/** By the address of the socket: when its connection began, and whose it is. */
const born = hash(u64, u64, { maxEntries: 10_240 });
const owners = hash(u64, Owner, { maxEntries: 10_240 });
export const lives = ring(Life);

export const pid = live(u32, 0);
export const port = live(u32, 0);
export const family = live(u32, 0);

export const change = btfTracepoint("inet_sock_set_state", (socket, _before, state) => {
  const key = u64(socket);
  const common = socket.__sk_common;
  if (family.value !== 0 && common.skc_family !== family.value) return;
  if (state < FIN_WAIT1) born.set(key, bpf.now());
  // These two states are entered by the process itself; others come with packets, whoever runs.
  if (state === SYN_SENT || state === LAST_ACK) owners.insert(key, { pid: bpf.pid(), comm: bpf.comm() });
  if (state !== CLOSE) return;

  const start = born.take(key);
  const owner = owners.take(key);
  if (start === undefined || (pid.value !== 0 && owner?.pid !== pid.value)) return;
  const tcp = helpers.bpf_skc_to_tcp_sock(socket);
  if (!tcp) return;
  const localPort = u16(tcp.inet_conn.icsk_inet.inet_sport);
  const remotePort = u16(common.skc_dport);
  if (port.value !== 0 && localPort !== port.value && remotePort !== port.value) return;
  using life = lives.reserve();
  if (!life) return;
  if (owner !== undefined) {
    life.pid = owner.pid;
    life.comm = owner.comm;
  }
  life.family = common.skc_family;
  life.localPort = localPort;
  life.remotePort = remotePort;
  if (common.skc_family === INET6) {
    life.local6 = common.skc_v6_rcv_saddr;
    life.remote6 = common.skc_v6_daddr;
  } else {
    life.local = ipv4(common.skc_rcv_saddr);
    life.remote = ipv4(common.skc_daddr);
  }
  life.sent = tcp.bytes_acked;
  life.received = tcp.bytes_received;
  life.microseconds = (bpf.now() - start) / 1000;
});
