// The types of the trace language, how wide their values are, and what they are called in messages.

/** A struct, union or enum of the kernel's BTF. */
export interface BtfRef {
  readonly id: number;
  readonly name: string;
}

export type AddressSpace = "kernel" | "user";
export type StackMode = "bpftrace" | "perf" | "raw" | "build_id";

export type Type =
  | IntType
  | { readonly kind: "bool" }
  | FloatType
  /** `size` counts the closing NUL. */
  | { readonly kind: "string"; readonly size: number }
  | { readonly kind: "buffer"; readonly size: number }
  | PointerType
  /** A struct or union: where it lies, or a copy of it. */
  | StructType
  | { readonly kind: "array"; readonly of: Type; readonly count: number; readonly space: AddressSpace }
  | { readonly kind: "tuple"; readonly elements: readonly Type[] }
  | { readonly kind: "record"; readonly names: readonly string[]; readonly elements: readonly Type[] }
  /** The arguments of a probe (`args`). */
  | { readonly kind: "args" }
  /** bpf_iter's context and its like: fields known to the probe */
  | { readonly kind: "ctx" }
  | { readonly kind: "inet" }
  | { readonly kind: "mac" }
  | { readonly kind: "timestamp"; readonly format: string }
  | { readonly kind: "ksym" }
  | { readonly kind: "usym" }
  | { readonly kind: "kstack" | "ustack"; readonly limit: number; readonly mode: StackMode }
  | { readonly kind: "username" }
  /** A number that is read as a name: of an error, a signal, a system call. */
  | { readonly kind: "named"; readonly table: NamedTable }
  /** `filter`: names of the hierarchies that are shown, with wildcards. */
  | { readonly kind: "cgroup_path"; readonly filter?: string }
  /** The name of the probe that fired, when it is not known before it fires. */
  | { readonly kind: "probe"; readonly function?: boolean }
  | AggregateType
  | { readonly kind: "none" };

export type NamedTable = "errno" | "signal" | "syscall";

export interface IntType {
  readonly kind: "int";
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
  /** Printed by its enumerator's name. */
  readonly enum?: BtfRef;
}

/** float and double: moved, kept and printed; BPF computes nothing with them. */
export interface FloatType {
  readonly kind: "float";
  readonly bits: 32 | 64;
}

export interface PointerType {
  readonly kind: "pointer";
  /** Absent: `void *`. */
  readonly to?: Type;
  readonly space: AddressSpace;
}

export interface StructType {
  readonly kind: "struct";
  readonly btf: BtfRef;
  readonly space: AddressSpace;
  /** What a reader of copies must know; absent where only its members are read. */
  readonly layout?: StructLayout;
}

export interface StructLayout {
  /** Bytes. */
  readonly size: number;
  readonly fields: readonly StructField[];
}

/** A field; those of anonymous members stand among the others. */
export interface StructField {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the start; of a bit field those of the word of `type` that has it. */
  readonly offset: number;
  /** Bits of a bit field, counted from the lowest of its bytes' bits. */
  readonly bits?: { readonly shift: number; readonly width: number };
}

export type AggregateType =
  | { readonly kind: "count" }
  | { readonly kind: "sum" | "min" | "max" | "avg" | "stats"; readonly signed: boolean }
  | { readonly kind: "hist"; readonly bits: number }
  | { readonly kind: "lhist"; readonly min: number; readonly max: number; readonly step: number }
  /** The last `count` intervals of so many nanoseconds, and what is kept of the values of each. */
  | {
      readonly kind: "tseries";
      readonly interval: number;
      readonly count: number;
      readonly agg: "last" | "avg" | "min" | "max" | "sum";
      readonly signed: boolean;
    };

/** Aggregates whose words of all CPUs are summed up without asking for the time. */
export type SummedAggregate = Exclude<AggregateType, { readonly kind: "tseries" }>;

export const INT64: IntType = { kind: "int", bits: 64, signed: true };
export const UINT64: IntType = { kind: "int", bits: 64, signed: false };
export const UINT32: IntType = { kind: "int", bits: 32, signed: false };
export const INT32: IntType = { kind: "int", bits: 32, signed: true };
export const UINT8: IntType = { kind: "int", bits: 8, signed: false };
export const FLOAT: FloatType = { kind: "float", bits: 32 };
export const DOUBLE: FloatType = { kind: "float", bits: 64 };
export const BOOL: Type = { kind: "bool" };
export const NONE: Type = { kind: "none" };

export const intType = (bits: 8 | 16 | 32 | 64, signed: boolean): IntType => ({ kind: "int", bits, signed });

export function isAggregate(type: Type): type is AggregateType {
  switch (type.kind) {
    case "count":
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
    case "hist":
    case "lhist":
    case "tseries":
      return true;
    default:
      return false;
  }
}

/** Fits one register: an integer, a truth value, an address, the bits of a float, or something that stands for one number. */
export function isScalar(type: Type): boolean {
  return (
    type.kind === "int" ||
    type.kind === "bool" ||
    type.kind === "float" ||
    type.kind === "pointer" ||
    type.kind === "probe" ||
    type.kind === "ksym" ||
    type.kind === "named" ||
    type.kind === "username" ||
    type.kind === "cgroup_path"
  );
}

/** What can be used where a number is wanted; a readable aggregate counts. */
export function isNumeric(type: Type): boolean {
  return type.kind === "int" || type.kind === "bool" || type.kind === "pointer" || isReadableAggregate(type);
}

/** Aggregates that can be read in the kernel as one number. */
export function isReadableAggregate(type: Type): type is AggregateType {
  return (
    type.kind === "count" ||
    type.kind === "sum" ||
    type.kind === "min" ||
    type.kind === "max" ||
    type.kind === "avg" ||
    type.kind === "stats"
  );
}

export function sameType(a: Type, b: Type): boolean {
  if (a === b) return true;
  return typeName(a) === typeName(b) && (a.kind !== "pointer" || b.kind !== "pointer" || a.space === b.space);
}

/** As bpftrace writes types in its messages. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "int":
      return type.enum !== undefined ? `enum ${type.enum.name}` : `${type.signed ? "" : "u"}int${type.bits}`;
    case "float":
      return type.bits === 32 ? "float" : "double";
    case "string":
      return `string[${type.size}]`;
    case "buffer":
      return `buffer[${type.size}]`;
    case "pointer":
      return type.to === undefined ? "void *" : `${typeName(type.to)} *`;
    case "struct":
      return type.btf.name;
    case "array":
      return `${typeName(type.of)}[${type.count}]`;
    case "tuple":
      return `(${type.elements.map(typeName).join(",")})`;
    case "record":
      return `{ ${type.names.map((n, i) => `.${n} = ${typeName(type.elements[i] as Type)}`).join(",")} }`;
    case "count":
      return "count_t";
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
      return `${type.signed ? "" : "u"}${type.kind}_t`;
    case "hist":
    case "lhist":
    case "tseries":
      return `${type.kind}_t`;
    case "named":
      return "string[64]";
    case "mac":
      return "mac_address";
    case "probe":
      return type.function === true ? "func" : "probe";
    case "kstack":
    case "ustack":
      return `${type.kind}_${type.mode}_${type.limit}`;
    default:
      return type.kind;
  }
}
