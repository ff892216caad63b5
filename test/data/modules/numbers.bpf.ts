// Sends numbers when it is told to: run by hand only.

import { array, hash, i64, live, perCpuArray, range, rawTracepoint, ring, struct, text, u32, u64 } from "scry/bpf";

const Entry = struct({ n: u64, text: text(16) });
const Exact = struct({ wide: u64.asNumber, signed: i64.asNumber });
export const numbers = ring(Entry, { bytes: 16384 });
export const counts = perCpuArray(u64, { maxEntries: 2 });
export const named = hash(u32, Entry, { maxEntries: 100 });
export const cells = array(u32, { maxEntries: 5000 });
export const exact = hash(u32, Exact, { maxEntries: 4 });
export const limit = live(u64.asNumber, 7);
export const many = live(u32, 0);

export const send = rawTracepoint("sys_enter", () => {
  for (const i of range(1000)) {
    if (i >= many.value) break;
    numbers.send({ n: u64(i), text: "number" });
  }
});
