// How long tasks that could run wait for a CPU, by powers of two of microseconds: sudo scry run runqlat.bpf.ts
//
//     --set pid=123     only this process           --set byProcess=1   each process by itself
//                                                   --set byThread=1    each thread by itself

import { bpf, btfTracepoint, hash, hist, live, u32, u64 } from "scry/bpf";

const since = hash(u32, u64, { maxEntries: 10_240 });
/** Microseconds. */
export const latency = hash(u32, hist());

/** Only this process; 0: all. */
export const pid = live(u32, 0);
export const byProcess = live(u32, 0);
export const byThread = live(u32, 0);

function waits(process: u32, thread: u32): void {
  if (pid.value === 0 || process === pid.value) since.set(thread, bpf.now());
}

export const wakeup = btfTracepoint("sched_wakeup", (task) => {
  waits(u32(task.tgid), u32(task.pid));
});
export const wakeupNew = btfTracepoint("sched_wakeup_new", (task) => {
  waits(u32(task.tgid), u32(task.pid));
});
export const change = btfTracepoint("sched_switch", (_preempt, previous, next) => {
  // It was taken off while it could still run.
  if (previous.__state === 0) waits(u32(previous.tgid), u32(previous.pid));
  const start = since.take(u32(next.pid));
  if (start === undefined) return;
  let key: u32 = 0;
  if (byThread.value !== 0) key = u32(next.pid);
  else if (byProcess.value !== 0) key = u32(next.tgid);
  latency.record(key, (bpf.now() - start) / 1000);
});
