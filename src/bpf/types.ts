// The types of the kernel's side: numbers with a width, structs, maps, rings, programs. They are for tsc and editors; what they
// become is the compiler's (`lang/kernel-ts`).
//
// A width is a flavour of `number`: arithmetic needs no casts and a narrower number goes where a wider one is wanted, not the
// other way round. On the user's side a number of 64 bits is a bigint.

declare const kernel: unique symbol;
type Flavour<N extends string> = number & { readonly [kernel]?: N | undefined };

export type u8 = Flavour<"u8">;
export type u16 = Flavour<"u8" | "u16">;
export type u32 = Flavour<"u8" | "u16" | "u32">;
export type u64 = Flavour<"u8" | "u16" | "u32" | "u64">;
export type i8 = Flavour<"i8">;
export type i16 = Flavour<"i8" | "i16" | "u8">;
export type i32 = Flavour<"i8" | "i16" | "i32" | "u8" | "u16">;
export type i64 = Flavour<"i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32">;

/** A number that lies in the network's order; programs and users have it in the machine's. */
export type be16 = u16;
export type be32 = u32;
export type be64 = u64;

/** Addresses: texts that stand for their bytes. They are compared with texts and with each other. */
type Address<N extends string> = string & { readonly [kernel]?: N | undefined };
export type ipv4 = Address<"ipv4">;
export type ipv6 = Address<"ipv6">;
export type mac = Address<"mac">;

declare const asNumber: unique symbol;
/** A number of 64 bits that users have as a number, where it is exact: see `u64.asNumber`. */
export type AsNumber<T> = T & { readonly [asNumber]?: true | undefined };

/** A type as a value: `u32`, `text(16)`, `struct({ … })`. */
export interface Type<T> {
  readonly [kernel]: T;
}
/** A number's type; called, it makes a number one of its width, and lets the rest go. */
export interface NumberType<T> extends Type<T> {
  /** Of an IPv4 address its number in the machine's order: `u32(ip.source) >> 24` is its first part. */
  <A extends ipv4 = never>(value: number | bigint | boolean | (string extends A ? A : never)): T;
}
/** IPv4 addresses; called, it makes one of a number: `ipv4(0x0a000001)` is 10.0.0.1. */
export interface Ipv4Type extends Type<ipv4> {
  (value: number | ipv4): ipv4;
}
/** Some bits of a number: a member of a struct. */
export interface Bits<T> extends Type<T> {
  readonly bits: number;
}
export interface WideType<T> extends NumberType<T> {
  /** The same number; users read it as a number, not as a bigint. One beyond 2^53 is a RangeError for who reads it. */
  readonly asNumber: NumberType<AsNumber<T>>;
}
/** A struct's type; called, it makes one: members that are not named are zero. */
export interface StructType<T> extends Type<T> {
  (members: Parts<T>): T;
}
/** What may be given for a value: of structs some members, of lists the first elements; the others are zero. */
export type Part<T> = [T] extends [number | string | boolean]
  ? T
  : T extends readonly unknown[]
    ? number extends T["length"]
      ? readonly Part<T[number]>[]
      : { readonly [I in keyof T]?: Part<T[I]> }
    : T extends { readonly [kernel]: unknown }
      ? T
      : Parts<T>;
/** Some of a struct's members. */
export type Parts<T> = { readonly [K in keyof T]?: Part<T[K]> };
export type ValueOf<T> = T extends Type<infer V> ? V : never;
export type Members = Readonly<Record<string, Type<unknown>>>;
export type StructOf<M extends Members> = { -readonly [K in keyof M]: ValueOf<M[K]> };

/** Keys and values that the user's side reads: every map that has them. */
export interface Entries<K, V> {
  readonly [kernel]: readonly ["map", K, V];
}

/** Entries that are all there, by their numbers. */
export interface ArrayMap<V> extends Entries<u32, V>, Cells<u32, V> {}

interface Cells<K, V> {
  /** The value: of structs the entry itself, which can be changed; of numbers a copy. */
  get(key: K): V | undefined;
  has(key: K): boolean;
  /** False where there is no room. Members that are not named are zero. */
  set(key: K, value: Part<V>): boolean;
  /** Adds to a number, at once for all CPUs; it begins with zero. One unless said otherwise. */
  add(key: K, by?: number): void;
  /**
   * Each entry, in no order; what is added meanwhile may be left out. The loop's body runs as a function of its own
   * (`bpf_for_each_map_elem`, Linux 5.13).
   */
  [Symbol.iterator](): Iterator<[K, V]>;
  entries(): Iterable<[K, V]>;
  keys(): Iterable<K>;
  values(): Iterable<V>;
}

/** Entries by their keys. */
export interface KernelMap<K, V> extends Entries<K, V>, Cells<K, V> {
  /** The value, which is deleted. */
  take(key: K): V | undefined;
  /** False where there is one already, or no room. */
  insert(key: K, value: Part<V>): boolean;
  /** False where there was none. */
  delete(key: K): boolean;
}

declare const aggregate: unique symbol;
/** What maps keep of all that is recorded, instead of a value. `U`: how the user's side reads it. */
export interface Aggregate<U, A extends readonly unknown[]> {
  readonly [aggregate]: readonly [U, A];
}
/** Aggregates by their keys; each CPU has its own, and the user's side reads them as one. */
export interface AggregateArray<K, U, A extends readonly unknown[]> {
  readonly [kernel]: readonly ["aggregates", K, U];
  /** Adds one value to what the key has; it begins with nothing. */
  record(key: K, ...value: A): void;
  has(key: K): boolean;
}
export interface AggregateMap<K, U, A extends readonly unknown[]> extends AggregateArray<K, U, A> {
  /** False where there was none. */
  delete(key: K): boolean;
}

/** What a hash or an array keeps: values, or aggregates. */
export type Kept = Type<unknown> | Aggregate<unknown, readonly unknown[]>;
export type HashOf<K, V extends Kept> =
  V extends Aggregate<infer U, infer A> ? AggregateMap<K, U, A> : V extends Type<infer T> ? KernelMap<K, T> : never;
export type ArrayOf<V extends Kept> =
  V extends Aggregate<infer U, infer A> ? AggregateArray<u32, U, A> : V extends Type<infer T> ? ArrayMap<T> : never;

/** What `avg` and `stats` have seen; the average is cut toward zero. */
export interface Statistics {
  readonly count: number;
  readonly total: bigint;
  readonly average: bigint;
}
/** What `hist` and `lhist` have seen: the buckets from the first to the last that is not empty. */
export interface Histogram {
  readonly count: number;
  readonly buckets: readonly HistogramBucket[];
}
/** Numbers from `from` (absent: no lower bound) up to, not including, `to` (absent: no upper bound). */
export interface HistogramBucket {
  readonly from?: bigint;
  readonly to?: bigint;
  readonly count: number;
}

/** Maps by their keys, which the user's side puts there. */
export interface MapOfMaps<K, M> extends Entries<K, InnerMap> {
  get(key: K): M | undefined;
  has(key: K): boolean;
}
/** A map within a map, as the user's side has it: whatever has a descriptor goes in, its id comes out. */
export interface InnerMap {
  readonly [kernel]: "inner map";
}

/** First in, first out (`queue`), or last in, first out (`stack`). */
export interface Queue<V> {
  readonly [kernel]: readonly ["queue", V];
  /** False where there is no room. */
  push(value: Part<V>): boolean;
  pop(): V | undefined;
  /** What is next, which stays there. */
  peek(): V | undefined;
}

/** A set that forgets nothing, and may take what is not in it for what is. */
export interface BloomFilter<V> {
  readonly [kernel]: readonly ["queue", V];
  push(value: V): boolean;
  has(value: V): boolean;
}

/** A value that belongs to something of the kernel, and goes with it. */
export interface Storage<O, V> {
  readonly [kernel]: readonly ["storage", O, V];
  /** The value, as that of other maps; with `create` it is made, of zeros, where there is none. */
  get(owner: O, options?: { readonly create: boolean }): V | undefined;
  set(owner: O, value: Part<V>): boolean;
  /** Adds to a number, which begins with zero. */
  add(owner: O, by?: number): void;
  delete(owner: O): boolean;
}

/** A stack of calls, as programs keep and send it. */
export interface StackValue<S extends "kernel" | "user"> {
  readonly [kernel]: readonly ["stack", S];
}
/** Each different stack once, by a number. */
export interface StackMap {
  readonly [kernel]: readonly ["stacks"];
}
/** The same on the user's side. */
export interface Stack {
  readonly space: "kernel" | "user";
  /** From the innermost call outwards; none where the stack could not be taken, or had no place in its table. */
  readonly frames: readonly StackFrame[];
}
export interface StackFrame {
  readonly address: bigint;
  /** The function; absent: no symbol covers the address. */
  readonly name?: string;
  /** Bytes from its start. */
  readonly offset: number;
  /** The file that the address is mapped from, or the kernel's module; absent for the kernel itself. */
  readonly module?: string;
}

/** Programs by numbers, which others go on in. */
export interface ProgramArray {
  readonly [kernel]: readonly ["programs"];
  /** Goes on in another program, which does not come back; where there is none of this number, it goes on here. */
  tailCall(index: u32): void;
}

/** Values by prefixes of numbers or addresses: the user sets them by `{ bits, key }`, programs find the longest that fits. */
export interface PrefixMap<K, V> extends KernelMap<{ bits: u32; key: K }, V> {
  find(key: K): V | undefined;
}
/** Sockets, which the user's side puts there. */
export interface SocketMap<K> extends Entries<K, u32> {
  /** The verdict (`SK`) that sends a message on to this socket: out of it, or `received`, as if it had come in there. */
  redirect(key: K, received?: boolean): i64;
}
/** Sockets of a group that share a port (`SO_REUSEPORT`). */
export interface SocketGroup extends Entries<u32, u32> {
  /** Gives the packet to this socket; false where there is none. */
  select(index: u32): boolean;
}
/** Where packets are sent on to: interfaces, CPUs, sockets. */
export interface RedirectMap extends KernelMap<u32, u32> {
  /** The verdict that sends the packet there; where nothing is, `otherwise`, which is `XDP.ABORTED` unless said. */
  redirect(key: number, otherwise?: number): i64;
}

declare const perCpu: unique symbol;
/** A map with a value for each CPU: programs see that of the CPU they run on, the user all of them, or their sum. */
export type PerCpu<M> = M & { readonly [perCpu]: true };

/** A ring buffer: programs send, the user reads. */
export interface Ring<T> {
  readonly [kernel]: readonly ["ring", T];
  /** False where the ring is full. Members that are not named are zero. */
  send(record: Parts<T>): boolean;
  /** `using record = ring.reserve()`: filled in place, sent where its block ends; undefined where the ring is full. */
  reserve(): Reserved<T> | undefined;
}

/** What is given back where its block ends: `using held = …`. */
export interface Held {
  [Symbol.dispose](): void;
}
/** A lock in a map's value: one CPU at a time (`struct bpf_spin_lock`). Programs call nothing while they hold one. */
export interface Lock {
  readonly [kernel]: readonly ["lock"];
  /** `using held = entry.lock.hold()` */
  hold(): Held;
}
/** A timer in a map's value (`struct bpf_timer`, Linux 5.15): it runs a function with the entry. */
export interface Timer {
  readonly [kernel]: readonly ["timer"];
  /** In so many nanoseconds; the map is the one that the value is in. False where it cannot be. */
  start<K, V>(map: KernelMap<K, V>, nanoseconds: u64, run: (key: K, value: V) => void): boolean;
  /** False where it was not running. */
  cancel(): boolean;
}
/** A reference to a struct of the kernel's in a map's value (`__kptr`): the entry keeps it. Linux 6.1. */
export interface Kptr<T> {
  readonly [kernel]: readonly ["kptr", T];
  /** What is there now; to be read where RCU protects it: `using region = bpf.rcu()`. */
  get(): T | undefined;
  /** Puts in what is held by `using`, or nothing; what was there has to be given back: `using old = …`. */
  exchange(value: T | undefined): (T & Held) | undefined;
}
/** A record of a ring while it is filled. */
export type Reserved<T> = T &
  Held & {
    /** It is not sent. */
    discard(): void;
  };

/** A ring buffer the other way round: the user sends, programs read. Linux 6.1. */
export interface UserRing<T> {
  readonly [kernel]: readonly ["user-ring", T];
  /** Runs a function with each record that waits, until it gives true; how many there were, or an error below zero. */
  drain(run: (record: T) => void): i64;
}

/** A variable that both sides see while programs run. */
export interface Live<T> {
  readonly [kernel]: readonly ["live", T];
  value: T;
}

/** A struct of the kernel's that is filled with programs. */
export interface Registered {
  readonly [kernel]: readonly ["struct-ops"];
}
type OpsMember<T> = T extends (...args: infer A) => infer R ? (...args: A) => R : T;
/** Its functions, which are given what the kernel gives them, and what else stands in it. */
export type OpsMembers<N extends string> = N extends keyof KernelStructs
  ? { readonly [K in keyof KernelStructs[N]]?: OpsMember<KernelStructs[N][K]> }
  : Readonly<Record<string, ((...args: never[]) => unknown) | number | string>>;

/** What programs that are read write. */
export interface Printing {
  /** Text for whoever reads. */
  print(text: string): void;
}

/** A program: what runs where something happens. */
export interface Program {
  readonly [kernel]: readonly ["program"];
}

/**
 * So many of one type: what is outside of it is an error where the index is known, and may be `undefined` where it is not. More
 * than 64 are of any length.
 */
export type Items<T, N extends number> = number extends N ? T[] : Filled<T, N, []>;
type Filled<T, N extends number, L extends T[]> = L["length"] extends N
  ? L
  : L["length"] extends 64
    ? T[]
    : Filled<T, N, [...L, T]>;
/** The same in memory that programs only read. */
export type List<T, N extends number> = Readonly<Items<T, N>>;

/** Of what all is declared that the kernel has, so that other names are wrong: `tracepoints`, `functions`. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface Declared {}
/** Tracepoints and their fields, `"category:name"`: `scry types` writes them from the running kernel. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface Tracepoints {}
/** Functions of the kernel, by their names: `(…) => result`. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface KernelFunctions {}
/** Functions of programs, `"path:function"`: `scry types` writes them from debug information. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface ProgramFunctions {}
/** Static probes of programs, `"path:provider:name"`. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface StaticProbes {}
/** Structs of the kernel, by their names. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface KernelStructs {}

/** What is not declared may be there all the same; what is, an editor offers. */
type Offered<K> = (K & string) | (string & {});
/** Names that are right: those declared, where all are, else any. */
type Known<K, What extends string> = Declared extends Readonly<Record<What, true>> ? K & string : Offered<K>;
type After<K, Prefix extends string> = K extends `${Prefix}${infer N}` ? N : never;
export type TracepointName = Known<keyof Tracepoints, "tracepoints">;
/** Functions whose types are needed. */
export type FunctionName = Known<keyof KernelFunctions, "functions">;
/** Functions that are traced by their address: those of modules have no types here. */
export type ProbedName = Offered<keyof KernelFunctions>;
export type FunctionPlace = Offered<keyof ProgramFunctions>;
export type ProbePlace = Offered<keyof StaticProbes>;
/** Of what is not declared the parameters are annotated. */
export type PlaceArguments<N, F> = N extends keyof F
  ? F[N] extends (...args: infer A) => unknown
    ? A
    : never
  : never[];
export type PlaceResult<N> = N extends keyof ProgramFunctions
  ? ProgramFunctions[N] extends (...args: never[]) => infer R
    ? R
    : never
  : never;
export type HookName = Known<After<keyof KernelFunctions, "bpf_lsm_">, "functions">;
export type BtfTracepointName = Known<After<keyof KernelFunctions, "btf_trace_">, "functions">;

/** What no declarations are there for: numbers, and more of the same. */
export interface Unknown {
  readonly [member: string]: Unknown & u64;
}
export type KernelStruct<N extends string> = N extends keyof KernelStructs ? KernelStructs[N] : Unknown;
export type TracepointEvent<N extends string> = N extends keyof Tracepoints
  ? Tracepoints[N]
  : { readonly [field: string]: i64 };
type FunctionOf<N extends string> = N extends keyof KernelFunctions ? KernelFunctions[N] : (...args: u64[]) => i64;
export type ArgumentsOf<N extends string> = FunctionOf<N> extends (...args: infer A) => unknown ? A : never;
export type ResultOf<N extends string> = FunctionOf<N> extends (...args: never[]) => infer R ? R : never;
/** Functions that the kernel exports to programs (kfuncs), by their names: `scry types` writes them. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface ExportedFunctions {}
/** Values of the kernel's enums, by their names. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations of a project add to it.
export interface Enums {}
export type KnownEnums = Declared extends { readonly enums: true } ? Enums : Enums & { readonly [name: string]: u32 };
type KernelCall<F> = F extends (...args: infer A) => infer R ? (...args: { [I in keyof A]: Lent<A[I]> }) => R : never;
/**
 * Others of its family may be given for a struct of the kernel's; memory of one's own for memory; numbers of its width with a
 * sign or without.
 */
type Lent<T> = [T] extends [boolean | string]
  ? T
  : [T] extends [number]
    ? IsWide<T> extends true
      ? number | object
      : "u32" extends FlavourOf<T>
        ? u32 | i32
        : "i32" extends FlavourOf<T>
          ? u32 | i32
          : T
    : object | undefined;
/** Functions that the kernel exports to programs. */
export type KernelCalls = {
  readonly [N in keyof ExportedFunctions]: KernelCall<ExportedFunctions[N]>;
} & (Declared extends {
  readonly exported: true;
}
  ? unknown
  : {
      readonly [name: string]: (
        ...args: (number | boolean | object | string | undefined)[]
      ) => (Unknown & u64 & Held) | undefined;
    });
/** Whatever programs have their data in. */
export interface AnyMap {
  readonly [kernel]: readonly [
    "map" | "aggregates" | "queue" | "storage" | "stacks" | "programs" | "ring" | "user-ring",
    ...(readonly unknown[]),
  ];
}
/** What a helper reads or writes by its address: structs, lists, texts, memory of the kernel's. */
export type Memory = object | string;

/** A struct of the kernel's that a program of its kind may write to: `sk as unknown as Writable<tcp_sock>`. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Its arguments, and its result as the last of them; of functions that give nothing, there is none. */
export type ExitArguments<N extends string> =
  FunctionOf<N> extends (...args: infer A) => infer R ? (undefined extends R ? A : [...A, result: R]) : never;

// --- the user's side ------------------------------------------------------------------------------------------------

/** A value as JavaScript reads it: numbers of 64 bits are bigints. */
export type UserValue<T> =
  T extends Kptr<infer _>
    ? bigint
    : [T] extends [boolean]
      ? boolean
      : [T] extends [StackValue<"kernel" | "user">]
        ? Stack
        : [T] extends [string]
          ? string
          : [T] extends [number]
            ? IsWide<T> extends true
              ? bigint
              : number
            : T extends readonly (infer E)[]
              ? UserValue<E>[]
              : { [K in keyof T]: UserValue<T[K]> };

type FlavourOf<T> = T extends { readonly [kernel]?: infer N } ? NonNullable<N> : never;
type IsWide<T> = typeof asNumber extends keyof T
  ? false
  : "u64" extends FlavourOf<T>
    ? true
    : "i64" extends FlavourOf<T>
      ? true
      : false;

/** What may be given for a value: numbers of either kind. */
export type GivenValue<T> = [T] extends [boolean]
  ? boolean
  : [T] extends [string]
    ? string
    : [T] extends [number]
      ? number | bigint
      : T extends readonly (infer E)[]
        ? readonly GivenValue<E>[]
        : { readonly [K in keyof T]?: GivenValue<T[K]> };
