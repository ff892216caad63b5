// Every program that is started, with its arguments, and how it ended: sudo scry run execsnoop.bpf.ts
//
//     --set parent=123   only children of this process          --set uid=1000   only those of this user
//     --set name=ssh     only those whose name begins so         --set cgroup=…   only in this control group (its inode)
//     --set failed=1     of ends only those with a code or by a signal

import { bpf, i32, list, live, lruHash, range, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const ARGUMENTS = 8;
const Exec = struct({
  at: u64,
  pid: u32,
  parent: u32,
  uid: u32,
  comm: text(16),
  file: text(128),
  /** How many there are; the first of them. */
  count: u32,
  args: list(text(48), ARGUMENTS),
});
const Exit = struct({ at: u64, pid: u32, code: u32, signal: u32, comm: text(16), nanoseconds: u64 });

export const execs = ring(Exec, { bytes: 1024 * 1024 });
export const exits = ring(Exit);
const begun = lruHash(u32, u64, { maxEntries: 10_240 });

const ANY = 0xffff_ffff;
export const parent = live(u32, 0);
export const uid = live(u32, ANY);
export const name = live(text(16), "");
export const cgroup = live(u64, 0);
export const failed = live(u32, 0);

export const exec = tracepoint("sched:sched_process_exec", (event) => {
  const task = bpf.task();
  const of = u32(task.real_parent?.tgid ?? 0);
  if (parent.value !== 0 && of !== parent.value) return;
  if (uid.value !== ANY && bpf.uid() !== uid.value) return;
  if (cgroup.value !== 0 && bpf.cgroup() !== cgroup.value) return;
  if (name.value !== "" && !bpf.comm().startsWith(name.value)) return;
  begun.set(bpf.pid(), bpf.now());

  using exec = execs.reserve();
  if (!exec) return;
  exec.at = bpf.now();
  exec.pid = bpf.pid();
  exec.parent = of;
  exec.uid = bpf.uid();
  exec.comm = bpf.comm();
  exec.file = event.filename;
  // Where a program of 64 bits begins, it finds how many arguments it has, and behind that where they are.
  const stack = task.mm?.start_stack ?? 0;
  exec.count = bpf.userValue(u32, stack);
  for (const i of range(ARGUMENTS)) {
    if (i >= exec.count) break;
    exec.args[i] = bpf.userText(bpf.userValue(u64, stack + 8 * (i + 1)));
  }
});

export const exit = tracepoint("sched:sched_process_exit", () => {
  // Threads that end while their process goes on.
  if (bpf.tid() !== bpf.pid()) return;
  const since = begun.take(bpf.pid());
  if (since === undefined) return;
  const status = i32(bpf.task().exit_code);
  if (failed.value !== 0 && status === 0) return;
  const at = bpf.now();
  exits.send({
    at,
    pid: bpf.pid(),
    code: (u32(status) >> 8) & 0xff,
    signal: u32(status) & 0x7f,
    comm: bpf.comm(),
    nanoseconds: at - since,
  });
});
