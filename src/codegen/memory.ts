// Values that do not fit a register: reading them from foreign memory, copying them, writing texts.

import type { LoadSize, StoreSize, Value } from "../compiler/index.ts";
import { elementOffsets, elementPlaces, isScalar, SHORT_STRING, sizeOf, type Type, utf8 } from "../schema/index.ts";
import { tellIfNegative } from "./helper-errors.ts";
import { type IntoOptions, type Lengths, NONE_LONG } from "./long-strings.ts";
import type { ProgramState } from "./state.ts";

export type MemorySpace = "own" | "ctx" | "kernel" | "user";

export type Operand =
  | { readonly kind: "value"; readonly type: Type; readonly value: Value }
  | {
      readonly kind: "memory";
      readonly type: Type;
      /** In foreign memory (`kernel`, `user`) a plain number. */
      readonly pointer: Value;
      readonly offset: number;
      readonly space: MemorySpace;
      /** A string whose bytes after the NUL are known to be zero. */
      readonly padded?: boolean;
    }
  | { readonly kind: "none" };

const LOADS: Readonly<Record<string, LoadSize>> = {
  u8: "u8",
  u16: "u16",
  u32: "u32",
  u64: "u64",
  s8: "s8",
  s16: "s16",
  s32: "s32",
  s64: "u64",
};

export function loadSize(type: Type): LoadSize {
  if (type.kind === "int") return LOADS[`${type.signed ? "s" : "u"}${type.bits}`] as LoadSize;
  if (type.kind === "bool") return "u8";
  if (type.kind === "float") return `u${type.bits}`;
  if (type.kind === "username") return "u32";
  return "u64";
}

export function storeSize(type: Type): StoreSize {
  if (type.kind === "int" || type.kind === "float") return type.bits;
  if (type.kind === "bool") return 8;
  if (type.kind === "username") return 32;
  return 64;
}

/** Reads `size` bytes of foreign memory to a place of our own; what cannot be read is zero. */
export function readForeign(
  p: ProgramState,
  to: Value,
  toOffset: number,
  size: number,
  from: Value,
  fromOffset: number,
  space: MemorySpace,
): void {
  const b = p.b;
  const destination = toOffset === 0 ? to : b.add(to, toOffset);
  const source = fromOffset === 0 ? from : b.add(from, fromOffset);
  const helper = space === "user" ? "probe_read_user" : "probe_read_kernel";
  tellIfNegative(p, helper, b.helper(helper, [destination, b.const(size), source]));
}

/** The number that lies there. */
export function loadScalar(p: ProgramState, op: Operand & { kind: "memory" }): Value {
  const b = p.b;
  if (op.space === "own" && op.offset % sizeOf(op.type) !== 0) return loadUnaligned(p, op);
  if (op.space === "own" || op.space === "ctx") return b.load(loadSize(op.type), op.pointer, op.offset);
  const slot = b.slot(8);
  readForeign(p, slot, 0, sizeOf(op.type), op.pointer, op.offset, op.space);
  return b.load(loadSize(op.type), slot, 0);
}

/** A number of a packed struct, byte by byte: the verifier takes no load that is not aligned from the stack. */
function loadUnaligned(p: ProgramState, op: Operand & { kind: "memory" }): Value {
  const b = p.b;
  const size = sizeOf(op.type);
  let value = b.load("u8", op.pointer, op.offset);
  for (let i = 1; i < size; i++)
    value = b.binary("or", value, b.binary("shl", b.load("u8", op.pointer, op.offset + i), i * 8));
  const { type } = op;
  return type.kind === "int" && type.signed && type.bits !== 64 ? b.sext(value, type.bits) : value;
}

/** Zeros where a tuple's elements leave gaps. */
export function padGaps(p: ProgramState, type: Type & { kind: "tuple" | "record" }, to: Value, offset: number): void {
  const offsets = elementOffsets(type.elements);
  let at = offset;
  const fill = (until: number): void => {
    for (; at < until; ) {
      const size =
        at % 8 === 0 && until - at >= 8
          ? 8
          : at % 4 === 0 && until - at >= 4
            ? 4
            : at % 2 === 0 && until - at >= 2
              ? 2
              : 1;
      p.b.store((size * 8) as StoreSize, to, at, 0);
      at += size;
    }
  };
  for (const [i, element] of type.elements.entries()) {
    fill(offset + (offsets[i] as number));
    at = offset + (offsets[i] as number) + sizeOf(element);
  }
  // What stands behind it in an outer tuple is written later.
  fill(Math.ceil(at / 8) * 8);
}

/** Copies a value from where it lies to a place of our own. */
export function copyInto(
  p: ProgramState,
  op: Operand,
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = p.b;
  if (op.kind === "none") return NONE_LONG;
  if (op.kind === "value") {
    b.store(storeSize(type), to, offset, op.value);
    return NONE_LONG;
  }
  if (isScalar(type)) {
    b.store(storeSize(type), to, offset, loadScalar(p, op));
    return NONE_LONG;
  }
  if (type.kind === "string") return copyString(p, op, type.size, to, offset, options);
  if ((type.kind === "tuple" || type.kind === "record") && (op.type.kind === "tuple" || op.type.kind === "record")) {
    const places = elementPlaces(op.type, type);
    if (sizeOf(type) === sizeOf(op.type) && !options.short && places.every((place, i) => place === i)) {
      copyBytes(p, op, sizeOf(type), to, offset);
      return NONE_LONG;
    }
    const from = elementOffsets(op.type.elements);
    const goal = elementOffsets(type.elements);
    if (options.pad) padGaps(p, type, to, offset);
    const lengths: Value[] = [];
    for (const [i, element] of type.elements.entries()) {
      const place = places[i] as number;
      const part: Operand = {
        ...op,
        type: op.type.elements[place] as Type,
        offset: op.offset + (from[place] as number),
      };
      lengths.push(...copyInto(p, part, element, to, offset + (goal[i] as number), options));
    }
    return lengths;
  }
  // Where a struct lies its type says no more than its name.
  const have = op.type.kind === "struct" || op.type.kind === "array" ? sizeOf(type) : sizeOf(op.type);
  copyBytes(p, op, Math.min(sizeOf(type), have), to, offset);
  return NONE_LONG;
}

function copyBytes(p: ProgramState, op: Operand & { kind: "memory" }, size: number, to: Value, offset: number): void {
  const b = p.b;
  if (op.space === "kernel" || op.space === "user") {
    readForeign(p, to, offset, size, op.pointer, op.offset, op.space);
    return;
  }
  const aligned = op.offset % 8 === 0 && offset % 8 === 0 && op.space === "own";
  if (aligned && size <= 128) {
    b.copy(to, offset, op.pointer, op.offset, size);
    return;
  }
  if (size <= 32) {
    for (let at = 0; at < size; ) {
      const odd = (op.offset + at) | (offset + at);
      const step =
        odd % 8 === 0 && size - at >= 8
          ? 8
          : odd % 4 === 0 && size - at >= 4
            ? 4
            : odd % 2 === 0 && size - at >= 2
              ? 2
              : 1;
      b.store((step * 8) as StoreSize, to, offset + at, b.load(`u${step * 8}` as LoadSize, op.pointer, op.offset + at));
      at += step;
    }
    return;
  }
  readForeign(p, to, offset, size, op.pointer, op.offset, "kernel");
}

/** A string from where it lies to a place of `size` bytes. */
function copyString(
  p: ProgramState,
  op: Operand & { kind: "memory" },
  size: number,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = p.b;
  const have = op.type.kind === "string" ? op.type.size : sizeOf(op.type);
  if (
    op.space === "own" &&
    op.padded === true &&
    have <= size &&
    have <= 64 &&
    have % 8 === 0 &&
    offset % 8 === 0 &&
    op.offset % 8 === 0
  ) {
    b.copy(to, offset, op.pointer, op.offset, have);
    if (size > have) options.pad ? b.zero(to, offset + have, size - have) : b.store(8, to, offset + have, 0);
    return NONE_LONG;
  }
  if (options.pad) b.zero(to, offset, size);
  const destination = offset === 0 ? to : b.add(to, offset);
  const source = op.offset === 0 ? op.pointer : b.add(op.pointer, op.offset);
  const helper = op.space === "user" ? "probe_read_user_str" : "probe_read_kernel_str";
  const got = b.helper(helper, [destination, b.const(Math.min(size, have)), source]);
  tellIfNegative(p, helper, got);
  return options.short === true && have > SHORT_STRING ? [got] : NONE_LONG;
}

/** A text that is known now, by stores of constants. */
export function writeText(
  p: ProgramState,
  text: string,
  size: number,
  to: Value,
  offset: number,
  options: IntoOptions,
): void {
  const b = p.b;
  const bytes = utf8(text).slice(0, size - 1);
  const whole = options.pad ? size : Math.min(size, Math.ceil((bytes.length + 1) / 8) * 8);
  const byte = (i: number): number => bytes[i] ?? 0;
  let at = 0;
  const filled = Math.min(whole, Math.ceil((bytes.length + 1) / 8) * 8);
  while (at < filled) {
    const place = offset + at;
    const step =
      place % 8 === 0 && whole - at >= 8
        ? 8
        : place % 4 === 0 && whole - at >= 4
          ? 4
          : place % 2 === 0 && whole - at >= 2
            ? 2
            : 1;
    let word = 0n;
    for (let i = step - 1; i >= 0; i--) word = (word << 8n) | BigInt(byte(at + i));
    b.store((step * 8) as StoreSize, to, place, BigInt.asIntN(64, word));
    at += step;
  }
  if (at < whole) b.zero(to, offset + at, whole - at);
}
