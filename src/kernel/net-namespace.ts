// Work in another network namespace: this thread goes there, does it, and comes back before anybody else runs.

import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { checked, O_CLOEXEC, O_RDONLY } from "./system-calls.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Does `work`, which must be synchronous, in the namespace of a file (/run/netns/NAME, /proc/PID/ns/net). Throws a
 * SystemCallError where this thread cannot go there, or not come back; then `undo` takes away what was made there.
 */
export function inNetworkNamespace<T>(
  path: string | undefined,
  work: () => T,
  kernel: Kernel = liveKernel(),
  undo?: (made: T) => void,
): T {
  if (path === undefined) return work();
  const { calls } = kernel;
  // Of this thread: /proc/self is that of the process's first one, which may be elsewhere.
  const own = checked(calls.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open", "network namespace");
  try {
    const there = openNamespace(kernel, path);
    try {
      checked(calls.setns(there, CLONE_NEWNET), "setns", path);
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

/** The descriptor of a namespace's file; the caller closes it. */
export function openNamespace(kernel: Kernel, path: string): number {
  const fd = kernel.calls.open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError("open", -fd, `network namespace ${path}`);
  return fd;
}
