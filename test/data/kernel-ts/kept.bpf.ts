import { bpf, btfTracepoint, hash, kernel, kptr, live, struct, u32, u64 } from "scry/bpf";

const Entry = struct({ task: kptr("task_struct"), count: u64 });
const entries = hash(u32, Entry, { maxEntries: 8 });
export const pid = live(u32, 0);
export const first = live(u32, 0);
export const second = live(u32, 0);
export const again = live(u32, 0);

export const p = btfTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  entries.insert(1, {});
  const entry = entries.get(1);
  if (entry === undefined) return;
  using task = kernel.bpf_task_from_pid(bpf.pid());
  if (task === undefined) return;
  {
    using old = entry.task.exchange(task);
    if (old === undefined) first.value += 1;
    else second.value = u32(old.tgid);
  }
  using _region = bpf.rcu();
  const kept = entry.task.get();
  if (kept !== undefined) again.value = u32(kept.tgid);
});
