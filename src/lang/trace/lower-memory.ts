// Values that do not fit a register: strings, tuples, arrays, structs. Two ways to have one: where it already lies
// (`operand`), or written to a place that the caller chose (`into`), which is how a record is built in the ring buffer
// and a key on the stack without a copy.

import { type Block, INT, type LoadSize, type StoreSize, type Value, type Variable } from "../../compiler/index.ts";
import type { Expression } from "./ast.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { builtinVariables } from "./builtin-variables.ts";
import { elementOffsets, SHORT_STRING, sizeOf } from "./layout.ts";
import { condition } from "./lower-conditions.ts";
import { value } from "./lower-expressions.ts";
import { fieldOperand, indexOperand } from "./lower-fields.ts";
import { mapOperand } from "./lower-maps.ts";
import type { Lowering } from "./lowering.ts";
import { isRawByte } from "./type-rules.ts";
import { isAggregate, isScalar, type Type } from "./types.ts";

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

/** What reads of strings answered: SHORT_STRING where the string may be longer than the short form. */
export type Lengths = readonly Value[];
const NONE_LONG: Lengths = [];

export interface IntoOptions {
  /** Fill what the value does not reach with zeros, as a key needs it. */
  readonly pad: boolean;
  /** Strings get at most SHORT_STRING bytes; the answer says whether one was longer. */
  readonly short?: boolean;
}

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
  if (type.kind === "username") return "u32";
  return "u64";
}

export function storeSize(type: Type): StoreSize {
  if (type.kind === "int") return type.bits;
  if (type.kind === "bool") return 8;
  if (type.kind === "username") return 32;
  return 64;
}

/** Reads `size` bytes of foreign memory to a place of our own; what cannot be read is zero. */
export function readForeign(
  l: Lowering,
  to: Value,
  toOffset: number,
  size: number,
  from: Value,
  fromOffset: number,
  space: MemorySpace,
): void {
  const b = l.b;
  const destination = toOffset === 0 ? to : b.add(to, toOffset);
  const source = fromOffset === 0 ? from : b.add(from, fromOffset);
  b.helper(space === "user" ? "probe_read_user" : "probe_read_kernel", [destination, b.const(size), source]);
}

/** The number that lies there. */
export function loadScalar(l: Lowering, op: Operand & { kind: "memory" }): Value {
  const b = l.b;
  if (op.space === "own" || op.space === "ctx") return b.load(loadSize(op.type), op.pointer, op.offset);
  const slot = b.slot(8);
  readForeign(l, slot, 0, sizeOf(op.type), op.pointer, op.offset, op.space);
  return b.load(loadSize(op.type), slot, 0);
}

/** Where the value of an expression lies, or the register that it is in. */
export function operand(l: Lowering, e: Expression): Operand {
  const type = e.type ?? { kind: "none" };
  switch (e.kind) {
    case "variable": {
      const info = l.info(e);
      const pair = l.pairs.get(info);
      if (pair !== undefined) return materialise(l, e);
      const home = l.home(info);
      if (home.kind === "value") return { kind: "value", type: info.type, value: l.b.read(home.variable) };
      const place = l.place(home);
      return { kind: "memory", type: info.type, ...place, space: "own" };
    }
    case "map":
      return mapOperand(l, e);
    case "field":
      return fieldOperand(l, e);
    case "index":
      return indexOperand(l, e);
    case "identifier": {
      const entry = builtinVariables[e.name];
      if (entry?.lower !== undefined) return entry.lower(l, e);
      break;
    }
    case "call": {
      const entry = builtinFunctions[e.name];
      if (entry?.lower !== undefined) return entry.lower(l, e);
      break;
    }
    case "unary":
      if (e.operator === "*") {
        const target = e.operand.type;
        const address = value(l, e.operand);
        const space = target?.kind === "pointer" ? target.space : l.script.checker.userSpace() ? "user" : "kernel";
        return { kind: "memory", type, pointer: address, offset: 0, space };
      }
      break;
    case "cast": {
      if (type.kind === "array" && e.operand.type?.kind === "array") {
        const inner = operand(l, e.operand);
        return inner.kind === "memory" ? { ...inner, type } : inner;
      }
      break;
    }
    case "block": {
      return l.scoped(() => {
        for (const s of e.statements) l.statement(s);
        return operand(l, e.value);
      });
    }
  }
  if (isScalar(type) || isAggregate(type)) return { kind: "value", type, value: value(l, e) };
  if (type.kind === "none") {
    value(l, e);
    return { kind: "none" };
  }
  return materialise(l, e);
}

/** The value in memory of our own. */
export function materialise(l: Lowering, e: Expression, pad = false): Operand & { kind: "memory" } {
  const type = e.type as Type;
  const slot = l.b.slot(Math.max(8, Math.ceil(sizeOf(type) / 8) * 8));
  into(l, e, type, slot, 0, { pad });
  return { kind: "memory", type, pointer: slot, offset: 0, space: "own", padded: pad };
}

/** The value in memory of our own, where it is if it is there already. */
export function ownMemory(l: Lowering, e: Expression): Operand & { kind: "memory" } {
  if (e.kind === "variable" || e.kind === "map" || e.kind === "field" || e.kind === "index") {
    const op = operand(l, e);
    if (op.kind === "memory" && op.space === "own") return op;
    if (op.kind === "memory") {
      const slot = l.b.slot(Math.max(8, Math.ceil(sizeOf(op.type) / 8) * 8));
      copyInto(l, op, op.type, slot, 0, { pad: false });
      return { kind: "memory", type: op.type, pointer: slot, offset: 0, space: "own" };
    }
  }
  return materialise(l, e);
}

/**
 * Writes the value of `e`, as a value of `type`, to a place of our own. With `short`, gives the lengths of the strings
 * that may not have fitted (see `branchIfLong`).
 */
export function into(l: Lowering, e: Expression, type: Type, to: Value, offset: number, options: IntoOptions): Lengths {
  const b = l.b;
  if (isScalar(type)) {
    b.store(storeSize(type), to, offset, value(l, e));
    return NONE_LONG;
  }
  if (type.kind === "tuple" || type.kind === "record") {
    const parts = e.kind === "tuple" ? e.elements : e.kind === "record" ? e.fields.map((f) => f.value) : undefined;
    if (parts !== undefined) {
      const offsets = elementOffsets(type.elements);
      if (options.pad) padGaps(l, type, to, offset);
      return parts.flatMap((part, i) =>
        into(l, part, type.elements[i] as Type, to, offset + (offsets[i] as number), options),
      );
    }
    if (e.kind === "variable") {
      const pair = l.pairs.get(l.info(e));
      if (pair !== undefined) {
        const offsets = elementOffsets(type.elements);
        if (options.pad) padGaps(l, type, to, offset);
        const first = copyInto(l, pair.key, type.elements[0] as Type, to, offset + (offsets[0] as number), options);
        const second = copyInto(
          l,
          pair.value(),
          type.elements[1] as Type,
          to,
          offset + (offsets[1] as number),
          options,
        );
        return [...first, ...second];
      }
    }
  }
  if (type.kind === "string") {
    const text = l.script.checker.constantText(e);
    if (text !== undefined) {
      writeText(l, text, type.size, to, offset, options);
      // A text that the short form cuts is as long as one that was read and did not fit.
      return options.short === true && utf8(text).length >= SHORT_STRING ? [l.b.const(SHORT_STRING)] : NONE_LONG;
    }
    if (e.kind === "cast") return into(l, e.operand, type, to, offset, options);
  }
  if (e.kind === "call") {
    const entry = builtinFunctions[e.name];
    if (entry?.into !== undefined) return entry.into(l, e, type, to, offset, options);
  }
  if (e.kind === "identifier") {
    const entry = builtinVariables[e.name];
    if (entry?.into !== undefined) return entry.into(l, e, type, to, offset, options);
  }
  if (e.kind === "ternary") return intoTernary(l, e, type, to, offset, options);
  if (e.kind === "block") {
    return l.scoped(() => {
      for (const s of e.statements) l.statement(s);
      return into(l, e.value, type, to, offset, options);
    });
  }
  return copyInto(l, operand(l, e), type, to, offset, options);
}

function intoTernary(
  l: Lowering,
  e: Expression & { kind: "ternary" },
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = l.b;
  const then = b.block("then");
  const otherwise = b.block("else");
  const after = b.block("after");
  const lengths: Variable[] = [];
  l.scoped(() => condition(l, e.condition, then, otherwise));
  for (const [block, side] of [
    [then, e.then ?? e.condition],
    [otherwise, e.otherwise],
  ] as const) {
    b.seal(block);
    b.at(block);
    // A side that is not taken leaves its lengths at zero: surely short.
    for (const length of l.scoped(() => into(l, side, type, to, offset, options))) {
      const variable: Variable = { name: "length", type: INT };
      lengths.push(variable);
      b.write(variable, length);
    }
    b.jump(after);
  }
  b.seal(after);
  b.at(after);
  return lengths.map((v) => b.read(v));
}

/** Zeros where a tuple's elements leave gaps. */
function padGaps(l: Lowering, type: Type & { kind: "tuple" | "record" }, to: Value, offset: number): void {
  const offsets = elementOffsets(type.elements);
  let at = 0;
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
      l.b.store((size * 8) as StoreSize, to, offset + at, 0);
      at += size;
    }
  };
  for (const [i, element] of type.elements.entries()) {
    fill(offsets[i] as number);
    at = (offsets[i] as number) + sizeOf(element);
  }
  fill(Math.ceil(at / 8) * 8);
}

/** Copies a value from where it lies to a place of our own. */
export function copyInto(
  l: Lowering,
  op: Operand,
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = l.b;
  if (op.kind === "none") return NONE_LONG;
  if (op.kind === "value") {
    b.store(storeSize(type), to, offset, op.value);
    return NONE_LONG;
  }
  if (isScalar(type)) {
    b.store(storeSize(type), to, offset, loadScalar(l, op));
    return NONE_LONG;
  }
  if (type.kind === "string") return copyString(l, op, type.size, to, offset, options);
  if ((type.kind === "tuple" || type.kind === "record") && (op.type.kind === "tuple" || op.type.kind === "record")) {
    if (sizeOf(type) === sizeOf(op.type) && !options.short) {
      copyBytes(l, op, sizeOf(type), to, offset);
      return NONE_LONG;
    }
    const from = elementOffsets(op.type.elements);
    const goal = elementOffsets(type.elements);
    if (options.pad) padGaps(l, type, to, offset);
    const lengths: Value[] = [];
    for (const [i, element] of type.elements.entries()) {
      const part: Operand = { ...op, type: op.type.elements[i] as Type, offset: op.offset + (from[i] as number) };
      lengths.push(...copyInto(l, part, element, to, offset + (goal[i] as number), options));
    }
    return lengths;
  }
  copyBytes(l, op, Math.min(sizeOf(type), sizeOf(op.type)), to, offset);
  return NONE_LONG;
}

function copyBytes(l: Lowering, op: Operand & { kind: "memory" }, size: number, to: Value, offset: number): void {
  const b = l.b;
  if (op.space === "kernel" || op.space === "user") {
    readForeign(l, to, offset, size, op.pointer, op.offset, op.space);
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
  readForeign(l, to, offset, size, op.pointer, op.offset, "kernel");
}

/** A string from where it lies to a place of `size` bytes. */
function copyString(
  l: Lowering,
  op: Operand & { kind: "memory" },
  size: number,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths {
  const b = l.b;
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
  const got = b.helper(op.space === "user" ? "probe_read_user_str" : "probe_read_kernel_str", [
    destination,
    b.const(Math.min(size, have)),
    source,
  ]);
  return options.short === true && have > SHORT_STRING ? [got] : NONE_LONG;
}

/** Goes to `long` when one of the strings did not fit the short form, else to `short`. */
export function branchIfLong(l: Lowering, lengths: Lengths, long: Block, short: Block): void {
  const b = l.b;
  for (const length of lengths) {
    const next = b.block("fits");
    b.branch("eq", length, SHORT_STRING, long, next, { unlikely: "then" });
    b.seal(next);
    b.at(next);
  }
  b.jump(short);
}

/** A text that is known now, by stores of constants. */
export function writeText(
  l: Lowering,
  text: string,
  size: number,
  to: Value,
  offset: number,
  options: IntoOptions,
): void {
  const b = l.b;
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

/** A text's bytes: UTF-8, but for bytes that were written as escapes (see the lexer). */
export function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const c of text) {
    const p = c.codePointAt(0) as number;
    if (p < 0x80) bytes.push(p);
    else if (isRawByte(p)) bytes.push(p - 0xdc00);
    else if (p < 0x800) bytes.push(0xc0 | (p >> 6), 0x80 | (p & 63));
    else if (p < 0x10000) bytes.push(0xe0 | (p >> 12), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
    else bytes.push(0xf0 | (p >> 18), 0x80 | ((p >> 12) & 63), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
  }
  return bytes;
}
