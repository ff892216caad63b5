// Values of a filter as WebAssembly: 32-bit numbers, each worked out once and kept in a local variable of its own. What a
// packet does not have is told by guards: conditions under which a value is one.

import { Access, type Code, I32, Wasm, type WasmFunctionBuilder } from "../../wasm/index.ts";
import type { Operator, Relation, Value } from "./expression.ts";
import type { Test } from "./graph.ts";
import { writeChain, writeFrameEnd } from "./wasm-routines.ts";

/** Bytes behind the room for packets that may be read, though nothing counts that is read there. */
export const SLACK: number = 1 << 17;

export interface PacketLocals {
  /** Where it begins, how many of its bytes are there, and how long it was. */
  readonly start: number;
  readonly kept: number;
  readonly length: number;
}

/** What holds where code stands: values that are in their locals, and bytes that are known to be there. */
export interface Known {
  readonly held: ReadonlySet<Value>;
  readonly raw: ReadonlySet<Value>;
  /** By what they are counted from; without it, from the packet's start. */
  readonly extents: ReadonlyMap<Value | undefined, number>;
}

export const NOTHING_KNOWN: Known = { held: new Set(), raw: new Set(), extents: new Map() };

/** What is known whichever of two ways was taken. */
export function commonKnown(a: Known, b: Known): Known {
  const both = (x: ReadonlySet<Value>, y: ReadonlySet<Value>): ReadonlySet<Value> =>
    new Set([...x].filter((value) => y.has(value)));
  const extents = new Map<Value | undefined, number>();
  for (const [base, bytes] of a.extents) extents.set(base, Math.min(bytes, b.extents.get(base) ?? 0));
  return { held: both(a.held, b.held), raw: both(a.raw, b.raw), extents };
}

const OPERATIONS: Readonly<Record<Operator, number>> = {
  "+": Wasm.i32_add,
  "-": Wasm.i32_sub,
  "*": Wasm.i32_mul,
  "/": Wasm.i32_div_u,
  "%": Wasm.i32_rem_u,
  "&": Wasm.i32_and,
  "|": Wasm.i32_or,
  "^": Wasm.i32_xor,
  "<<": Wasm.i32_shl,
  ">>": Wasm.i32_shr_u,
};

const LOADS = { 1: Access.i32_load8_u, 2: Access.i32_load16_u, 4: Access.i32_load } as const;

/** A number with its bytes in the other order, as a load of that size gives it. */
export function swapped(number: number, size: 1 | 2 | 4): number {
  if (size === 1) return number;
  if (size === 2) return ((number & 0xff) << 8) | ((number >>> 8) & 0xff);
  return (((number & 0xff) << 24) | ((number & 0xff00) << 8) | ((number >>> 8) & 0xff00) | (number >>> 24)) >>> 0;
}

/** Relations that put a number: `&` one that is not always 1. */
const RELATIONS: Readonly<Record<Relation, number>> = {
  "=": Wasm.i32_eq,
  ">": Wasm.i32_gt_u,
  ">=": Wasm.i32_ge_u,
  "&": Wasm.i32_and,
};

/** Bytes of a value that has an order of bytes: a load, or some of its bits. */
function rawSize(value: Value): 1 | 2 | 4 | undefined {
  if (value.kind === "load") return value.size;
  if (value.kind !== "binary" || value.operator !== "&" || value.right.kind !== "constant") return undefined;
  return rawSize(value.left);
}

/** The largest number that a value can be. */
function most(value: Value): number {
  switch (value.kind) {
    case "constant":
      return value.number;
    case "header-length":
      return 60;
    case "load":
      return 2 ** (8 * value.size) - 1;
    case "binary": {
      const [left, right] = [most(value.left), most(value.right)];
      if (value.operator === "&") return Math.min(left, right);
      if (value.operator === "+") return left + right > 0xffffffff ? 0xffffffff : left + right;
      if (value.operator === ">>" && value.right.kind === "constant") return left >>> Math.min(31, right);
      if (value.operator === "<<" && right < 32 && left * 2 ** right <= 0xffffffff) return left * 2 ** right;
      return 0xffffffff;
    }
    default:
      return 0xffffffff;
  }
}

/** Writes values; what is to happen where one is none, a kind of it says. */
export abstract class ValueWriter {
  protected readonly code: Code;
  protected readonly packet: PacketLocals;
  readonly #builder: WasmFunctionBuilder;
  /** Of each value, and of what a load finds in the machine's order of bytes. */
  readonly #locals = new Map<Value, number>();
  readonly #rawLocals = new Map<Value, number>();
  #held = new Set<Value>();
  #raw = new Set<Value>();
  #extents = new Map<Value | undefined, number>();

  constructor(builder: WasmFunctionBuilder, packet: PacketLocals) {
    this.#builder = builder;
    this.code = builder.code;
    this.packet = packet;
  }

  /** Takes the condition from the stack under which `value` is one: where it does not hold, a packet that needs it does not match. */
  protected abstract guard(value: Value): void;
  /** Whether code behind a guard runs only where it holds. */
  protected abstract readonly stops: boolean;

  get known(): Known {
    return { held: this.#held, raw: this.#raw, extents: this.#extents };
  }

  /** Code goes on where that is known. */
  protected begin({ held, raw, extents }: Known): void {
    this.#held = new Set(held);
    this.#raw = new Set(raw);
    this.#extents = new Map(extents);
  }

  protected local(): number {
    return this.#builder.local(I32);
  }

  #localOf(value: Value, locals: Map<Value, number>): number {
    const known = locals.get(value);
    if (known !== undefined) return known;
    const made = this.local();
    locals.set(value, made);
    return made;
  }

  /** Puts a value on the stack. */
  put(value: Value): void {
    const { code } = this;
    if (value.kind === "constant") {
      code.i32(value.number);
      return;
    }
    if (value.kind === "length") {
      code.get(this.packet.length);
      return;
    }
    const local = this.#localOf(value, this.#locals);
    if (this.#held.has(value)) {
      code.get(local);
      return;
    }
    this.#workOut(value);
    code.tee(local);
    this.#held.add(value);
  }

  /** Puts whether a test holds: 0, or another number. */
  putTest({ left, relation, right }: Test): void {
    const { code } = this;
    if (typeof right !== "number") {
      const size = rawSize(left);
      if (relation === "=" && size !== undefined && size === rawSize(right)) {
        this.#putInTheirOrder(left, size);
        this.#putInTheirOrder(right, size);
      } else {
        this.put(left);
        this.put(right);
      }
      code.op(RELATIONS[relation]);
      return;
    }
    const size = rawSize(left);
    if (size !== undefined && (relation === "=" || relation === "&")) {
      // Bytes of the number are put into the packet's order, instead of the packet's into ours.
      this.#putInTheirOrder(left, size);
      const beyond = relation === "=" && right > 2 ** (8 * size) - 1;
      code.i32(swapped(right, size)).op(RELATIONS[relation]);
      if (beyond) code.i32(0).op(Wasm.i32_and);
      return;
    }
    this.put(left);
    code.i32(right).op(RELATIONS[relation]);
  }

  #putInTheirOrder(value: Value, size: 1 | 2 | 4): void {
    if (value.kind === "load") {
      this.putRaw(value);
      return;
    }
    if (value.kind !== "binary" || value.right.kind !== "constant")
      throw new Error("a value without an order of bytes");
    this.#putInTheirOrder(value.left, size);
    this.code.i32(swapped(value.right.number, size)).op(Wasm.i32_and);
  }

  #workOut(value: Value): void {
    const { code } = this;
    switch (value.kind) {
      case "load":
        this.#swap(value);
        break;
      case "header-length":
        this.#there(value, undefined, value.offset, 1);
        code.get(this.packet.start).access(Access.i32_load8_u, value.offset);
        code.i32(15).op(Wasm.i32_and).i32(2).op(Wasm.i32_shl);
        break;
      case "negate":
        code.i32(0);
        this.put(value.value);
        code.op(Wasm.i32_sub);
        break;
      case "binary":
        this.#calculate(value, value.operator, value.left, value.right);
        break;
      case "frame-end": {
        this.put(value.start);
        const [start, end, good] = [this.local(), this.local(), this.local()];
        code.set(start);
        writeFrameEnd(code, this.packet, { start, end, good });
        code.get(good);
        this.guard(value);
        code.get(end);
        break;
      }
      case "chain": {
        const [header, protocol, good] = [this.local(), this.local(), this.local()];
        writeChain(code, this.packet, value, { header, protocol, good });
        code.get(good);
        this.guard(value);
        code.get(protocol);
        break;
      }
      default:
        throw new Error(`a value of the kind ${value.kind} has no code`);
    }
  }

  #swap(value: Extract<Value, { kind: "load" }>): void {
    const { code } = this;
    const raw = this.putRaw(value);
    if (value.size === 1) return;
    if (value.size === 2) {
      code.i32(8).op(Wasm.i32_shr_u).get(raw).i32(0xff).op(Wasm.i32_and).i32(8).op(Wasm.i32_shl, Wasm.i32_or);
      return;
    }
    code.i32(8).op(Wasm.i32_rotl).i32(0x00ff00ff).op(Wasm.i32_and);
    code.get(raw).i32(24).op(Wasm.i32_rotl).i32(0xff00ff00).op(Wasm.i32_and, Wasm.i32_or);
  }

  /** Puts what a load finds in the machine's order of bytes, and gives the local that keeps it. */
  putRaw(value: Extract<Value, { kind: "load" }>): number {
    const { code } = this;
    const { size, base, offset } = value;
    const local = this.#localOf(value, this.#rawLocals);
    if (this.#raw.has(value)) {
      code.get(local);
      return local;
    }
    if (base === undefined) {
      this.#there(value, undefined, offset, size);
      code.get(this.packet.start);
      code.access(LOADS[size], offset);
    } else {
      const near = most(base) + offset + size <= SLACK;
      const covered = this.#there(value, base, offset, size);
      if (near || covered || this.stops) {
        code.get(this.packet.start);
        this.put(base);
        if (near) code.op(Wasm.i32_add).access(LOADS[size], offset);
        else code.i32(offset).op(Wasm.i32_add, Wasm.i32_add).access(LOADS[size]);
      } else {
        // Where it is not there, the packet's start is read instead.
        code.get(this.packet.start);
        this.put(base);
        code.i32(offset).op(Wasm.i32_add).i32(0);
        this.#isThere(base, offset, size);
        code.op(Wasm.select, Wasm.i32_add).access(LOADS[size]);
      }
    }
    code.tee(local);
    this.#raw.add(value);
    return local;
  }

  /** Guards that bytes are there, unless it is known. Answers whether it was. */
  #there(value: Value, base: Value | undefined, offset: number, size: number): boolean {
    const far = offset + size;
    // Only sums that cannot pass 2^32 say something of those with smaller offsets.
    const plain = base === undefined || most(base) + far <= 0xffffffff;
    if (plain && far <= (this.#extents.get(base) ?? 0)) return true;
    this.#isThere(base, offset, size);
    this.guard(value);
    if (this.stops && plain) this.#extents.set(base, far);
    return false;
  }

  #isThere(base: Value | undefined, offset: number, size: number): void {
    const { code, packet } = this;
    if (base === undefined) {
      if (offset + size > 0xffffffff) code.i32(0);
      else
        code
          .i32(offset + size)
          .get(packet.kept)
          .op(Wasm.i32_le_u);
      return;
    }
    this.put(base);
    if (most(base) + offset + size <= 0xffffffff) {
      code
        .i32(offset + size)
        .op(Wasm.i32_add)
        .get(packet.kept)
        .op(Wasm.i32_le_u);
      return;
    }
    // The sum is one of 32 bits.
    code.i32(offset).op(Wasm.i32_add).get(packet.kept).i32(size).op(Wasm.i32_sub, Wasm.i32_le_u);
    code.get(packet.kept).i32(size).op(Wasm.i32_ge_u, Wasm.i32_and);
  }

  #calculate(value: Value, operator: Operator, left: Value, right: Value): void {
    const { code } = this;
    const constant = right.kind === "constant" ? right.number : undefined;
    if ((operator === "/" || operator === "%") && constant !== undefined) {
      // Zero is no divisor: nothing matches.
      this.put(left);
      if (constant === 0) {
        code.i32(0);
        this.guard(value);
      }
      code.i32(constant === 0 ? 1 : constant).op(OPERATIONS[operator]);
      return;
    }
    if (operator === "/" || operator === "%") {
      this.put(right);
      code.i32(0).op(Wasm.i32_ne);
      this.guard(value);
      this.put(left);
      this.put(right);
      if (!this.stops) {
        this.put(right);
        code.op(Wasm.i32_eqz, Wasm.i32_or);
      }
      code.op(OPERATIONS[operator]);
      return;
    }
    this.put(left);
    this.put(right);
    code.op(OPERATIONS[operator]);
    // Wasm takes the distance of a shift by 32.
    if ((operator !== "<<" && operator !== ">>") || (constant !== undefined && constant <= 31)) return;
    code.i32(0);
    this.put(right);
    code.i32(32).op(Wasm.i32_lt_u, Wasm.select);
  }
}
