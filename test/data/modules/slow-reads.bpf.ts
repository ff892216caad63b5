// Of the tests of the user's side: no types of a kernel are needed for it.

import { bpf, hash, live, perCpuArray, ring, struct, text, tracepoint, u32, u64, XDP, xdp } from "scry/bpf";

const Slow = struct({ pid: u32, comm: text(16), ns: u64 });
const started = hash(u32, u64, { maxEntries: 16 });
export const slow = ring(Slow, { bytes: 4096 });
export const threshold = live(u64, 10_000_000);
export const counts = perCpuArray(u64, { maxEntries: 2 });
export const sizes = hash(u32, Slow, { maxEntries: 4 });

export const enter = tracepoint("syscalls:sys_enter_read", () => {
  started.set(bpf.tid(), bpf.now());
});
export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
  const start = started.take(bpf.tid());
  if (start === undefined || event.ret < 0) return;
  counts.add(1, 2);
  const ns = bpf.now() - start;
  if (ns > threshold.value) slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns });
});
export const short = xdp((packet) => (packet.data_end - packet.data < 60 ? XDP.DROP : XDP.PASS));
