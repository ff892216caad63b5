// Its programs, maps and functions are called as the compiler calls what it makes.

import { bpf, hash, i64, live, rawTracepoint, subprogram, u32, u64 } from "scry/bpf";

const LIST = [5, 7];
const table = hash(u32, u64);
export const pid = live(u32, 0);
export const turns = live(i64, 0);
export const total = live(u64, 0);
export const last = live(u64, 0);
const loop_1 = subprogram((n: u64): u64 => n * 10);

export const loop = rawTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  let seen: u64 = 0;
  turns.value = bpf.loop(4, (i) => {
    table.set(i, i);
  });
  for (const [key] of table) seen += loop_1(key + 1);
  total.value = (LIST[u32(id) & 0] ?? 0) + (LIST[1] ?? 0) + seen;
});
/** What the compiler called the functions of loops over entries. */
export const each = rawTracepoint("sys_exit", () => {
  let seen: u64 = 0;
  for (const value of table.values()) seen += value;
  last.value = seen;
});
