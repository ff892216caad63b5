// The structs that programs get as their context, by named fields, and what a program may do with each. Sources:
// include/uapi/linux/bpf.h; the is_valid_access functions of kernel/trace/bpf_trace.c and net/core/filter.c; and the kernel
// itself, which a test asks about every access (contexts.kernel.test.ts).

/** What a word of a context points to. */
export type ContextPointer =
  | "packet"
  | "packet-end"
  | "packet-meta"
  | "sock-common"
  | "socket"
  /** `struct bpf_flow_keys` */
  | "flow-keys"
  /** Memory of a size that the kernel knows where the program is attached. */
  | "buffer"
  | "buffer-readonly"
  /** An object of the kernel's own types. */
  | "kernel";

/** A field that programs may use; what stands nowhere may not be touched. */
export interface ContextRule {
  readonly name: string;
  /** Bytes from the start of the context, to before `to`. */
  readonly from: number;
  readonly to: number;
  /** What a read gives; a number by default. */
  readonly holds?: ContextPointer;
  /** The pointer that it holds may be null. */
  readonly nullable?: true;
  /** Only these sizes; by default a word of four bytes and any aligned part of it. */
  readonly sizes?: readonly number[];
  /** Two words at once as well, where they are aligned. */
  readonly wide?: true;
  /** Reads of less than the word: only from its start, or only within so many of its first bytes. */
  readonly narrow?: "start" | number;
  /** Whole words, or, as for `cb`, parts of them too. */
  readonly write?: "word" | "any";
  /** Only in programs that are loaded for one of these attach types. */
  readonly only?: readonly string[];
  /** Written only in those. */
  readonly writeOnly?: readonly string[];
}

export interface ContextRules {
  readonly bytes: number;
  readonly fields: readonly ContextRule[];
}

/** Bytes from the start of `struct xdp_md`. */
export const XdpMd = {
  DATA: 0,
  DATA_END: 4,
  DATA_META: 8,
  INGRESS_IFINDEX: 12,
  RX_QUEUE_INDEX: 16,
  EGRESS_IFINDEX: 20,
  BYTES: 24,
} as const;

/** Bytes from the start of `struct __sk_buff`. */
export const SkBuff = {
  LEN: 0,
  PKT_TYPE: 4,
  MARK: 8,
  QUEUE_MAPPING: 12,
  PROTOCOL: 16,
  VLAN_PRESENT: 20,
  VLAN_TCI: 24,
  VLAN_PROTO: 28,
  PRIORITY: 32,
  INGRESS_IFINDEX: 36,
  IFINDEX: 40,
  TC_INDEX: 44,
  CB: 48,
  HASH: 68,
  TC_CLASSID: 72,
  DATA: 76,
  DATA_END: 80,
  NAPI_ID: 84,
  FAMILY: 88,
  REMOTE_IP4: 92,
  LOCAL_IP4: 96,
  REMOTE_IP6: 100,
  LOCAL_IP6: 116,
  REMOTE_PORT: 132,
  LOCAL_PORT: 136,
  DATA_META: 140,
  FLOW_KEYS: 144,
  TSTAMP: 152,
  WIRE_LEN: 160,
  GSO_SEGS: 164,
  SK: 168,
  GSO_SIZE: 176,
  TSTAMP_TYPE: 180,
  HWTSTAMP: 184,
  BYTES: 192,
} as const;

export type Extra = Omit<ContextRule, "name" | "from" | "to">;

/** A field of so many bytes. */
export const field = (name: string, from: number, bytes = 4, extra: Extra = {}): ContextRule => ({
  name,
  from,
  to: from + bytes,
  ...extra,
});

export const WORD: Extra = { sizes: [4] };
const DOUBLE: Extra = { sizes: [8] };
export const WRITE: Extra = { write: "word" };

/** A pointer of so many bytes in the context. */
export const points = (holds: ContextPointer, size: 4 | 8, nullable = false): Extra => ({
  holds,
  sizes: [size],
  ...(nullable ? { nullable: true } : {}),
});

/** `struct xdp_md`; egress_ifindex is there for programs of a devmap alone (xdp_is_valid_access). */
export const XDP: ContextRules = {
  bytes: XdpMd.BYTES,
  fields: [
    field("data", XdpMd.DATA, 4, points("packet", 4)),
    field("data_end", XdpMd.DATA_END, 4, points("packet-end", 4)),
    field("data_meta", XdpMd.DATA_META, 4, points("packet-meta", 4)),
    field("ingress_ifindex", XdpMd.INGRESS_IFINDEX, 4, WORD),
    field("rx_queue_index", XdpMd.RX_QUEUE_INDEX, 4, WORD),
    field("egress_ifindex", XdpMd.EGRESS_IFINDEX, 4, { sizes: [4], only: ["xdp_devmap"] }),
  ],
};

/** Of __sk_buff, what every kind of program reads, but for what is left out, and for the fields that it may write too. */
function skb(writes: readonly string[], without: readonly string[], ...more: readonly ContextRule[]): ContextRules {
  const common = [
    field("len", SkBuff.LEN),
    field("pkt_type", SkBuff.PKT_TYPE),
    field("mark", SkBuff.MARK),
    field("queue_mapping", SkBuff.QUEUE_MAPPING),
    field("protocol", SkBuff.PROTOCOL),
    field("vlan_present", SkBuff.VLAN_PRESENT),
    field("vlan_tci", SkBuff.VLAN_TCI),
    field("vlan_proto", SkBuff.VLAN_PROTO),
    field("priority", SkBuff.PRIORITY),
    field("ingress_ifindex", SkBuff.INGRESS_IFINDEX),
    field("ifindex", SkBuff.IFINDEX),
    field("tc_index", SkBuff.TC_INDEX),
    field("cb", SkBuff.CB, 20, { wide: true }),
    field("hash", SkBuff.HASH),
    field("napi_id", SkBuff.NAPI_ID),
    field("gso_segs", SkBuff.GSO_SEGS),
    field("sk", SkBuff.SK, 8, points("sock-common", 8, true)),
    field("gso_size", SkBuff.GSO_SIZE),
  ];
  const fields = common
    .filter(({ name }) => !without.includes(name))
    .map(
      (one): ContextRule => (writes.includes(one.name) ? { ...one, write: one.name === "cb" ? "any" : "word" } : one),
    );
  return { bytes: SkBuff.BYTES, fields: [...fields, ...more] };
}

const PACKET: readonly ContextRule[] = [
  field("data", SkBuff.DATA, 4, points("packet", 4)),
  field("data_end", SkBuff.DATA_END, 4, points("packet-end", 4)),
];

/** Of the socket that a packet belongs to. */
const ADDRESSES: readonly ContextRule[] = [
  field("family", SkBuff.FAMILY),
  field("remote_ip4", SkBuff.REMOTE_IP4, 4, WORD),
  field("local_ip4", SkBuff.LOCAL_IP4, 4, WORD),
  field("remote_ip6", SkBuff.REMOTE_IP6, 16, WORD),
  field("local_ip6", SkBuff.LOCAL_IP6, 16, WORD),
  field("remote_port", SkBuff.REMOTE_PORT),
  field("local_port", SkBuff.LOCAL_PORT),
];

const TSTAMP = field("tstamp", SkBuff.TSTAMP, 8, { sizes: [8], write: "word" });
const HWTSTAMP = field("hwtstamp", SkBuff.HWTSTAMP, 8, DOUBLE);

export const SOCKET_FILTER: ContextRules = skb(["cb"], []);

export const TRAFFIC_CONTROL: ContextRules = skb(
  ["mark", "queue_mapping", "priority", "tc_index", "cb"],
  [],
  ...PACKET,
  field("tc_classid", SkBuff.TC_CLASSID, 4, WRITE),
  field("data_meta", SkBuff.DATA_META, 4, points("packet-meta", 4)),
  TSTAMP,
  field("wire_len", SkBuff.WIRE_LEN),
  field("tstamp_type", SkBuff.TSTAMP_TYPE, 1, { sizes: [1] }),
  HWTSTAMP,
);

export const CGROUP_SKB: ContextRules = skb(["mark", "priority", "cb"], [], ...PACKET, ...ADDRESSES, TSTAMP, HWTSTAMP);

export const LIGHTWEIGHT_TUNNEL: ContextRules = skb(["mark", "priority", "cb"], [], ...PACKET);

export const STREAM: ContextRules = skb(["priority", "tc_index"], ["mark"], ...PACKET, ...ADDRESSES);

export const FLOW_DISSECTOR: ContextRules = {
  bytes: SkBuff.BYTES,
  fields: [...PACKET, field("flow_keys", SkBuff.FLOW_KEYS, 8, points("flow-keys", 8))],
};

/** A context of words that are all alike, of eight bytes each or any part: arguments, or a record. */
export const words = (bytes: number, from = 0): ContextRules => ({
  bytes,
  fields: [field("words", from, bytes - from, { sizes: [1, 2, 4, 8] })],
});

/** Twelve arguments; of those that may be written the first is the buffer. */
export const ARGUMENTS: ContextRules = words(96);
export const WRITABLE_ARGUMENTS: ContextRules = {
  bytes: 96,
  fields: [...words(96, 1).fields, field("buffer", 0, 8, points("buffer", 8))],
};

/**
 * Of iterators over what maps hold: the words that point to keys and values, behind the map
 * itself (`struct bpf_iter__bpf_map_elem` and its like).
 */
export const ITERATED: Readonly<Record<string, Readonly<Record<number, "buffer" | "buffer-readonly">>>> = {
  bpf_map_elem: { 16: "buffer-readonly", 24: "buffer" },
  bpf_sk_storage_map: { 24: "buffer" },
  sockmap: { 16: "buffer-readonly" },
};

/** As large as PERF_MAX_TRACE_SIZE; what the kernel keeps of the event for itself comes first. */
export const TRACEPOINT: ContextRules = words(8192, 8);

/** What the caller of BPF_PROG_RUN hands over, up to U16_MAX bytes. */
export const CALLED: ContextRules = {
  bytes: 65_535,
  fields: [field("words", 0, 65_535, { sizes: [1, 2, 4, 8], write: "any" })],
};

/** x86_64's struct pt_regs has 21 words, arm64's user_pt_regs 34. */
const REGISTERS: { readonly [machine: string]: number } = { x86_64: 168, aarch64: 272 };

export const registers = (machine: string): ContextRules => words(REGISTERS[machine] ?? 168);

/** `struct bpf_perf_event_data` */
export function perfEvent(machine: string): ContextRules {
  const { bytes } = registers(machine);
  const part: Extra = { sizes: [1, 2, 4, 8] };
  return {
    bytes: bytes + 16,
    fields: [
      field("regs", 0, bytes, DOUBLE),
      field("sample_period", bytes, 8, part),
      field("addr", bytes + 8, 8, part),
    ],
  };
}
