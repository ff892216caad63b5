// Kernels before 5.11 charge maps and programs to the memory that a process may lock (RLIMIT_MEMLOCK, 64 KiB by default),
// and say EPERM when it is used up. So the limit is lifted when that comes, once, and the call made again.

import type { BpfAttr, CommandName, Kernel } from "./kernel.ts";
import type { Result } from "./system-calls.ts";

const EPERM = 1;
/** Whether the limit has been lifted for this kernel. */
const limit = (): { lifted: boolean } => ({ lifted: false });

/** bpf(2) for the commands that make maps and programs. A result that is >= 0, or the negated errno. */
export function chargedBpf<C extends CommandName>(kernel: Kernel, command: C, attr: BpfAttr<C>): Result {
  const result = kernel.bpf(command, attr);
  const state = kernel.once(limit);
  if (result !== -EPERM || state.lifted) return result;
  state.lifted = true;
  return kernel.calls.unlimitLockedMemory() < 0 ? result : kernel.bpf(command, attr);
}
