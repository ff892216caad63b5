// Every file that is opened, with what came of it: sudo scry run opensnoop.bpf.ts
//
//     --set pid=123 --set tid=123    only this process, this thread     --set failed=1      only what failed
//     --set uid=1000                 only this user                     --set flags=0x240   only with one of these flags
//     --set name=ssh                 only names that begin so             (here O_CREAT or O_TRUNC)
//     --set cgroup=…                 only in this control group (its inode)

import { bpf, hash, i32, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const Asked = struct({ file: u64, flags: u32 });
const Open = struct({ pid: u32, tid: u32, uid: u32, result: i32, flags: u32, comm: text(16), file: text(128) });

const asked = hash(u32, Asked, { maxEntries: 10_240 });
export const opens = ring(Open);

const ANY = 0xffff_ffff;
export const pid = live(u32, 0);
export const tid = live(u32, 0);
export const uid = live(u32, ANY);
export const name = live(text(16), "");
export const cgroup = live(u64, 0);
export const flags = live(u32, 0);
export const failed = live(u32, 0);

function asks(file: u64, how: u32): void {
  if (pid.value !== 0 && bpf.pid() !== pid.value) return;
  if (tid.value !== 0 && bpf.tid() !== tid.value) return;
  if (uid.value !== ANY && bpf.uid() !== uid.value) return;
  if (flags.value !== 0 && (how & flags.value) === 0) return;
  if (cgroup.value !== 0 && bpf.cgroup() !== cgroup.value) return;
  if (name.value !== "" && !bpf.comm().startsWith(name.value)) return;
  asked.set(bpf.tid(), { file, flags: how });
}

function gets(result: i32): void {
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

export const open = tracepoint("syscalls:sys_enter_open", (event) => asks(event.filename, u32(event.flags)));
export const opened = tracepoint("syscalls:sys_exit_open", (event) => gets(i32(event.ret)));
export const openat = tracepoint("syscalls:sys_enter_openat", (event) => asks(event.filename, u32(event.flags)));
export const openedAt = tracepoint("syscalls:sys_exit_openat", (event) => gets(i32(event.ret)));
// Its flags are the first that lies in `struct open_how`.
export const openat2 = tracepoint("syscalls:sys_enter_openat2", (event) =>
  asks(event.filename, u32(bpf.userValue(u64, event.how))),
);
export const openedAt2 = tracepoint("syscalls:sys_exit_openat2", (event) => gets(i32(event.ret)));
