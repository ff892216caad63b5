// `scry/bpf`: what kernel modules (`*.bpf.ts`) import. There is nothing behind these names when JavaScript runs: the compiler
// knows them.

import type * as numbers from "./types.ts";
import type {
  ArgumentsOf,
  BtfTracepointName,
  FunctionName,
  HookName,
  Items,
  KernelMap,
  KernelStruct,
  Live,
  Members,
  NumberType,
  ProbedName,
  Program,
  ResultArgument,
  ResultOf,
  Ring,
  StructOf,
  StructType,
  TracepointEvent,
  TracepointName,
  Type,
} from "./types.ts";

export type * from "./types.ts";

/** A stand-in that says what it is for. */
const only = (name: string): never =>
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
export const u8: NumberType<numbers.u8> = only("u8");
export type u16 = numbers.u16;
export const u16: NumberType<numbers.u16> = only("u16");
export type u32 = numbers.u32;
export const u32: NumberType<numbers.u32> = only("u32");
export type u64 = numbers.u64;
export const u64: NumberType<numbers.u64> = only("u64");
export type i8 = numbers.i8;
export const i8: NumberType<numbers.i8> = only("i8");
export type i16 = numbers.i16;
export const i16: NumberType<numbers.i16> = only("i16");
export type i32 = numbers.i32;
export const i32: NumberType<numbers.i32> = only("i32");
export type i64 = numbers.i64;
export const i64: NumberType<numbers.i64> = only("i64");
export const bool: NumberType<boolean> = only("bool");

/** Named here too, as declarations of a project stand in this module. */
export type List<T, N extends number> = numbers.List<T, N>;

/** Text of at most so many bytes, its end among them. */
export const text: (bytes: number) => Type<string> = only("text");
export const bytes: <const N extends number>(count: N) => Type<Items<u8, N>> = only("bytes");
export const struct: <M extends Members>(members: M) => StructType<StructOf<M>> = only("struct");
/** Of a value's type and a number, a type of so many; of a value's type and options, a map by small numbers. */
export const list: <T, const N extends number>(element: Type<T>, length: N) => Type<Items<T, N>> = only("list");

interface MapOptions {
  readonly maxEntries?: number;
}
type MakeHash = <K, V>(key: Type<K>, value: Type<V>, options?: MapOptions) => KernelMap<K, V>;
type MakeArray = <V>(value: Type<V>, options?: MapOptions) => KernelMap<u32, V>;

export const hash: MakeHash = only("hash");
export const lruHash: MakeHash = only("lruHash");
export const perCpuHash: MakeHash = only("perCpuHash");
export const lruPerCpuHash: MakeHash = only("lruPerCpuHash");
export const array: MakeArray = only("array");
export const perCpuArray: MakeArray = only("perCpuArray");
export const ring: <T>(record: Type<T>, options?: { readonly bytes?: number }) => Ring<T> = only("ring");
export const live: <T>(type: Type<T>, value?: number | bigint | boolean) => Live<T> = only("live");

/** Numbers from 0, or from `start`, up to and without `end`, in `for … of`. */
export const range: {
  (end: number): Iterable<u32>;
  (start: number, end: number): Iterable<u32>;
} = only("range");
/** Bytes of a type or a value. */
export const sizeOf: (of: Type<unknown> | object) => u32 = only("sizeOf");
/** Has the running kernel this member? `exists(task.loginuid)` */
export const exists: (member: unknown) => boolean = only("exists");

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
  /** The name of the thread, of 16 bytes. */
  comm(): string;
  /** The running task. */
  task(): KernelStruct<"task_struct">;
  /** What was given when the program was attached. */
  cookie(): u64;
  /** Text of a process, at an address; of at most so many bytes. */
  userText(address: number | object, bytes?: number): string;
  kernelText(address: number | object, bytes?: number): string;
  /** A line for trace_pipe, with up to three values. */
  print(text: string): void;
} = only("bpf");

// --- programs -------------------------------------------------------------------------------------------------------

export const tracepoint: <const N extends TracepointName>(
  name: N,
  run: (event: TracepointEvent<N>) => void,
) => Program = only("tracepoint");
export const rawTracepoint: (name: string, run: (...args: u64[]) => void) => Program = only("rawTracepoint");
export const btfTracepoint: <const N extends BtfTracepointName>(
  name: N,
  run: (...args: ArgumentsOf<`btf_trace_${N}`>) => void,
) => Program = only("btfTracepoint");
export const kprobe: <const N extends ProbedName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  only("kprobe");
export const kretprobe: <const N extends ProbedName>(name: N, run: (result: ResultOf<N>) => void) => Program =
  only("kretprobe");
export const fentry: <const N extends FunctionName>(name: N, run: (...args: ArgumentsOf<N>) => void) => Program =
  only("fentry");
export const fexit: <const N extends FunctionName>(
  name: N,
  run: (...args: [...ArgumentsOf<N>, ...ResultArgument<N>]) => void,
) => Program = only("fexit");
/** A hook of the kernel's security modules, without `bpf_lsm_`; a number below zero forbids. */
export const lsm: <const N extends HookName>(
  name: N,
  run: (...args: ArgumentsOf<`bpf_lsm_${N}`>) => number,
) => Program = only("lsm");
/** `path:function`; parameters are annotated: `(size: u64) => …` */
export const uprobe: (place: string, run: (...args: never[]) => void) => Program = only("uprobe");
export const uretprobe: (place: string, run: (result: never) => void) => Program = only("uretprobe");
export const perfEvent: (run: (event: KernelStruct<"bpf_perf_event_data">) => void) => Program = only("perfEvent");
export const xdp: (run: (packet: KernelStruct<"xdp_md">) => number) => Program = only("xdp");
type OfSocket = (run: (packet: KernelStruct<"__sk_buff">) => number) => Program;
export const tc: OfSocket = only("tc");
export const socketFilter: OfSocket = only("socketFilter");
export const cgroupIngress: OfSocket = only("cgroupIngress");
export const cgroupEgress: OfSocket = only("cgroupEgress");
type OnConnect = (run: (call: KernelStruct<"bpf_sock_addr">) => number) => Program;
export const cgroupConnect4: OnConnect = only("cgroupConnect4");
export const cgroupConnect6: OnConnect = only("cgroupConnect6");

export const XDP: { readonly ABORTED: 0; readonly DROP: 1; readonly PASS: 2; readonly TX: 3; readonly REDIRECT: 4 } =
  only("XDP");
export const TC: { readonly OK: 0; readonly SHOT: 2; readonly STOLEN: 4; readonly REDIRECT: 7; readonly NEXT: -1 } =
  only("TC");
