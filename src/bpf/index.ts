// `scry/bpf`: what kernel modules (`*.bpf.ts`) import. There is nothing behind these names when JavaScript runs: the compiler
// knows them.

import type * as numbers from "./types.ts";
import type {
  Aggregate,
  ArgumentsOf,
  ArrayOf,
  BloomFilter,
  BtfTracepointName,
  FunctionName,
  HashOf,
  Histogram,
  HookName,
  Items,
  Kept,
  KernelStruct,
  Live,
  MapOfMaps,
  Members,
  NumberType,
  ProbedName,
  Program,
  ProgramArray,
  Queue,
  ResultArgument,
  ResultOf,
  Ring,
  StackMap,
  StackValue,
  Statistics,
  Storage,
  StructOf,
  StructType,
  TracepointEvent,
  TracepointName,
  Type,
} from "./types.ts";

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
export const u64: NumberType<numbers.u64> & ((address: object) => numbers.u64) = standIn("u64");
export type i8 = numbers.i8;
export const i8: NumberType<numbers.i8> = standIn("i8");
export type i16 = numbers.i16;
export const i16: NumberType<numbers.i16> = standIn("i16");
export type i32 = numbers.i32;
export const i32: NumberType<numbers.i32> = standIn("i32");
export type i64 = numbers.i64;
export const i64: NumberType<numbers.i64> = standIn("i64");
export const bool: NumberType<boolean> = standIn("bool");

/** Named here too, as declarations of a project stand in this module. */
export type List<T, N extends number> = numbers.List<T, N>;

/** Text of at most so many bytes, its end among them. */
export const text: (bytes: number) => Type<string> = standIn("text");
export const bytes: <const N extends number>(count: N) => Type<Items<u8, N>> = standIn("bytes");
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
type MakeQueue = <V>(value: Type<V>, options?: MapOptions) => Queue<V>;
type MakeStorage<O> = <V>(value: Type<V>, options?: StorageOptions) => Storage<O, V>;

export const hash: MakeHash<HashOptions> = standIn("hash");
export const lruHash: MakeHash<MapOptions> = standIn("lruHash");
export const perCpuHash: MakeHash<HashOptions> = standIn("perCpuHash");
export const lruPerCpuHash: MakeHash<MapOptions> = standIn("lruPerCpuHash");
export const array: MakeArray = standIn("array");
export const perCpuArray: MakeArray = standIn("perCpuArray");
export const queue: MakeQueue = standIn("queue");
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
export const ring: <T>(record: Type<T>, options?: { readonly bytes?: number; readonly pinned?: boolean }) => Ring<T> =
  standIn("ring");
export const live: <T>(type: Type<T>, value?: number | bigint | boolean) => Live<T> = standIn("live");

/** Numbers from 0, or from `start`, up to and without `end`, in `for … of`. */
export const range: {
  (end: number): Iterable<u32>;
  (start: number, end: number): Iterable<u32>;
} = standIn("range");
/** Bytes of a type or a value. */
export const sizeOf: (of: Type<unknown> | object) => u32 = standIn("sizeOf");
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
/** Values of the kernel's enums by their names, as the running kernel has them: `enums.TCP_ESTABLISHED`. */
export const enums: { readonly [name: string]: u32 } = standIn("enums");

/** Functions that the kernel exports to programs (kfuncs), by their names: `kernel.bpf_task_from_pid(pid)`. */
export const kernel: numbers.KernelCalls = standIn("kernel");
/** The kernel's helpers that have no name of their own here: `helpers.bpf_get_numa_node_id()` (bpf-helpers(7)). */
export const helpers: numbers.Helpers = standIn("helpers");
/** A member of a map's value: `struct({ tick: timer, count: u64 })`. */
export const timer: Type<numbers.Timer> = standIn("timer");
export const lock: Type<numbers.Lock> = standIn("lock");

// --- programs -------------------------------------------------------------------------------------------------------

export const tracepoint: <const N extends TracepointName>(
  name: N,
  run: (event: TracepointEvent<N>) => void,
) => Program = standIn("tracepoint");
export const rawTracepoint: (name: string, run: (...args: u64[]) => void) => Program = standIn("rawTracepoint");
export const btfTracepoint: <const N extends BtfTracepointName>(
  name: N,
  run: (...args: ArgumentsOf<`btf_trace_${N}`>) => void,
) => Program = standIn("btfTracepoint");
export const kprobe: <const N extends ProbedName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  standIn("kprobe");
export const kretprobe: <const N extends ProbedName>(name: N, run: (result: ResultOf<N>) => void) => Program =
  standIn("kretprobe");
export const fentry: <const N extends FunctionName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  standIn("fentry");
export const fexit: <const N extends FunctionName>(
  name: N,
  run: (...args: [...ArgumentsOf<N>, ...ResultArgument<N>]) => void,
) => Program = standIn("fexit");
/** A hook of the kernel's security modules, without `bpf_lsm_`; a number below zero forbids. */
export const lsm: <const N extends HookName>(
  name: N,
  run: (...args: ArgumentsOf<`bpf_lsm_${N}`>) => number,
) => Program = standIn("lsm");
/** `path:function`; parameters are annotated: `(size: u64) => …` */
export const uprobe: (place: string, run: (...args: never[]) => void) => Program = standIn("uprobe");
export const uretprobe: (place: string, run: (result: never) => void) => Program = standIn("uretprobe");
/**
 * A struct of the kernel's that programs fill: a congestion control (`tcp_congestion_ops`), a scheduler (`sched_ext_ops`), a
 * queueing discipline. It is registered while the module is loaded. Linux 5.6, 6.4 for those that are replaced.
 */
export const structOps: <const N extends string>(struct: N, members: numbers.OpsMembers<N>) => numbers.Registered =
  standIn("structOps");
export const fmodRet: <const N extends FunctionName>(
  name: N,
  run: (...args: [...ArgumentsOf<N>, ...ResultArgument<N>]) => number,
) => Program = standIn("fmodRet");
type OnMany = (pattern: string, run: (...args: u64[]) => void) => Program;
/** Functions of the kernel by a pattern: `"tcp_*"`. Linux 5.18. */
export const kprobeMulti: OnMany = standIn("kprobeMulti");
export const kretprobeMulti: (pattern: string, run: (result: u64) => void) => Program = standIn("kretprobeMulti");
/** At the entry and the return of each of them; 1 at the entry: not at this return. Linux 6.10. */
export const kprobeSession: (pattern: string, run: (...args: u64[]) => number) => Program = standIn("kprobeSession");
/** `path:pattern`. Linux 6.6. */
export const uprobeMulti: (place: string, run: (...args: never[]) => void) => Program = standIn("uprobeMulti");
export const uretprobeMulti: (place: string, run: (result: never) => void) => Program = standIn("uretprobeMulti");
/**
 * Runs for each of the kernel's tasks, maps, sockets … when it is read: `iterate("task", (event) => …)`. At the end, once more with
 * none. Linux 5.8.
 */
export const iterate: <const N extends string>(
  kind: N,
  run: (event: KernelStruct<`bpf_iter__${N}`> & numbers.Printing) => void,
) => Program = standIn("iterate");
export const perfEvent: (run: (event: KernelStruct<"bpf_perf_event_data">) => void) => Program = standIn("perfEvent");
export const xdp: (run: (packet: KernelStruct<"xdp_md">) => number) => Program = standIn("xdp");
type OfSocket = (run: (packet: KernelStruct<"__sk_buff">) => number) => Program;
export const tc: OfSocket = standIn("tc");
export const socketFilter: OfSocket = standIn("socketFilter");
export const cgroupIngress: OfSocket = standIn("cgroupIngress");
export const cgroupEgress: OfSocket = standIn("cgroupEgress");
type OnConnect = (run: (call: KernelStruct<"bpf_sock_addr">) => number) => Program;
export const cgroupConnect4: OnConnect = standIn("cgroupConnect4");
export const cgroupConnect6: OnConnect = standIn("cgroupConnect6");

export const XDP: { readonly ABORTED: 0; readonly DROP: 1; readonly PASS: 2; readonly TX: 3; readonly REDIRECT: 4 } =
  standIn("XDP");
export const TC: { readonly OK: 0; readonly SHOT: 2; readonly STOLEN: 4; readonly REDIRECT: 7; readonly NEXT: -1 } =
  standIn("TC");
