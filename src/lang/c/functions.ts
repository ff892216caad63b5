// Statements and calls as IR: loops as loops, `switch` as comparisons, `goto` as jumps, calls of small functions as their
// bodies in place, of others as calls, of helpers by name or number, of kernel functions by name.

import {
  type CExpression,
  type CFunction,
  type CInitializer,
  type CStatement,
  type CVariable,
  refuse,
} from "../../c/index.ts";
import { type Block, INT, type IrFunction, type Value, type ValueType } from "../../compiler/index.ts";
import { helper, helperName } from "../../object/index.ts";
import type { Span } from "../../source/index.ts";
import { BuiltinLowering } from "./builtins.ts";
import { type Address, type Frame, POINTER, type Shared } from "./places.ts";
import { turnsOf } from "./unroll.ts";

/** Registers that arguments are passed in. */
const MOST_ARGUMENTS = 5;
/** Characters of a function that is put in place of each of its calls, unless it says that it is not to be. */
const SMALL = 500;
const MOST_NESTED = 64;
const MOST_CASES = 8;
/** Calls that bodies stand in place of, in one program: functions that call each other twice double it each time. */
const MOST_PLACED = 5_000;

type Of<K extends CExpression["kind"]> = Extract<CExpression, { kind: K }>;

interface Case {
  readonly from: bigint;
  readonly to: bigint;
  readonly block: Block;
}

/** What `break` and `continue` lead to. */
interface Around {
  readonly leave: Block;
  readonly next?: Block;
  /** How many variables of blocks around it wait to be given back. */
  readonly left: number;
}

export class FunctionLowering extends BuiltinLowering {
  readonly #around: Around[] = [];
  readonly #cases: Map<CStatement, Block>[] = [];
  readonly #open: CFunction[] = [];
  #placed = 0;
  /** Variables of open blocks that are given to a function when their block is left. */
  readonly #left: CVariable[] = [];
  /** `entry`: the program itself, whose parameter is its context. */
  constructor(name: string, fn: CFunction, shared: Shared, entry: boolean) {
    super(name, paramTypes(fn, shared, entry), fn, shared);
  }

  lower(): IrFunction {
    const { b } = this;
    const { function: fn } = this.frame;
    const { body } = fn;
    if (body === undefined) return refuse("SCRY1038", `'${fn.name}' has no body`, fn.span);
    b.span = fn.span;
    this.#open.push(fn);
    body.parameters.forEach((parameter, i) => {
      if (i >= MOST_ARGUMENTS) refuse("SCRY1312", `'${fn.name}' has more than five parameters`, fn.span);
      if (!this.typing.isScalar(parameter.type)) refuse("SCRY1312", `'${fn.name}' takes a struct as it is`, fn.span);
      this.#given(parameter, b.param(i));
    });
    this.#list(body.statements);
    b.span = body.end;
    if (!b.terminated) b.return(0);
    return b.finish();
  }

  #given(parameter: CVariable, value: Value): void {
    const home = this.declare(parameter);
    if (home.kind === "value") this.b.write(home.variable, value);
    else this.store({ base: home.base, offset: 0 }, this.typing.size(parameter.type), value);
  }

  /** Nothing behind this is reached. */
  stop(): Value {
    const { b } = this;
    if (!b.terminated) b.return(0);
    this.#dead();
    return b.const(0);
  }

  /** Where text goes on that nothing leads to. */
  #dead(): void {
    const block = this.b.block("unreached");
    this.b.enter(block);
  }

  // --- variables ------------------------------------------------------------------------------------------------

  protected start(variable: CVariable): void {
    const home = this.home(variable);
    const { initial } = variable;
    if (home === undefined || initial === undefined) return;
    const [first] = initial.entries;
    if (home.kind === "value") {
      if (first !== undefined) this.b.write(home.variable, this.value(first.value));
      return;
    }
    this.#startMemory({ base: home.base, offset: 0 }, variable.type, initial);
  }

  #startMemory(at: Address, type: number, { entries }: CInitializer): void {
    const { typing, b } = this;
    const bytes = typing.size(type);
    const align = typing.types.alignof(type);
    // A struct from another: nothing is left over.
    const [only] = entries;
    const whole = entries.length === 1 && only?.offset === 0 && typing.size(only.type) === bytes && only.bits === 0;
    const covered = entries.reduce(
      (sum, e) => sum + (e.bits > 0 || e.value.kind === "text" ? 0 : typing.size(e.type)),
      0,
    );
    if (!whole && covered < bytes) this.fill(at, b.const(0), bytes, align);
    for (const { offset, bits, type: own, value } of entries) {
      const place = { base: at.base, offset: at.offset + (offset >> 3) };
      if (value.kind === "text" && typing.resolve(own).kind === "array") this.#startText(place, own, value, whole);
      else if (!typing.isScalar(own)) {
        if (value.kind === "literal" && value.variable.initial !== undefined && whole)
          this.#startMemory(place, own, value.variable.initial);
        else this.copy(place, this.address(value), typing.size(own), typing.types.alignof(own));
      } else if (bits > 0) {
        const size = typing.size(own);
        const word = Math.floor((offset >> 3) / size) * size;
        const shift = offset - word * 8;
        this.writeBits(
          { base: at.base, offset: at.offset + word },
          { bytes: size as 1, shift, bits },
          this.value(value),
        );
      } else {
        // What is zero already is not written again.
        const zero = !whole && covered < bytes && value.kind === "constant" && value.value === 0n;
        if (!zero) this.store(place, typing.size(own), this.value(value));
      }
    }
  }

  /** The bytes of a string as numbers; what follows it is zero. */
  #startText(at: Address, type: number, { bytes }: Of<"text">, whole: boolean): void {
    const { b } = this;
    const size = this.typing.size(type);
    const padded = new Uint8Array(whole ? size : Math.min(size, Math.ceil(bytes.length / 8) * 8));
    padded.set(bytes.subarray(0, padded.length));
    const aligned = at.offset === 0 ? 8 : Math.min(8, at.offset & -at.offset);
    for (let i = 0; i < padded.length; ) {
      let step = aligned;
      while (step > padded.length - i) step /= 2;
      let value = 0n;
      for (let n = step - 1; n >= 0; n--) value = (value << 8n) | BigInt(padded[i + n] as number);
      this.store({ base: at.base, offset: at.offset + i }, step, b.const(value));
      i += step;
    }
  }

  /** A struct that an expression gives, in memory of its own or where it is already. */
  protected composite(of: CExpression): Address {
    const { typing, b } = this;
    if (of.kind === "conditional") {
      const slot = { base: b.slot(typing.size(of.type)), offset: 0 };
      const [yes, no, after] = [b.block("yes"), b.block("no"), b.block("after")];
      this.condition(of.condition, yes, no);
      for (const [block, side] of [
        [yes, of.then],
        [no, of.otherwise],
      ] as const) {
        b.enter(block);
        this.copy(slot, this.address(side), typing.size(of.type), typing.types.alignof(of.type));
        b.jump(after);
      }
      b.enter(after);
      return slot;
    }
    return { base: this.value(of), offset: 0 };
  }

  // --- calls ----------------------------------------------------------------------------------------------------

  protected functionValue(fn: CFunction, of: CExpression): Value {
    if (fn.body !== undefined) return this.b.functionAddress(this.shared.called(fn));
    const symbol = this.shared.externs.symbols.get(fn.name);
    if (symbol !== undefined) return this.b.emit({ op: "ksym", ...symbol }, [], POINTER);
    return refuse("SCRY1038", `nothing defines '${fn.name}'`, of.span);
  }

  protected call(of: Of<"call">): Value {
    const { callee } = of;
    if (callee.kind === "function") return this.#callFunction(of, callee.function);
    const number = helperOf(callee);
    if (number !== undefined) {
      const name = helperName(number);
      if (name === undefined) return refuse("SCRY1038", `there is no helper ${number}`, of.span);
      return this.#helper(of, name);
    }
    return refuse("SCRY1312", "BPF has no calls of functions that are not known before", of.span);
  }

  #helper(of: Of<"call">, name: string): Value {
    const { typing, b } = this;
    const result = typing.resolve(of.type);
    if (of.args.length > MOST_ARGUMENTS)
      refuse("SCRY1312", `a helper takes five arguments, ${of.args.length} given`, of.span);
    const args = of.args.map((arg) => this.#register(arg));
    b.span = of.span;
    const [first] = of.args;
    const map =
      first?.kind === "address" && first.of.kind === "variable" ? this.shared.maps.get(first.of.variable) : undefined;
    const row = helper(name);
    let type: ValueType = INT;
    if (row?.returns === "map-value-or-null" && map !== undefined) type = { kind: "map-value", map, nullable: true };
    else if (row?.returns === "record-or-null") type = { kind: "record", nullable: true };
    else if (result.kind === "ptr") type = POINTER;
    return b.helper(name, args, type);
  }

  /** An argument in 64 bits. */
  #register(arg: CExpression): Value {
    const { typing } = this;
    const value = this.value(arg);
    if (!typing.isScalar(arg.type) || arg.kind === "constant") return value;
    return typing.size(arg.type) < 8 && typing.isInteger(arg.type)
      ? this.converted(value, arg.type, typing.signed(arg.type) ? typing.long : typing.unsignedLong)
      : value;
  }

  #callFunction(of: Of<"call">, fn: CFunction): Value {
    const { b } = this;
    if (fn.body === undefined) {
      if (fn.attributes.has("helper")) return this.#helper(of, fn.name.replace(/^bpf_/, ""));
      const symbol = this.shared.externs.symbols.get(fn.name);
      if (symbol === undefined) return refuse("SCRY1038", `nothing defines '${fn.name}'`, of.span);
      if (of.args.length > MOST_ARGUMENTS) refuse("SCRY1312", "a function of the kernel takes five arguments", of.span);
      const args = of.args.map((arg) => this.#register(arg));
      b.span = of.span;
      const type = this.typing.resolve(of.type).kind === "ptr" ? POINTER : INT;
      return b.emit({ op: "kfunc", kfunc: fn.name, ...(symbol.weak ? { weak: true } : {}) }, args, type);
    }
    if (this.#inPlace(fn)) return this.#inlined(of, fn);
    if (of.args.length > MOST_ARGUMENTS || of.args.some((arg) => !this.typing.isScalar(arg.type)))
      return refuse(
        "SCRY1312",
        `'${fn.name}' takes more than five numbers or addresses`,
        of.span,
        "Make it static __always_inline",
      );
    const args = of.args.map((arg) => this.#register(arg));
    b.span = of.span;
    const type = this.typing.resolve(of.type).kind === "ptr" ? POINTER : INT;
    return b.call(this.shared.called(fn), args, type);
  }

  #inPlace(fn: CFunction): boolean {
    if (this.#open.includes(fn) || this.#open.length > MOST_NESTED) return false;
    if (fn.attributes.has("always_inline")) return true;
    if (fn.attributes.has("noinline") || !fn.static) return false;
    if (fn.inline || fn.uses <= 1) return true;
    const end = fn.body?.end;
    return end !== undefined && end.file === fn.span.file && end.end - fn.span.start < SMALL;
  }

  #inlined(of: Of<"call">, fn: CFunction): Value {
    const { b, typing } = this;
    const body = fn.body as NonNullable<CFunction["body"]>;
    if (++this.#placed > MOST_PLACED)
      refuse("SCRY1312", `'${this.#open[0]?.name}' is too large with all functions in place of their calls`, of.span);
    const scalar = typing.isScalar(of.type);
    const composite = typing.isComposite(of.type);
    const given = of.args.map((arg) => (typing.isScalar(arg.type) ? this.value(arg) : this.pointer(this.address(arg))));
    const leave = b.block("returned");
    const outer = this.frame;
    const frame: Frame = {
      function: fn,
      homes: new Map(),
      labels: new Map(),
      leave,
      left: this.#left.length,
      ...(scalar ? { result: { name: "result", type: this.kind(of.type) } } : {}),
      ...(composite ? { resultPlace: { base: b.slot(typing.size(of.type)), offset: 0 } } : {}),
    };
    this.frame = frame;
    this.#open.push(fn);
    const wanted = this.wanted;
    this.wanted = true;
    body.parameters.forEach((parameter, i) => {
      const value = given[i] as Value;
      if (typing.isScalar(parameter.type)) this.#given(parameter, value);
      else {
        const home = this.declare(parameter);
        if (home.kind === "memory")
          this.copy(
            { base: home.base, offset: 0 },
            { base: value, offset: 0 },
            typing.size(parameter.type),
            typing.types.alignof(parameter.type),
          );
      }
    });
    this.#list(body.statements);
    b.jump(leave);
    for (const block of frame.labels.values()) b.seal(block);
    this.#open.pop();
    this.frame = outer;
    this.wanted = wanted;
    b.enter(leave);
    b.span = of.span;
    if (frame.result !== undefined) return b.read(frame.result);
    return frame.resultPlace === undefined ? b.const(0) : this.pointer(frame.resultPlace);
  }

  protected block(of: Of<"block">): Value {
    const last = of.statements.at(-1);
    const before = last?.kind === "expression" ? of.statements.slice(0, -1) : of.statements;
    const wanted = this.wanted;
    this.wanted = true;
    this.#list(before);
    this.wanted = wanted;
    return last?.kind === "expression" ? this.#last(last.value) : this.b.const(0);
  }

  #last(value: CExpression): Value {
    const { kind } = this.typing.resolve(value.type);
    if (kind !== "void") return this.value(value);
    this.effect(value);
    return this.b.const(0);
  }

  // --- statements -----------------------------------------------------------------------------------------------

  statement(of: CStatement): void {
    const { b } = this;
    const outer: Span | undefined = b.span;
    b.span = of.span;
    this.#statement(of);
    b.span = outer;
  }

  #statement(of: CStatement): void {
    const { b } = this;
    switch (of.kind) {
      case "expression":
        this.wanted = false;
        this.#discarded(of.value);
        this.wanted = true;
        return;
      case "declare":
        this.declare(of.variable);
        this.start(of.variable);
        if (of.variable.cleanup !== undefined) this.#left.push(of.variable);
        return;
      case "block": {
        const depth = this.#left.length;
        this.#list(of.statements);
        this.#leave(depth);
        this.#left.length = depth;
        return;
      }
      case "if": {
        const yes = b.block("then");
        const after = b.block("after");
        const no = of.otherwise === undefined ? after : b.block("else");
        this.condition(of.condition, yes, no);
        b.enter(yes);
        this.statement(of.then);
        b.jump(after);
        if (of.otherwise !== undefined) {
          b.enter(no);
          this.statement(of.otherwise);
          b.jump(after);
        }
        b.enter(after);
        return;
      }
      case "loop":
        this.#loopStatement(of);
        return;
      case "switch":
        this.#switch(of);
        return;
      case "case":
      case "default": {
        const block = this.#cases.at(-1)?.get(of);
        if (block === undefined) refuse("SCRY1030", `${of.kind} outside of a switch`, of.span);
        b.jump(block);
        b.at(block);
        return;
      }
      case "label": {
        const block = this.#label(of.name);
        b.jump(block);
        b.at(block);
        return;
      }
      case "goto":
        b.jump(this.#label(of.name));
        this.#dead();
        return;
      case "break":
      case "continue": {
        const around = of.kind === "break" ? this.#around.at(-1) : this.#around.findLast((a) => a.next !== undefined);
        const to = of.kind === "break" ? around?.leave : around?.next;
        if (to === undefined) refuse("SCRY1030", `${of.kind} outside of a loop`, of.span);
        this.#leave(around?.left ?? 0);
        b.jump(to);
        this.#dead();
        return;
      }
      case "return":
        this.#return(of.value);
        return;
    }
  }

  /** What only acts: of an atomic operation, the answer is not wanted. */
  #discarded(of: CExpression): void {
    if (
      of.kind === "builtin" ||
      of.kind === "block" ||
      (of.kind === "convert" && this.typing.resolve(of.type).kind === "void")
    ) {
      if (of.kind === "convert") this.#discarded(of.of);
      else if (of.kind === "builtin" && /^__(?:sync|atomic)_/.test(of.name)) this.builtinDiscarded(of);
      else {
        this.wanted = true;
        this.effect(of);
      }
      return;
    }
    this.wanted = true;
    this.effect(of);
  }

  private builtinDiscarded(of: Of<"builtin">): void {
    // Operands are wanted, the answer is not.
    const { b } = this;
    const outer = b.span;
    b.span = of.span;
    this.wanted = false;
    this.builtin(of);
    b.span = outer;
  }

  #return(value: CExpression | undefined): void {
    const { b, frame, typing } = this;
    if (frame.leave !== undefined) {
      if (value !== undefined) {
        if (frame.result !== undefined) b.write(frame.result, this.value(value));
        else if (frame.resultPlace !== undefined)
          this.copy(frame.resultPlace, this.address(value), typing.size(value.type), typing.types.alignof(value.type));
        else this.effect(value);
      }
      this.#leave(frame.left ?? 0);
      b.jump(frame.leave);
    } else if (value === undefined || typing.resolve(value.type).kind === "void") {
      if (value !== undefined) this.effect(value);
      this.#leave(0);
      b.return(0);
    } else {
      const result = this.value(value);
      this.#leave(0);
      // The kernel takes the low half of it.
      b.return(result);
    }
    this.#dead();
  }

  #label(name: string): Block {
    let block = this.frame.labels.get(name);
    if (block === undefined) this.frame.labels.set(name, (block = this.b.block(name)));
    return block;
  }

  /** Gives back the variables of all blocks that are left. */
  #leave(depth: number): void {
    for (let i = this.#left.length - 1; i >= depth; i--) {
      const variable = this.#left[i] as CVariable;
      const fn = variable.cleanup as CFunction;
      const { span } = variable;
      const { types } = this.typing;
      const type = types.pointer(variable.type);
      const of: CExpression = { kind: "variable", variable, type: variable.type, span };
      const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
      this.value({ kind: "call", callee, args: [{ kind: "address", of, type, span }], type: 0, span });
    }
  }

  #list(statements: readonly CStatement[]): void {
    statements.forEach((statement, i) => {
      const turns =
        statement.kind === "loop"
          ? turnsOf(statement, statements[i - 1], this.typing, (fn) => this.#inPlace(fn))
          : undefined;
      if (turns === undefined || statement.kind !== "loop") this.statement(statement);
      else this.#unrolled(statement, turns);
    });
  }

  /** The body of a loop once, and its step: what `continue` leads to. */
  #turn(of: Extract<CStatement, { kind: "loop" }>, leave: Block): void {
    const { b } = this;
    const next = b.block("next");
    this.#around.push({ leave, next, left: this.#left.length });
    this.statement(of.body);
    this.#around.pop();
    b.jump(next);
    b.enter(next);
    if (of.step !== undefined) this.#step(of.step);
  }

  /** Turn by turn; the last asks no more. */
  #unrolled(of: Extract<CStatement, { kind: "loop" }>, turns: number): void {
    const { b } = this;
    const outer = b.span;
    const leave = b.block("leave");
    for (let turn = 0; turn < turns; turn++) {
      b.span = of.span;
      const body = b.block("body");
      if (of.condition !== undefined) this.condition(of.condition, body, leave);
      b.enter(body);
      this.#turn(of, leave);
    }
    b.jump(leave);
    b.enter(leave);
    b.span = outer;
  }

  #loopStatement(of: Extract<CStatement, { kind: "loop" }>): void {
    const { b } = this;
    const body = b.block("body");
    const leave = b.block("leave");
    const ask = (): void => {
      if (of.condition === undefined) b.jump(body);
      else this.condition(of.condition, body, leave);
    };
    if (of.form === "while") {
      const head = b.block("head");
      b.jump(head);
      b.at(head);
      ask();
      b.enter(body);
      this.#turn(of, leave);
      b.jump(head);
      b.seal(head);
    } else {
      b.jump(body);
      b.at(body);
      this.#turn(of, leave);
      ask();
      b.seal(body);
    }
    b.enter(leave);
  }

  #step(step: CExpression): void {
    const outer = this.b.span;
    this.b.span = step.span;
    this.#discarded(step);
    this.wanted = true;
    this.b.span = outer;
  }

  #switch(of: Extract<CStatement, { kind: "switch" }>): void {
    const { b, typing } = this;
    const value = this.value(of.value);
    const width = this.width(of.value.type);
    const leave = b.block("leave");
    const blocks = new Map<CStatement, Block>();
    const cases: Case[] = [];
    let otherwise: Block = leave;
    for (const one of casesOf(of.body)) {
      const block = b.block("case");
      blocks.set(one, block);
      if (one.kind === "default") otherwise = block;
      else if (one.kind === "case") {
        const [from, to] = [typing.cut(one.from, of.value.type), typing.cut(one.to, of.value.type)];
        if (cases.some((c) => c.from <= to && from <= c.to))
          refuse("SCRY1032", `the case ${from} is there twice`, one.span);
        cases.push({ from, to, block });
      }
    }
    cases.sort((a, c) => (a.from < c.from ? -1 : 1));
    this.#choose(value, width, typing.signed(of.value.type), cases, otherwise);
    this.#dead();
    this.#cases.push(blocks);
    this.#around.push({ leave, left: this.#left.length });
    this.statement(of.body);
    this.#around.pop();
    this.#cases.pop();
    b.jump(leave);
    for (const block of blocks.values()) b.seal(block);
    b.enter(leave);
  }

  /** Few cases one after another, many by halves. */
  #choose(value: Value, width: 32 | 64, signed: boolean, cases: readonly Case[], otherwise: Block): void {
    const { b } = this;
    if (cases.length > MOST_CASES) {
      const middle = cases.length >> 1;
      const [low, high] = [b.block("low"), b.block("high")];
      b.branch(signed ? "slt" : "ult", value, (cases[middle] as Case).from, low, high, { width });
      b.enter(low);
      this.#choose(value, width, signed, cases.slice(0, middle), otherwise);
      b.enter(high);
      this.#choose(value, width, signed, cases.slice(middle), otherwise);
      return;
    }
    for (const { from, to, block } of cases) {
      const next = b.block("next");
      if (from === to) b.branch("eq", value, from, block, next, { width });
      else {
        const above = b.block("above");
        b.branch(signed ? "sge" : "uge", value, from, above, next, { width });
        b.enter(above);
        b.branch(signed ? "sle" : "ule", value, to, block, next, { width });
      }
      b.enter(next);
    }
    b.jump(otherwise);
  }
}

/** A pointer to a function that is a number: that of a helper. */
function helperOf(callee: CExpression): number | undefined {
  const at = callee.kind === "dereference" ? callee.pointer : callee;
  if (at.kind === "constant") return Number(at.value);
  const first =
    at.kind === "variable" && at.variable.storage === "global" ? at.variable.initial?.entries[0] : undefined;
  return first?.value.kind === "constant" ? Number(first.value.value) : undefined;
}

/** The cases of a switch, without those of switches in it. */
function casesOf(of: CStatement): readonly CStatement[] {
  switch (of.kind) {
    case "case":
    case "default":
      return [of];
    case "block":
      return of.statements.flatMap(casesOf);
    case "if":
      return [...casesOf(of.then), ...(of.otherwise === undefined ? [] : casesOf(of.otherwise))];
    case "loop":
      return casesOf(of.body);
    default:
      return [];
  }
}

function paramTypes(fn: CFunction, { typing }: Shared, entry: boolean): readonly ValueType[] {
  return (fn.body?.parameters ?? []).map(({ type }, i) =>
    entry && i === 0 ? { kind: "ctx" } : typing.isPointer(type) ? POINTER : INT,
  );
}
