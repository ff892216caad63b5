// Two programs at one tracepoint, which count what one process does.

import { bpf, hash, live, tracepoint, u32, u64 } from "scry/bpf";

export const pid = live(u32, 0);
export const counts = hash(u32, u64, { maxEntries: 4 });
export const first = tracepoint("syscalls:sys_enter_getppid", () => {
  if (bpf.pid() === pid.value) counts.add(1);
});
export const second = tracepoint("syscalls:sys_enter_getppid", () => {
  if (bpf.pid() === pid.value) counts.add(2);
});
