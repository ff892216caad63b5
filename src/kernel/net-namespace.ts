// Work in another network namespace: this thread goes there, does it, and comes back before anybody else runs.

import { SystemCallError } from "./errors.ts";
import { checked, O_CLOEXEC, O_RDONLY, systemCalls } from "./system-calls.ts";

const CLONE_NEWNET = 0x40000000;

/** Does `work`, which must be synchronous, in the namespace of a file (/run/netns/NAME, /proc/PID/ns/net). */
export function inNetworkNamespace<T>(path: string | undefined, work: () => T): T {
  if (path === undefined) return work();
  const calls = systemCalls();
  // Of this thread: /proc/self is that of the process's first one, which may be elsewhere.
  const home = checked(calls.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open", "network namespace");
  try {
    const there = openNamespace(path);
    try {
      checked(calls.setns(there, CLONE_NEWNET), "setns", path);
    } finally {
      calls.close(there);
    }
    try {
      return work();
    } finally {
      checked(calls.setns(home, CLONE_NEWNET), "setns", "back to the network namespace of this process");
    }
  } finally {
    calls.close(home);
  }
}

/** The descriptor of a namespace's file; the caller closes it. */
export function openNamespace(path: string): number {
  const fd = systemCalls().open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError("open", -fd, `network namespace ${path}`);
  return fd;
}
