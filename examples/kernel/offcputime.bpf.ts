// Where tasks wait: microseconds off the CPU by their stacks of calls. sudo scry run offcputime.bpf.ts
//
//     --set pid=123    only this process             --set user=0      without the stacks of processes
//     --set tid=123    only this thread              --set kernel=0    without the stacks of the kernel
//     --set least=…    only waits of so many microseconds and more, and up to --set most=…
//     --set state=…    only those of this state of the task: 1 sleeps and can be woken, 2 cannot

import {
  bpf,
  btfTracepoint,
  exists,
  hash,
  i64,
  kernelStack,
  kernelStruct,
  live,
  stackMap,
  struct,
  sum,
  text,
  u32,
  u64,
  userStack,
} from "scry/bpf";

const stacks = stackMap({ depth: 64, maxEntries: 16_384 });
const Where = struct({ pid: u32, kernel: kernelStack(stacks), user: userStack(stacks), comm: text(16) });
const Left = struct({ at: u64, where: Where });

const left = hash(u32, Left, { maxEntries: 10_240 });
/** Microseconds. */
export const waited = hash(Where, sum());

export const pid = live(u32, 0);
export const tid = live(u32, 0);
export const user = live(u32, 1);
export const kernel = live(u32, 1);
export const least = live(u64, 1);
export const most = live(u64, 0xffff_ffff_ffff_ffffn);
export const state = live(u32, 0);

/** Before Linux 5.14. */
const Older = kernelStruct("task_struct___older", { state: i64 });

export const change = btfTracepoint("sched_switch", (_preempt, previous, next) => {
  const leaves = u32(previous.pid);
  const condition = exists(previous.__state) ? u32(previous.__state) : u32(Older(previous).state);
  const wanted =
    (pid.value === 0 || u32(previous.tgid) === pid.value) &&
    (tid.value === 0 || leaves === tid.value) &&
    (state.value === 0 || condition === state.value);
  // Number 0 is what runs where nothing does, on each CPU.
  if (leaves !== 0 && wanted) {
    const of = Left({ at: bpf.now(), where: { pid: u32(previous.tgid), comm: previous.comm } });
    if (kernel.value !== 0) of.where.kernel = bpf.kernelStack();
    if (user.value !== 0) of.where.user = bpf.userStack();
    left.set(leaves, of);
  }
  const from = left.take(u32(next.pid));
  if (from === undefined) return;
  const microseconds = (bpf.now() - from.at) / 1000;
  if (microseconds < least.value || microseconds > most.value) return;
  waited.record(from.where, microseconds);
});
