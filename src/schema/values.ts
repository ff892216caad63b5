// Values of the language as data.

/** A number; a bigint only where a number would not be exact. */
export type Integer = number | bigint;

export interface EnumValue {
  readonly kind: "enum";
  /** Absent: no enumerator has this value. */
  readonly name?: string;
  readonly value: Integer;
}

export interface StackFrame {
  readonly address: bigint;
  /** Absent: no symbol covers the address. */
  readonly name?: string;
  /** Bytes from the symbol's start. */
  readonly offset: number;
  /** The file that the address is mapped from; absent for the kernel itself. */
  readonly module?: string;
  readonly source?: { readonly file: string; readonly line: number };
  /** The build id of the file, and where in it, for stacks that are shown so. */
  readonly build?: { readonly id: string; readonly offset: number };
  /** Functions that were inlined there, innermost first. */
  readonly inlined?: readonly InlinedFrame[];
}

export interface InlinedFrame {
  readonly name: string;
  readonly source?: { readonly file: string; readonly line: number };
}

export interface StackValue {
  readonly kind: "stack";
  /** From the innermost call outwards; none where the stack could not be taken. */
  readonly frames: readonly StackFrame[];
}

/** What `avg` and `stats` have seen; `average` is cut toward zero. */
export interface StatsValue {
  readonly kind: "stats";
  readonly count: number;
  readonly average: Integer;
  readonly total: Integer;
}

/** What `tseries` has kept, intervals in their order; those in which nothing happened are left out. */
export interface TimeSeriesValue {
  readonly kind: "tseries";
  /** The number of the interval since boot, and its value. */
  readonly points: readonly { readonly epoch: number; readonly value: Integer }[];
  /** When an interval begins. */
  timeOf(epoch: number): WallClock;
}

/** A time of day, in seconds and nanoseconds since 1970 (UTC). */
export interface WallClock {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface TimestampValue extends WallClock {
  readonly kind: "timestamp";
}

/** A name beside the number that it is the name of; only where a resolver is asked for both (`Resolver.raw`). */
export interface NamedValue {
  readonly kind: "named";
  readonly text: string;
  readonly value: Integer;
}

/** A string whose bytes are no UTF-8, with them; only where a resolver is asked for both (`Resolver.raw`). */
export interface BytesValue {
  readonly kind: "bytes";
  /** What is no UTF-8 as U+FFFD. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/**
 * A value of the language as data. Floats are numbers. Tuples and arrays are arrays, records are arrays in the order of their names, the
 * buckets of a histogram an array of counts, addresses integers; symbols, users, cgroups, probes, inet and mac
 * addresses are the text that names them.
 */
export type TraceValue =
  | Integer
  | boolean
  | string
  | null
  | Uint8Array
  | EnumValue
  | StackValue
  | StatsValue
  | TimeSeriesValue
  | TimestampValue
  | NamedValue
  | BytesValue
  | readonly TraceValue[];

/** Reads a value that lies at an offset. */
export type ValueDecoder = (view: DataView, offset: number) => TraceValue;
