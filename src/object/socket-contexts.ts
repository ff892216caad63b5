// The contexts of programs that are asked about sockets, and the structs of sockets that programs read: named fields, as in
// contexts.ts. Sources: include/uapi/linux/bpf.h, net/core/filter.c, kernel/bpf/cgroup.c, and the kernel's own answers.

import { type ContextRule, type ContextRules, type Extra, field, points, WORD, WRITE } from "./contexts.ts";

const START: Extra = { narrow: "start" };
const CREATING: readonly string[] = ["cgroup_inet_sock_create", "cgroup_inet_sock_release"];
const BOUND_4: readonly string[] = ["cgroup_inet4_post_bind"];
const BOUND_6: readonly string[] = ["cgroup_inet6_post_bind"];

/** `struct bpf_sock`, with who may use what of it where it is a context. */
const sock = (asContext: boolean): ContextRules => {
  const at = (only: readonly string[]): Extra => (asContext ? { only } : {});
  const settable: Extra = asContext ? { ...WORD, write: "word", only: CREATING } : WORD;
  return {
    bytes: 80,
    fields: [
      field("bound_dev_if", 0, 4, settable),
      field("family", 4, 4, START),
      field("type", 8, 4, START),
      field("protocol", 12, 4, START),
      field("mark", 16, 4, settable),
      field("priority", 20, 4, settable),
      field("src_ip4", 24, 4, at(BOUND_4)),
      field("src_ip6", 28, 16, at(BOUND_6)),
      field("src_port", 44, 4, { ...START, ...at([...BOUND_4, ...BOUND_6]) }),
      field("dst_port", 48, 4, { narrow: 2 }),
      field("dst_ip4", 52),
      field("dst_ip6", 56, 16),
      field("state", 72, 4, START),
      field("rx_queue_mapping", 76, 4, START),
    ],
  };
};

export const CGROUP_SOCK: ContextRules = sock(true);

const SOCKET: ContextRules = sock(false);
const NOT_COMMON: readonly string[] = ["type", "protocol", "mark", "priority"];

/** What is read of a socket, by what is known of it (check_sock_access). */
export const SOCKETS: Readonly<Record<"socket" | "sock-common" | "tcp-socket" | "xdp-socket", ContextRules>> = {
  socket: SOCKET,
  /** Also a socket that only waits, or asks: it has not all of the fields. */
  "sock-common": { ...SOCKET, fields: SOCKET.fields.filter(({ name }) => !NOT_COMMON.includes(name)) },
  /** `struct bpf_tcp_sock`: words, but for the two counters of bytes. */
  "tcp-socket": {
    bytes: 112,
    fields: [
      field("counters", 0, 80, WORD),
      field("bytes_received", 80, 8, { sizes: [8] }),
      field("bytes_acked", 88, 8, { sizes: [8] }),
      field("more counters", 96, 16, WORD),
    ],
  },
  /** `struct bpf_xdp_sock` */
  "xdp-socket": { bytes: 4, fields: [field("queue_id", 0, 4, WORD)] },
};

const families = (names: readonly string[]): readonly string[] => names.map((name) => `cgroup_${name}`);
const ADDRESS_4 = families(
  "inet4_connect inet4_bind udp4_sendmsg udp4_recvmsg inet4_getpeername inet4_getsockname".split(" "),
);
const ADDRESS_6 = families(
  "inet6_connect inet6_bind udp6_sendmsg udp6_recvmsg inet6_getpeername inet6_getsockname".split(" "),
);

/** `struct bpf_sock_addr` */
export const SOCK_ADDR: ContextRules = {
  bytes: 72,
  fields: [
    field("user_family", 0, 4, WORD),
    field("user_ip4", 4, 4, { ...WRITE, only: ADDRESS_4 }),
    field("user_ip6", 8, 16, { ...WRITE, wide: true, only: ADDRESS_6 }),
    field("user_port", 24, 4, WRITE),
    field("family", 28, 4, WORD),
    field("type", 32, 4, WORD),
    field("protocol", 36, 4, WORD),
    field("msg_src_ip4", 40, 4, { ...WRITE, only: ["cgroup_udp4_sendmsg"] }),
    field("msg_src_ip6", 44, 16, { ...WRITE, wide: true, only: ["cgroup_udp6_sendmsg"] }),
    field("sk", 64, 8, points("socket", 8)),
  ],
};

/** `struct bpf_sock_ops` */
export const SOCK_OPS: ContextRules = {
  bytes: 224,
  fields: [
    field("op", 0, 4, WORD),
    field("reply", 4, 4, { ...WORD, write: "word" }),
    field("words", 8, 156, WORD),
    field("sk_txhash", 164, 4, { ...WORD, write: "word" }),
    field("bytes_received", 168, 8, { sizes: [8] }),
    field("bytes_acked", 176, 8, { sizes: [8] }),
    field("sk", 184, 8, points("socket", 8, true)),
    field("skb_data", 192, 8, points("packet", 8)),
    field("skb_data_end", 200, 8, points("packet-end", 8)),
    field("skb_len", 208, 4, WORD),
    field("skb_tcp_flags", 212, 4, START),
    field("skb_hwtstamp", 216, 8, { sizes: [8] }),
  ],
};

/** `struct sk_msg_md` */
export const SK_MSG: ContextRules = {
  bytes: 80,
  fields: [
    field("data", 0, 8, points("packet", 8)),
    field("data_end", 8, 8, points("packet-end", 8)),
    field("words", 16, 56, WORD),
    field("sk", 72, 8, points("socket", 8)),
  ],
};

/** `struct bpf_sk_lookup` */
export const SK_LOOKUP: ContextRules = {
  bytes: 72,
  fields: [field("sk", 0, 8, points("socket", 8, true)), field("words", 8, 60)],
};

/** `struct sk_reuseport_md` */
export const SK_REUSEPORT: ContextRules = {
  bytes: 56,
  fields: [
    field("data", 0, 8, points("packet", 8)),
    field("data_end", 8, 8, points("packet-end", 8)),
    field("len", 16),
    field("eth_protocol", 20, 4, { sizes: [2, 4] }),
    field("ip_protocol", 24),
    field("bind_inany", 28),
    field("hash", 32, 4, WORD),
    field("sk", 40, 8, points("socket", 8)),
    field("migrating_sk", 48, 8, points("sock-common", 8, true)),
  ],
};

/** `struct bpf_cgroup_dev_ctx` */
export const CGROUP_DEVICE: ContextRules = {
  bytes: 12,
  fields: [field("access_type", 0), field("major", 4, 4, WORD), field("minor", 8, 4, WORD)],
};

/** `struct bpf_sysctl` */
export const CGROUP_SYSCTL: ContextRules = {
  bytes: 8,
  fields: [field("write", 0), field("file_pos", 4, 4, WRITE)],
};

const GETTING: readonly string[] = ["cgroup_getsockopt"];
const SETTING: readonly string[] = ["cgroup_setsockopt"];
const option = (name: string, from: number, writeOnly: readonly string[]): ContextRule =>
  field(name, from, 4, { ...WORD, write: "word", writeOnly });

/** `struct bpf_sockopt` */
export const CGROUP_SOCKOPT: ContextRules = {
  bytes: 40,
  fields: [
    field("sk", 0, 8, points("socket", 8)),
    field("optval", 8, 8, points("packet", 8)),
    field("optval_end", 16, 8, points("packet-end", 8)),
    option("level", 24, SETTING),
    option("optname", 28, SETTING),
    option("optlen", 32, [...GETTING, ...SETTING]),
    field("retval", 36, 4, { ...WORD, write: "word", only: GETTING }),
  ],
};

/** `struct bpf_nf_ctx`: pointers to the kernel's own structs. */
export const NETFILTER: ContextRules = {
  bytes: 16,
  fields: [field("state", 0, 8, points("kernel", 8)), field("skb", 8, 8, points("kernel", 8))],
};
