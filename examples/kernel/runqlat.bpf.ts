// How long tasks that could run wait for a CPU, by powers of two of microseconds: sudo scry run runqlat.bpf.ts
//
//     --set pid=123            only this process           --set byProcess=1     each process by itself
//     --set tid=123            only this thread            --set byThread=1      each thread by itself
//     --set milliseconds=1     of milliseconds             --set byNamespace=1   each namespace of processes by itself

import { bpf, btfTracepoint, exists, hash, hist, i64, kernelStruct, live, type task_struct, u32, u64 } from "scry/bpf";

const since = hash(u32, u64, { maxEntries: 10_240 });
export const latency = hash(u32, hist());

/** Only this process, this thread; 0: all. */
export const pid = live(u32, 0);
export const tid = live(u32, 0);
export const milliseconds = live(u32, 0);
export const byProcess = live(u32, 0);
export const byThread = live(u32, 0);
export const byNamespace = live(u32, 0);

/** Before Linux 5.14. */
const Older = kernelStruct("task_struct___older", { state: i64 });

function waits(task: task_struct): void {
  const thread = u32(task.pid);
  if (pid.value !== 0 && u32(task.tgid) !== pid.value) return;
  if (tid.value !== 0 && thread !== tid.value) return;
  since.set(thread, bpf.now());
}

export const wakeup = btfTracepoint("sched_wakeup", (task) => waits(task));
export const wakeupNew = btfTracepoint("sched_wakeup_new", (task) => waits(task));
export const change = btfTracepoint("sched_switch", (_preempt, previous, next) => {
  // It was taken off while it could still run.
  const state = exists(previous.__state) ? u32(previous.__state) : u32(Older(previous).state);
  if (state === 0) waits(previous);
  const start = since.take(u32(next.pid));
  if (start === undefined) return;
  let key: u32 = 0;
  if (byThread.value !== 0) key = u32(next.pid);
  else if (byProcess.value !== 0) key = u32(next.tgid);
  else if (byNamespace.value !== 0) key = next.nsproxy?.pid_ns_for_children?.ns.inum ?? 0;
  const waited = bpf.now() - start;
  latency.record(key, milliseconds.value !== 0 ? waited / 1_000_000 : waited / 1000);
});
