// `scry/bpf`: what kernel modules (`*.bpf.ts`) import. There is nothing behind these names when JavaScript runs: the compiler
// knows them.

import type { Helpers } from "./helpers.ts";
import type { SocketBuffer, XdpContext } from "./packets.ts";
import type * as numbers from "./types.ts";
import type {
  Aggregate,
  ArgumentsOf,
  ArrayOf,
  Bits,
  BloomFilter,
  BtfTracepointName,
  ExitArguments,
  FunctionName,
  HashOf,
  Histogram,
  HookName,
  Ipv4Type,
  Items,
  Kept,
  KernelStruct,
  Live,
  MapOfMaps,
  Members,
  NumberType,
  PerCpu,
  PrefixMap,
  ProbedName,
  Program,
  ProgramArray,
  Queue,
  RedirectMap,
  ResultOf,
  Ring,
  SocketGroup,
  SocketMap,
  StackMap,
  StackValue,
  Statistics,
  Storage,
  StructOf,
  StructType,
  TracepointEvent,
  TracepointName,
  Type,
  WideType,
} from "./types.ts";

export type * from "./helpers.ts";
export type * from "./packets.ts";
export type * from "./types.ts";

/** A stand-in that says what it is for. */
const standIn = (name: string): never =>
  new Proxy((() => undefined) as never, {
    apply: () => refuse(name),
    get: () => refuse(name),
  });
function refuse(name: string): never {
  throw new Error(
    `${name} is of the kernel's side: load the module by load(new URL("./x.bpf.ts", import.meta.url)), do not import it`,
  );
}

export type u8 = numbers.u8;
export const u8: NumberType<numbers.u8> = standIn("u8");
export type u16 = numbers.u16;
export const u16: NumberType<numbers.u16> = standIn("u16");
export type u32 = numbers.u32;
export const u32: NumberType<numbers.u32> = standIn("u32");
export type u64 = numbers.u64;
/** Of a pointer of the kernel: its address. */
export const u64: WideType<numbers.u64> & ((address: object) => numbers.u64) = standIn("u64");
export type i8 = numbers.i8;
export const i8: NumberType<numbers.i8> = standIn("i8");
export type i16 = numbers.i16;
export const i16: NumberType<numbers.i16> = standIn("i16");
export type i32 = numbers.i32;
export const i32: NumberType<numbers.i32> = standIn("i32");
export type i64 = numbers.i64;
export const i64: WideType<numbers.i64> = standIn("i64");
export const bool: NumberType<boolean> = standIn("bool");

export type be16 = numbers.be16;
/** Numbers that lie in the network's order, and are read and written in the machine's. */
export const be16: NumberType<numbers.be16> = standIn("be16");
export type be32 = numbers.be32;
export const be32: NumberType<numbers.be32> = standIn("be32");
export type be64 = numbers.be64;
export const be64: NumberType<numbers.be64> = standIn("be64");
export type ipv4 = numbers.ipv4;
/** Addresses lie as on the wire; texts for users, and compared with texts: `ip.source === "10.0.0.1"`. */
export const ipv4: Ipv4Type = standIn("ipv4");
export type ipv6 = numbers.ipv6;
export const ipv6: Type<numbers.ipv6> = standIn("ipv6");
export type mac = numbers.mac;
export const mac: Type<numbers.mac> = standIn("mac");

/** Named here too, as declarations of a project stand in this module. */
export type List<T, N extends number> = numbers.List<T, N>;
export type Held = numbers.Held;

/** Text of at most so many bytes, its end among them. */
export const text: (bytes: number) => Type<string> = standIn("text");
export const bytes: <const N extends number>(count: N) => Type<Items<u8, N>> = standIn("bytes");
/** Some bits of a number, as a member: `struct({ version: bits(u8, 4), length: bits(u8, 4) })`; the first has the lowest. */
export const bits: <T extends number>(type: NumberType<T>, count: number) => Bits<T> = standIn("bits");
/** Members that share their bytes. */
export const union: <M extends Members>(members: M) => StructType<StructOf<M>> = standIn("union");
export const struct: <M extends Members>(members: M) => StructType<StructOf<M>> = standIn("struct");
/** Of a value's type and a number, a type of so many; of a value's type and options, a map by small numbers. */
export const list: <T, const N extends number>(element: Type<T>, length: N) => Type<Items<T, N>> = standIn("list");

// --- aggregates: values of hashes and arrays --------------------------------------------------------------------------

type Recorded = readonly [value: number];
/** How often something was recorded. */
export const count: () => Aggregate<number, readonly []> = standIn("count");
type OfNumbers<U> = (type?: NumberType<number>) => Aggregate<U, Recorded>;
/** `sum()`; of numbers with a sign `sum(i64)`. */
export const sum: OfNumbers<bigint> = standIn("sum");
export const min: OfNumbers<bigint> = standIn("min");
export const max: OfNumbers<bigint> = standIn("max");
export const avg: OfNumbers<Statistics> = standIn("avg");
export const stats: OfNumbers<Statistics> = standIn("stats");
/** Counts by powers of two, each in 2^bits parts: none unless said otherwise, 5 at most. */
export const hist: (bits?: number) => Aggregate<Histogram, Recorded> = standIn("hist");
/** Counts by steps of one size. */
export const lhist: (min: number, max: number, step: number) => Aggregate<Histogram, Recorded> = standIn("lhist");

// --- maps -------------------------------------------------------------------------------------------------------------

interface MapOptions {
  readonly maxEntries?: number;
  /** It outlives its programs: the next who loads a map of this name takes it. */
  readonly pinned?: boolean;
  readonly numaNode?: number;
  /** `BPF_F_*` of the kernel's interface, for what has no name here. */
  readonly flags?: number;
}
interface HashOptions extends MapOptions {
  /** Entries are allocated when they are written. */
  readonly noPrealloc?: boolean;
}
interface StorageOptions {
  readonly pinned?: boolean;
  readonly flags?: number;
}
type MakeHash<O> = <K, V extends Kept>(key: Type<K>, value: V, options?: O) => HashOf<K, V>;
type MakeArray = <V extends Kept>(value: V, options?: MapOptions) => ArrayOf<V>;
type MakePerCpuHash<O> = <K, V extends Kept>(key: Type<K>, value: V, options?: O) => PerCpu<HashOf<K, V>>;
type MakePerCpuArray = <V extends Kept>(value: V, options?: MapOptions) => PerCpu<ArrayOf<V>>;
type MakeQueue = <V>(value: Type<V>, options?: MapOptions) => Queue<V>;
type MakeStorage<O> = <V>(value: Type<V>, options?: StorageOptions) => Storage<O, V>;

/** Values by keys. */
export const hash: MakeHash<HashOptions> = standIn("hash");
/** The same; where there is no room, what was not used for long goes. Linux 4.10. */
export const lruHash: MakeHash<MapOptions> = standIn("lruHash");
export const perCpuHash: MakePerCpuHash<HashOptions> = standIn("perCpuHash");
export const lruPerCpuHash: MakePerCpuHash<MapOptions> = standIn("lruPerCpuHash");
/** Values by numbers, all of which are there, zero at first. */
export const array: MakeArray = standIn("array");
export const perCpuArray: MakePerCpuArray = standIn("perCpuArray");
/** First in, first out. Linux 4.20. */
export const queue: MakeQueue = standIn("queue");
/** Last in, first out. Linux 4.20. */
export const stack: MakeQueue = standIn("stack");
/** `hashes`: how many hash functions, 1 to 15; 5 unless said otherwise. */
export const bloomFilter: <V>(value: Type<V>, options?: MapOptions & { readonly hashes?: number }) => BloomFilter<V> =
  standIn("bloomFilter");
/** Maps like this one, by keys: `hashOfMaps(u32, hash(u32, u64, { maxEntries: 64 }))`. */
export const hashOfMaps: <K, M extends object>(key: Type<K>, like: M, options?: HashOptions) => MapOfMaps<K, M> =
  standIn("hashOfMaps");
/** Maps like this one, by numbers; or these, from the start. */
export const arrayOfMaps: <M extends object>(like: M | readonly M[], options?: MapOptions) => MapOfMaps<u32, M> =
  standIn("arrayOfMaps");
/** Values that belong to tasks, and go with them. Linux 5.11. */
export const taskStorage: MakeStorage<KernelStruct<"task_struct">> = standIn("taskStorage");
export const inodeStorage: MakeStorage<KernelStruct<"inode">> = standIn("inodeStorage");
export const socketStorage: MakeStorage<KernelStruct<"sock"> | KernelStruct<"bpf_sock">> = standIn("socketStorage");
export const cgroupStorage: MakeStorage<KernelStruct<"cgroup">> = standIn("cgroupStorage");
/** `depth`: frames of each stack, 127 at most and unless said otherwise; `maxEntries`: different stacks, 16,384. */
export const stackMap: (options?: MapOptions & { readonly depth?: number }) => StackMap = standIn("stackMap");
/** The type of a stack of calls: its number in a table, or so many of its frames; 32 unless said otherwise. */
export const kernelStack: (kept?: StackMap | number) => Type<StackValue<"kernel">> = standIn("kernelStack");
export const userStack: (kept?: StackMap | number) => Type<StackValue<"user">> = standIn("userStack");
/** Programs of one kind, for tail calls: they are loaded, and not attached. */
export const programArray: (programs: readonly Program[], options?: MapOptions) => ProgramArray =
  standIn("programArray");
/** Sockets by numbers, or by keys: programs of kinds `skMsg` and `skSkbVerdict` send on to them. */
export const sockMap: (options?: MapOptions) => SocketMap<u32> = standIn("sockMap");
export const sockHash: <K>(key: Type<K>, options?: MapOptions) => SocketMap<K> = standIn("sockHash");
/** Sockets of a group that share a port: `reuseport` programs choose one. */
export const reuseportArray: (options?: MapOptions) => SocketGroup = standIn("reuseportArray");
/** Records that programs send and the user reads. Linux 5.8. */
export const ring: <T>(record: Type<T>, options?: { readonly bytes?: number; readonly pinned?: boolean }) => Ring<T> =
  standIn("ring");
/** The user's side sends, programs read: `commands.drain((record) => …)`. Linux 6.1. */
export const userRing: <T>(
  record: Type<T>,
  options?: { readonly bytes?: number; readonly pinned?: boolean },
) => numbers.UserRing<T> = standIn("userRing");
/** Values by the longest prefix of a key that is there. */
export const lpmTrie: <K, V>(key: Type<K>, value: Type<V>, options?: MapOptions) => PrefixMap<K, V> =
  standIn("lpmTrie");
type MakeRedirect = (options?: MapOptions) => RedirectMap;
/** Interfaces by numbers of one's own; `devMapHash` by any. */
export const devMap: MakeRedirect = standIn("devMap");
export const devMapHash: MakeRedirect = standIn("devMapHash");
/** CPUs: a value is how long the queue is. */
export const cpuMap: MakeRedirect = standIn("cpuMap");
/** Sockets of AF_XDP, by their queue. */
export const xskMap: MakeRedirect = standIn("xskMap");
export const live: <T>(type: Type<T>, value?: T extends string ? string : number | bigint | boolean) => Live<T> =
  standIn("live");

/** Numbers from 0, or from `start`, up to and without `end`, in `for … of`. */
export const range: {
  (end: number): Iterable<u32>;
  (start: number, end: number): Iterable<u32>;
} = standIn("range");
/** Bytes of a type or a value. */
export const sizeOf: (of: Type<unknown> | object) => u32 = standIn("sizeOf");
/** Memory of the kernel's that programs may use as they like, as a struct: `view(State, socket.icsk_ca_priv)`. */
export const view: <T>(type: Type<T>, memory: object | string) => T = standIn("view");
/** Has the running kernel this member? `exists(task.loginuid)` */
export const exists: (member: unknown) => boolean = standIn("exists");

export const bpf: {
  /** The process. */
  pid(): u32;
  /** The thread. */
  tid(): u32;
  uid(): u32;
  gid(): u32;
  /** Nanoseconds since the system started, without those it was suspended. */
  now(): u64;
  /** Nanoseconds since the system started. */
  bootTime(): u64;
  cpu(): u32;
  random(): u32;
  /** The id of the task's control group. */
  cgroup(): u64;
  /** The calls that led here, in the kernel and in the process. Their place's type says how they are kept. */
  kernelStack(): StackValue<"kernel">;
  userStack(): StackValue<"user">;
  /** The name of the thread, of 16 bytes. */
  comm(): string;
  /** The running task. */
  task(): KernelStruct<"task_struct">;
  /** What was given when the program was attached. */
  cookie(): u64;
  /**
   * Runs a function with 0, 1, … so many times (at most 8,388,608), or until it gives true; how often it ran. It may use the
   * variables around it. Linux 5.17 and later (`bpf_loop`); `for (const i of range(n))` needs none, but its turns are verified
   * one by one.
   */
  loop(times: u32, run: (index: u32) => void): i64;
  /** Text of a process, at an address; of at most so many bytes. */
  userText(address: number | object, bytes?: number): string;
  kernelText(address: number | object, bytes?: number): string;
  /** A value of a process's memory, at an address: `bpf.userValue(u64, event.how)`. Zero where there is none. */
  userValue<T>(type: Type<T>, address: number | object): T;
  /** A value of the kernel's memory, where no type says what lies there. */
  kernelValue<T>(type: Type<T>, address: number | object): T;
  /** `using region = bpf.rcu()`: what RCU protects stays until the block ends. Linux 6.2. */
  rcu(): numbers.Held;
  /** `using region = bpf.noPreemption()`: nothing else runs on this CPU until the block ends. Linux 6.10. */
  noPreemption(): numbers.Held;
  /** Numbers from 0, or from a start, up to and without an end: whose number of turns needs not be known. Linux 6.4. */
  numbers(end: u32): Iterable<u32>;
  numbers(start: u32, end: u32): Iterable<u32>;
  /** All processes. Linux 6.7, as those that follow. */
  tasks(): Iterable<KernelStruct<"task_struct">>;
  /** All threads of all processes. */
  threads(): Iterable<KernelStruct<"task_struct">>;
  threadsOf(task: KernelStruct<"task_struct">): Iterable<KernelStruct<"task_struct">>;
  /** What a process has mapped, from an address on. */
  memoryAreas(task: KernelStruct<"task_struct">, from?: u64): Iterable<KernelStruct<"vm_area_struct">>;
  /** Control groups below one, by BPF_CGROUP_ITER_*: 2 unless said otherwise, parents first. */
  cgroups(from: KernelStruct<"cgroup_subsys_state">, order?: u32): Iterable<KernelStruct<"cgroup_subsys_state">>;
  cgroupTasks(of: KernelStruct<"cgroup_subsys_state">, flags?: u32): Iterable<KernelStruct<"task_struct">>;
  /** The verdict that sends a packet out of an interface, by its number (XDP, tc). */
  redirect(ifindex: number): i64;
  /** A line for trace_pipe, with up to three values. */
  print(text: string): void;
} = standIn("bpf");

/**
 * A struct of the kernel's as another kernel has it, by its name with a flavour: `const Old = kernelStruct("task_struct___old",
 * { state: i64 })`; `Old(task).state` reads it there, `exists(Old(task).state)` asks whether this kernel has it.
 */
export const kernelStruct: <M extends Members>(name: string, members: M) => (of: object) => StructOf<M> =
  standIn("kernelStruct");
/** A function that is called, not put in place of each of its calls. */
export const subprogram: <F extends (...args: never[]) => unknown>(run: F) => F = standIn("subprogram");
/** The same, verified on its own, for whatever numbers it is given. */
export const globalFunction: <F extends (...args: never[]) => unknown>(run: F) => F = standIn("globalFunction");
/**
 * A program that may wait, where the kernel lets it: `lsm("file_open", sleepable((file) => …))`, functions of `structOps`. It may read
 * memory of processes that has to be fetched first.
 */
export const sleepable: <F extends (...args: never[]) => unknown>(run: F) => F = standIn("sleepable");
/** Values of the kernel's enums by their names, as the running kernel has them: `enums.TCP_ESTABLISHED`. */
export const enums: numbers.KnownEnums = standIn("enums");

/** Functions that the kernel exports to programs (kfuncs), by their names: `kernel.bpf_task_from_pid(pid)`. */
export const kernel: numbers.KernelCalls = standIn("kernel");
/** The kernel's helpers by their own names: `helpers.bpf_get_numa_node_id()` (bpf-helpers(7)). */
export const helpers: Helpers = standIn("helpers");
/** A member of a map's value: `struct({ tick: timer, count: u64 })`. */
export const timer: Type<numbers.Timer> = standIn("timer");
export const lock: Type<numbers.Lock> = standIn("lock");
/** A reference that a map's value keeps: `struct({ task: kptr("task_struct") })`. */
export const kptr: <const N extends string>(struct: N) => Type<numbers.Kptr<KernelStruct<N>>> = standIn("kptr");

// --- programs -------------------------------------------------------------------------------------------------------

/** At a tracepoint, `category:name`, with its fields. Linux 4.7. */
export const tracepoint: <const N extends TracepointName>(
  name: N,
  run: (event: TracepointEvent<N>) => void,
) => Program = standIn("tracepoint");
/** At a tracepoint, with its words: the registers and the number of `sys_enter`. Linux 4.17. */
export const rawTracepoint: (name: string, run: (...args: u64[]) => void) => Program = standIn("rawTracepoint");
/** At a tracepoint, with its arguments by the kernel's types. Linux 5.5. */
export const btfTracepoint: <const N extends BtfTracepointName>(
  name: N,
  run: (...args: ArgumentsOf<`btf_trace_${N}`>) => void,
) => Program = standIn("btfTracepoint");
/** At the entry of a function of the kernel. Linux 4.1. */
export const kprobe: <const N extends ProbedName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  standIn("kprobe");
/** At its return, with its result. Linux 4.1. */
export const kretprobe: <const N extends ProbedName>(name: N, run: (result: ResultOf<N>) => void) => Program =
  standIn("kretprobe");
/** At the entry of a function of the kernel, by a trampoline: what its arguments lead to is read as it is. Linux 5.5. */
export const fentry: <const N extends FunctionName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  standIn("fentry");
/** At its return, with its arguments and its result. Linux 5.5. */
export const fexit: <const N extends FunctionName>(name: N, run: (...args: ExitArguments<N>) => void) => Program =
  standIn("fexit");
/** A hook of the kernel's security modules, without `bpf_lsm_`; a number below zero forbids. Linux 5.7. */
export const lsm: <const N extends HookName>(
  name: N,
  run: (...args: ArgumentsOf<`bpf_lsm_${N}`>) => number,
) => Program = standIn("lsm");
/** `path:function`; parameters have the types of the program's debug information, or those that are written: `(size: u64) => …` */
export const uprobe: <const N extends numbers.FunctionPlace>(
  place: N,
  run: (...args: numbers.PlaceArguments<N, numbers.ProgramFunctions>) => void,
) => Program = standIn("uprobe");
/** At its return, with its result. */
export const uretprobe: <const N extends numbers.FunctionPlace>(
  place: N,
  run: (result: numbers.PlaceResult<N>) => void,
) => Program = standIn("uretprobe");
/** A static probe, `path:provider:name`; parameters are numbers as the probe has them, or as is written: `(id: u32) => …` */
export const usdt: <const N extends numbers.ProbePlace>(
  place: N,
  run: (...args: numbers.PlaceArguments<N, numbers.StaticProbes>) => void,
) => Program = standIn("usdt");
/**
 * A struct of the kernel's that programs fill: a congestion control (`tcp_congestion_ops`), a scheduler (`sched_ext_ops`), a
 * queueing discipline. It is registered while the module is loaded. Linux 5.6, 6.4 for those that are replaced.
 */
export const structOps: <const N extends string>(struct: N, members: numbers.OpsMembers<N>) => numbers.Registered =
  standIn("structOps");
/** In front of a function that may be told to fail: another number than 0 is its result, and it is not run. Linux 5.7. */
export const fmodRet: <const N extends FunctionName>(name: N, run: (...args: ExitArguments<N>) => number) => Program =
  standIn("fmodRet");
type OnMany = (pattern: string, run: (...args: u64[]) => void) => Program;
/** Functions of the kernel by a pattern: `"tcp_*"`. Linux 5.18. */
export const kprobeMulti: OnMany = standIn("kprobeMulti");
/** At their returns. Linux 5.18. */
export const kretprobeMulti: (pattern: string, run: (result: u64) => void) => Program = standIn("kretprobeMulti");
/** At the entry and the return of each of them; 1 at the entry: not at this return. Linux 6.10. */
export const kprobeSession: (pattern: string, run: (...args: u64[]) => number) => Program = standIn("kprobeSession");
/** `path:pattern`. Linux 6.6. */
export const uprobeMulti: (place: string, run: (...args: never[]) => void) => Program = standIn("uprobeMulti");
/** At their returns. Linux 6.6. */
export const uretprobeMulti: (place: string, run: (result: never) => void) => Program = standIn("uretprobeMulti");
/**
 * Runs for each of the kernel's tasks, maps, sockets … when it is read: `iterate("task", (event) => …)`. At the end, once more with
 * none. Linux 5.8.
 */
export const iterate: <const N extends string>(
  kind: N,
  run: (event: KernelStruct<`bpf_iter__${N}`> & numbers.Printing) => void,
) => Program = standIn("iterate");
/**
 * Run by who has it, with a struct of theirs, which it may change: `program.test({ context })`. It may wait. Linux 5.14.
 */
export const syscall: <T>(type: Type<T>, run: (args: T) => void) => Program = standIn("syscall");
/**
 * A function in the place of one of the same name and parameters, which another program has as a `globalFunction`:
 * `module.object.program("mine").setAttachTarget(other)` says of which. Linux 5.6.
 */
export const freplace: (name: string, run: (...args: never[]) => unknown) => Program = standIn("freplace");
/** At each sample of a perf event that it is attached to. Linux 4.9. */
export const perfEvent: (run: (event: KernelStruct<"bpf_perf_event_data">) => void) => Program = standIn("perfEvent");
type OfPacket = (run: (packet: XdpContext) => number) => Program;
/** At the driver: a verdict of `XDP`. */
export const xdp: OfPacket = standIn("xdp");
/** The same for packets in more than one piece. */
export const xdpFrags: OfPacket = standIn("xdpFrags");
/** Behind a redirect to a map of devices, or of CPUs. */
export const xdpDevmap: OfPacket = standIn("xdpDevmap");
export const xdpCpumap: OfPacket = standIn("xdpCpumap");
type OfFrame = (run: (packet: SocketBuffer<"eth">) => number) => Program;
/** At an interface: a verdict of `TC`. */
export const tc: OfFrame = standIn("tc");
export const tcxIngress: OfFrame = standIn("tcxIngress");
export const tcxEgress: OfFrame = standIn("tcxEgress");
export const netkitPrimary: OfFrame = standIn("netkitPrimary");
export const netkitPeer: OfFrame = standIn("netkitPeer");
/** At a socket: how many bytes of the packet are kept. */
export const socketFilter: OfFrame = standIn("socketFilter");
type OfDatagram = (run: (packet: SocketBuffer<"ipv4" | "ipv6">) => number) => Program;
/** Packets of a control group's processes: 1 lets pass, 0 does not. */
export const cgroupIngress: OfDatagram = standIn("cgroupIngress");
export const cgroupEgress: OfDatagram = standIn("cgroupEgress");
/** At a route with a lightweight tunnel: a verdict of `LWT`. */
export const lwtIn: OfDatagram = standIn("lwtIn");
export const lwtOut: OfDatagram = standIn("lwtOut");
export const lwtXmit: OfDatagram = standIn("lwtXmit");
type OfStream = (run: (packet: KernelStruct<"__sk_buff">) => number) => Program;
export const flowDissector: OfStream = standIn("flowDissector");
/** Of sockets in a map: the length of the next message. */
export const skSkbParser: OfStream = standIn("skSkbParser");
/** Of sockets in a map: a verdict of `SK`. */
export const skSkbVerdict: OfStream = standIn("skSkbVerdict");

/** Calls of a control group's processes about addresses: 1 lets them go on, 0 does not (EPERM). */
type OnAddress = (run: (call: KernelStruct<"bpf_sock_addr">) => number) => Program;
export const cgroupConnect4: OnAddress = standIn("cgroupConnect4");
export const cgroupConnect6: OnAddress = standIn("cgroupConnect6");
export const cgroupConnectUnix: OnAddress = standIn("cgroupConnectUnix");
export const cgroupBind4: OnAddress = standIn("cgroupBind4");
export const cgroupBind6: OnAddress = standIn("cgroupBind6");
export const cgroupSendmsg4: OnAddress = standIn("cgroupSendmsg4");
export const cgroupSendmsg6: OnAddress = standIn("cgroupSendmsg6");
export const cgroupSendmsgUnix: OnAddress = standIn("cgroupSendmsgUnix");
export const cgroupRecvmsg4: OnAddress = standIn("cgroupRecvmsg4");
export const cgroupRecvmsg6: OnAddress = standIn("cgroupRecvmsg6");
export const cgroupRecvmsgUnix: OnAddress = standIn("cgroupRecvmsgUnix");
export const cgroupGetpeername4: OnAddress = standIn("cgroupGetpeername4");
export const cgroupGetpeername6: OnAddress = standIn("cgroupGetpeername6");
export const cgroupGetpeernameUnix: OnAddress = standIn("cgroupGetpeernameUnix");
export const cgroupGetsockname4: OnAddress = standIn("cgroupGetsockname4");
export const cgroupGetsockname6: OnAddress = standIn("cgroupGetsockname6");
export const cgroupGetsocknameUnix: OnAddress = standIn("cgroupGetsocknameUnix");
type OnSocket = (run: (socket: KernelStruct<"bpf_sock">) => number) => Program;
export const cgroupSockCreate: OnSocket = standIn("cgroupSockCreate");
export const cgroupSockRelease: OnSocket = standIn("cgroupSockRelease");
export const cgroupPostBind4: OnSocket = standIn("cgroupPostBind4");
export const cgroupPostBind6: OnSocket = standIn("cgroupPostBind6");
type OnOption = (run: (call: KernelStruct<"bpf_sockopt">) => number) => Program;
export const cgroupGetsockopt: OnOption = standIn("cgroupGetsockopt");
export const cgroupSetsockopt: OnOption = standIn("cgroupSetsockopt");
export const cgroupDevice: (run: (access: KernelStruct<"bpf_cgroup_dev_ctx">) => number) => Program =
  standIn("cgroupDevice");
export const cgroupSysctl: (run: (access: KernelStruct<"bpf_sysctl">) => number) => Program = standIn("cgroupSysctl");
/** What happens to the TCP connections of a control group's processes. */
export const sockOps: (run: (event: KernelStruct<"bpf_sock_ops">) => number) => Program = standIn("sockOps");
/** What a socket in a map sends: a verdict of `SK`. */
export const skMsg: (run: (message: KernelStruct<"sk_msg_md">) => number) => Program = standIn("skMsg");
/** Which socket a packet of a network namespace is for: a verdict of `SK`. */
export const skLookup: (run: (lookup: KernelStruct<"bpf_sk_lookup">) => number) => Program = standIn("skLookup");
/** Which socket of a group: a verdict of `SK`. */
export const reuseport: (run: (packet: KernelStruct<"sk_reuseport_md">) => number) => Program = standIn("reuseport");
/** At a hook of netfilter: a verdict of `NF`. */
export const netfilter: (run: (hook: KernelStruct<"bpf_nf_ctx">) => number) => Program = standIn("netfilter");

export const XDP: { readonly ABORTED: 0; readonly DROP: 1; readonly PASS: 2; readonly TX: 3; readonly REDIRECT: 4 } =
  standIn("XDP");
export const TC: {
  readonly OK: 0;
  readonly RECLASSIFY: 1;
  readonly SHOT: 2;
  readonly PIPE: 3;
  readonly STOLEN: 4;
  readonly QUEUED: 5;
  readonly REPEAT: 6;
  readonly REDIRECT: 7;
  readonly TRAP: 8;
  readonly NEXT: -1;
} = standIn("TC");
export const SK: { readonly DROP: 0; readonly PASS: 1 } = standIn("SK");
export const NF: {
  readonly DROP: 0;
  readonly ACCEPT: 1;
  readonly STOLEN: 2;
  readonly QUEUE: 3;
  readonly REPEAT: 4;
} = standIn("NF");
export const LWT: { readonly OK: 0; readonly DROP: 2; readonly REDIRECT: 7; readonly REROUTE: 128 } = standIn("LWT");
