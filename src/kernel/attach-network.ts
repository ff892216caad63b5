// Where packets and sockets pass: XDP, traffic control, cgroups, sockets, socket lookup.

import { attachType } from "../object/index.ts";
import { type Attachable, type Attacher, createLink, type LinkCreate } from "./attachment.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { tcmsg } from "./layouts.ts";
import { inNetworkNamespace, openNamespace } from "./net-namespace.ts";
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, routeRequest } from "./netlink.ts";
import { xdpAt } from "./network-programs.ts";
import { AttachType } from "./numbers.ts";
import { programInfo } from "./program-info.ts";
import { joinXdp } from "./shared-xdp.ts";
import { interfaceIndex } from "./sockets.ts";
import { checked, O_CLOEXEC, O_RDONLY } from "./system-calls.ts";
import { MODE_FLAGS, occupied } from "./xdp-interface.ts";

const EBUSY = 16;
const EEXIST = 17;
const EINVAL = 22;
const ENOENT = 2;
const ENOTSUP = 95;

export const attachXdp: Attacher<"xdp"> = (program, target, kernel) => {
  if (target.share !== undefined) return { fds: [], slow: false, undo: joinXdp(program, target, kernel) };
  const name = `xdp:${target.interface}`;
  const index = inNetworkNamespace(target.netns, () => interfaceIndex(target.interface, kernel), kernel);
  const link = {
    prog_fd: program.fd,
    target_ifindex: index,
    attach_type: AttachType.xdp,
    flags: MODE_FLAGS[target.mode],
  };
  try {
    return { fds: [linkThere(kernel, target.netns, link, name)], slow: false };
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.errno === EBUSY || error.errno === EEXIST)
      throw new UnsupportedError(
        inNetworkNamespace(target.netns, () => occupied(name, xdpAt(index, kernel)[0], kernel), kernel),
      );
    if (error.errno === ENOTSUP && target.mode === "native")
      throw new UnsupportedError(`${name}: the driver of this interface has no XDP; use the mode "generic"`);
    if (target.mode === "offloaded" && (error.errno === ENOTSUP || error.errno === EINVAL))
      throw new UnsupportedError(`${name}: this interface's card runs no programs, or this one was not loaded for it`);
    if (error.errno === EINVAL && target.mode !== "offloaded" && programInfo(program.fd, kernel).card !== 0)
      throw new UnsupportedError(`${name}: program "${program.name}" was loaded for a card: use the mode "offloaded"`);
    throw error;
  }
};

/** A link of a network namespace's interface: the kernel looks the number up in the caller's namespace. */
function linkThere(kernel: Kernel, netns: string | undefined, link: LinkCreate, name: string): number {
  const undo = (fd: number): void => void kernel.calls.close(fd);
  return inNetworkNamespace(netns, () => createLink(kernel, link, name), kernel, undo);
}

export const attachTc: Attacher<"tc"> = (program, target, kernel) => {
  const name = `tc:${target.interface}:${target.direction}`;
  const index = inNetworkNamespace(target.netns, () => interfaceIndex(target.interface, kernel), kernel);
  if (target.by !== "clsact") {
    const attachType = target.direction === "ingress" ? AttachType.tcxIngress : AttachType.tcxEgress;
    const link = { prog_fd: program.fd, target_ifindex: index, attach_type: attachType };
    try {
      return { fds: [linkThere(kernel, target.netns, link, name)], slow: false };
    } catch (error) {
      // EINVAL: the kernel knows no such attach type (tcx came with Linux 6.6).
      if (!(error instanceof SystemCallError) || error.errno !== EINVAL) throw error;
      if (target.by === "tcx")
        throw new UnsupportedError(`${name}: this kernel has no tcx links (Linux 6.6); attach by "clsact"`);
    }
  }
  const filter = inNetworkNamespace(
    target.netns,
    () => addFilter(kernel, program.fd, program.name, index, target.direction, name),
    kernel,
    (made) => removeFilter(kernel, index, target.direction, made),
  );
  return {
    fds: [],
    slow: false,
    undo: () => inNetworkNamespace(target.netns, () => removeFilter(kernel, index, target.direction, filter), kernel),
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

function addFilter(
  kernel: Kernel,
  fd: number,
  program: string,
  index: number,
  direction: "ingress" | "egress",
  name: string,
): Filter {
  const qdisc = routeRequest(
    kernel,
    RTM_NEWQDISC,
    NLM_F_CREATE | NLM_F_EXCL,
    kernel.struct(tcmsg, { tcm_ifindex: index, tcm_parent: TC_H_CLSACT, tcm_handle: 0xffff0000 }).bytes,
    [[TCA_KIND, "clsact"]],
  );
  if (qdisc.errno !== 0 && qdisc.errno !== EEXIST) {
    if (qdisc.errno === ENOENT)
      throw new UnsupportedError(`${name}: this kernel has no clsact (CONFIG_NET_SCH_INGRESS)`);
    throw new SystemCallError("netlink(RTM_NEWQDISC)", qdisc.errno, name);
  }
  const filter = routeRequest(
    kernel,
    RTM_NEWTFILTER,
    NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO,
    kernel.struct(tcmsg, {
      tcm_ifindex: index,
      tcm_parent: TC_H_CLSACT_PARENT[direction],
      tcm_info: ALL_PROTOCOLS,
    }).bytes,
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
  const made = kernel.struct(tcmsg).fill(filter.echo);
  return { handle: made.get("tcm_handle"), priority: made.get("tcm_info") >>> 16 };
}

function removeFilter(kernel: Kernel, index: number, direction: "ingress" | "egress", filter: Filter): void {
  routeRequest(
    kernel,
    RTM_DELTFILTER,
    0,
    kernel.struct(tcmsg, {
      tcm_ifindex: index,
      tcm_parent: TC_H_CLSACT_PARENT[direction],
      tcm_handle: filter.handle,
      tcm_info: ((filter.priority << 16) | ALL_PROTOCOLS) >>> 0,
    }).bytes,
    [[TCA_KIND, "bpf"]],
  );
}

// --- sockets ---------------------------------------------------------------------------------------------------------

export const attachCgroup: Attacher<"cgroup"> = (program, target, kernel) => {
  const { calls } = kernel;
  const name = `cgroup:${target.path}${target.attachType === undefined ? "" : `:${target.attachType}`}`;
  const number = target.attachType === undefined ? program.attachType : attachType(`cgroup_${target.attachType}`);
  const folder = calls.open(target.path, O_RDONLY | O_CLOEXEC);
  if (folder < 0) throw new SystemCallError("open", -folder, target.path);
  try {
    return {
      fds: [createLink(kernel, { prog_fd: program.fd, target_fd: folder, attach_type: number }, name)],
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

export const attachSocket: Attacher<"socket"> = (program, target, kernel) => {
  const { calls } = kernel;
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

/** A link to a network namespace. */
function attachToNamespace(program: Attachable, netns: string | undefined, type: number, what: string, kernel: Kernel) {
  const path = netns ?? "/proc/self/ns/net";
  const namespace = openNamespace(kernel, path);
  const link = { prog_fd: program.fd, target_fd: namespace, attach_type: type };
  try {
    return { fds: [createLink(kernel, link, `${what} in ${path}`)], slow: false };
  } finally {
    kernel.calls.close(namespace);
  }
}

export const attachSkLookup: Attacher<"sk_lookup"> = (program, target, kernel) =>
  attachToNamespace(program, target.netns, AttachType.skLookup, "sk_lookup", kernel);

export const attachFlowDissector: Attacher<"flow_dissector"> = (program, target, kernel) =>
  attachToNamespace(program, target.netns, AttachType.flowDissector, "flow_dissector", kernel);

/** `enum nfproto`, and `enum nf_inet_hooks` in its order (linux/netfilter.h). */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const HOOKS = ["prerouting", "input", "forward", "output", "postrouting"] as const;

export const attachNetfilter: Attacher<"netfilter"> = (program, target, kernel) => {
  const name = `netfilter:${target.family}:${target.hook}`;
  const netfilter = {
    pf: FAMILIES[target.family],
    hooknum: HOOKS.indexOf(target.hook),
    priority: target.priority,
  };
  const link = { prog_fd: program.fd, attach_type: AttachType.netfilter, netfilter };
  return { fds: [linkThere(kernel, target.netns, link, name)], slow: false };
};

export const attachNetkit: Attacher<"netkit"> = (program, target, kernel) => {
  const index = inNetworkNamespace(target.netns, () => interfaceIndex(target.interface, kernel), kernel);
  const attach_type = program.attachType ?? AttachType.netkitPrimary;
  const link = { prog_fd: program.fd, target_ifindex: index, attach_type };
  return { fds: [linkThere(kernel, target.netns, link, `netkit:${target.interface}`)], slow: false };
};

/** Not by a link: those came with Linux 6.10. */
export const attachSockmap: Attacher<"sockmap"> = (program, target, kernel) => {
  const attr = { target_fd: target.map, attach_bpf_fd: program.fd, attach_type: program.attachType };
  checked(kernel.bpf("PROG_ATTACH", attr), "bpf(BPF_PROG_ATTACH)", `program "${program.name}" to a map of sockets`);
  return { fds: [], slow: false, undo: () => void kernel.bpf("PROG_DETACH", attr) };
};
