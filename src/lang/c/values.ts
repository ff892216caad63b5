// Values of expressions as IR. A number of 32 bits or fewer has its low 32 bits as C's `int` or `unsigned int` would; what
// the upper half of its register holds nobody relies on, so that the instructions of 32 bits need no help.

import type { CExpression, CVariable } from "../../c/index.ts";
import { refuse } from "../../c/index.ts";
import { type Block, type Condition, INT, type Value, type Width } from "../../compiler/index.ts";
import { MemoryLowering } from "./memory.ts";
import type { Address } from "./places.ts";

type Of<K extends CExpression["kind"]> = Extract<CExpression, { kind: K }>;

const BINARY = { "+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor" } as const;
const UNSIGNED: Readonly<Record<string, Condition>> = {
  "<": "ult",
  "<=": "ule",
  ">": "ugt",
  ">=": "uge",
  "==": "eq",
  "!=": "ne",
};
const SIGNED: Readonly<Record<string, Condition>> = {
  "<": "slt",
  "<=": "sle",
  ">": "sgt",
  ">=": "sge",
  "==": "eq",
  "!=": "ne",
};

export abstract class ValueLowering extends MemoryLowering {
  /** Is the value of what is lowered used? */
  wanted = true;

  protected abstract builtin(of: Of<"builtin">): Value;
  protected abstract call(of: Of<"call">): Value;
  protected abstract block(of: Of<"block">): Value;

  protected width(type: number): Width {
    return this.typing.size(type) > 4 || this.typing.isPointer(type) ? 64 : 32;
  }

  #wide(of: CExpression): boolean {
    return this.typing.size(of.type) > 8;
  }

  value(of: CExpression): Value {
    const { b } = this;
    const outer = b.span;
    b.span = of.span;
    if (this.typing.isInteger(of.type) && this.#wide(of) && of.kind !== "assign")
      refuse("SCRY1035", "numbers of 128 bits can only be copied and compared", of.span);
    const result = this.#value(of);
    b.span = outer;
    return result;
  }

  #value(of: CExpression): Value {
    const { b, typing } = this;
    switch (of.kind) {
      case "constant":
        return b.const(of.value);
      case "variable":
      case "dereference":
      case "member":
      case "element":
      case "literal":
      case "text":
        return typing.isScalar(of.type) ? this.read(of) : this.pointer(this.address(of));
      case "function":
        return this.functionValue(of.function, of);
      case "address":
        return of.of.kind === "function" ? this.functionValue(of.of.function, of) : this.pointer(this.address(of.of));
      case "decay":
        return this.pointer(this.address(of.of));
      case "convert":
        return this.#convert(of);
      case "unary":
        return this.#unary(of);
      case "binary":
        return this.#binary(of);
      case "compare":
      case "logical":
        return this.#truth(of);
      case "advance": {
        if (of.by.kind === "constant") return this.pointer(this.target(of));
        const pointer = this.value(of.pointer);
        // Less by a number: the verifier knows the bounds of that, not those of its negation.
        if (of.by.kind === "unary" && of.by.operator === "-") {
          const by = this.value(of.by.of);
          return b.binary("sub", pointer, of.size === 1 ? by : b.binary("mul", by, of.size));
        }
        return this.advanced(pointer, this.value(of.by), of.size);
      }
      case "distance": {
        const difference = b.emit({ op: "sub", width: 64 }, [this.value(of.left), this.value(of.right)], INT);
        return of.size === 1 ? difference : b.binary("sdiv", difference, of.size);
      }
      case "conditional":
        return this.#conditional(of);
      case "assign":
        return this.#assign(of);
      case "update":
        return this.#update(of);
      case "comma":
        this.value(of.left);
        return this.value(of.right);
      case "call":
        return this.call(of);
      case "builtin":
        return this.builtin(of);
      case "block":
        return this.block(of);
    }
  }

  protected abstract functionValue(fn: Of<"function">["function"], of: CExpression): Value;

  // --- reading and writing --------------------------------------------------------------------------------------

  read(of: CExpression): Value {
    const { b, typing } = this;
    if (of.kind === "variable") {
      const home = this.home(of.variable);
      if (home?.kind === "value") return b.read(home.variable);
      const known = this.#known(of.variable);
      if (known !== undefined) return b.const(known);
    }
    const at = this.address(of);
    if (of.kind === "member" && of.bitfieldSize > 0) return this.readBits(of, at);
    const root = of.kind === "variable" ? of.variable : undefined;
    const load = this.load(at, of.type, typing.isPointer(of.type));
    const operation = load.def?.operation;
    if (operation?.op === "load" && root?.constant !== true && this.#isVolatile(of.type))
      Object.assign(load, { operation: { ...operation, volatile: true } });
    return load;
  }

  /** A constant of the text that nobody can change. */
  #known(variable: CVariable): bigint | undefined {
    if (!variable.constant || variable.storage !== "global" || !this.typing.isInteger(variable.type)) return undefined;
    // `const volatile` is what is set before a program is loaded.
    if (this.#isVolatile(variable.type)) return undefined;
    const entry = variable.initial?.entries[0];
    return entry?.value.kind === "constant" ? entry.value.value : undefined;
  }

  #isVolatile(type: number): boolean {
    let at = this.typing.types.type(type);
    for (let depth = 0; depth < 64; depth++) {
      if (at.kind === "volatile") return true;
      if (at.kind !== "const" && at.kind !== "typedef" && at.kind !== "type_tag") return false;
      at = this.typing.types.type(at.type);
    }
    return false;
  }

  /** Writes a value of the place's type. */
  write(target: CExpression, value: Value): void {
    const { b, typing } = this;
    if (target.kind === "variable") {
      const home = this.home(target.variable);
      if (home?.kind === "value") {
        b.write(home.variable, value);
        return;
      }
    }
    const at = this.address(target);
    if (target.kind === "member" && target.bitfieldSize > 0) this.writeBits(at, this.bitField(target), value);
    else this.store(at, typing.size(target.type), value);
  }

  // --- operators ------------------------------------------------------------------------------------------------

  /** A value as another type has it. */
  converted(value: Value, from: number, to: number): Value {
    const { b, typing } = this;
    const target = typing.resolve(to);
    const [before, after] = [typing.size(from), typing.size(to)];
    if (target.kind === "int" && target.bool) {
      const source = typing.resolve(from);
      if (source.kind === "int" && source.bool) return value;
      // Of one bit that is masked out, that bit.
      const mask = value.def?.operation.op === "and" ? value.def.args[1]?.def?.operation : undefined;
      if (mask?.op === "const" && mask.value > 0n && (mask.value & (mask.value - 1n)) === 0n)
        return this.#lowBit(value, mask.value.toString(2).length - 1, this.width(from));
      return this.#decided((yes, no) => b.branch("ne", value, 0, yes, no, { width: this.width(from) }));
    }
    if (after === 8 || typing.isPointer(to)) {
      if (before === 8 || typing.isPointer(from)) return value;
      return typing.signed(from) ? b.sext(value, 32) : b.zext(value, 32);
    }
    if (after >= 4) return value;
    const fits = before < after && (!typing.signed(from) || typing.signed(to));
    const same = before === after && typing.signed(from) === typing.signed(to);
    if (fits || same) return value;
    const bits = (after * 8) as 8 | 16;
    return typing.signed(to) ? b.sext(value, bits) : b.zext(value, bits);
  }

  #convert(of: Of<"convert">): Value {
    const { typing } = this;
    if (typing.resolve(of.type).kind === "void") {
      this.effect(of.of);
      return this.b.const(0);
    }
    if (!typing.isScalar(of.of.type)) return this.value(of.of);
    const inner = of.of;
    if (inner.kind === "call" && typing.isPointer(of.type)) this.reservation(inner, of.type);
    const value = this.value(of.of);
    if (inner.kind === "member" && inner.bitfieldSize > 0 && inner.bitfieldSize < 32) {
      // What a bit field gives is small, and has its sign in all 64 bits.
      if (typing.size(of.type) >= 4) return value;
    }
    return this.converted(value, of.of.type, of.type);
  }

  /** `struct event *e = bpf_ringbuf_reserve(&ring, …)` says what the ring's records are. */
  protected abstract reservation(call: Of<"call">, pointer: number): void;

  /** What is done for its effect: a struct is not copied for it. */
  effect(of: CExpression): void {
    const { typing } = this;
    if (of.kind === "convert" && typing.resolve(of.type).kind === "void") this.effect(of.of);
    else if (/^(?:variable|text|constant|function)$/.test(of.kind)) return;
    else if (
      of.kind === "call" ||
      of.kind === "assign" ||
      typing.isScalar(of.type) ||
      typing.resolve(of.type).kind === "void"
    )
      this.value(of);
    else this.address(of);
  }

  /** The two words of a number of 128 bits. */
  #halves(of: CExpression): readonly [Value, Value] {
    const { b, typing } = this;
    if (of.kind === "constant") return [b.const(of.value), b.const(of.value < 0n ? -1 : 0)];
    if (of.kind === "convert" && !this.#wide(of.of)) {
      const low = this.converted(this.value(of.of), of.of.type, typing.unsignedLong);
      return [low, typing.signed(of.of.type) ? b.binary("sar", low, 63) : b.const(0)];
    }
    const at = this.address(of.kind === "convert" ? of.of : of);
    return [b.load("u64", at.base, at.offset), b.load("u64", at.base, at.offset + 8)];
  }

  /** A number of 128 bits, in two words; answers the low one. */
  protected storeWide(to: Address, value: CExpression): Value {
    const [low, high] = this.#halves(value);
    this.store(to, 8, low);
    this.store({ base: to.base, offset: to.offset + 8 }, 8, high);
    return low;
  }

  #unary(of: Of<"unary">): Value {
    const { b } = this;
    if (of.operator === "!") return this.#truth(of);
    const value = this.value(of.of);
    const width = this.width(of.type);
    return of.operator === "-" ? b.neg(value, width) : b.binary("xor", value, -1, width);
  }

  #binary(of: Of<"binary">): Value {
    const { typing } = this;
    const left = this.value(of.left);
    const right = this.value(of.right);
    return this.computed(of.operator, left, right, this.width(of.type), typing.signed(of.type));
  }

  protected computed(
    operator: Of<"binary">["operator"],
    left: Value,
    right: Value,
    width: Width,
    signed: boolean,
  ): Value {
    const { b } = this;
    switch (operator) {
      case "/":
        return b.binary(signed ? "sdiv" : "div", left, right, width);
      case "%":
        return b.binary(signed ? "smod" : "mod", left, right, width);
      case "<<":
        return b.binary("shl", left, right, width);
      case ">>":
        return b.binary(signed ? "sar" : "shr", left, right, width);
      default:
        return b.binary(BINARY[operator], left, right, width);
    }
  }

  // --- conditions -----------------------------------------------------------------------------------------------

  /** 1 or 0, by the way that is taken. */
  #decided(branch: (yes: Block, no: Block) => void): Value {
    const { b } = this;
    const result = { name: "truth", type: INT };
    const [yes, no, after] = [b.block("yes"), b.block("no"), b.block("after")];
    branch(yes, no);
    b.enter(yes);
    b.write(result, b.const(1));
    b.jump(after);
    b.enter(no);
    b.write(result, b.const(0));
    b.jump(after);
    b.enter(after);
    return b.read(result);
  }

  /** A comparison with zero that one bit decides: the sign, or one that is masked out. */
  #bit({ operator, left, right }: Of<"compare">): Value | undefined {
    const { b, typing } = this;
    if (right.kind !== "constant" || right.value !== 0n || !typing.isInteger(left.type)) return undefined;
    const width = this.width(left.type);
    if (operator === "<" && typing.signed(left.type)) return b.binary("shr", this.value(left), width - 1, width);
    if (operator !== "!=" || left.kind !== "binary" || left.operator !== "&") return undefined;
    const mask = left.right.kind === "constant" ? BigInt.asUintN(width, left.right.value) : 0n;
    if (mask === 0n || (mask & (mask - 1n)) !== 0n) return undefined;
    return this.#lowBit(this.value(left.left), mask.toString(2).length - 1, width);
  }

  #lowBit(value: Value, at: number, width: Width): Value {
    const { b } = this;
    return b.binary("and", at === 0 ? value : b.binary("shr", value, at, width), 1);
  }

  #truth(of: CExpression): Value {
    const bit = of.kind === "compare" && this.#wide(of.left) === false ? this.#bit(of) : undefined;
    if (bit !== undefined) return bit;
    return this.#decided((yes, no) => this.condition(of, yes, no));
  }

  /** Goes to `yes` where the expression is not zero. Neither is sealed. */
  condition(of: CExpression, yes: Block, no: Block, unlikely?: "then" | "else"): void {
    const { b, typing } = this;
    const outer = b.span;
    b.span = of.span;
    const options = unlikely === undefined ? {} : { unlikely };
    switch (of.kind) {
      case "constant":
        b.jump(of.value !== 0n ? yes : no);
        break;
      case "unary":
        if (of.operator === "!")
          this.condition(of.of, no, yes, unlikely === undefined ? undefined : unlikely === "then" ? "else" : "then");
        else b.branch("ne", this.value(of), 0, yes, no, { width: this.width(of.type), ...options });
        break;
      case "logical": {
        const next = b.block("and");
        if (of.operator === "&&") this.condition(of.left, next, no, unlikely);
        else this.condition(of.left, yes, next, unlikely);
        b.enter(next);
        this.condition(of.right, yes, no, unlikely);
        break;
      }
      case "compare": {
        const { type } = of.left;
        if (this.#wide(of.left) && /^[!=]=$/.test(of.operator)) {
          const [x, y] = [this.#halves(of.left), this.#halves(of.right)];
          const differs = b.binary("or", b.binary("xor", x[0], y[0]), b.binary("xor", x[1], y[1]));
          b.branch(of.operator === "==" ? "eq" : "ne", differs, 0, yes, no, options);
          break;
        }
        const signed = typing.signed(type) && !typing.isPointer(type);
        const condition = (signed ? SIGNED : UNSIGNED)[of.operator] as Condition;
        const left = this.value(of.left);
        const right = this.value(of.right);
        b.branch(condition, left, right, yes, no, { width: this.width(type), ...options });
        break;
      }
      case "convert": {
        // Made wider or a truth value, it is zero where it was before.
        const to = typing.resolve(of.type);
        const from = of.of.type;
        const keeps =
          typing.isScalar(from) && (typing.size(of.type) >= typing.size(from) || (to.kind === "int" && to.bool));
        if (keeps && !(of.of.kind === "member" && of.of.bitfieldSize > 0)) this.condition(of.of, yes, no, unlikely);
        else b.branch("ne", this.value(of), 0, yes, no, { width: this.width(of.type), ...options });
        break;
      }
      case "builtin": {
        const [value, wanted] = of.args;
        if (of.name === "expect" && value !== undefined && wanted?.kind === "constant") {
          this.condition(value, yes, no, wanted.value !== 0n ? "else" : "then");
          break;
        }
        b.branch("ne", this.value(of), 0, yes, no, { width: this.width(of.type), ...options });
        break;
      }
      default:
        b.branch("ne", this.value(of), 0, yes, no, { width: this.width(of.type), ...options });
    }
    b.span = outer;
  }

  #conditional(of: Of<"conditional">): Value {
    const { b, typing } = this;
    const empty = typing.resolve(of.type).kind === "void";
    const result = { name: "chosen", type: typing.isScalar(of.type) ? this.kind(of.type) : INT };
    this.eitherSide(of, (side) => {
      if (empty) this.effect(side);
      else b.write(result, this.value(side));
    });
    return empty ? b.const(0) : b.read(result);
  }

  /** The side of `?:` that its condition chooses. */
  protected eitherSide(of: Of<"conditional">, take: (side: CExpression) => void): void {
    const { b } = this;
    const [yes, no, after] = [b.block("yes"), b.block("no"), b.block("after")];
    this.condition(of.condition, yes, no);
    for (const [block, side] of [
      [yes, of.then],
      [no, of.otherwise],
    ] as const) {
      b.enter(block);
      take(side);
      b.jump(after);
    }
    b.enter(after);
  }

  // --- assignment -----------------------------------------------------------------------------------------------

  #assign(of: Of<"assign">): Value {
    const { typing } = this;
    if (this.#wide(of) && typing.isInteger(of.type)) return this.storeWide(this.address(of.target), of.value);
    if (typing.isScalar(of.type)) {
      const value = this.value(of.value);
      this.write(of.target, value);
      return this.held(of.target, value);
    }
    const from = this.address(of.value);
    const to = this.address(of.target);
    this.copy(to, from, typing.size(of.type), typing.types.alignof(of.type));
    return this.pointer(to);
  }

  #update(of: Of<"update">): Value {
    const { b, typing } = this;
    // Where it is, is worked out once.
    const held = { name: "before", type: this.kind(of.type) };
    this.frame.homes.set(of.before, { kind: "value", variable: held });
    const { target } = of;
    const own = target.kind === "variable" ? this.home(target.variable) : undefined;
    if (own?.kind === "value") {
      b.write(held, b.read(own.variable));
      const after = this.value(of.value);
      const old = b.read(held);
      b.write(own.variable, after);
      return of.post ? old : after;
    }
    const at = this.address(target);
    const field = target.kind === "member" && target.bitfieldSize > 0 ? target : undefined;
    const old = field === undefined ? this.load(at, of.type, typing.isPointer(of.type)) : this.readBits(field, at);
    b.write(held, old);
    const after = this.value(of.value);
    if (field === undefined) this.store(at, typing.size(of.type), after);
    else this.writeBits(at, this.bitField(field), after);
    return of.post ? old : this.held(target, after);
  }
}
