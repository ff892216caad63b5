// Where a firewall stands: what its programs are given there, and what they answer.

import type { ProgramType } from "../../object/index.ts";

export interface Hook {
  readonly doc: string;
  readonly type: ProgramType;
  /** Where the context has the packet's start and end (struct xdp_md, struct __sk_buff of linux/bpf.h). */
  readonly data: number;
  readonly dataEnd: number;
  /** Bytes of the link layer's header that packets begin with. */
  readonly link: number;
  /** What lets a packet go on, and what drops it. tc's answer leaves the packet to the programs behind (TC_ACT_UNSPEC). */
  readonly allow: number;
  readonly deny: number;
}

const ETHERNET = 14;
export const HOOKS: Readonly<Record<"xdp" | "tc" | "cgroup", Hook>> = {
  xdp: {
    doc: "before the kernel has looked at a packet",
    type: "xdp",
    data: 0,
    dataEnd: 4,
    link: ETHERNET,
    allow: 2,
    deny: 1,
  },
  tc: {
    doc: "behind the kernel's tap, with marks",
    type: "sched_cls",
    data: 76,
    dataEnd: 80,
    link: ETHERNET,
    allow: -1,
    deny: 2,
  },
  cgroup: {
    doc: "at the sockets of a control group's processes",
    type: "cgroup_skb",
    data: 76,
    dataEnd: 80,
    link: 0,
    allow: 1,
    deny: 0,
  },
};
export type HookName = keyof typeof HOOKS;
/** Packets of a control group that come in, or that leave. */
export type Direction = "ingress" | "egress";
export const otherWay = (direction: Direction): Direction => (direction === "ingress" ? "egress" : "ingress");

/** Fields of struct __sk_buff (linux/bpf.h). */
export const SK_BUFF = { len: 0, mark: 8, protocol: 16, vlanPresent: 20, vlanTci: 24, ifindex: 40 } as const;
