import { bpf, hash, live, range, struct, tracepoint, u32, u64 } from "scry/bpf";

const Entry = struct({ seen: u64, id: u32 });
const entries = hash(u32, Entry, { maxEntries: 64 });
const plain = hash(u32, u64, { maxEntries: 64 });
export const total = live(u64, 0);
export const found = live(u64, 0);
export const turns = live(u64, 0);
export const first = live(u64, 0);
export const pid = live(u32, 0);
export const parent = live(u32, 0);
function find(wanted: u32): u64 {
  for (const [key, entry] of entries) {
    if (key === wanted) return entry.seen;
  }
  return 999;
}
export const enter = tracepoint("syscalls:sys_enter_getppid", () => {
  if (bpf.pid() !== pid.value) return;
  const task = bpf.task();
  for (const i of range(8)) {
    entries.set(i, { seen: i * 10, id: i });
    plain.set(i, i);
  }
  let sum: u64 = 0;
  for (const [key, entry] of entries) {
    if (key === 3) continue;
    for (const j of range(3)) {
      if (j === 2) break;
      sum += entry.seen;
    }
    entry.id = 7;
  }
  total.value = sum;
  found.value = find(5) + find(77);
  let even: u64 = 0;
  const limit = bpf.pid();
  const times = bpf.loop(100, (i) => {
    if (i === 50) return true;
    if (i % 2 === 0 && i < limit) even += 1;
    parent.value = u32(task.real_parent.tgid);
  });
  turns.value = u64(times);
  first.value = even;
  let n: u64 = 0;
  for (const value of plain.values()) {
    if (value > 3) break;
    n += 1;
  }
  for (const key of plain.keys()) n += key;
  total.value += n * 1000;
});
