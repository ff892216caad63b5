// Where packets and sockets pass: XDP, traffic control, cgroups, sockets, socket lookup.

import type { CgroupAttachType } from "../object/index.ts";
import { type Attacher, createLink, linkAttribute } from "./attachment.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import { inNetworkNamespace, openNamespace } from "./net-namespace.ts";
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, routeRequest } from "./netlink.ts";
import { AttachType } from "./numbers.ts";
import { interfaceIndex } from "./sockets.ts";
import { checked, O_CLOEXEC, O_RDONLY, systemCalls } from "./system-calls.ts";

const EEXIST = 17;
const EINVAL = 22;
const ENOENT = 2;
const ENOTSUP = 95;

/** linux/if_link.h */
const XDP_FLAGS = { any: 0, generic: 1 << 1, native: 1 << 2 } as const;

export const attachXdp: Attacher<"xdp"> = (program, target) => {
  const name = `xdp:${target.interface}`;
  const index = inNetworkNamespace(target.netns, () => interfaceIndex(target.interface));
  const attribute = linkAttribute(program.fd, index, AttachType.xdp).u32(12, XDP_FLAGS[target.mode]);
  try {
    // The kernel looks the number up in the caller's namespace.
    return { fds: [inNetworkNamespace(target.netns, () => createLink(attribute, name))], slow: false };
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.errno === ENOTSUP && target.mode === "native")
      throw new UnsupportedError(`${name}: the driver of this interface has no XDP; use the mode "generic"`);
    throw error;
  }
};

export const attachTc: Attacher<"tc"> = (program, target) => {
  const name = `tc:${target.interface}:${target.direction}`;
  const index = inNetworkNamespace(target.netns, () => interfaceIndex(target.interface));
  if (target.by !== "clsact") {
    const type = target.direction === "ingress" ? AttachType.tcxIngress : AttachType.tcxEgress;
    try {
      const attribute = linkAttribute(program.fd, index, type);
      return { fds: [inNetworkNamespace(target.netns, () => createLink(attribute, name))], slow: false };
    } catch (error) {
      // EINVAL: the kernel knows no such attach type (tcx came with Linux 6.6).
      if (!(error instanceof SystemCallError) || error.errno !== EINVAL) throw error;
      if (target.by === "tcx")
        throw new UnsupportedError(`${name}: this kernel has no tcx links (Linux 6.6); attach by "clsact"`);
    }
  }
  const filter = inNetworkNamespace(target.netns, () =>
    addFilter(program.fd, program.name, index, target.direction, name),
  );
  return {
    fds: [],
    slow: false,
    undo: () => inNetworkNamespace(target.netns, () => removeFilter(index, target.direction, filter)),
  };
};

// --- clsact ----------------------------------------------------------------------------------------------------------

const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
/** The program's answer is what is done with the packet. */
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const TC_H_CLSACT = 0xfffffff1;
const TC_H_CLSACT_PARENT = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
/** ETH_P_ALL in the byte order of the network, in the low half of `tcm_info`; the priority is the high half. */
const ALL_PROTOCOLS = 0x0300;

/** What tells our filter from others of the same place. */
interface Filter {
  readonly priority: number;
  readonly handle: number;
}

/** struct tcmsg of linux/rtnetlink.h */
function trafficMessage(index: number, parent: number, handle: number, info: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return bytes;
}

function addFilter(fd: number, program: string, index: number, direction: "ingress" | "egress", name: string): Filter {
  const qdisc = routeRequest(
    RTM_NEWQDISC,
    NLM_F_CREATE | NLM_F_EXCL,
    trafficMessage(index, TC_H_CLSACT, 0xffff0000, 0),
    [[TCA_KIND, "clsact"]],
  );
  if (qdisc.errno !== 0 && qdisc.errno !== EEXIST) {
    if (qdisc.errno === ENOENT)
      throw new UnsupportedError(`${name}: this kernel has no clsact (CONFIG_NET_SCH_INGRESS)`);
    throw new SystemCallError("netlink(RTM_NEWQDISC)", qdisc.errno, name);
  }
  const filter = routeRequest(
    RTM_NEWTFILTER,
    NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO,
    trafficMessage(index, TC_H_CLSACT_PARENT[direction], 0, ALL_PROTOCOLS),
    [
      [TCA_KIND, "bpf"],
      [
        TCA_OPTIONS,
        [
          [TCA_BPF_FD, fd],
          [TCA_BPF_NAME, program],
          [TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT],
        ],
      ],
    ],
  );
  if (filter.errno !== 0) {
    if (filter.errno === ENOENT)
      throw new UnsupportedError(`${name}: this kernel has no BPF filters (CONFIG_NET_CLS_BPF)`);
    throw new SystemCallError("netlink(RTM_NEWTFILTER)", filter.errno, name);
  }
  if (filter.echo === undefined) throw new SystemCallError("netlink(RTM_NEWTFILTER)", EINVAL, name, "no echo");
  const view = new DataView(filter.echo.buffer, filter.echo.byteOffset, filter.echo.byteLength);
  return { handle: view.getUint32(8, true), priority: view.getUint32(16, true) >>> 16 };
}

function removeFilter(index: number, direction: "ingress" | "egress", filter: Filter): void {
  routeRequest(
    RTM_DELTFILTER,
    0,
    trafficMessage(
      index,
      TC_H_CLSACT_PARENT[direction],
      filter.handle,
      ((filter.priority << 16) | ALL_PROTOCOLS) >>> 0,
    ),
    [[TCA_KIND, "bpf"]],
  );
}

// --- sockets ---------------------------------------------------------------------------------------------------------

/** `enum bpf_attach_type` of linux/bpf.h */
export const CGROUP_ATTACH_TYPES: Readonly<Record<CgroupAttachType, number>> = {
  inet_ingress: 0,
  inet_egress: 1,
  inet_sock_create: 2,
  sock_ops: 3,
  device: 6,
  inet4_bind: 8,
  inet6_bind: 9,
  inet4_connect: 10,
  inet6_connect: 11,
  inet4_post_bind: 12,
  inet6_post_bind: 13,
  udp4_sendmsg: 14,
  udp6_sendmsg: 15,
  sysctl: 18,
  udp4_recvmsg: 19,
  udp6_recvmsg: 20,
  getsockopt: 21,
  setsockopt: 22,
  inet4_getpeername: 29,
  inet6_getpeername: 30,
  inet4_getsockname: 31,
  inet6_getsockname: 32,
  inet_sock_release: 34,
  unix_connect: 49,
};

export const attachCgroup: Attacher<"cgroup"> = (program, target) => {
  const calls = systemCalls();
  const name = `cgroup:${target.path}:${target.attachType}`;
  const folder = calls.open(target.path, O_RDONLY | O_CLOEXEC);
  if (folder < 0) throw new SystemCallError("open", -folder, target.path);
  try {
    return {
      fds: [createLink(linkAttribute(program.fd, folder, CGROUP_ATTACH_TYPES[target.attachType]), name)],
      slow: false,
    };
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === 9)
      throw new UnsupportedError(`${name}: this is no folder of a cgroup2 file system`);
    throw error;
  } finally {
    calls.close(folder);
  }
};

const SOL_SOCKET = 1;
const SO_ATTACH_BPF = 50;
const SO_DETACH_FILTER = 27;

export const attachSocket: Attacher<"socket"> = (program, target) => {
  const calls = systemCalls();
  const number = (n: number): Uint8Array => new Uint8Array(Int32Array.of(n).buffer);
  const name = `socket ${target.fd}`;
  checked(
    calls.setsockopt(target.fd, SOL_SOCKET, SO_ATTACH_BPF, number(program.fd)),
    "setsockopt(SO_ATTACH_BPF)",
    name,
  );
  return {
    fds: [],
    slow: false,
    undo: () => void calls.setsockopt(target.fd, SOL_SOCKET, SO_DETACH_FILTER, number(0)),
  };
};

export const attachSkLookup: Attacher<"sk_lookup"> = (program, target) => {
  const path = target.netns ?? "/proc/self/ns/net";
  const namespace = openNamespace(path);
  try {
    return {
      fds: [createLink(linkAttribute(program.fd, namespace, AttachType.skLookup), `sk_lookup in ${path}`)],
      slow: false,
    };
  } finally {
    systemCalls().close(namespace);
  }
};
