// Every file that is opened, with what came of it: sudo scry run opensnoop.bpf.ts

import { bpf, hash, i32, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const Asked = struct({ file: u64, flags: u32 });
const Open = struct({ pid: u32, tid: u32, uid: u32, result: i32, flags: u32, comm: text(16), file: text(128) });

const asked = hash(u32, Asked, { maxEntries: 10_240 });
export const opens = ring(Open);

/** Only this process, thread, user; 0: all. */
export const pid = live(u32, 0);
export const tid = live(u32, 0);
export const uid = live(u32, 0);
/** Only those that failed. */
export const failed = live(u32, 0);

function wanted(): u32 {
  if (pid.value !== 0 && bpf.pid() !== pid.value) return 0;
  if (tid.value !== 0 && bpf.tid() !== tid.value) return 0;
  if (uid.value !== 0 && bpf.uid() !== uid.value) return 0;
  return 1;
}

function left(result: i32): void {
  const open = asked.take(bpf.tid());
  if (open === undefined || (failed.value !== 0 && result >= 0)) return;
  opens.send({
    pid: bpf.pid(),
    tid: bpf.tid(),
    uid: bpf.uid(),
    result,
    flags: open.flags,
    comm: bpf.comm(),
    file: bpf.userText(open.file),
  });
}

export const enterOpenat = tracepoint("syscalls:sys_enter_openat", (event) => {
  if (wanted()) asked.set(bpf.tid(), { file: event.filename, flags: u32(event.flags) });
});
export const exitOpenat = tracepoint("syscalls:sys_exit_openat", (event) => {
  left(i32(event.ret));
});
