// What tsc must refuse, against the declarations of test/support/small-kernel.ts: each case with the number of the error that
// the line behind it has.

import {
  array,
  be16,
  bits,
  bool,
  bpf,
  btfTracepoint,
  bytes,
  cgroupConnect4,
  count,
  enums,
  fentry,
  fexit,
  hash,
  hashOfMaps,
  helpers,
  hist,
  type i32,
  type i64,
  ipv4,
  iterate,
  kernel,
  kernelStack,
  kprobeMulti,
  kretprobe,
  list,
  live,
  lock,
  lpmTrie,
  lsm,
  programArray,
  queue,
  range,
  ring,
  sockMap,
  struct,
  structOps,
  type task_struct,
  taskStorage,
  tc,
  text,
  timer,
  tracepoint,
  type UserValue,
  u8,
  u16,
  u32,
  u64,
  uprobe,
  uretprobe,
  usdt,
  userStack,
  type ValueOf,
  view,
  type Writable,
  xdp,
} from "scry/bpf";

const Slow = struct({ pid: u32, comm: text(16), ns: u64, ok: bool });
const Lists = struct({ sizes: list(u32, 4), raw: bytes(8) });
const Key = struct({ pid: u32, dev: u16 });
const started = hash(u32, u64);
const byKey = hash(Key, Slow);
const slots = array(Slow);
const slow = ring(Slow);
const threshold = live(u64, 0);
const small = live(u8, 0);
const Peer = struct({ address: ipv4, port: be16 });
const task = bpf.task();
declare const narrow: u8;
declare const word: u32;
declare const signed: i32;
declare const wide: u64;
declare const long: i64;

// --- numbers: what does not fit
// @ts-expect-error TS2322
export const a1: u32 = wide;
// @ts-expect-error TS2322
export const a2: u8 = word;
// @ts-expect-error TS2322
export const a3: u16 = bpf.pid();
// @ts-expect-error TS2322
export const a4: i32 = long;
// @ts-expect-error TS2322
export const a5: i32 = word;
// @ts-expect-error TS2322
export const a6: u64 = signed;
// @ts-expect-error TS2322
export const a7: u32 = signed;
// @ts-expect-error TS2322
export const a8: i64 = wide;
// @ts-expect-error TS2322
export const a9: u32 = bpf.now();
// @ts-expect-error TS2322
export const a10: u32 = 1n;
// @ts-expect-error TS2322
export const a11: u32 = "1";
// @ts-expect-error TS2322
export const a12: u32 = true;
// @ts-expect-error TS2322
export const a13 = (): u8 => bpf.cpu();
// @ts-expect-error TS2322
export const a14: boolean = word;
// @ts-expect-error TS2345
export const a15 = u32("1");
// @ts-expect-error TS2365
export const a16 = wide + 1n;
// @ts-expect-error TS2362
export const a17 = bpf.comm() * 2;
// @ts-expect-error TS2365
export const a18 = "x" < word;

// --- maps, rings, variables
// @ts-expect-error TS2532
export const b1 = started.get(1) + 1;
// @ts-expect-error TS2322
export const b2: u64 = started.take(1);
// @ts-expect-error TS2532
export const b3 = slots.get(0).ns;
// @ts-expect-error TS2741
export const b4 = struct({ sizes: hist() });
// @ts-expect-error TS2554
hash(u32, hist()).record(1);
// @ts-expect-error TS2554
hash(u32, count()).record(1, 2);
// @ts-expect-error TS2345
hash(u32, hist()).record(wide, 1);
// @ts-expect-error TS2339
hash(u32, hist()).get(1);
// @ts-expect-error TS2339
array(hist()).delete(1);
// @ts-expect-error TS2322
ring(struct({ at: userStack() })).send({ at: bpf.kernelStack() });
// @ts-expect-error TS2345
export const b5 = userStack(started);
// @ts-expect-error TS2339
slots.delete(1);
// @ts-expect-error TS2339
queue(u32).get(1);
// @ts-expect-error TS2353
queue(u32, { noPrealloc: true });
// @ts-expect-error TS2345
queue(u32).push(wide);
// @ts-expect-error TS2532
export const b0 = queue(u32).pop() + 1;
// @ts-expect-error TS2532
hashOfMaps(u32, started).get(1).get(2);
// @ts-expect-error TS2322
programArray([started]);
// @ts-expect-error TS2345
taskStorage(u64).get(wide);
// @ts-expect-error TS2345
started.set(wide, 1);
// @ts-expect-error TS2345
started.set(1, "x");
// @ts-expect-error TS2345
started.set(1, undefined);
// @ts-expect-error TS2345
started.set(bpf.pid(), bpf.comm());
// @ts-expect-error TS2554
started.set(1);
// @ts-expect-error TS2345
started.get("1");
// @ts-expect-error TS2339
started.clear();
// @ts-expect-error TS2741
byKey.get({ pid: 1 });
// @ts-expect-error TS2353
byKey.get({ pid: 1, dev: 2, ino: 3 });
// @ts-expect-error TS2322
byKey.get({ pid: wide, dev: 2 });
// @ts-expect-error TS2322
slow.send({ pid: wide });
// @ts-expect-error TS2353
slow.send({ pit: 1 });
// @ts-expect-error TS2322
slow.send({ comm: 1 });
// @ts-expect-error TS2322
slow.send({ ok: 1 });
// @ts-expect-error TS2339
slow.get(0);
// @ts-expect-error TS2322
threshold.value = undefined;
// @ts-expect-error TS2322
small.value = word;
// @ts-expect-error TS2322
threshold.value = "1";
// @ts-expect-error TS2365
export const b22 = threshold + 1;
// @ts-expect-error TS2345
started.add(1, 1n);
// @ts-expect-error TS2345
for (const i of range("4")) started.add(i);
// @ts-expect-error TS2353
export const b25 = Slow({ no: 1 });
// @ts-expect-error TS2322
export const b26 = struct({ pid: 4 });
// @ts-expect-error TS2741
export const b27 = hash(Number, u64);
// @ts-expect-error TS2353
export const b28 = ring({ pid: u32 });
// @ts-expect-error TS2353
export const b29 = hash(u32, u64, { entries: 1 });
// @ts-expect-error TS2345
export const b30 = live(u64, "1");
// @ts-expect-error TS2345
export const b31 = text("16");
// @ts-expect-error TS2493
export const b32 = Lists({}).sizes[4];
// @ts-expect-error TS2322
export const b33: u8 = Lists({}).raw[word];
// @ts-expect-error TS2412
slow.send({ pid: started.get(1) });
// @ts-expect-error TS2540
task.four[0] = 1;
// @ts-expect-error TS2322
slow.send({ ns: task.four });

// --- the kernel's types
// @ts-expect-error TS2551
export const c1 = task.pidd;
// @ts-expect-error TS2339
export const c2 = task.real_parent.mm.owner;
// @ts-expect-error TS2551
export const c3 = task.pid.value;
// @ts-expect-error TS2322
export const c4: u32 = task.pid;
// @ts-expect-error TS2322
export const c5: u32 = task.mm.total_vm;
// @ts-expect-error TS2322
export const c6: u32 = task.comm;
// @ts-expect-error TS2740
export const c7: task_struct = task.mm;
// @ts-expect-error TS2540
task.pid = 1;
// @ts-expect-error TS2493
export const c9 = task.four[4];
// @ts-expect-error TS2322
export const c10: u8 = task.many[word];
// @ts-expect-error TS2493
export const c11 = task.grid[1][3];
// @ts-expect-error TS2365
export const c12 = task.mm + 1;
// @ts-expect-error TS2339
export const c13 = task.hidden.anything;
// @ts-expect-error TS2367
export const c14 = task.pid === "1";
// @ts-expect-error TS2367
export const c15 = task.comm === 1;
// @ts-expect-error TS2339
export const c16 = bpf.fibers();
// @ts-expect-error TS2554
export const c17 = bpf.pid(1);
// @ts-expect-error TS2345
export const c18 = bpf.kernelText(task.comm);

// --- programs
// @ts-expect-error TS2339
export const d1 = tracepoint("syscalls:sys_exit_read", (event) => event.count);
// @ts-expect-error TS2345
export const d2 = tracepoint("syscalls:sys_exit_reed", () => {});
// @ts-expect-error TS2345
export const d3 = tracepoint("sys_exit_read", () => {});
// @ts-expect-error TS2345
export const d4 = tracepoint("syscalls:sys_exit_read", (_event, _more) => {});
// @ts-expect-error TS2345
export const d5 = tracepoint("syscalls:sys_exit_read", (event) => started.set(1, event.ret));
// @ts-expect-error TS2322
export const d6 = tracepoint("sched:sched_process_exec", (event) => slow.send({ comm: event.pid }));
// @ts-expect-error TS2345
export const d7 = fentry("vfs_reed", () => {});
// @ts-expect-error TS2551
export const d8 = fentry("vfs_read", (file) => file.f_mod);
// @ts-expect-error TS2339
export const d9 = fentry("vfs_read", (_file, buf) => buf.f_mode);
// @ts-expect-error TS2345
export const d10 = fentry("vfs_read", (_file, _buf, _count, _pos, _more) => {});
// @ts-expect-error TS2345
export const d11 = fexit("free_task", (_task, _result) => {});
// @ts-expect-error TS2345
export const d12 = fexit("vfs_read", (_file, _buf, _count, _pos, got) => started.set(1, got));
// @ts-expect-error TS2345
export const d13 = kretprobe("vfs_read", (_got: task_struct) => {});
// @ts-expect-error TS2345
export const d14 = btfTracepoint("sched_swich", () => {});
// @ts-expect-error TS2339
export const d15 = btfTracepoint("sched_switch", (_preempt, prev) => prev.prio);
// @ts-expect-error TS2345
export const d16 = lsm("file_opens", () => 0);
// @ts-expect-error TS2345
export const d17 = lsm("file_open", () => {});
// @ts-expect-error TS2345
export const d18 = xdp((_packet) => {});
// @ts-expect-error TS2339
export const d19 = xdp((packet) => packet.len);
export const d20 = tc((packet) => {
  // @ts-expect-error TS2322
  packet.mark = "7";
  return 0;
});
// @ts-expect-error TS2322
export const d21 = cgroupConnect4((call) => call.user_port === 80);

// --- the network's order
const peer = Peer({});
// @ts-expect-error TS2322
export const n1: u32 = peer.address;
// @ts-expect-error TS2322
peer.address = 1;
// @ts-expect-error TS2322
peer.port = word;
// @ts-expect-error TS2367
export const n4 = peer.port === "80";
// @ts-expect-error TS2345
export const n5 = ipv4(1n);
// @ts-expect-error TS2345
export const n6 = bits(text(4), 3);
// @ts-expect-error TS2365
export const n7 = peer.address > word;

// --- packets
// @ts-expect-error TS2339
export const p1 = xdp((packet) => (packet.ipv4() ? 1 : 0));
// @ts-expect-error TS2532
export const p2 = xdp((packet) => packet.eth().type);
// @ts-expect-error TS2339
export const p3 = xdp((packet) => packet.eth()?.tcp()?.source ?? 0);
export const p4 = xdp((packet) => {
  const ip = packet.eth()?.ipv4();
  // @ts-expect-error TS18048
  ip.ttl -= 1;
  // @ts-expect-error TS2322
  if (ip) ip.source = 5;
  // @ts-expect-error TS2322
  if (ip) ip.dontFragment = 1;
  return 0;
});
// @ts-expect-error TS2339
export const p5 = tc((packet) => (packet.adjustHead(4) ? 1 : 0));

// --- using, callbacks, iterators
const State = struct({ guard: lock, tick: timer, count: u64 });
const states = hash(u32, State);
declare const state: ValueOf<typeof State>;
export const u1 = tracepoint("syscalls:sys_exit_read", () => {
  // @ts-expect-error TS2532
  slow.reserve().discard();
  using record = slow.reserve();
  // @ts-expect-error TS18048
  record.pid = 1;
  if (record === undefined) return;
  // @ts-expect-error TS2322
  record.pid = wide;
  // @ts-expect-error TS2339
  record.drop();
  // @ts-expect-error TS2850
  using count = started.get(1);
  // @ts-expect-error TS2741
  using rest = state.guard;
  bpf.print(`${count} ${rest}`);
});
// @ts-expect-error TS2322
states.insert(1, { count: "1" });
// @ts-expect-error TS2322
states.insert(1, { guard: 0 });
// @ts-expect-error TS2740
state.tick.start(slow, 1, () => {});
// @ts-expect-error TS2551
state.tick.start(states, 1, (_key, entry) => bpf.print(`${entry.counts}`));
// @ts-expect-error TS2339
state.guard.release();
// @ts-expect-error TS2345
bpf.loop("1", () => {});
// @ts-expect-error TS2345
bpf.loop(1, (_index: string) => {});
// @ts-expect-error TS2322
export const u11: u32 = bpf.loop(1, () => {});
// @ts-expect-error TS2488
for (const i of 5) bpf.print(`${i}`);
// @ts-expect-error TS2551
for (const one of bpf.tasks()) bpf.print(`${one.name2}`);
// @ts-expect-error TS2554
for (const one of bpf.threadsOf()) bpf.print(`${one.pid}`);
// @ts-expect-error TS2345
for (const area of bpf.memoryAreas(wide)) bpf.print(`${area.vm_start}`);
// @ts-expect-error TS2339
for (const [key, value] of states) bpf.print(`${key} ${value.pid}`);
// @ts-expect-error TS2488
for (const one of queue(u32)) bpf.print(`${one}`);
// @ts-expect-error TS18048
export const u17 = iterate("task", (event) => event.print(`${event.task.pid}`));
// @ts-expect-error TS2345
export const u18 = iterate("task", (event) => event.print(1));

// --- helpers, functions and values of the kernel
// @ts-expect-error TS2551
helpers.bpf_ktime_get_nss();
// @ts-expect-error TS2741
helpers.bpf_map_delete_elem(task, Key({}));
// @ts-expect-error TS2554
helpers.bpf_get_numa_node_id(1);
// @ts-expect-error TS2532
export const k4: u32 = helpers.bpf_skc_to_tcp_sock(task).snd_cwnd;
// @ts-expect-error TS2322
export const k5: u32 = helpers.bpf_ktime_get_ns();
// @ts-expect-error TS2345
helpers.bpf_get_current_comm(task, "16");
// @ts-expect-error TS2551
kernel.bpf_task_from_pidd(1);
// @ts-expect-error TS2339
kernel.vfs_read(task);
// @ts-expect-error TS2532
export const k9 = kernel.bpf_task_from_pid(1).pid;
// @ts-expect-error TS2345
kernel.bpf_task_from_pid(wide);
// @ts-expect-error TS2345
kernel.bpf_strlen(1);
// @ts-expect-error TS2554
kernel.bpf_find_inode();
// @ts-expect-error TS2850
using found = kernel.bpf_find_inode(1);
// @ts-expect-error TS2551
export const k14 = enums.RUNING + (found?.i_ino ?? 0);
// @ts-expect-error TS2322
export const k15: string = enums.RUNNING;

// --- structs that programs fill
// @ts-expect-error TS2561
structOps("tcp_congestion_ops", { sstresh: () => 2 });
// @ts-expect-error TS2322
structOps("tcp_congestion_ops", { ssthresh: () => "2" });
// @ts-expect-error TS2322
structOps("tcp_congestion_ops", { ssthresh: 2 });
// @ts-expect-error TS2551
structOps("tcp_congestion_ops", { cong_avoid: (sk) => bpf.print(`${sk.sk_marks}`) });
structOps("tcp_congestion_ops", {
  cong_avoid: (sk) => {
    // @ts-expect-error TS2540
    sk.sk_mark = 1;
    // @ts-expect-error TS2352
    (sk as Writable<typeof task>).pid = 1;
  },
});
// @ts-expect-error TS2345
view(wide, task);

// --- programs of user space
// @ts-expect-error TS2339
export const s1 = uprobe("./app:handle", (of) => bpf.print(`${of.i_ino}`));
// @ts-expect-error TS2339
export const s2 = uprobe("./app:handle", (of) => bpf.print(`${of.owner.idd}`));
// @ts-expect-error TS2345
export const s3 = uprobe("./app:handle", (_of, _depth, _why, _more) => {});
// @ts-expect-error TS2345
export const s4 = uprobe("./app:handle", (_of: u64) => {});
// @ts-expect-error TS2345
export const s5 = uprobe("./app:handle", (_of, depth) => started.set(depth, 1));
// @ts-expect-error TS2339
export const s6 = uretprobe("./app:handle", (result) => bpf.print(`${result.i_ino}`));
// @ts-expect-error TS2339
export const s7 = uprobe("./app:other", (size) => bpf.print(`${size.bytes}`));
// @ts-expect-error TS2345
export const s8 = usdt("./app:own:step", (turn) => started.set(turn, 1));
// @ts-expect-error TS2345
export const s9 = usdt("./app:own:step", (_turn, _wide, _more) => {});

// --- parts
const Outer = struct({ key: Key, list: list(Key, 2), at: kernelStack() });
const outers = hash(u32, Outer);
// @ts-expect-error TS2322
outers.set(1, { key: { pid: wide } });
// @ts-expect-error TS2561
Outer({ key: { pidd: 1 } });
// @ts-expect-error TS2322
Outer({ list: [{}, {}, {}] });
// @ts-expect-error TS2741
Outer({ at: {} });
// @ts-expect-error TS2345
outers.set({}, {});
// @ts-expect-error TS2345
lpmTrie(ipv4, Key).find(1);
// @ts-expect-error TS2345
sockMap().redirect("1");
// @ts-expect-error TS2345
export const q9 = kprobeMulti("tcp_*", (first: task_struct) => bpf.print(`${first.pid}`));

// --- the user's side
// @ts-expect-error TS2322
export const e1: UserValue<ValueOf<typeof Slow>> = { pid: 1, comm: "cat", ns: 1, ok: true };
// @ts-expect-error TS2322
export const e2: UserValue<ValueOf<typeof Slow>> = { pid: 1n, comm: "cat", ns: 1n, ok: true };
// @ts-expect-error TS2741
export const e3: UserValue<ValueOf<typeof Slow>> = { pid: 1, comm: "cat", ns: 1n };
