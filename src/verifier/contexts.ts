// The context of each kind of program: which bytes may be read or written, and what a read gives. One row for each rule.
// Sources: the is_valid_access functions of kernel/trace/bpf_trace.c and net/core/filter.c; include/uapi/linux/bpf.h.

import type { ProgramType } from "../object/index.ts";
import { ofSize, UNKNOWN } from "./scalar.ts";
import { type Pointer, pointer, type Value } from "./value.ts";

/** Bytes from..to of a context. */
interface Field {
  readonly from: number;
  readonly to: number;
  /** What a read gives; a number by default. */
  readonly holds?: "packet" | "packet-end" | "packet-meta" | "socket";
  /** Only this size; by default any that divides the field's words. */
  readonly size?: number;
  readonly write?: boolean;
}

interface Layout {
  readonly bytes: number;
  readonly fields: readonly Field[];
  /** Do accesses have to be aligned to their size? */
  readonly aligned: boolean;
}

const XDP: Layout = {
  bytes: 20,
  aligned: true,
  fields: [
    { from: 0, to: 4, holds: "packet", size: 4 },
    { from: 4, to: 8, holds: "packet-end", size: 4 },
    { from: 8, to: 12, holds: "packet-meta", size: 4 },
    { from: 12, to: 20, size: 4 },
  ],
};

/** Of __sk_buff, what every kind of program reads, before the exceptions of each. */
const SKB_COMMON: readonly Field[] = [
  { from: 0, to: 48 },
  { from: 68, to: 72 },
  { from: 84, to: 88 },
  { from: 164, to: 168 },
  { from: 168, to: 176, holds: "socket", size: 8 },
  { from: 176, to: 180 },
];

const SOCKET_FILTER: Layout = {
  bytes: 192,
  aligned: true,
  fields: [{ from: 48, to: 68, write: true }, ...SKB_COMMON],
};

const TRAFFIC_CONTROL: Layout = {
  bytes: 192,
  aligned: true,
  fields: [
    { from: 8, to: 12, write: true },
    { from: 12, to: 16, write: true },
    { from: 32, to: 36, write: true },
    { from: 44, to: 48, write: true },
    { from: 48, to: 68, write: true },
    { from: 72, to: 76, write: true },
    { from: 76, to: 80, holds: "packet", size: 4 },
    { from: 80, to: 84, holds: "packet-end", size: 4 },
    { from: 140, to: 144, holds: "packet-meta", size: 4 },
    { from: 152, to: 160, size: 8, write: true },
    { from: 160, to: 164 },
    { from: 180, to: 181, size: 1 },
    { from: 184, to: 192, size: 8 },
    ...SKB_COMMON,
  ],
};

const CGROUP_SKB: Layout = {
  bytes: 192,
  aligned: true,
  fields: [
    { from: 8, to: 12, write: true },
    { from: 32, to: 36, write: true },
    { from: 48, to: 68, write: true },
    { from: 76, to: 80, holds: "packet", size: 4 },
    { from: 80, to: 84, holds: "packet-end", size: 4 },
    { from: 88, to: 140, size: 4 },
    { from: 152, to: 160, size: 8, write: true },
    ...SKB_COMMON,
  ],
};

const words = (bytes: number, size?: number): Layout => ({
  bytes,
  aligned: true,
  fields: [size === undefined ? { from: 0, to: bytes } : { from: 0, to: bytes, size }],
});

/** x86_64's struct pt_regs has 21 words, arm64's user_pt_regs 34. */
const REGISTERS: { readonly [machine: string]: number } = { x86_64: 168, aarch64: 272 };

function layoutOf(type: ProgramType, machine: string): Layout | undefined {
  switch (type) {
    case "xdp":
      return XDP;
    case "socket_filter":
      return SOCKET_FILTER;
    case "sched_cls":
    case "sched_act":
      return TRAFFIC_CONTROL;
    case "cgroup_skb":
      return CGROUP_SKB;
    case "tracepoint":
      return words(2048);
    case "raw_tracepoint":
    case "raw_tracepoint_writable":
    case "tracing":
    case "lsm":
      return words(96);
    case "kprobe":
      return words(REGISTERS[machine] ?? 168);
    case "perf_event": {
      const registers = REGISTERS[machine] ?? 168;
      return {
        bytes: registers + 16,
        aligned: true,
        fields: [
          { from: 0, to: registers, size: 8 },
          { from: registers, to: registers + 16 },
        ],
      };
    }
    default:
      return undefined;
  }
}

export type ContextAccess = { readonly value: Value } | { readonly wrong: string; readonly unsupported?: true };

export interface ContextQuestion {
  readonly type: ProgramType;
  readonly machine: string;
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
}

/** What an access to the context gives, or why it must not be. */
export function contextAccess({ type, machine, off, size, write }: ContextQuestion): ContextAccess {
  const layout = layoutOf(type, machine);
  if (layout === undefined) {
    return { wrong: `The context of ${type} programs is not known to this verifier`, unsupported: true };
  }
  const where = `${size} byte${size === 1 ? "" : "s"} at offset ${off} of the context`;
  if (off < 0 || off + size > layout.bytes) {
    return { wrong: `${where}: it has ${layout.bytes} bytes in a program of type ${type}` };
  }
  if (layout.aligned && off % size !== 0) return { wrong: `${where}: an access to the context must be aligned` };
  const field = layout.fields.find(({ from, to }) => off >= from && off + size <= to);
  if (field === undefined) return { wrong: `${where} cannot be read in a program of type ${type}` };
  if (field.size !== undefined && size !== field.size) {
    return { wrong: `${where}: this field must be accessed as a whole, ${field.size} bytes` };
  }
  if (write && field.write !== true) return { wrong: `${where} cannot be written in a program of type ${type}` };
  // Words of the packet's context are narrowed on reading only.
  if (write && size < 4 && !(off >= 48 && off < 68)) return { wrong: `${where}: only whole words can be written` };
  if (field.holds === "socket") return { value: pointer("socket", { nullable: true }) };
  if (field.holds !== undefined) return { value: pointer(field.holds) };
  // Without the kernel's types a word of these may be a kernel object or a number; both may be read through with care.
  if ((type === "tracing" || type === "lsm") && size === 8) return { value: KERNEL_WORD };
  return { value: size === 8 ? UNKNOWN : ofSize(size) };
}

/** A word that may point to a kernel object. */
export const KERNEL_WORD: Pointer = pointer("kernel");

/** Has the program a packet of its own that it may look into? */
export const hasPacket = (type: ProgramType): boolean =>
  type === "xdp" || type === "sched_cls" || type === "sched_act" || type === "cgroup_skb";

/** May it change it? */
export const writesPacket = (type: ProgramType): boolean =>
  type === "xdp" || type === "sched_cls" || type === "sched_act";

/** Has it the loads of classic BPF (may_access_skb)? */
export const hasPacketLoads = (type: ProgramType): boolean =>
  type === "socket_filter" || type === "sched_cls" || type === "sched_act";

/** What it may return; undefined: anything. */
export function resultRange(type: ProgramType, target: string | undefined): readonly [bigint, bigint] | undefined {
  switch (type) {
    case "tracing":
      return target === "fentry" || target === "fexit" ? [0n, 0n] : target === "iter" ? [0n, 1n] : undefined;
    case "cgroup_skb":
      return [0n, 3n];
    case "cgroup_sock":
    case "cgroup_device":
    case "cgroup_sysctl":
    case "cgroup_sock_addr":
    case "sock_ops":
    case "cgroup_sockopt":
      return [0n, 1n];
    default:
      return undefined;
  }
}
