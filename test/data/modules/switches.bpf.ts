import { bpf, btfTracepoint, i32, kprobe, ring, struct, text, u32 } from "scry/bpf";

const Switch = struct({ from: text(16), parent: i32, own: u32 });
export const switches = ring(Switch, { bytes: 4096 });
export const switched = btfTracepoint("sched_switch", (preempt, prev, next) => {
  if (!preempt) switches.send({ from: prev.comm, parent: next.real_parent.tgid, own: u32(bpf.task().flags) });
});
export const reads = kprobe("vfs_read", (file) => {
  switches.send({ own: u32(file.f_inode.i_mode) });
});
