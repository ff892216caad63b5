// Which programs stand at the interfaces of a network namespace, in the order in which packets meet them.

import type { Kernel } from "./kernel.ts";
import { tcmsg } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { attributesOf, routeList } from "./netlink.ts";
import { AttachType } from "./numbers.ts";

export interface NetworkProgram {
  /** The interface's name and number. */
  readonly interface: string;
  readonly index: number;
  readonly where: "xdp" | "ingress" | "egress" | "netkit primary" | "netkit peer";
  /** `native`, `generic` or `offloaded` of XDP; `tcx`, `clsact` or `netkit` of others. */
  readonly by: string;
  /** From 1: those of one place run in this order. */
  readonly order: number;
  /** Of a program. */
  readonly id: number;
  /** The link that attaches it; undefined: it was put there without one, and stays until it is taken away. */
  readonly link?: number;
  /** Of a filter of clsact. */
  readonly priority?: number;
}

const RTM_GETLINK = 18;
const RTM_GETTFILTER = 46;
const IFLA_IFNAME = 3;
const IFLA_XDP = 43;
/** IFLA_XDP_* of linux/if_link.h: the program of each mode. */
const XDP_IDS: readonly (readonly [attribute: number, by: string])[] = [
  [7, "offloaded"],
  [5, "native"],
  [6, "generic"],
];
const IFLA_XDP_ATTACHED = 2;
const IFLA_XDP_PROG_ID = 4;
/** XDP_ATTACHED_* */
const XDP_MODES: Readonly<Record<number, string>> = { 1: "native", 2: "generic", 3: "offloaded" };
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_ID = 11;
const TC_H_CLSACT_PARENT = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
/** `struct ifinfomsg` */
const IFINFOMSG = 16;
const TCMSG = 20;
const MOST_AT_ONE_PLACE = 64;

/** Those of the namespace at a path, or of this process's. Throws a SystemCallError. */
export function networkPrograms(netns?: string, kernel: Kernel = liveKernel()): readonly NetworkProgram[] {
  return inNetworkNamespace(netns, () => interfaces(kernel).flatMap((one) => atInterface(one, kernel)), kernel);
}

/** An interface of a network namespace. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  /** `ARPHRD_…` of linux/if_arp.h: what its packets begin with. */
  readonly hardware: number;
}

/** The interfaces of the namespace at a path, or of this process's. Throws a SystemCallError. */
export const networkInterfaces = (netns?: string, kernel: Kernel = liveKernel()): readonly NetworkInterface[] =>
  inNetworkNamespace(
    netns,
    () => interfaces(kernel).map(({ name, index, hardware }) => ({ name, index, hardware })),
    kernel,
  );

interface Interface extends NetworkInterface {
  readonly xdp: ReadonlyMap<number, Uint8Array>;
}

const number = (bytes: Uint8Array | undefined): number =>
  bytes === undefined || bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
const text = (bytes: Uint8Array | undefined): string =>
  new TextDecoder().decode(bytes ?? new Uint8Array()).replace(/\0[\s\S]*$/, "");

function interfaces(kernel: Kernel): Interface[] {
  return routeList(kernel, RTM_GETLINK, new Uint8Array(IFINFOMSG)).flatMap((message) => {
    if (message.length < IFINFOMSG) return [];
    const attributes = attributesOf(message.subarray(IFINFOMSG));
    const view = new DataView(message.buffer, message.byteOffset);
    const [hardware, index] = [view.getUint16(2, true), view.getInt32(4, true)];
    const xdp = attributesOf(attributes.get(IFLA_XDP) ?? new Uint8Array());
    return [{ name: text(attributes.get(IFLA_IFNAME)), index, hardware, xdp }];
  });
}

/** The XDP programs of one interface of this process's network namespace, that of each mode. Throws a SystemCallError. */
export function xdpAt(index: number, kernel: Kernel): readonly { readonly by: string; readonly id: number }[] {
  const there = interfaces(kernel).find((one) => one.index === index);
  return there === undefined ? [] : xdpPrograms(there.xdp);
}

function atInterface({ name, index, xdp }: Interface, kernel: Kernel): NetworkProgram[] {
  const base = { interface: name, index };
  return [
    ...xdpPrograms(xdp).map(({ by, id }, i) => ({ ...base, where: "xdp" as const, by, order: i + 1, id })),
    ...inOrder(base, "netkit primary", "netkit", queried(kernel, index, AttachType.netkitPrimary)),
    ...inOrder(base, "netkit peer", "netkit", queried(kernel, index, AttachType.netkitPeer)),
    ...(["ingress", "egress"] as const).flatMap((where) => {
      // Programs of links run before filters (net/core/dev.c).
      const type = where === "ingress" ? AttachType.tcxIngress : AttachType.tcxEgress;
      const links = inOrder(base, where, "tcx", queried(kernel, index, type));
      const filters = filtersOf(kernel, index, where).map((one, i) => ({
        ...base,
        where,
        by: "clsact",
        order: links.length + i + 1,
        ...one,
      }));
      return [...links, ...filters];
    }),
  ];
}

function xdpPrograms(xdp: ReadonlyMap<number, Uint8Array>): { by: string; id: number }[] {
  const each = XDP_IDS.flatMap(([attribute, by]) => {
    const id = number(xdp.get(attribute));
    return id === 0 ? [] : [{ by, id }];
  });
  if (each.length > 0) return each;
  const id = number(xdp.get(IFLA_XDP_PROG_ID));
  return id === 0 ? [] : [{ by: XDP_MODES[xdp.get(IFLA_XDP_ATTACHED)?.[0] ?? 0] ?? "unknown", id }];
}

const inOrder = (
  base: Pick<NetworkProgram, "interface" | "index">,
  where: NetworkProgram["where"],
  by: string,
  all: readonly { readonly id: number; readonly link?: number }[],
): NetworkProgram[] => all.map((one, i) => ({ ...base, where, by, order: i + 1, ...one }));

/** Programs that links have put in a row; none where the kernel knows of no such place (BPF_PROG_QUERY, Linux 6.6). */
function queried(kernel: Kernel, index: number, attachType: number): { id: number; link?: number }[] {
  const [programs, links] = [new Uint32Array(MOST_AT_ONE_PLACE), new Uint32Array(MOST_AT_ONE_PLACE)];
  const attr = kernel.bpfAttr("PROG_QUERY", { target_ifindex: index, attach_type: attachType });
  attr.set({
    prog_cnt: MOST_AT_ONE_PLACE,
    prog_ids: new Uint8Array(programs.buffer),
    link_ids: new Uint8Array(links.buffer),
  });
  if (kernel.bpf("PROG_QUERY", attr) < 0) return [];
  const count = Math.min(attr.get("prog_cnt"), MOST_AT_ONE_PLACE);
  return Array.from({ length: count }, (_, i) => {
    const link = links[i] ?? 0;
    return { id: programs[i] ?? 0, ...(link === 0 ? {} : { link }) };
  });
}

function filtersOf(kernel: Kernel, index: number, where: "ingress" | "egress"): { id: number; priority: number }[] {
  const body = kernel.struct(tcmsg, { tcm_ifindex: index, tcm_parent: TC_H_CLSACT_PARENT[where] }).bytes;
  let messages: readonly Uint8Array[];
  try {
    messages = routeList(kernel, RTM_GETTFILTER, body);
  } catch {
    // An interface without clsact.
    return [];
  }
  const found = messages.flatMap((message) => {
    if (message.length < TCMSG) return [];
    const attributes = attributesOf(message.subarray(TCMSG));
    if (text(attributes.get(TCA_KIND)) !== "bpf") return [];
    const id = number(attributesOf(attributes.get(TCA_OPTIONS) ?? new Uint8Array()).get(TCA_BPF_ID));
    const priority = kernel.struct(tcmsg).fill(message).get("tcm_info") >>> 16;
    return id === 0 ? [] : [{ id, priority }];
  });
  return found.sort((a, b) => a.priority - b.priority);
}
