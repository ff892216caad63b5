// Every program that is started: sudo scry run execsnoop.bpf.ts

import { bpf, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const Exec = struct({ at: u64, pid: u32, parent: u32, uid: u32, comm: text(16), file: text(128) });

export const execs = ring(Exec);
/** Only children of this process; 0: of all. */
export const parent = live(u32, 0);

export const exec = tracepoint("sched:sched_process_exec", (event) => {
  const of = u32(bpf.task().real_parent?.tgid ?? 0);
  if (parent.value !== 0 && of !== parent.value) return;
  execs.send({ at: bpf.now(), pid: bpf.pid(), parent: of, uid: bpf.uid(), comm: bpf.comm(), file: event.filename });
});
