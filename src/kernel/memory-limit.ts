// Kernels before 5.11 charge maps and programs to the memory that a process may lock (RLIMIT_MEMLOCK, 64 KiB by default),
// and say EPERM when it is used up. So the limit is lifted when that comes, once, and the call made again.

import { systemCalls } from "./system-calls.ts";

const EPERM = 1;
let lifted = false;

/** bpf(2) for the commands that make maps and programs. A result that is >= 0, or the negated errno. */
export function chargedBpf(command: number, attribute: Uint8Array): number {
  const result = systemCalls().bpf(command, attribute);
  if (result !== -EPERM || lifted) return result;
  lifted = true;
  return systemCalls().unlimitLockedMemory() < 0 ? result : systemCalls().bpf(command, attribute);
}
