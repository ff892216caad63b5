import { bpf, btfTracepoint, hash, helpers, kernel, live, lock, ring, struct, text, timer, u32, u64 } from "scry/bpf";

const State = struct({ guard: lock, tick: timer, count: u64, low: u64, high: u64 });
const Rec = struct({ pid: u32, comm: text(16), n: u64 });
const states = hash(u32, State, { maxEntries: 64 });
export const recs = ring(Rec);
export const pid = live(u32, 0);
export const ticks = live(u64, 0);
export const sum = live(u64, 0);
export const tgid = live(u32, 0);
export const seen = live(u32, 0);
export const vmas = live(u32, 0);
export const node = live(u32, 0);
export const enter = btfTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  states.insert(1, {});
  const state = states.get(1);
  if (state === undefined) return;
  {
    using _held = state.guard.hold();
    state.low += 1;
    state.high += 2;
  }
  state.tick.start(states, 1_000_000, (key, entry) => {
    entry.count += 1;
    ticks.value += key;
  });
  {
    using record = recs.reserve();
    if (record === undefined) return;
    record.pid = bpf.pid();
    record.comm = bpf.comm();
    record.n = state.low;
    if (state.low % 2 === 0) record.discard();
  }
  let total: u64 = 0;
  for (const i of bpf.numbers(10, 20)) {
    if (i === 15) continue;
    if (i === 18) break;
    total += i;
  }
  sum.value = total;
  using task = kernel.bpf_task_from_pid(bpf.pid());
  if (task === undefined) return;
  tgid.value = u32(task.tgid);
  let count: u32 = 0;
  {
    using _region = bpf.rcu();
    for (const one of bpf.tasks()) {
      if (one.tgid === task.tgid) count += 1;
    }
  }
  seen.value = count;
  let areas: u32 = 0;
  for (const vma of bpf.memoryAreas(task)) {
    if (vma.vm_start !== 0) areas += 1;
    if (areas > 5) break;
  }
  vmas.value = areas;
  node.value = u32(helpers.bpf_get_numa_node_id());
});
