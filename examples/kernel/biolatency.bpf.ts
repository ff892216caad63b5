// How long disks take, by powers of two of microseconds: sudo scry run biolatency.bpf.ts
//
//     --set pid=123    only requests that this process issues        --set byDisk=1    each disk by itself
//     --set disk=…     only this one: (major << 20) + minor          --set byKind=1    reads, writes, … by themselves
//     --set queued=1   with the time in the queue of the scheduler

import { bpf, hash, hist, live, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const Request = struct({ sector: u64, disk: u32 });
const Kind = struct({ disk: u32, kind: text(8) });

const started = hash(Request, u64, { maxEntries: 10_240 });
/** Microseconds. */
export const latency = hash(Kind, hist(), { maxEntries: 1024 });

export const pid = live(u32, 0);
export const disk = live(u32, 0);
export const byDisk = live(u32, 0);
export const byKind = live(u32, 0);
export const queued = live(u32, 0);

function begins(of: u32, sector: u64): void {
  if (disk.value !== 0 && of !== disk.value) return;
  if (pid.value !== 0 && bpf.pid() !== pid.value) return;
  // What went through the queue has begun there.
  if (queued.value !== 0) started.insert({ disk: of, sector }, bpf.now());
  else started.set({ disk: of, sector }, bpf.now());
}

export const insert = tracepoint("block:block_rq_insert", (event) => {
  if (queued.value !== 0) begins(u32(event.dev), u64(event.sector));
});
export const issue = tracepoint("block:block_rq_issue", (event) => {
  begins(u32(event.dev), u64(event.sector));
});
export const complete = tracepoint("block:block_rq_complete", (event) => {
  const start = started.take({ disk: u32(event.dev), sector: u64(event.sector) });
  if (start === undefined) return;
  const microseconds = (bpf.now() - start) / 1000;
  const key = Kind({});
  if (byDisk.value !== 0) key.disk = u32(event.dev);
  if (byKind.value !== 0) key.kind = event.rwbs;
  latency.record(key, microseconds);
});
