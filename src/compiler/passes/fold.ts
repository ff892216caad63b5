// Folds constants, simplifies algebra, moves constant distances into the offsets of loads and stores, and decides
// branches whose outcome is known.
//
// Only bits that the kernel's verifier knows as well may be relied on (the width of a load, a mask, a shift), so that
// leaving out a mask never loses a bound that it needs.

import { commutes, computeBinary, computeCondition, swapBytes, swapped } from "../arithmetic.ts";
import { ALL_BITS, possibleBits, sameBits } from "../bits.ts";
import { constantOf, constantPool, endOf, newInstr, replaceValues, resolver, useCounts } from "../graph.ts";
import {
  type BinaryOp,
  type Block,
  type Condition,
  edgesOf,
  INT,
  type Instr,
  type IrFunction,
  type LoadSize,
  type Operation,
  type Terminator,
  type Value,
  type Width,
} from "../ir.ts";
import type { Pass } from "./pass.ts";

/** No value has more bits set than this many low ones, and the verifier (Linux 6.18) knows it. */
export function knownBits(value: Value, depth = 0): number {
  const instr = value.def;
  if (instr === undefined) return value.bits ?? 64;
  if (depth > 6) return 64;
  const { operation, args } = instr;
  const of = (i: number): number => knownBits(args[i] as Value, depth + 1);
  switch (operation.op) {
    case "const":
      return operation.value < 0n ? 64 : operation.value.toString(2).length;
    case "load":
      return operation.size.startsWith("u") ? Number(operation.size.slice(1)) : 64;
    case "zext":
      return Math.min(operation.bits, of(0));
    case "and":
      return Math.min(of(0), of(1), operation.width);
    case "or":
    case "xor":
      return Math.min(Math.max(of(0), of(1)), operation.width);
    case "add":
      return within(Math.max(of(0), of(1)) + 1, operation.width);
    case "mul":
      return within(of(0) + of(1), operation.width);
    case "shl": {
      const by = constantOf(args[1] as Value);
      return within(by === undefined ? 64 : of(0) + (Number(by) & (operation.width - 1)), operation.width);
    }
    case "shr": {
      const by = constantOf(args[1] as Value);
      if (by === undefined) return operation.width === 32 ? 32 : 64;
      return Math.max(1, Math.min(of(0), operation.width) - (Number(by) & (operation.width - 1)));
    }
    // The verifier forgets everything at these, 32 bits wide or not.
    case "div":
    case "mod":
    case "sdiv":
    case "smod":
    case "bswap":
    case "neg":
      return 64;
    default:
      return "width" in operation && operation.width === 32 ? 32 : 64;
  }
}

/** So many bits where that is no more than the operation has: else it wraps. */
const within = (bits: number, width: Width): number => (bits <= width ? bits : width);

const log2 = (value: bigint): number | undefined =>
  value > 0n && (value & (value - 1n)) === 0n ? value.toString(2).length - 1 : undefined;

const fitsOffset = (offset: number): boolean => offset >= -32768 && offset <= 32767;

class Folder {
  readonly #fn: IrFunction;
  readonly #const: (value: bigint) => Value;
  readonly #uses: Map<Value, number>;
  readonly #replaced = new Map<Value, Value>();
  readonly #resolve: (value: Value) => Value;
  /** Instructions made for the one at hand, to stand before it. */
  #before: Instr[] = [];
  #cpu: number;
  changed = false;

  constructor(fn: IrFunction, cpu: number) {
    this.#fn = fn;
    this.#cpu = cpu;
    this.#const = constantPool(fn);
    this.#uses = useCounts(fn);
    this.#resolve = resolver(this.#replaced);
  }

  /** Parameters of blocks that are constants on every way, as truth values are. */
  #boundParams(): void {
    for (const block of this.#fn.blocks) for (const param of block.params) param.bits = 0;
    for (const block of this.#fn.blocks)
      for (const edge of edgesOf(endOf(block)))
        edge.args.forEach((arg, i) => {
          const param = edge.block.params[i] as Value;
          const constant = constantOf(arg);
          const bits = constant === undefined || constant < 0n ? 64 : constant.toString(2).length;
          param.bits = Math.max(param.bits ?? 0, bits);
        });
  }

  run(): void {
    this.#boundParams();
    for (const block of this.#fn.blocks) {
      const out: Instr[] = [];
      for (const instr of [...block.instrs]) {
        for (let i = 0; i < instr.args.length; i++) instr.args[i] = this.#resolve(instr.args[i] as Value);
        this.#before = [];
        let simpler: Value | undefined;
        // A rule may enable the next one.
        for (let rounds = 0; rounds < 8; rounds++) {
          const before = instr.operation;
          const [first, second] = instr.args;
          simpler = this.#simplify(instr);
          if (simpler !== undefined) break;
          if (before === instr.operation && first === instr.args[0] && second === instr.args[1]) break;
          this.changed = true;
        }
        out.push(...this.#before);
        if (simpler === undefined || simpler === instr) out.push(instr);
        else {
          this.#replaced.set(instr, simpler);
          this.changed = true;
        }
      }
      // Constants may have been added at the head of the entry meanwhile.
      if (block === this.#fn.blocks[0]) {
        const known = new Set(out);
        const fresh = block.instrs.filter((i) => i.operation.op === "const" && !known.has(i) && !this.#replaced.has(i));
        out.unshift(...fresh);
      }
      block.instrs = out;
      block.terminator = this.#terminator(block);
    }
    replaceValues(this.#fn, this.#replaced);
  }

  #make(operation: Operation, args: Value[], span: Instr["span"], type = INT): Instr {
    const made = newInstr(this.#fn, operation, args, type, span);
    this.#before.push(made);
    this.changed = true;
    return made;
  }

  /** A value that can take the instruction's place, or undefined; may change the instruction itself. */
  #simplify(instr: Instr): Value | undefined {
    const { operation, args } = instr;
    const [a, b] = args as [Value, Value];
    switch (operation.op) {
      case "zext":
        return this.#zext(instr, operation.bits, a);
      case "sext":
        return this.#sext(instr, operation.bits, a);
      case "neg": {
        const constant = constantOf(a);
        return constant === undefined ? undefined : this.#const(computeBinary("sub", operation.width, 0n, constant));
      }
      case "bswap": {
        const { bits } = operation;
        const constant = constantOf(a);
        if (constant !== undefined) return this.#const(swapBytes(constant, bits));
        // Only these bits are looked at; swapped twice they are as they were.
        const low = bits === 64 ? a : this.#low(a, bits);
        const inner = low.def?.operation;
        const before =
          inner?.op === "bswap" && inner.bits === bits ? this.#resolve(low.def?.args[0] as Value) : undefined;
        if (before !== undefined && (bits === 64 || knownBits(before) <= bits)) return before;
        if (low !== a) this.#change(instr, operation, [low]);
        return undefined;
      }
      case "load":
      case "atomic": {
        const at = this.#address(a, operation.offset);
        if (at !== undefined) this.#change(instr, { ...operation, offset: at.offset }, [at.base, ...args.slice(1)]);
        return undefined;
      }
      case "store": {
        const at = this.#address(a, operation.offset);
        const value = this.#low(b, operation.size);
        if (at !== undefined) this.#change(instr, { ...operation, offset: at.offset }, [at.base, value]);
        else if (value !== b) this.#change(instr, operation, [a, value]);
        return undefined;
      }
      case "zero": {
        const at = this.#address(a, operation.offset);
        if (at !== undefined) this.#change(instr, { ...operation, offset: at.offset }, [at.base]);
        return undefined;
      }
      case "copy": {
        const to = this.#address(a, operation.toOffset) ?? { base: a, offset: operation.toOffset };
        const from = this.#address(b, operation.fromOffset) ?? { base: b, offset: operation.fromOffset };
        if (to.base !== a || from.base !== b) {
          this.#change(instr, { ...operation, toOffset: to.offset, fromOffset: from.offset }, [to.base, from.base]);
        }
        return undefined;
      }
      default:
        return "width" in operation && operation.op !== ("neg" as string)
          ? this.#binary(instr, operation.op as BinaryOp, operation.width, a, b)
          : undefined;
    }
  }

  #change(instr: Instr, operation: Operation, args: Value[]): void {
    instr.operation = operation;
    instr.args = args;
    this.changed = true;
  }

  /** The base and the whole offset of `pointer + offset`, when the pointer is itself a base and a distance. */
  #address(pointer: Value, offset: number): { base: Value; offset: number } | undefined {
    const operation = pointer.def?.operation;
    if (operation?.op === "map-value") {
      // One base for all accesses of a map's value.
      if (operation.offset === 0 || !fitsOffset(offset + operation.offset)) return undefined;
      const type = (pointer as Instr).type;
      return { base: this.#make({ ...operation, offset: 0 }, [], undefined, type), offset: offset + operation.offset };
    }
    if (operation?.op !== "add" || operation.width !== 64) return undefined;
    const [base, distance] = (pointer.def as Instr).args as [Value, Value];
    const constant = constantOf(distance);
    if (constant === undefined || constant < -32768n || constant > 32767n) return undefined;
    const whole = offset + Number(constant);
    return fitsOffset(whole) ? { base: this.#resolve(base), offset: whole } : undefined;
  }

  /** A value with the same low bits that costs less. */
  #low(value: Value, bits: number): Value {
    return this.#same(value, (1n << BigInt(bits)) - 1n);
  }
  /** A value with the same bits where the mask has ones, which costs less. */
  #same(value: Value, mask: bigint): Value {
    return sameBits(value, mask, this.#resolve);
  }

  #zext(instr: Instr, bits: 8 | 16 | 32, a: Value): Value | undefined {
    const constant = constantOf(a);
    if (constant !== undefined) return this.#const(BigInt.asUintN(bits, constant));
    if (knownBits(a) <= bits) return a;
    if (bits < 32) {
      this.#change(instr, { op: "and", width: 64 }, [a, this.#const(bits === 8 ? 0xffn : 0xffffn)]);
      return undefined;
    }
    const lower = this.#low(a, bits);
    if (lower !== a) this.#change(instr, { op: "zext", bits }, [lower]);
    return undefined;
  }

  #sext(instr: Instr, bits: 8 | 16 | 32, a: Value): Value | undefined {
    const constant = constantOf(a);
    if (constant !== undefined) return this.#const(BigInt.asIntN(bits, constant));
    if (knownBits(a) < bits) return a;
    const operation = a.def?.operation;
    if (operation?.op === "sext" && operation.bits <= bits) return a;
    if (operation?.op === "load" && operation.size.startsWith("s") && Number(operation.size.slice(1)) <= bits) return a;
    if (operation?.op === "load" && operation.size === `u${bits}` && this.#uses.get(a) === 1 && this.#cpu >= 4) {
      // The load itself extends the sign; it stays where it was, for memory may change in between.
      (a.def as Instr).operation = { ...operation, size: `s${bits}` as LoadSize };
      return a;
    }
    const lower = this.#low(a, bits);
    if (lower !== a) this.#change(instr, { op: "sext", bits }, [lower]);
    return undefined;
  }

  #binary(instr: Instr, op: BinaryOp, width: Width, first: Value, second: Value): Value | undefined {
    let [a, b] = [first, second];
    const ca = constantOf(a);
    let cb = constantOf(b);
    if (ca !== undefined && cb !== undefined) return this.#const(computeBinary(op, width, ca, cb));
    if (ca !== undefined && commutes(op)) {
      [a, b, cb] = [b, a, ca];
      this.#change(instr, instr.operation, [a, b]);
    }
    if (width === 32) {
      // Only the low halves count; for what is not known to be narrow the check costs nothing.
      const la = this.#low(a, 32);
      const lb = this.#low(b, 32);
      if (la !== a || lb !== b) this.#change(instr, instr.operation, ([a, b] = [la, lb]));
    }
    if (a === b && a.type.kind === "int") {
      if (op === "sub" || op === "xor") return this.#const(0n);
      if ((op === "and" || op === "or") && width === 64) return a;
    }
    if (op === "sub" && width === 64 && a.type.kind !== "int") {
      const [x, y] = [this.#distance(a), this.#distance(b)];
      if (x.base === y.base) return this.#const(x.distance - y.distance);
    }
    if (cb === undefined) return this.#sum(instr, op, width, a, b);
    const c = width === 64 ? cb : BigInt.asUintN(32, cb);
    const same = (): Value | undefined => {
      if (width === 64 || knownBits(a) <= 32) return a;
      this.#change(instr, { op: "zext", bits: 32 }, [a]);
      return undefined;
    };
    const ones = width === 64 ? -1n : 0xffffffffn;
    switch (op) {
      case "add":
        if (c === 0n) return same();
        this.#reassociate(instr, op, width, a, cb);
        if (a.def?.operation.op === "map-value" && width === 64) {
          const { map, offset } = a.def.operation;
          const whole = BigInt(offset) + cb;
          if (whole >= 0n && whole < 1n << 31n)
            this.#change(instr, { op: "map-value", map, offset: Number(whole) }, []);
        }
        return undefined;
      case "or":
      case "xor":
        if (c === 0n) return same();
        if (c === ones && op === "or") return this.#const(BigInt.asUintN(width, -1n));
        this.#reassociate(instr, op, width, a, cb);
        return undefined;
      case "sub":
        if (c === 0n) return same();
        if (cb !== -(1n << 63n)) this.#change(instr, { op: "add", width }, [a, this.#const(-cb)]);
        return undefined;
      case "shl":
      case "shr":
      case "sar":
        return this.#shift(instr, op, width, a, Number(c) & (width - 1), same);
      case "mul": {
        if (c === 0n) return this.#const(0n);
        if (c === 1n) return same();
        const power = log2(c);
        if (power !== undefined) this.#change(instr, { op: "shl", width }, [a, this.#const(BigInt(power))]);
        return undefined;
      }
      case "div": {
        if (c === 0n) return this.#const(0n);
        if (c === 1n) return same();
        const power = log2(BigInt.asUintN(64, c));
        if (power !== undefined) this.#change(instr, { op: "shr", width }, [a, this.#const(BigInt(power))]);
        return undefined;
      }
      case "mod": {
        if (c === 0n) return same();
        const unsigned = BigInt.asUintN(64, c);
        if (log2(unsigned) !== undefined) this.#change(instr, { op: "and", width }, [a, this.#const(unsigned - 1n)]);
        return undefined;
      }
      case "sdiv":
        if (c === 0n) return this.#const(0n);
        return c === 1n ? same() : undefined;
      case "smod":
        if (c === 0n) return same();
        return c === 1n ? this.#const(0n) : undefined;
      case "and": {
        if (c === 0n) return this.#const(0n);
        if (c === ones) return same();
        if (width === 64 && c === 0xffffffffn) {
          this.#change(instr, { op: "zext", bits: 32 }, [a]);
          return undefined;
        }
        const lean = this.#same(a, c);
        if (lean !== a) {
          this.#change(instr, instr.operation, [lean, b]);
          return undefined;
        }
        if ((possibleBits(a) & ~BigInt.asUintN(64, c)) === 0n && (width === 64 || possibleBits(a) <= 0xffffffffn))
          return a;
        const bits = knownBits(a);
        if (bits < 64) {
          const all = (1n << BigInt(bits)) - 1n;
          if ((c & all) === all && (width === 64 || bits <= 32)) return a;
        }
        this.#reassociate(instr, op, width, a, cb);
        return undefined;
      }
    }
  }

  /** Constants go to the end of a sum, where they become one; what is added and taken away again goes. */
  #sum(instr: Instr, op: BinaryOp, width: Width, a: Value, b: Value): Value | undefined {
    if ((op !== "add" && op !== "sub") || a.type.kind !== "int" || b.type.kind !== "int") return undefined;
    const parts = (value: Value): { readonly op: "add" | "sub"; readonly x: Value; readonly y: Value } | undefined => {
      const { def } = value;
      const operation = def?.operation;
      if (def === undefined || (operation?.op !== "add" && operation?.op !== "sub") || operation.width !== width)
        return undefined;
      return { op: operation.op, x: this.#resolve(def.args[0] as Value), y: this.#resolve(def.args[1] as Value) };
    };
    const [left, right] = [parts(a), parts(b)];
    const whole = (value: Value): boolean => value.type.kind === "int" && (width === 64 || knownBits(value) <= 32);
    if (left !== undefined && left.op !== op) {
      if (left.y === b && whole(left.x)) return left.x;
      if (op === "sub" && left.x === b && whole(left.y)) return left.y;
    }
    if (op === "add" && right?.op === "sub" && right.y === a && whole(right.x)) return right.x;
    for (const [found, other, first] of [
      [left, b, true],
      [right, a, false],
    ] as const) {
      if (found?.op !== "add" || found.x.type.kind !== "int" || constantOf(found.y) === undefined) continue;
      if (this.#uses.get(first ? a : b) !== 1) continue;
      const operands = first || op === "add" ? [found.x, other] : [other, found.x];
      const inner = this.#make({ op, width }, operands, instr.span);
      this.#uses.set(inner, 1);
      this.#change(instr, { op: !first && op === "sub" ? "sub" : "add", width }, [inner, found.y]);
      return undefined;
    }
    return undefined;
  }

  /** An address as another one and the constant bytes between them. */
  #distance(address: Value): { readonly base: Value; readonly distance: bigint } {
    let base = address;
    let distance = 0n;
    while (base.def?.operation.op === "add" && base.def.operation.width === 64) {
      const [from, by] = base.def.args as [Value, Value];
      const constant = constantOf(by);
      if (constant === undefined) break;
      distance += constant;
      base = this.#resolve(from);
    }
    return { base, distance: BigInt.asIntN(64, distance) };
  }

  /** (x op c1) op c2 is x op (c1 op c2) */
  #reassociate(instr: Instr, op: BinaryOp, width: Width, a: Value, constant: bigint): void {
    const inner = a.def;
    if (inner === undefined || inner.operation.op !== op || inner.operation.width !== width) return;
    const other = constantOf(inner.args[1] as Value);
    if (other === undefined) return;
    const both = this.#const(computeBinary(op, width, other, constant));
    this.#change(instr, instr.operation, [this.#resolve(inner.args[0] as Value), both]);
  }

  #shift(
    instr: Instr,
    op: "shl" | "shr" | "sar",
    width: Width,
    a: Value,
    by: number,
    same: () => Value | undefined,
  ): Value | undefined {
    if (by === 0) return same();
    if (width === 64) {
      const kept = op === "shl" ? ALL_BITS >> BigInt(by) : (ALL_BITS << BigInt(by)) & ALL_BITS;
      const lean = this.#same(a, kept);
      if (lean !== a) {
        this.#change(instr, instr.operation, [lean, instr.args[1] as Value]);
        return undefined;
      }
      if (op !== "sar" && (possibleBits(a) & kept) === 0n) return this.#const(0n);
    }
    const inner = a.def?.operation;
    if (inner === undefined || !("width" in inner) || inner.op === "neg" || inner.width !== width || width !== 64)
      return undefined;
    const amount = constantOf(a.def?.args[1] as Value);
    if (amount === undefined) return undefined;
    const before = Number(amount) & 63;
    const x = this.#resolve(a.def?.args[0] as Value);
    if (inner.op === "shl" && op !== "shl" && this.#uses.get(a) === 1) {
      // Of what is shifted up and down again, only the middle counts.
      const lean = this.#same(x, (ALL_BITS >> BigInt(before)) & (ALL_BITS << BigInt(Math.max(0, by - before))));
      if (lean !== x) {
        const up = this.#make(inner, [lean, this.#const(BigInt(before))], instr.span);
        this.#uses.set(up, 1);
        this.#change(instr, instr.operation, [up, instr.args[1] as Value]);
        return undefined;
      }
    }
    if (inner.op === op && op !== "sar") {
      if (before + by >= 64) return this.#const(0n);
      this.#change(instr, { op, width }, [x, this.#const(BigInt(before + by))]);
    } else if (inner.op === "shl" && before === by && op === "shr") {
      const mask = (1n << BigInt(64 - by)) - 1n;
      if (by === 32) this.#change(instr, { op: "zext", bits: 32 }, [x]);
      else if (by > 32) this.#change(instr, { op: "and", width: 64 }, [x, this.#const(mask)]);
    } else if (inner.op === "shl" && before === by && op === "sar" && (by === 32 || by === 48 || by === 56)) {
      this.#change(instr, { op: "sext", bits: (64 - by) as 8 | 16 | 32 }, [x]);
    }
    return undefined;
  }

  #terminator(block: Block): Terminator {
    const end = endOf(block);
    if (end.kind !== "branch") return end;
    let { a, b, condition, width } = end;
    a = this.#resolve(a);
    b = this.#resolve(b);
    const decided = (holds: boolean): Terminator => {
      this.changed = true;
      return { kind: "jump", to: holds ? end.then : end.else };
    };
    if (constantOf(a) !== undefined && constantOf(b) === undefined) {
      [a, b] = [b, a];
      condition = swapped(condition);
    }
    const ca = constantOf(a);
    const cb = constantOf(b);
    if (ca !== undefined && cb !== undefined) return decided(computeCondition(condition, width, ca, cb));
    if (a === b && condition !== "set") return decided(computeCondition(condition, 64, 0n, 0n));
    if ((condition === "eq" || condition === "ne") && a.type.kind !== "int" && b.type.kind !== "int") {
      const [x, y] = [this.#distance(a), this.#distance(b)];
      if (x.base === y.base) return decided((x.distance === y.distance) === (condition === "eq"));
    }
    if (cb !== undefined) {
      const sharper = this.#compareConstant(condition, width, a, cb);
      if (typeof sharper === "boolean") return decided(sharper);
      ({ condition, width, a } = sharper);
      b = this.#const(sharper.constant);
    }
    if (condition === end.condition && a === end.a && b === end.b && width === end.width) return end;
    this.changed = true;
    return { ...end, condition, width, a, b };
  }

  /** A simpler compare with a constant, or its outcome. */
  #compareConstant(
    condition: Condition,
    width: Width,
    a: Value,
    constant: bigint,
  ): boolean | { condition: Condition; width: Width; a: Value; constant: bigint } {
    const c = BigInt.asUintN(width, constant);
    const top = width === 64 ? (1n << 64n) - 1n : 0xffffffffn;
    if (c === 0n) {
      if (condition === "ult" || condition === "set") return false;
      if (condition === "uge") return true;
      if (condition === "ugt") return this.#compareConstant("ne", width, a, constant);
      if (condition === "ule") return this.#compareConstant("eq", width, a, constant);
    }
    if (c === top && condition === "ugt") return false;
    if (c === top && condition === "ule") return true;
    if (c === 1n && condition === "ult") return this.#compareConstant("eq", width, a, 0n);
    if (c === 1n && condition === "uge") return this.#compareConstant("ne", width, a, 0n);
    if (a.type.kind === "int") {
      // Bits above those that the value can have decide.
      const bits = knownBits(a);
      if (bits < width && c >= 1n << BigInt(bits)) {
        if (condition === "eq" || condition === "ugt" || condition === "uge") return false;
        if (condition === "ne" || condition === "ult" || condition === "ule") return true;
      }
      const operation = a.def?.operation;
      const args = a.def?.args as Value[];
      if ((condition === "eq" || condition === "ne") && operation?.op === "bswap" && operation.bits <= width) {
        // The constant is swapped instead, where all that was swapped is compared.
        const { bits } = operation;
        if (c >> BigInt(bits) !== 0n) return condition === "ne";
        const x = this.#resolve(args[0] as Value);
        if (knownBits(x) <= bits) return { condition, width, a: x, constant: swapBytes(c, bits) };
      }
      if (c === 0n && (condition === "eq" || condition === "ne") && operation?.op === "add") {
        // A small number and one above zero are not zero.
        const more = constantOf(args[1] as Value) ?? 0n;
        const small = knownBits(args[0] as Value) < operation.width && more > 0n && more < 1n << BigInt(width - 1);
        if (small && operation.width >= width) return condition === "ne";
      }
      if (
        c === 0n &&
        condition === "ne" &&
        operation?.op === "and" &&
        this.#uses.get(a) === 1 &&
        operation.width === width
      ) {
        const mask = constantOf(args[1] as Value);
        if (mask !== undefined && mask === BigInt.asIntN(32, mask)) {
          return { condition: "set", width, a: this.#resolve(args[0] as Value), constant: mask };
        }
      }
      // A value that only this compare looks at need not be widened first.
      const unsigned = !condition.startsWith("s");
      if (
        width === 64 &&
        unsigned &&
        operation?.op === "zext" &&
        operation.bits === 32 &&
        c <= 0xffffffffn &&
        this.#uses.get(a) === 1
      ) {
        return { condition, width: 32, a: this.#resolve(args[0] as Value), constant: BigInt.asIntN(32, c) };
      }
    }
    return { condition, width, a, constant };
  }
}

export const fold: Pass = {
  name: "fold",
  run(fn, context) {
    // What one round leaves open because of a loop, the next one sees.
    for (let rounds = 0; rounds < 4; rounds++) {
      const folder = new Folder(fn, context.cpu);
      folder.run();
      if (!folder.changed) return;
    }
  },
};
