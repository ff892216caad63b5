// Other network namespaces: work is done there by this thread, which goes there and comes back before anybody else runs; and the
// numbers by which programs of one know another.

import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { attributesOf, type NetlinkAttribute, routeRequest } from "./netlink.ts";
import { checked, O_CLOEXEC, O_RDONLY } from "./system-calls.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Does `work`, which must be synchronous, in a namespace: a name of ip-netns(8), or a file (/proc/PID/ns/net). Throws a
 * SystemCallError where this thread cannot go there, or not come back; then `undo` takes away what was made there.
 */
export function inNetworkNamespace<T>(
  netns: string | undefined,
  work: () => T,
  kernel: Kernel = liveKernel(),
  undo?: (made: T) => void,
): T {
  if (netns === undefined) return work();
  const { calls } = kernel;
  // Of this thread: /proc/self is that of the process's first one, which may be elsewhere.
  const own = checked(calls.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open", "network namespace");
  try {
    const there = openNamespace(kernel, netns);
    try {
      checked(calls.setns(there, CLONE_NEWNET), "setns", netns);
    } finally {
      calls.close(there);
    }
    const comeBack = (): number =>
      checked(calls.setns(own, CLONE_NEWNET), "setns", "back to the network namespace of this process");
    let made: T;
    try {
      made = work();
    } catch (error) {
      comeBack();
      throw error;
    }
    try {
      comeBack();
    } catch (error) {
      undo?.(made);
      throw error;
    }
    return made;
  } finally {
    calls.close(own);
  }
}

/** The descriptor of a namespace, by its name or file; the caller closes it. */
export function openNamespace(kernel: Kernel, netns: string): number {
  const path = namespaceFile(netns);
  const fd = kernel.calls.open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError("open", -fd, `network namespace ${path}`);
  return fd;
}

/** The file of a network namespace: a name as ip-netns(8) has it, or a path, which has a slash. */
export const namespaceFile = (name: string): string => (name.includes("/") ? name : `/run/netns/${name}`);

// linux/net_namespace.h, linux/rtnetlink.h
const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
const NETNSA = { nsid: 1, fd: 3 } as const;
const NOT_ASSIGNED = -1;
/** struct rtgenmsg: a family, which does not matter here. */
const RTGENMSG_BYTES = 4;
const EEXIST = 17;

/**
 * The number that a namespace has in another one, `from` (absent: this thread's), for helpers as bpf_skc_lookup_tcp; where it has none
 * yet, it gets one. Throws a SystemCallError.
 */
export function namespaceId(netns: string, from: string | undefined, kernel: Kernel = liveKernel()): number {
  const fd = openNamespace(kernel, netns);
  try {
    return inNetworkNamespace(
      from,
      () => {
        const ask = (type: number, attributes: readonly NetlinkAttribute[]) =>
          routeRequest(kernel, type, 0, new Uint8Array(RTGENMSG_BYTES), attributes);
        const known = (): number => {
          const { errno, echo } = ask(RTM_GETNSID, [[NETNSA.fd, fd]]);
          if (errno !== 0) throw new SystemCallError("netlink RTM_GETNSID", errno, netns);
          const value = attributesOf((echo ?? new Uint8Array(RTGENMSG_BYTES)).subarray(RTGENMSG_BYTES)).get(
            NETNSA.nsid,
          );
          if (value === undefined || value.length < 4) return NOT_ASSIGNED;
          return new DataView(value.buffer, value.byteOffset).getInt32(0, true);
        };
        const id = known();
        if (id !== NOT_ASSIGNED) return id;
        const { errno } = ask(RTM_NEWNSID, [
          [NETNSA.nsid, NOT_ASSIGNED],
          [NETNSA.fd, fd],
        ]);
        if (errno !== 0 && errno !== EEXIST) throw new SystemCallError("netlink RTM_NEWNSID", errno, netns);
        return known();
      },
      kernel,
    );
  } finally {
    kernel.calls.close(fd);
  }
}
