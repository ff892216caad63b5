// A function as IR: its variables, and its calls: of small functions as their bodies in place, of others as calls, of helpers
// by name or number, of kernel functions by name.

import { type CExpression, type CFunction, type CInitializer, type CVariable, refuse } from "../../c/index.ts";
import { INT, type IrFunction, type Value, type ValueType } from "../../compiler/index.ts";
import { helper, helperName } from "../../object/index.ts";
import { type Address, type Frame, POINTER, type Shared } from "./places.ts";
import { StatementLowering } from "./statements.ts";

/** Registers that arguments are passed in. */
const MOST_ARGUMENTS = 5;
/** Characters of a function that is put in place of each of its calls, unless it says that it is not to be. */
const SMALL = 500;
const MOST_NESTED = 64;
/** Calls that bodies stand in place of, in one program: functions that call each other twice double it each time. */
const MOST_PLACED = 5_000;

type Of<K extends CExpression["kind"]> = Extract<CExpression, { kind: K }>;

export class FunctionLowering extends StatementLowering {
  readonly #open: CFunction[] = [];
  #placed = 0;
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
    // Verified on its own, for whatever it is given.
    if (fn.attributes.has("global")) b.function.global = true;
    this.#open.push(fn);
    body.parameters.forEach((parameter, i) => {
      if (i >= MOST_ARGUMENTS) refuse("SCRY1312", `'${fn.name}' has more than five parameters`, fn.span);
      if (!this.typing.isScalar(parameter.type)) refuse("SCRY1312", `'${fn.name}' takes a struct as it is`, fn.span);
      this.#given(parameter, b.param(i));
    });
    this.list(body.statements);
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
    this.dead();
    return b.const(0);
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
        if (zero) continue;
        if (typing.size(own) > 8) this.storeWide(place, value);
        else this.store(place, typing.size(own), this.value(value));
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
      this.eitherSide(of, (side) =>
        this.copy(slot, this.address(side), typing.size(of.type), typing.types.alignof(of.type)),
      );
      return slot;
    }
    return { base: this.value(of), offset: 0 };
  }

  // --- calls ----------------------------------------------------------------------------------------------------

  protected functionValue(fn: CFunction, of: CExpression): Value {
    if (fn.body !== undefined) return this.b.functionAddress(this.shared.called(fn));
    const symbol = this.shared.externs.symbols.get(fn.name);
    if (symbol !== undefined) return this.b.emit({ op: "ksym", ...symbol }, [], POINTER);
    const other = this.shared.other?.(fn);
    if (other !== undefined) return this.b.emit({ op: "ksym", ...other, typed: false }, [], POINTER);
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

  protected reservation({ callee, args }: Of<"call">, pointer: number): void {
    if (callee.kind !== "function" || callee.function.name !== "bpf_ringbuf_reserve") return;
    const map = this.#mapOf(args[0]);
    if (map !== undefined) this.shared.records.reserved(map, pointer);
  }

  /** The map whose address this is. */
  #mapOf(of: CExpression | undefined): string | undefined {
    return of?.kind === "address" && of.of.kind === "variable" ? this.shared.maps.get(of.of.variable) : undefined;
  }

  #helper(of: Of<"call">, name: string): Value {
    const { typing, b } = this;
    const result = typing.resolve(of.type);
    if (of.args.length > MOST_ARGUMENTS)
      refuse("SCRY1312", `a helper takes five arguments, ${of.args.length} given`, of.span);
    const args = of.args.map((arg) => this.#register(arg));
    b.span = of.span;
    const map = this.#mapOf(of.args[name === "perf_event_output" ? 1 : 0]);
    if (map !== undefined) this.shared.records.call(name, map, of.args);
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
    // Of a weak function another object may have the one that is meant.
    const replaceable = fn.attributes.has("weak") && !fn.static && this.shared.other !== undefined;
    if (fn.body === undefined || replaceable) {
      if (fn.attributes.has("helper")) return this.#helper(of, fn.name.replace(/^bpf_/, ""));
      const symbol = this.shared.externs.symbols.get(fn.name) ?? this.shared.other?.(fn);
      if (symbol === undefined) return refuse("SCRY1038", `nothing defines '${fn.name}'`, of.span);
      if (of.args.length > MOST_ARGUMENTS) refuse("SCRY1312", `'${fn.name}' takes more than five arguments`, of.span);
      const args = of.args.map((arg) => this.#register(arg));
      b.span = of.span;
      const type = this.typing.resolve(of.type).kind === "ptr" ? POINTER : INT;
      return b.emit({ op: "kfunc", kfunc: fn.name, ...(symbol.weak ? { weak: true } : {}) }, args, type);
    }
    if (this.inPlace(fn)) return this.#inlined(of, fn);
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

  protected inPlace(fn: CFunction): boolean {
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
      left: this.left.length,
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
    this.list(body.statements);
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
}

/** A pointer to a function that is a number: that of a helper. */
function helperOf(callee: CExpression): number | undefined {
  const at = callee.kind === "dereference" ? callee.pointer : callee;
  if (at.kind === "constant") return Number(at.value);
  const first =
    at.kind === "variable" && at.variable.storage === "global" ? at.variable.initial?.entries[0] : undefined;
  return first?.value.kind === "constant" ? Number(first.value.value) : undefined;
}

function paramTypes(fn: CFunction, { typing }: Shared, entry: boolean): readonly ValueType[] {
  const parameters = fn.body?.parameters ?? [];
  // Assembly alone finds its context in r1, whether it is declared or not.
  if (entry && parameters.length === 0 && fn.attributes.has("naked")) return [{ kind: "ctx" }];
  return parameters.map(({ type }, i) => (entry && i === 0 ? { kind: "ctx" } : typing.isPointer(type) ? POINTER : INT));
}
