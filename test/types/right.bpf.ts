// What tsc must take, against the declarations of test/support/small-kernel.ts.

import {
  array,
  arrayOfMaps,
  be16,
  bits,
  bloomFilter,
  bool,
  bpf,
  btfTracepoint,
  bytes,
  cgroupConnect4,
  count,
  devMap,
  enums,
  exists,
  fentry,
  fexit,
  hash,
  hashOfMaps,
  helpers,
  hist,
  type i32,
  i64,
  type inode_2,
  ipv4,
  ipv6,
  kernel,
  kernelStack,
  kprobe,
  kretprobe,
  lhist,
  list,
  live,
  lock,
  lpmTrie,
  lruHash,
  lsm,
  mac,
  perCpuArray,
  programArray,
  queue,
  range,
  ring,
  sizeOf,
  stackMap,
  stats,
  struct,
  structOps,
  sum,
  type task_struct,
  taskStorage,
  tc,
  type tcp_sock,
  text,
  timer,
  tracepoint,
  type UserValue,
  u8,
  u16,
  u32,
  u64,
  union,
  uprobe,
  uretprobe,
  usdt,
  userStack,
  type ValueOf,
  type Writable,
  XDP,
  xdp,
} from "scry/bpf";

const Slow = struct({
  pid: u32,
  comm: text(16),
  ns: u64,
  ok: bool,
  raw: bytes(8),
  sizes: list(u32, 4),
  when: u64.asNumber,
});
const Key = struct({ pid: u32, dev: u16 });
const started = hash(u32, u64, { maxEntries: 10_240 });
const byKey = lruHash(Key, Slow);
export const totals = perCpuArray(i64, { maxEntries: 4 });
const slots = array(Slow);
export const counts = hash(u32, u64);
export const slow = ring(Slow, { bytes: 256 * 1024 });
export const threshold = live(u64, 10_000_000);
export const off = live(bool, false);

// --- numbers
export function widening(a: u8, b: u16, c: u32): u64 {
  const wider: u16 = a;
  const widest: u64 = b;
  const signed: i64 = c;
  const sum: u64 = wider + widest + c * 2 + 1;
  return signed < 0 ? sum : sum >> 1;
}
export const cut = (a: u64): u32 => u32(a);
export const made = (a: i64): u64 => u64(a) + u64(0xffff_ffff_ffff_ffffn);
export const sizes = (): u32 => sizeOf(Slow) + sizeOf(u64);

// --- maps, rings, variables
export const enter = tracepoint("syscalls:sys_enter_read", (event) => {
  const descriptor: u64 = event.fd;
  started.set(bpf.tid(), bpf.now() + descriptor);
  if (!started.has(bpf.tid())) started.insert(1, 2);
});
export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
  const start = started.take(bpf.tid());
  if (start === undefined || event.ret < 0) return;
  const ns = bpf.now() - start;
  if (ns > threshold.value && !off.value) slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns, ok: true });
  threshold.value = ns;
  started.add(bpf.pid());
  started.add(bpf.pid(), ns);
  const count: u64 = started.get(1) ?? 0;
  byKey.set(Key({ pid: bpf.pid(), dev: 1 }), Slow({ ns: count }));
  const slot = slots.get(0);
  if (slot !== undefined) {
    slot.ns += 1;
    slot.sizes[1] += slot.raw[7];
    slow.send({ sizes: slot.sizes, raw: slot.raw });
  }
  const known = byKey.get({ pid: 1, dev: 2 })?.ns ?? 0;
  totals.add(0, known);
  for (const i of range(4)) totals.add(i);
});

export const waiting = queue(Slow, { maxEntries: 16 });
const met = bloomFilter(u64, { hashes: 3 });
export const byGroup = hashOfMaps(u64, hash(u32, u64, { maxEntries: 64, noPrealloc: true }), { pinned: false });
const both = arrayOfMaps([counts, counts]);
const ofTask = taskStorage(u64);
export const spread = hash(u32, hist());
export const totalOf = array(sum(i64));
const each = lruHash(Key, lhist(0, 100, 10));
export const times = hash(u64, stats());
const seenBy = hash(text(16), count());
const stacks = stackMap({ depth: 20 });
const Blocked = struct({ kernel: kernelStack(stacks), user: userStack(stacks) });
export const blocked = hash(Blocked, u64);
export const sent = ring(struct({ at: kernelStack(16) }));
const steps = programArray([enter, exit]);
export const more = tracepoint("syscalls:sys_exit_read", () => {
  waiting.push(waiting.pop() ?? Slow({ pid: 1 }));
  const next = waiting.peek();
  if (next !== undefined && !met.has(next.ns)) met.push(next.ns);
  byGroup.get(bpf.cgroup())?.add(bpf.pid());
  if (both.get(0)?.get(2) === undefined) both.get(1)?.delete(1);
  ofTask.add(bpf.task(), ofTask.get(bpf.task(), { create: true }) ?? 0);
  spread.record(bpf.pid(), bpf.now());
  totalOf.record(0, -5);
  each.record({ pid: 1, dev: 2 }, bpf.now());
  if (!times.has(1)) times.record(1, 2);
  seenBy.record(bpf.comm());
  seenBy.delete("sh");
  blocked.add({ kernel: bpf.kernelStack(), user: bpf.userStack() });
  sent.send({ at: bpf.kernelStack() });
  steps.tailCall(1);
});

// --- the kernel's types
export const deep = fentry("vfs_read", (file, buf, count) => {
  const number: u64 = file.f_inode.i_ino;
  const task = file.f_owner.real_parent;
  slow.send({ sizes: task.four });
  const name = task.comm;
  const cell: i64 = task.grid[1][2];
  const bounds: u64 = task.span.end - task.span.begin;
  const total: u64 = task.mm?.total_vm ?? 0;
  const pages = exists(task.mm.total_vm) ? task.mm.total_vm : 0;
  if (name === "cat") bpf.print(`${bpf.userText(buf, 64)} ${number + cell} ${count + bounds + pages + total}`);
});
const parent = (task: task_struct): task_struct => task.real_parent;
export const switched = btfTracepoint("sched_switch", (preempt, prev, next) => {
  if (!preempt && parent(prev).pid === parent(next).pid) bpf.print("one family");
});
export const fewer = fentry("vfs_read", () => {});
export const result = fexit("vfs_read", (_file, _buf, count, _pos, got) => {
  const read: i64 = got;
  if (read < count) started.add(0);
});
export const nothing = fexit("free_task", (task) => started.delete(u32(task.pid)));
export const returned = kretprobe("vfs_read", (got) => totals.set(0, got));
/** Functions of modules have no types here: their arguments are words. */
export const foreign = kprobe("some_module_function", (first, second) => started.set(1, first + second));
export const guard = lsm("file_open", (file) => (file.f_inode.i_mode === 0o100600 ? -1 : 0));
export const executed = tracepoint("sched:sched_process_exec", (event) => {
  const name = event.comm;
  const first: u64 = event.args[0];
  bpf.print(`${name} ${first} ${bpf.kernelText(event.task.name)}`);
});
export const allocated = uprobe("/usr/lib/libc.so.6:malloc", (size: u64) => started.add(0, size));
export const dropped = xdp((packet) => (packet.data_end - packet.data < 64 ? XDP.DROP : XDP.PASS));
export const marked = tc((packet) => {
  packet.mark = 7;
  return 0;
});
export const connected = cgroupConnect4((call) => (call.user_port === 80 ? 0 : 1));

// --- the network's order
const Peer = struct({
  address: ipv4,
  six: ipv6,
  card: mac,
  port: be16,
  low: bits(u8, 3),
  either: union({ a: u32, b: u8 }),
});
export const peers = hash(ipv4, Peer);
export const forbidden = cgroupConnect4((call) => {
  const peer = peers.get(call.user_ip4);
  if (peer === undefined || peer.address !== "10.0.0.1" || peer.six === "::1") return 1;
  const port: u16 = peer.port;
  peer.card = "02:00:5e:10:00:01";
  peer.either.b = 1;
  peer.low = 3;
  peers.set(ipv4(0x7f000001), Peer({ address: "10.0.0.1" }));
  return u32(peer.address) >> 24 === 10 && port === 80 ? 0 : 1;
});

// --- packets
const routes = lpmTrie(ipv4, u32, { maxEntries: 100 });
const ports = devMap({ maxEntries: 8 });
export const routed = xdp((packet) => {
  const eth = packet.eth();
  if (!eth) return XDP.PASS;
  const tag: u16 = eth.vlan?.id ?? 0;
  const ip = eth.ipv4();
  if (ip === undefined || ip.fragmentOffset !== 0 || ip.destination === "10.0.0.1") return XDP.DROP;
  const port = routes.find(ip.destination);
  const tcp = ip.tcp();
  if (tcp?.syn === true && !tcp.ack) tcp.window = 0x1000;
  const name = eth.ipv6()?.udp()?.destination;
  if (name !== undefined && name === 53) return bpf.redirect(2);
  ip.ttl -= 1;
  ip.source = "10.0.0.9";
  eth.source = eth.destination;
  const length: u32 = packet.length;
  if (length > 1000 + tag && !packet.adjustTail(-4)) return XDP.ABORTED;
  return ports.redirect(port ?? 0, XDP.PASS);
});

// --- using, callbacks, functions of the kernel
const State = struct({ guard: lock, tick: timer, key: Key, sizes: list(u32, 4) });
const states = hash(u32, State, { maxEntries: 8 });
const WEIGHTS = [1, 2, 4];
export const taken = tracepoint("syscalls:sys_exit_read", () => {
  states.insert(1, { key: { pid: 1 }, sizes: [1, 2] });
  const state = states.get(1);
  if (state === undefined) return;
  {
    using _held = state.guard.hold();
    state.key.pid += 1;
  }
  state.tick.start(states, 1_000, (key, entry) => {
    entry.sizes[0] += key;
  });
  using record = slow.reserve();
  if (record === undefined) return;
  record.ns = u64(bpf.loop(3, (i) => i === 2));
  if (record.ns === 0) record.discard();
  const weight: u32 = u32(WEIGHTS[bpf.cpu()] ?? 0) + (state.sizes[bpf.cpu()] ?? 0);
  record.pid = weight + enums.RUNNING;
  if (state.sizes[bpf.cpu()] === undefined) return;
  for (const [key, value] of states) started.add(key, value.sizes[1]);
});
export const held = btfTracepoint("sched_switch", (_preempt, prev) => {
  using task = kernel.bpf_task_from_pid(bpf.pid());
  if (task === undefined || task.pid === prev.pid) return;
  const node: u32 = u32(helpers.bpf_get_numa_node_id());
  started.set(node, helpers.bpf_skc_to_tcp_sock(task)?.bytes_acked ?? 0);
});
export const control = structOps("tcp_congestion_ops", {
  name: "scry_types",
  ssthresh: (sk) => sk.sk_mark,
  cong_avoid: (sk, _ack, acked) => {
    const socket = sk as unknown as Writable<tcp_sock>;
    socket.snd_cwnd += acked;
  },
});

// --- programs of user space
type inode_of_app = inode_2;
const idOf = (of: inode_of_app): i32 => of.owner?.id ?? -1;
export const handled = uprobe("./app:handle", (of, depth, why) => {
  const sum: i64 = idOf(of) + depth;
  bpf.print(`${sum} ${bpf.userText(why)}`);
});
export const handledAnyway = uprobe("./app:other", (size: u64) => started.add(0, size));
export const left = uretprobe("./app:handle", (result) => bpf.print(`${result.owner.id}`));
export const stepped = usdt("./app:own:step", (turn, wide) => started.add(u32(turn), wide));
export const steppedAnyway = usdt("./app:own:other", (turn: i32) => started.add(u32(turn)));

// --- the user's side
export const user: UserValue<ValueOf<typeof Slow>> = {
  pid: 1,
  comm: "cat",
  ns: 1n,
  ok: true,
  raw: [1, 2],
  sizes: [3],
  when: 1,
};
