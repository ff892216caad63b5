// From the memory layout of the programs (layout.ts) to JavaScript data: values of records, keys and values of maps.
//
// A decoder is made once for a type and then used for every value, so that a map of 100,000 entries costs no look at
// its type for each. What only the operating system knows (symbols, users, clocks) is asked of a Resolver.

import { aggregateWords, elementOffsets, sizeOf } from "./layout.ts";
import { numberName, UNNAMED } from "./named-numbers.ts";
import { STACK_NUMBER_BITS } from "./stack-maps.ts";
import { timeSeriesDecoder } from "./time-series.ts";
import type { AggregateType, IntType, StructType, SummedAggregate, Type } from "./types.ts";
import type {
  BytesValue,
  EnumValue,
  Integer,
  StackFrame,
  StatsValue,
  TraceValue,
  ValueDecoder,
  WallClock,
} from "./values.ts";

/** What decoding must ask for. Answers should be cached where they are dear: nothing is cached here. */
export interface Resolver {
  /** Set: names come with the number that they are of, and strings that are no UTF-8 with their bytes. */
  raw?: boolean;
  /** Strings that fill `capacity` bytes (the NUL included) were cut and get the trailer. */
  readonly truncation?: { readonly capacity: number; readonly trailer: string };
  /** The symbol that covers an address of the kernel, or `0x…`. */
  ksym(address: bigint): string;
  usym(address: bigint, pid: number): string;
  /** Addresses of the stack with this number; `limit` says in which map it is. */
  kstack(id: number, limit: number): readonly bigint[];
  ustack(id: number, limit: number): readonly bigint[];
  /** `top`: it is where the process is; the others are where calls return to. */
  frame(kind: "kernel" | "user", address: bigint, pid: number, top: boolean): StackFrame;
  username(uid: number): string;
  /** The name of a system call of the machine by its number. */
  syscallName(number: number): string | undefined;
  /** In every hierarchy, or in those whose names match the filter. */
  cgroupPath(id: bigint, filter?: string): string;
  /** The name of a probe by its number, or of the function it stands on. */
  probe(number: number, functionName: boolean): string;
  /** The enumerator with this value of an enum of the kernel's BTF. */
  enumName(btfId: number, value: Integer): string | undefined;
  wallClock(nanosecondsSinceBoot: bigint): WallClock;
}

const utf8 = new TextDecoder();

/** The value of a type that lies at an offset. For many values of one type make a decoder once. */
export function decodeValue(type: Type, view: DataView, offset: number, resolver: Resolver): TraceValue {
  return valueDecoder(type, resolver)(view, offset);
}

export function readSigned64(view: DataView, offset: number): Integer {
  const n = view.getInt32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  return Number.isSafeInteger(n) ? n : view.getBigInt64(offset, true);
}

export function readUnsigned64(view: DataView, offset: number): Integer {
  const n = view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
  return Number.isSafeInteger(n) ? n : view.getBigUint64(offset, true);
}

function integerDecoder(type: IntType): (view: DataView, offset: number) => Integer {
  switch (type.bits) {
    case 8:
      return type.signed ? (v, o) => v.getInt8(o) : (v, o) => v.getUint8(o);
    case 16:
      return type.signed ? (v, o) => v.getInt16(o, true) : (v, o) => v.getUint16(o, true);
    case 32:
      return type.signed ? (v, o) => v.getInt32(o, true) : (v, o) => v.getUint32(o, true);
    case 64:
      return type.signed ? readSigned64 : readUnsigned64;
  }
}

/** Text up to the first NUL, at most `size` bytes; bytes that are no UTF-8 become U+FFFD. */
export function readString(view: DataView, offset: number, size: number): string {
  // Short ASCII text, the common case, is faster by hand than through a TextDecoder.
  let text = "";
  const most = Math.min(size, 32);
  for (let i = 0; i < most; i++) {
    const byte = view.getUint8(offset + i);
    if (byte === 0) return text;
    if (byte >= 0x80) break;
    text += String.fromCharCode(byte);
  }
  if (text.length === size) return text;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, size);
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function stringDecoder(size: number, resolver: Resolver): ValueDecoder {
  if (resolver.raw === true) return rawStringDecoder(size, resolver);
  const cut = resolver.truncation;
  if (cut === undefined || size !== cut.capacity) return (view, offset) => readString(view, offset, size);
  return (view, offset) => {
    const text = readString(view, offset, size);
    // Full: nothing but the closing NUL is left of the buffer.
    const full = text.length * 3 >= size - 1 && bytesUsed(view, offset, size) >= size - 1;
    return full ? text + cut.trailer : text;
  };
}

/** As `stringDecoder`; bytes that are no UTF-8 are kept beside the text. */
function rawStringDecoder(size: number, { truncation: cut }: Resolver): ValueDecoder {
  return (view, offset) => {
    const used = bytesUsed(view, offset, size);
    const found = textOfBytes(new Uint8Array(view.buffer, view.byteOffset + offset, used));
    if (cut === undefined || size !== cut.capacity || used < size - 1) return found;
    return typeof found === "string" ? found + cut.trailer : { ...found, text: found.text + cut.trailer };
  };
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text; with a copy of them where they are no UTF-8. */
export function textOfBytes(bytes: Uint8Array): string | BytesValue {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return { kind: "bytes", text: utf8.decode(bytes), bytes: bytes.slice() };
  }
}

/** A decoder of names, which keeps the number where both are wanted. */
const named = (
  resolver: Resolver,
  read: (view: DataView, offset: number) => Integer,
  name: (view: DataView, offset: number) => string,
): ValueDecoder =>
  resolver.raw === true
    ? (view, offset) => ({ kind: "named", text: name(view, offset), value: read(view, offset) })
    : name;

function bytesUsed(view: DataView, offset: number, size: number): number {
  const end = new Uint8Array(view.buffer, view.byteOffset + offset, size).indexOf(0);
  return end < 0 ? size : end;
}

/** linux/socket.h */
const AF_INET6 = 10;

function inet(view: DataView, offset: number): string {
  if (view.getUint32(offset, true) !== AF_INET6) {
    return `${view.getUint8(offset + 4)}.${view.getUint8(offset + 5)}.${view.getUint8(offset + 6)}.${view.getUint8(offset + 7)}`;
  }
  return inet6(Array.from({ length: 8 }, (_, i) => view.getUint16(offset + 4 + i * 2, false)));
}

/** As inet_ntop(3) writes it: the longest run of two or more zeros becomes `::`, mapped and compatible IPv4 in dots. */
function inet6(groups: readonly number[]): string {
  let best = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) {
      best = i;
      length = n;
    }
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(":");
  if (best === 0 && (length === 6 || (length === 7 && groups[7] !== 1) || (length === 5 && groups[5] === 0xffff))) {
    const [a, b] = [groups[6] as number, groups[7] as number];
    return `::${length === 5 ? "ffff:" : ""}${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
  }
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + length, 8)}`;
}

function mac(view: DataView, offset: number): string {
  let text = "";
  for (let i = 0; i < 6; i++)
    text += `${i === 0 ? "" : ":"}${view
      .getUint8(offset + i)
      .toString(16)
      .padStart(2, "0")}`;
  return text;
}

/** Of the upper half of a stack's word what belongs to its number. */
const NUMBER_HIGH = 2 ** (STACK_NUMBER_BITS - 32) - 1;

function stackDecoder(type: Type & { kind: "kstack" | "ustack" }, resolver: Resolver): ValueDecoder {
  const user = type.kind === "ustack";
  return (view, offset) => {
    const high = view.getInt32(offset + 4, true);
    if (high < 0) return { kind: "stack", frames: [] };
    const id = (high & NUMBER_HIGH) * 0x1_0000_0000 + view.getUint32(offset, true);
    const pid = user ? view.getUint32(offset + 8, true) : 0;
    const addresses = user ? resolver.ustack(id, type.limit) : resolver.kstack(id, type.limit);
    return {
      kind: "stack",
      frames: addresses.map((a, i) => resolver.frame(user ? "user" : "kernel", a, pid, i === 0)),
    };
  };
}

/** A function that reads values of the type. */
export function valueDecoder(type: Type, resolver: Resolver): ValueDecoder {
  switch (type.kind) {
    case "int": {
      const read = integerDecoder(type);
      const ref = type.enum;
      if (ref === undefined) return read;
      return (view, offset): EnumValue => {
        const value = read(view, offset);
        const name = resolver.enumName(ref.id, value);
        return name === undefined ? { kind: "enum", value } : { kind: "enum", name, value };
      };
    }
    case "bool":
      return (view, offset) => view.getUint8(offset) !== 0;
    case "float":
      return type.bits === 32
        ? (view, offset) => view.getFloat32(offset, true)
        : (view, offset) => view.getFloat64(offset, true);
    case "string":
      return stringDecoder(type.size, resolver);
    case "buffer":
      return (view, offset) => {
        const length = Math.min(view.getUint32(offset, true), type.size);
        return new Uint8Array(view.buffer, view.byteOffset + offset + 4, length).slice();
      };
    case "pointer":
      return readUnsigned64;
    case "array": {
      const element = valueDecoder(type.of, resolver);
      const size = sizeOf(type.of);
      return (view, offset) => {
        const values: TraceValue[] = [];
        for (let i = 0; i < type.count; i++) values.push(element(view, offset + i * size));
        return values;
      };
    }
    case "tuple":
    case "record": {
      const offsets = elementOffsets(type.elements);
      const decoders = type.elements.map((e) => valueDecoder(e, resolver));
      return (view, offset) => {
        const values: TraceValue[] = [];
        for (let i = 0; i < decoders.length; i++)
          values.push((decoders[i] as ValueDecoder)(view, offset + (offsets[i] as number)));
        return values;
      };
    }
    case "inet":
      return inet;
    case "mac":
      return mac;
    case "timestamp":
      return (view, offset) => ({ kind: "timestamp", ...resolver.wallClock(view.getBigUint64(offset, true)) });
    case "ksym":
      return named(resolver, readUnsigned64, (view, offset) => resolver.ksym(view.getBigUint64(offset, true)));
    case "usym":
      return named(resolver, readUnsigned64, (view, offset) =>
        resolver.usym(view.getBigUint64(offset, true), view.getUint32(offset + 8, true)),
      );
    case "kstack":
    case "ustack":
      return stackDecoder(type, resolver);
    case "named": {
      const { table } = type;
      const name =
        table === "syscall"
          ? (n: number): string => resolver.syscallName(n) ?? UNNAMED.syscall
          : (n: number): string => numberName(table, n);
      return named(
        resolver,
        (view, offset) => view.getInt32(offset, true),
        (view, offset) => name(view.getInt32(offset, true)),
      );
    }
    case "username":
      return named(
        resolver,
        (view, offset) => view.getUint32(offset, true),
        (view, offset) => resolver.username(view.getUint32(offset, true)),
      );
    case "cgroup_path":
      return named(resolver, readUnsigned64, (view, offset) =>
        resolver.cgroupPath(view.getBigUint64(offset, true), type.filter),
      );
    case "probe":
      return (view, offset) => resolver.probe(Number(readUnsigned64(view, offset)), type.function === true);
    case "count":
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
    case "hist":
    case "lhist":
    case "tseries":
      return aggregateDecoder(type, 1, 0, resolver);
    case "struct":
      return structDecoder(type, resolver);
    case "none":
    case "args":
    case "ctx":
      return () => null;
  }
}

/** The fields' values in their order. */
function structDecoder(type: StructType, resolver: Resolver): ValueDecoder {
  if (type.layout === undefined) return () => null;
  const fields = type.layout.fields.map(({ type: of, offset, bits }): ValueDecoder => {
    if (bits === undefined) {
      const decode = valueDecoder(of, resolver);
      return (view, at) => decode(view, at + offset);
    }
    const { shift, width } = bits;
    const signed = of.kind === "int" && of.signed;
    const bytes = Math.ceil((shift + width) / 8);
    return (view, at) => {
      let word = 0n;
      for (let i = bytes - 1; i >= 0; i--) word = (word << 8n) | BigInt(view.getUint8(at + offset + i));
      const value = word >> BigInt(shift);
      const number = integer(signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value));
      if (of.kind === "bool") return number !== 0;
      if (of.kind !== "int" || of.enum === undefined) return number;
      const name = resolver.enumName(of.enum.id, number);
      return name === undefined ? { kind: "enum", value: number } : { kind: "enum", name, value: number };
    };
  });
  return (view, offset) => fields.map((field) => field(view, offset));
}

/** The aggregate whose words lie at `offset` for CPU 0, and every `stride` bytes on for the others, merged. */
export function decodeAggregate(
  type: AggregateType,
  view: DataView,
  offset: number,
  cpus: number,
  stride: number,
  resolver: Resolver,
): TraceValue {
  return aggregateDecoder(type, cpus, stride, resolver)(view, offset);
}

/** A function that merges aggregates of all CPUs: `stride` bytes lie between one CPU's words and the next one's. */
export function aggregateDecoder(type: AggregateType, cpus: number, stride: number, resolver: Resolver): ValueDecoder {
  if (type.kind !== "tseries") return summedDecoder(type, cpus, stride);
  return timeSeriesDecoder(type, cpus, stride, {
    value: type.signed ? readSigned64 : readUnsigned64,
    word: readUnsigned64,
    divide,
    wallClock: (nanoseconds) => resolver.wallClock(nanoseconds),
  });
}

/** The same, of those that need no more than their words. */
export function summedDecoder(type: SummedAggregate, cpus: number, stride: number): ValueDecoder {
  switch (type.kind) {
    case "count":
      return (view, offset) => sumWords(view, offset, cpus, stride, false);
    case "sum":
      return (view, offset) => sumWords(view, offset, cpus, stride, type.signed);
    case "min":
    case "max": {
      const read = type.signed ? readSigned64 : readUnsigned64;
      const least = type.kind === "min";
      return (view, offset) => {
        let best: Integer | undefined;
        for (let cpu = 0, at = offset; cpu < cpus; cpu++, at += stride) {
          if (view.getUint32(at + 8, true) === 0) continue;
          const value = read(view, at);
          if (best === undefined || (least ? value < best : value > best)) best = value;
        }
        return best ?? 0;
      };
    }
    case "avg":
    case "stats":
      return (view, offset): StatsValue => {
        const count = Number(sumWords(view, offset, cpus, stride, false));
        const total = sumWords(view, offset + 8, cpus, stride, type.signed);
        return { kind: "stats", count, average: count === 0 ? 0 : divide(total, count), total };
      };
    case "hist":
    case "lhist": {
      const words = aggregateWords(type);
      return (view, offset) => {
        const buckets: number[] = new Array(words).fill(0);
        for (let cpu = 0, at = offset; cpu < cpus; cpu++, at += stride) {
          for (let i = 0, word = at; i < words; i++, word += 8) {
            const low = view.getUint32(word, true);
            const high = view.getUint32(word + 4, true);
            if (low !== 0 || high !== 0) buckets[i] = (buckets[i] as number) + high * 0x1_0000_0000 + low;
          }
        }
        return buckets;
      };
    }
  }
}

/** The sum of a word of every CPU, in 64 bits. */
function sumWords(view: DataView, offset: number, cpus: number, stride: number, signed: boolean): Integer {
  let sum = 0;
  for (let cpu = 0, at = offset; cpu < cpus; cpu++, at += stride) {
    const high = signed ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
    const n = high * 0x1_0000_0000 + view.getUint32(at, true);
    sum += n;
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(sum)) return sumWide(view, offset, cpus, stride, signed);
  }
  return sum;
}

function sumWide(view: DataView, offset: number, cpus: number, stride: number, signed: boolean): Integer {
  let sum = 0n;
  for (let cpu = 0, at = offset; cpu < cpus; cpu++, at += stride) sum += view.getBigUint64(at, true);
  return integer(signed ? BigInt.asIntN(64, sum) : BigInt.asUintN(64, sum));
}

/** A number where that is exact. */
export function integer(n: bigint): Integer {
  const plain = Number(n);
  return Number.isSafeInteger(plain) ? plain : n;
}

/** Integer division, cut toward zero. */
export function divide(n: Integer, by: number): Integer {
  return typeof n === "number" ? Math.trunc(n / by) + 0 : integer(n / BigInt(by));
}
