// The kernel's types of programs, one row each: its number, the sections of a `.o` file that hold its programs, its context,
// what it may return, which helpers it may call beside those that all may. Adding a type is adding its name and its row.
//
// Numbers: `enum bpf_prog_type` of include/uapi/linux/bpf.h. Sections: libbpf's SEC(),
// Documentation/bpf/libbpf/program_types.rst.

import {
  ARGUMENTS,
  CALLED,
  CGROUP_SKB,
  type ContextRules,
  FLOW_DISSECTOR,
  LIGHTWEIGHT_TUNNEL,
  perfEvent,
  registers,
  SOCKET_FILTER,
  STREAM,
  TRACEPOINT,
  TRAFFIC_CONTROL,
  WRITABLE_ARGUMENTS,
  XDP,
} from "./contexts.ts";
import {
  CGROUP_DEVICE,
  CGROUP_SOCK,
  CGROUP_SOCKOPT,
  CGROUP_SYSCTL,
  NETFILTER,
  SK_LOOKUP,
  SK_MSG,
  SK_REUSEPORT,
  SOCK_ADDR,
  SOCK_OPS,
} from "./socket-contexts.ts";

/** By the names of `enum bpf_prog_type`, lower case, without `BPF_PROG_TYPE_`. */
export type ProgramType =
  | "socket_filter"
  | "kprobe"
  | "sched_cls"
  | "sched_act"
  | "tracepoint"
  | "xdp"
  | "perf_event"
  | "cgroup_skb"
  | "cgroup_sock"
  | "lwt_in"
  | "lwt_out"
  | "lwt_xmit"
  | "sock_ops"
  | "sk_skb"
  | "cgroup_device"
  | "sk_msg"
  | "raw_tracepoint"
  | "cgroup_sock_addr"
  | "lwt_seg6local"
  | "lirc_mode2"
  | "sk_reuseport"
  | "flow_dissector"
  | "cgroup_sysctl"
  | "raw_tracepoint_writable"
  | "cgroup_sockopt"
  | "tracing"
  | "struct_ops"
  | "ext"
  | "lsm"
  | "sk_lookup"
  | "syscall"
  | "netfilter";

/** What a program of a type that is verified against a kernel type is of that: see `ProgramTarget`. */
export type TargetKind = "tp_btf" | "fentry" | "fexit" | "fmod_ret" | "iter" | "lsm" | "struct_ops" | "freplace";

export interface SectionRow {
  /** Without what follows a `/`, and without `.s` (sleepable). */
  readonly prefix: string;
  /** What the program's `target` is, where a name follows. */
  readonly target?: TargetKind;
  /** `expected_attach_type`, as in `attach-types.ts`; absent: 0, or by what it is attached to. */
  readonly attachType?: string;
  /** Its programs take packets in several pieces (`BPF_F_XDP_HAS_FRAGS`). */
  readonly frags?: true;
}

export type Range = readonly [lowest: bigint, highest: bigint];

export interface ProgramTypeRow {
  /** A value of `enum bpf_prog_type`. */
  readonly number: number;
  /** The first is written for a program of which no more is known. */
  readonly sections: readonly SectionRow[];
  /** Absent: the verifier does not know it yet. */
  readonly context?: (machine: string) => ContextRules;
  /** Words of the context may point to kernel objects. */
  readonly kernelWords?: true;
  /** What it may return: for all, or by what it is for, a kind of target or an attach type (`else`: any other). */
  readonly returns?: Range | Readonly<Record<string, Range>>;
  /** It has a packet of its own, which it may look into, or change as well (may_access_direct_pkt_data). */
  readonly packet?: "read" | "write";
  /** It has the loads of classic BPF (may_access_skb). */
  readonly packetLoads?: true;
  /** Its packet begins at the link layer; else behind it. */
  readonly linkLayer?: true;
  /** Groups of programs that a helper's row names: those that trace, those that handle a socket buffer on its way. */
  readonly groups?: readonly ("TRACE" | "SKB" | "CLS")[];
}

const sections = (...prefixes: readonly string[]): readonly SectionRow[] => prefixes.map((prefix) => ({ prefix }));

/** Sections of a cgroup's hooks, by their attach types. */
const hooks = (rows: Readonly<Record<string, string>>): readonly SectionRow[] =>
  Object.entries(rows).map(([name, attachType]) => ({ prefix: `cgroup/${name}`, attachType: `cgroup_${attachType}` }));

const YES_OR_NO: Range = [0n, 1n];
const CLASSIFIER = {
  context: () => TRAFFIC_CONTROL,
  packet: "write",
  packetLoads: true,
  linkLayer: true,
  groups: ["SKB", "CLS"],
} as const;

export const PROGRAM_TYPES: Readonly<Record<ProgramType, ProgramTypeRow>> = {
  socket_filter: {
    number: 1,
    sections: sections("socket"),
    context: () => SOCKET_FILTER,
    packetLoads: true,
    linkLayer: true,
  },
  kprobe: {
    number: 2,
    sections: [
      ...sections("kprobe", "kretprobe", "uprobe", "uretprobe", "usdt", "ksyscall", "kretsyscall"),
      { prefix: "kprobe.multi", attachType: "trace_kprobe_multi" },
      { prefix: "kretprobe.multi", attachType: "trace_kprobe_multi" },
      { prefix: "kprobe.session", attachType: "trace_kprobe_session" },
      { prefix: "uprobe.multi", attachType: "trace_uprobe_multi" },
      { prefix: "uretprobe.multi", attachType: "trace_uprobe_multi" },
      { prefix: "uprobe.session", attachType: "trace_uprobe_session" },
    ],
    context: registers,
    returns: { trace_kprobe_session: YES_OR_NO, trace_uprobe_session: YES_OR_NO },
    groups: ["TRACE"],
  },
  sched_cls: {
    number: 3,
    sections: [
      ...sections("tc"),
      // libbpf's other names of tcx/….
      { prefix: "tc/ingress", attachType: "tcx_ingress" },
      { prefix: "tc/egress", attachType: "tcx_egress" },
      { prefix: "tcx/ingress", attachType: "tcx_ingress" },
      { prefix: "tcx/egress", attachType: "tcx_egress" },
      { prefix: "netkit/primary", attachType: "netkit_primary" },
      { prefix: "netkit/peer", attachType: "netkit_peer" },
      ...sections("classifier"),
    ],
    ...CLASSIFIER,
  },
  sched_act: { number: 4, sections: sections("action"), ...CLASSIFIER },
  tracepoint: {
    number: 5,
    sections: sections("tracepoint", "tp"),
    context: () => TRACEPOINT,
    groups: ["TRACE"],
  },
  xdp: {
    number: 6,
    sections: [
      { prefix: "xdp", attachType: "xdp" },
      { prefix: "xdp/devmap", attachType: "xdp_devmap" },
      { prefix: "xdp/cpumap", attachType: "xdp_cpumap" },
      { prefix: "xdp.frags", attachType: "xdp", frags: true },
      { prefix: "xdp.frags/devmap", attachType: "xdp_devmap", frags: true },
      { prefix: "xdp.frags/cpumap", attachType: "xdp_cpumap", frags: true },
    ],
    context: () => XDP,
    packet: "write",
    linkLayer: true,
  },
  perf_event: { number: 7, sections: sections("perf_event"), context: perfEvent, groups: ["TRACE"] },
  cgroup_skb: {
    number: 8,
    sections: [
      { prefix: "cgroup/skb" },
      { prefix: "cgroup_skb/ingress", attachType: "cgroup_inet_ingress" },
      { prefix: "cgroup_skb/egress", attachType: "cgroup_inet_egress" },
    ],
    context: () => CGROUP_SKB,
    // Two bits of an egress program say that the network is congested.
    returns: { else: YES_OR_NO, cgroup_inet_egress: [0n, 3n] },
    packet: "read",
  },
  cgroup_sock: {
    number: 9,
    sections: [
      { prefix: "cgroup/sock", attachType: "cgroup_inet_sock_create" },
      ...hooks({
        sock_create: "inet_sock_create",
        sock_release: "inet_sock_release",
        post_bind4: "inet4_post_bind",
        post_bind6: "inet6_post_bind",
      }),
    ],
    context: () => CGROUP_SOCK,
    returns: YES_OR_NO,
  },
  lwt_in: {
    number: 10,
    sections: sections("lwt_in"),
    context: () => LIGHTWEIGHT_TUNNEL,
    packet: "read",
    groups: ["SKB"],
  },
  lwt_out: {
    number: 11,
    sections: sections("lwt_out"),
    context: () => LIGHTWEIGHT_TUNNEL,
    packet: "read",
    groups: ["SKB"],
  },
  lwt_xmit: {
    number: 12,
    sections: sections("lwt_xmit"),
    context: () => LIGHTWEIGHT_TUNNEL,
    packet: "write",
    groups: ["SKB"],
  },
  sock_ops: {
    number: 13,
    sections: [{ prefix: "sockops", attachType: "cgroup_sock_ops" }],
    context: () => SOCK_OPS,
    packet: "read",
    returns: YES_OR_NO,
  },
  sk_skb: {
    number: 14,
    sections: [
      { prefix: "sk_skb" },
      { prefix: "sk_skb/stream_parser", attachType: "sk_skb_stream_parser" },
      { prefix: "sk_skb/stream_verdict", attachType: "sk_skb_stream_verdict" },
      { prefix: "sk_skb/verdict", attachType: "sk_skb_verdict" },
    ],
    context: () => STREAM,
    packet: "write",
    groups: ["SKB"],
  },
  cgroup_device: {
    number: 15,
    sections: [{ prefix: "cgroup/dev", attachType: "cgroup_device" }],
    context: () => CGROUP_DEVICE,
    returns: YES_OR_NO,
  },
  sk_msg: {
    number: 16,
    sections: [{ prefix: "sk_msg", attachType: "sk_msg_verdict" }],
    context: () => SK_MSG,
    packet: "write",
  },
  raw_tracepoint: {
    number: 17,
    sections: sections("raw_tracepoint", "raw_tp"),
    context: () => ARGUMENTS,
    groups: ["TRACE"],
  },
  cgroup_sock_addr: {
    number: 18,
    sections: hooks({
      connect4: "inet4_connect",
      connect6: "inet6_connect",
      connect_unix: "unix_connect",
      bind4: "inet4_bind",
      bind6: "inet6_bind",
      sendmsg4: "udp4_sendmsg",
      sendmsg6: "udp6_sendmsg",
      sendmsg_unix: "unix_sendmsg",
      recvmsg4: "udp4_recvmsg",
      recvmsg6: "udp6_recvmsg",
      recvmsg_unix: "unix_recvmsg",
      getpeername4: "inet4_getpeername",
      getpeername6: "inet6_getpeername",
      getpeername_unix: "unix_getpeername",
      getsockname4: "inet4_getsockname",
      getsockname6: "inet6_getsockname",
      getsockname_unix: "unix_getsockname",
    }),
    context: () => SOCK_ADDR,
    returns: {
      else: YES_OR_NO,
      cgroup_inet4_bind: [0n, 3n],
      cgroup_inet6_bind: [0n, 3n],
      ...Object.fromEntries(
        ["recvmsg", "getpeername", "getsockname"].flatMap((what) =>
          ["inet4", "inet6", "unix"].map((family): [string, Range] => [
            `cgroup_${what === "recvmsg" ? family.replace("inet", "udp") : family}_${what}`,
            [1n, 1n],
          ]),
        ),
      ),
    },
  },
  lwt_seg6local: {
    number: 19,
    sections: sections("lwt_seg6local"),
    context: () => LIGHTWEIGHT_TUNNEL,
    packet: "read",
    groups: ["SKB"],
  },
  lirc_mode2: { number: 20, sections: [{ prefix: "lirc_mode2", attachType: "lirc_mode2" }] },
  sk_reuseport: {
    number: 21,
    sections: [
      { prefix: "sk_reuseport", attachType: "sk_reuseport_select" },
      { prefix: "sk_reuseport/migrate", attachType: "sk_reuseport_select_or_migrate" },
    ],
    context: () => SK_REUSEPORT,
    packet: "read",
  },
  flow_dissector: {
    number: 22,
    sections: [{ prefix: "flow_dissector", attachType: "flow_dissector" }],
    context: () => FLOW_DISSECTOR,
    packet: "read",
  },
  cgroup_sysctl: {
    number: 23,
    sections: [{ prefix: "cgroup/sysctl", attachType: "cgroup_sysctl" }],
    context: () => CGROUP_SYSCTL,
    returns: YES_OR_NO,
  },
  raw_tracepoint_writable: {
    number: 24,
    sections: sections("raw_tracepoint.w", "raw_tp.w"),
    context: () => WRITABLE_ARGUMENTS,
    groups: ["TRACE"],
  },
  cgroup_sockopt: {
    number: 25,
    sections: hooks({ getsockopt: "getsockopt", setsockopt: "setsockopt" }),
    context: () => CGROUP_SOCKOPT,
    packet: "write",
    returns: YES_OR_NO,
  },
  tracing: {
    number: 26,
    sections: [
      { prefix: "tp_btf", target: "tp_btf", attachType: "trace_raw_tp" },
      { prefix: "fentry", target: "fentry", attachType: "trace_fentry" },
      { prefix: "fexit", target: "fexit", attachType: "trace_fexit" },
      { prefix: "fmod_ret", target: "fmod_ret", attachType: "modify_return" },
      { prefix: "iter", target: "iter", attachType: "trace_iter" },
    ],
    context: () => ARGUMENTS,
    kernelWords: true,
    returns: { fentry: [0n, 0n], fexit: [0n, 0n], iter: [0n, 1n] },
    groups: ["TRACE"],
  },
  struct_ops: { number: 27, sections: sections("struct_ops"), context: () => ARGUMENTS, kernelWords: true },
  ext: { number: 28, sections: [{ prefix: "freplace", target: "freplace" }] },
  lsm: {
    number: 29,
    sections: [
      { prefix: "lsm", target: "lsm", attachType: "lsm_mac" },
      { prefix: "lsm_cgroup", target: "lsm", attachType: "lsm_cgroup" },
    ],
    context: () => ARGUMENTS,
    kernelWords: true,
    groups: ["TRACE"],
  },
  sk_lookup: {
    number: 30,
    sections: [{ prefix: "sk_lookup", attachType: "sk_lookup" }],
    context: () => SK_LOOKUP,
    returns: YES_OR_NO,
  },
  syscall: { number: 31, sections: sections("syscall"), context: () => CALLED },
  netfilter: {
    number: 32,
    sections: [{ prefix: "netfilter", attachType: "netfilter" }],
    context: () => NETFILTER,
    returns: YES_OR_NO,
  },
};

/** The name of a program type's number; undefined for one that is newer than this table. */
export function programTypeName(number: number): ProgramType | undefined {
  return (Object.keys(PROGRAM_TYPES) as ProgramType[]).find((type) => PROGRAM_TYPES[type].number === number);
}

/** What a program of a type may return, by its kind of target or its attach type; undefined: anything. */
export function returnRange(type: ProgramType, purpose: string | undefined): Range | undefined {
  const { returns } = PROGRAM_TYPES[type];
  if (returns === undefined || Array.isArray(returns)) return returns as Range | undefined;
  const rows = returns as Readonly<Record<string, Range>>;
  return (purpose !== undefined && Object.hasOwn(rows, purpose) ? rows[purpose] : undefined) ?? rows.else;
}
