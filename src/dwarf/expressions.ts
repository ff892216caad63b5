// Location expressions (DWARF 5, 2.5 and 2.6), turned into something that a program can work out: sums of registers,
// constants and loads, not a machine of stacks.

import { ByteReader } from "../source/index.ts";
import type { Range } from "./ranges.ts";
import { sectionOffset } from "./unit-length.ts";
import type { Unit, Value } from "./units.ts";

/** A 64-bit number at run time. */
export type Term =
  | { readonly kind: "constant"; readonly value: bigint }
  /** A register by DWARF's number of it. */
  | { readonly kind: "register"; readonly number: number }
  /** The canonical frame address: what the stack pointer was at the call. */
  | { readonly kind: "frame" }
  /** What the bytes at an address are, without sign. */
  | { readonly kind: "load"; readonly address: Term; readonly size: number }
  /** An address of the file, moved with it when it is loaded. */
  | { readonly kind: "static"; readonly address: bigint }
  | {
      readonly kind: "binary";
      readonly operator: "add" | "sub" | "mul" | "and" | "or" | "xor" | "shl" | "shr" | "sar";
      readonly left: Term;
      readonly right: Term;
    };

/** Where a variable is. */
export type Location =
  | { readonly kind: "memory"; readonly address: Term }
  | { readonly kind: "register"; readonly number: number }
  /** It has no place, but its value is known. */
  | { readonly kind: "value"; readonly value: Term }
  /** Its bytes themselves. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const constant = (value: bigint | number): Term => ({ kind: "constant", value: BigInt(value) });

export function sum(left: Term, right: Term): Term {
  if (left.kind === "constant" && right.kind === "constant") return constant(left.value + right.value);
  if (right.kind === "constant" && right.value === 0n) return left;
  if (left.kind === "constant" && left.value === 0n) return right;
  // (x + 8) + 16
  if (right.kind === "constant" && left.kind === "binary" && left.operator === "add" && left.right.kind === "constant")
    return sum(left.left, constant(left.right.value + right.value));
  return { kind: "binary", operator: "add", left, right };
}

const OPERATORS: Readonly<Record<number, Extract<Term, { kind: "binary" }>["operator"]>> = {
  26: "and",
  28: "sub",
  30: "mul",
  33: "or",
  36: "shl",
  37: "shr",
  38: "sar",
  39: "xor",
};

/** A reason why a variable cannot be read that is no fault of the file. */
export class NotReadable extends Error {}

/**
 * Works an expression out. `frameBase` is the function's; undefined where it has none. An empty expression says that the
 * variable is not there: undefined. Throws NotReadable for what cannot be worked out by sums and loads.
 */
export function locate(
  unit: Unit,
  bytes: Uint8Array,
  frameBase: (() => Term | undefined) | undefined,
): Location | undefined {
  if (bytes.length === 0) return undefined;
  const cursor = new ByteReader(bytes, "a location");
  const stack: Term[] = [];
  const pop = (): Term => {
    const term = stack.pop();
    if (term === undefined) throw cursor.damage("a location expression takes what it has not put");
    return term;
  };
  const push = (term: Term): void => void stack.push(term);
  while (cursor.at < cursor.end) {
    const op = cursor.u8();
    // lit0…lit31, reg0…reg31, breg0…breg31
    if (op >= 0x30 && op <= 0x4f) push(constant(op - 0x30));
    else if (op >= 0x50 && op <= 0x6f) return wholeRegister(cursor, op - 0x50);
    else if (op >= 0x70 && op <= 0x8f) push(sum({ kind: "register", number: op - 0x70 }, constant(cursor.sleb())));
    else if (OPERATORS[op] !== undefined) {
      const right = pop();
      const left = pop();
      push({ kind: "binary", operator: OPERATORS[op], left, right });
    } else
      switch (op) {
        case 0x03:
          push({ kind: "static", address: BigInt(cursor.word(unit.addressSize)) });
          break;
        case 0x06:
          push({ kind: "load", address: pop(), size: unit.addressSize });
          break;
        case 0x94:
          push({ kind: "load", address: pop(), size: cursor.u8() });
          break;
        case 0x08:
          push(constant(cursor.u8()));
          break;
        case 0x09:
          push(constant(cursor.s8()));
          break;
        case 0x0a:
          push(constant(cursor.u16()));
          break;
        case 0x0b:
          push(constant(cursor.s16()));
          break;
        case 0x0c:
          push(constant(cursor.u32()));
          break;
        case 0x0d:
          push(constant(cursor.s32()));
          break;
        case 0x0e:
        case 0x0f:
          push(constant(cursor.s64()));
          break;
        case 0x10:
          push(constant(cursor.uleb()));
          break;
        case 0x11:
          push(constant(cursor.sleb()));
          break;
        case 0x12: {
          const top = pop();
          push(top);
          push(top);
          break;
        }
        case 0x13:
          pop();
          break;
        case 0x16: {
          const first = pop();
          const second = pop();
          push(first);
          push(second);
          break;
        }
        case 0x1f: {
          const value = pop();
          push({ kind: "binary", operator: "sub", left: constant(0), right: value });
          break;
        }
        case 0x20: {
          const value = pop();
          push({ kind: "binary", operator: "xor", left: value, right: constant(-1) });
          break;
        }
        case 0x22: {
          const right = pop();
          push(sum(pop(), right));
          break;
        }
        case 0x23:
          push(sum(pop(), constant(cursor.uleb())));
          break;
        case 0x90:
          return wholeRegister(cursor, cursor.uleb());
        case 0x91: {
          const base = frameBase?.();
          if (base === undefined) throw new NotReadable("its function has no frame that could be found");
          push(sum(base, constant(cursor.sleb())));
          break;
        }
        case 0x92: {
          const number = cursor.uleb();
          push(sum({ kind: "register", number }, constant(cursor.sleb())));
          break;
        }
        case 0x96:
          break;
        case 0x9c:
          push({ kind: "frame" });
          break;
        case 0x9e: {
          const size = cursor.uleb();
          return { kind: "bytes", bytes: cursor.block(size) };
        }
        case 0x9f:
          return { kind: "value", value: pop() };
        case 0xa1:
        case 0xfb:
          push({ kind: "static", address: BigInt(unit.units.indexedAddress(unit, cursor.uleb())) });
          break;
        case 0xa2:
        case 0xfc:
          push(constant(unit.units.indexedAddress(unit, cursor.uleb())));
          break;
        case 0x93:
        case 0x9d:
          throw new NotReadable("it is kept in pieces");
        case 0xa3:
        case 0xf3:
          throw new NotReadable("only what it was at the function's entry is known");
        case 0xe0:
        case 0x9b:
          throw new NotReadable("it is in thread-local memory");
        case 0xa0:
        case 0xf2:
          throw new NotReadable("the pointer was optimised away; only what it points to is known");
        case 0x28:
        case 0x2f:
          throw new NotReadable("where it is depends on its value");
        default:
          if (op >= 0x29 && op <= 0x2e) throw new NotReadable("where it is depends on its value");
          if (op === 0xa8 || op === 0xa9 || op === 0xf7 || op === 0xa5 || op === 0xf5 || op === 0xa6 || op === 0xa4)
            throw new NotReadable("it is converted by typed arithmetic");
          throw new NotReadable(`it is worked out by an operation that is not known (0x${op.toString(16)})`);
      }
  }
  return { kind: "memory", address: pop() };
}

function wholeRegister(cursor: ByteReader, number: number): Location {
  if (cursor.at < cursor.end) throw new NotReadable("it is kept in pieces");
  return { kind: "register", number };
}

/** One place where a variable is, and for which addresses. */
export interface ListedLocation extends Range {
  readonly expression: Uint8Array;
}

/**
 * Where something is, by the value of its location attribute: one expression for everywhere, or a list by addresses
 * (.debug_loclists, .debug_loc).
 */
export function locationList(unit: Unit, value: Value): readonly ListedLocation[] {
  const { units } = unit;
  if (value.kind === "block") return [{ low: 0, high: Number.POSITIVE_INFINITY, expression: value.bytes }];
  if (value.kind !== "offset" && value.kind !== "number") return [];
  if (unit.version < 5) return units.split ? gnuSplitList(unit, value.value) : oldList(unit, value.value);
  let at = value.value;
  if (value.kind === "offset" && value.indexed) {
    const base = units.bases(unit).loclists;
    at = base + sectionOffset(units.sections.reader("loclists", base + at * (unit.wide ? 8 : 4)), unit.wide);
  }
  const cursor = units.sections.reader("loclists", at);
  const found: ListedLocation[] = [];
  let base = units.bases(unit).low;
  const add = (low: number, high: number): void => {
    found.push({ low, high, expression: cursor.block(cursor.uleb()) });
  };
  const address = (): number => cursor.word(unit.addressSize);
  const indexed = (): number => units.indexedAddress(unit, cursor.uleb());
  for (;;) {
    const kind = cursor.u8();
    switch (kind) {
      case 0:
        return found;
      case 1:
        base = indexed();
        break;
      case 2: {
        const low = indexed();
        add(low, indexed());
        break;
      }
      case 3: {
        const low = indexed();
        add(low, low + cursor.uleb());
        break;
      }
      case 4: {
        const low = base + cursor.uleb();
        add(low, base + cursor.uleb());
        break;
      }
      case 5:
        add(0, Number.POSITIVE_INFINITY);
        break;
      case 6:
        base = address();
        break;
      case 7: {
        const low = address();
        add(low, address());
        break;
      }
      case 8: {
        const low = address();
        add(low, low + cursor.uleb());
        break;
      }
      case 9:
        // GCC's view numbers: they tell apart places at one address, which we do not.
        cursor.uleb();
        cursor.uleb();
        break;
      default:
        throw cursor.damage(`a location of kind ${kind}`);
    }
  }
}

function oldList(unit: Unit, at: number): ListedLocation[] {
  const { units } = unit;
  const cursor = units.sections.reader("loc", at);
  const found: ListedLocation[] = [];
  let base = units.bases(unit).low;
  const most = 2 ** (8 * unit.addressSize) - 1;
  for (;;) {
    const low = cursor.word(unit.addressSize);
    const high = cursor.word(unit.addressSize);
    if (low === 0 && high === 0) return found;
    if (low >= most) base = high;
    else found.push({ low: low + base, high: high + base, expression: cursor.block(cursor.u16()) });
  }
}

/** The lists of split units before version 5 (GCC's "DebugFission"): by numbers of the table of addresses. */
function gnuSplitList(unit: Unit, at: number): ListedLocation[] {
  const { units } = unit;
  const cursor = units.sections.reader("loc", at);
  const found: ListedLocation[] = [];
  const indexed = (): number => units.indexedAddress(unit, cursor.uleb());
  for (;;) {
    const kind = cursor.u8();
    if (kind === 0) return found;
    const low = indexed();
    // A base of addresses, which only pairs of offsets would use; no compiler writes those.
    if (kind === 1) continue;
    if (kind !== 2 && kind !== 3) throw cursor.damage(`a location of kind ${kind} in a split list`);
    // GCC 12 writes -1 for some of length 1.
    const high = kind === 2 ? indexed() : low + cursor.s32();
    const expression = cursor.block(cursor.u16());
    if (high > low) found.push({ low, high, expression });
  }
}
