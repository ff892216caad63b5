// How long tasks wait for a CPU: counts by powers of two of microseconds. sudo scry run runqlat.bpf.ts

import { array, bpf, btfTracepoint, hash, live, range, u32, u64 } from "scry/bpf";

const since = hash(u32, u64, { maxEntries: 10_240 });
/** Slot n: from 2^n up to 2^(n+1) microseconds. */
export const slots = array(u64, { maxEntries: 32 });
/** Only this process; 0: all. */
export const only = live(u32, 0);

function log2(value: u64): u32 {
  let rest: u64 = value;
  let slot: u32 = 0;
  for (const i of range(5)) {
    const by = u32(16 >> i);
    if (rest >> by !== 0) {
      rest = rest >> by;
      slot += by;
    }
  }
  return slot;
}

function waits(process: u32, thread: u32): void {
  if (only.value === 0 || process === only.value) since.set(thread, bpf.now());
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
  slots.add(log2((bpf.now() - start) / 1000));
});
