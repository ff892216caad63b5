// Lowers a checked body to the IR: statements and control flow. Expressions, memory, maps and events have files of
// their own; all of them work on this state.

import {
  FunctionBuilder,
  INT,
  type Block as IrBlock,
  type IrFunction,
  type Value,
  type Variable,
} from "../../compiler/index.ts";
import type { Span } from "../../source/index.ts";
import type { Block, Expression, Statement, VariableExpression } from "./ast.ts";
import type { Checker, Unit, VariableInfo } from "./checker.ts";
import type { EventAction, EventField, EventSite } from "./events.ts";
import { sizeOf } from "./layout.ts";
import { syscallNumber } from "./lower-arguments.ts";
import { condition } from "./lower-conditions.ts";
import { value } from "./lower-expressions.ts";
import { deadEnd, forMapBody } from "./lower-loops.ts";
import { assignMap } from "./lower-maps.ts";
import { into, type Operand } from "./lower-memory.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import { cpuMask, GLOBALS, HEADER, type StoragePlan } from "./storage.ts";
import { isScalar, type Type, typeName } from "./types.ts";

/** What all programs of a script share while they are lowered. */
export interface ScriptState {
  readonly plan: StoragePlan;
  readonly checker: Checker;
  readonly sites: EventSite[];
  /** Numbers of frames of the stacks that the script takes. */
  readonly stackLimits: Set<number>;
  /** Are stacks unwound by tables? */
  unwinds: boolean;
  /** Bytes that variables shared with callbacks take, from the start of each CPU's part. */
  frameBytes: number;
}

/** Where a variable lives. */
type Home =
  | { readonly kind: "value"; readonly variable: Variable }
  | { readonly kind: "memory"; readonly pointer: Value; readonly offset: number }
  | { readonly kind: "frame"; readonly offset: number };

interface LoopTargets {
  readonly next: () => void;
  readonly leave: () => void;
}

export class Lowering {
  readonly script: ScriptState;
  readonly unit: Unit;
  readonly probe: ResolvedProbe;
  readonly form: ProbeForm;
  b: FunctionBuilder;
  /** Callbacks made so far. */
  readonly functions: IrFunction[] = [];
  callbacks = 0;
  /** The program's context; absent within a callback. */
  context: Value | undefined;
  /** Key slots and other things already made on the way here, by what they hold. */
  known: Map<string, Value>[] = [new Map()];
  homes: Map<VariableInfo, Home> = new Map();
  loops: LoopTargets[] = [];
  /** In a callback: how to leave it for good. */
  leaveFunction: (() => void) | undefined;
  /** What `$kv.0` and `$kv.1` are within the body of a `for` over a map. */
  readonly pairs: Map<VariableInfo, { readonly key: Operand; readonly value: () => Operand }> = new Map();

  /** Where this program's word of the CPU's part is that says that scratch memory is in use; see `exclusive`. */
  readonly #busy: number | undefined;

  /**
   * A program that another task's run of it may interrupt on the same CPU must not share the CPU's scratch memory with
   * it: with `exclusive`, the second run gives up and is counted.
   */
  constructor(script: ScriptState, unit: Unit, name: string, exclusive = false) {
    this.script = script;
    if (exclusive) {
      this.#busy = script.frameBytes;
      script.frameBytes += 8;
    }
    this.unit = unit;
    this.probe = unit.resolved[0] as ResolvedProbe;
    this.form = unit.forms[0] as ProbeForm;
    this.b = new FunctionBuilder(name, [{ kind: "ctx" }]);
    this.context = this.b.param(0);
  }

  // --- state ----------------------------------------------------------------------------------------------------

  /** What is made inside is not known outside, where it may not have run. */
  scoped<T>(run: () => T): T {
    this.known.push(new Map());
    const result = run();
    this.known.pop();
    return result;
  }

  /** The value that `make` gives, made once on every way. */
  once(key: string, make: () => Value): Value {
    for (const scope of this.known) {
      const found = scope.get(key);
      if (found !== undefined) return found;
    }
    const made = make();
    (this.known.at(-1) as Map<string, Value>).set(key, made);
    return made;
  }

  /** Something is wrong in a way the checker could not see. */
  fail(code: `SCRY${number}`, message: string, span: Span): never {
    this.script.checker.error(code, message, span);
    throw new LoweringError();
  }

  site(action: EventAction, fields: readonly EventField[], size: number, ring: EventSite["ring"]): EventSite {
    const site: EventSite = { id: this.script.sites.length, action, fields, size, ring };
    this.script.sites.push(site);
    return site;
  }

  /** Adds one to a counter of the global data's header. */
  count(offset: number): void {
    const b = this.b;
    b.atomic("add", 64, b.mapValue(GLOBALS, offset), 0, b.const(1));
  }

  syscallNumber(): Value {
    return syscallNumber(this, this.form.syscall?.exit === true);
  }

  /** The start of this CPU's part of the global data. */
  cpuPart(): Value {
    return this.once("cpu part", () => {
      const b = this.b;
      const { cpuOffset, stride } = this.script.plan;
      const mask = cpuMask(this.script.checker.env.cpus);
      const base = b.mapValue(GLOBALS, cpuOffset);
      if (mask === 0) return base;
      const cpu = b.and(b.helper("get_smp_processor_id", []), mask);
      return b.add(base, b.binary("shl", cpu, Math.log2(stride)));
    });
  }

  #empty: string | undefined;

  /** A callback that does nothing, for counting entries. */
  emptyCallback(): string {
    if (this.#empty === undefined) {
      this.#empty = `for_each_${this.callbacks++}`;
      const b = new FunctionBuilder(this.#empty, [{ kind: "memory" }, { kind: "memory" }, { kind: "memory" }, INT]);
      b.return(0);
      this.functions.push(b.finish());
    }
    return this.#empty;
  }

  /** May another task run on this CPU in the middle of the program? Then a plain add could lose one. */
  get preemptible(): boolean {
    return this.form.programType === "kprobe" && this.form.attach.kind === "uprobe";
  }

  // --- the whole body -------------------------------------------------------------------------------------------

  /** Everything that must hold before the body runs, then the body. */
  run(guards: (leave: IrBlock) => void): IrFunction[] {
    const b = this.b;
    const leave = b.block("done");
    guards(leave);
    if (this.#busy !== undefined) {
      const free = b.block("free");
      const taken = b.block("taken");
      b.branch("eq", b.atomic("xchg", 64, this.cpuPart(), this.#busy, b.const(1), true), 0, free, taken, {
        unlikely: "else",
      });
      b.seal(taken);
      b.at(taken);
      this.count(HEADER.missed);
      b.return(0);
      b.seal(free);
      b.at(free);
    }
    if (this.unit.probe.predicate !== undefined) {
      b.span = this.unit.probe.predicate.span;
      const body = b.block("body");
      const skip = this.#busy === undefined ? leave : b.block("skip");
      condition(this, this.unit.probe.predicate, body, skip);
      if (skip !== leave) {
        b.seal(skip);
        b.at(skip);
        this.leave(0);
      }
      b.seal(body);
      b.at(body);
    }
    this.block(this.unit.probe.body);
    this.leave(0);
    b.seal(leave);
    b.at(leave);
    b.return(0);
    return [b.finish(), ...this.functions];
  }

  /** Ends the program. */
  leave(result: Value | number): void {
    if (this.#busy !== undefined) this.b.store(64, this.cpuPart(), this.#busy, 0);
    this.b.return(result);
  }

  /** Bytes of memory that the run needs for itself, all slots of all functions. */
  slotBytes(functions: readonly IrFunction[]): { readonly total: number; readonly largest: number } {
    const sizes = functions.flatMap((f) =>
      f.blocks.flatMap((x) => x.instrs.flatMap((i) => (i.operation.op === "slot" ? [i.operation.size] : []))),
    );
    return { total: sizes.reduce((n, s) => n + s, 0), largest: Math.max(0, ...sizes) };
  }

  block(block: Block): void {
    for (const s of block.statements) {
      if (this.b.terminated) return;
      this.statement(s);
    }
  }

  statement(s: Statement): void {
    const b = this.b;
    b.span = s.span;
    switch (s.kind) {
      case "expression":
      case "discard":
        this.effect(s.expression);
        return;
      case "assign":
        if (s.target.kind === "map") {
          assignMap(this, s.target, s.operator, s.value);
          return;
        }
        if (s.operator === "=") this.assignVariable(s.target, s.value);
        else {
          const operator = s.operator.slice(0, -1) as "+";
          const combined: Expression = {
            kind: "binary",
            operator,
            left: s.target,
            right: s.value,
            span: s.span,
            ...(s.target.type === undefined ? {} : { type: s.target.type }),
          };
          this.assignVariable(s.target, combined);
        }
        return;
      case "let":
        if (s.value !== undefined) this.assignVariable(s.variable, s.value);
        else {
          const info = this.info(s.variable);
          const home = this.home(info);
          if (home.kind === "value") b.write(home.variable, b.const(0));
          else if (info.type.kind !== "none") {
            const place = this.place(home);
            b.zero(place.pointer, place.offset, Math.ceil(sizeOf(info.type) / 8) * 8);
          }
        }
        return;
      case "if": {
        const then = b.block("then");
        const after = b.block("after");
        const otherwise = s.otherwise === undefined ? after : b.block("else");
        this.scoped(() => condition(this, s.condition, then, otherwise));
        b.seal(then);
        b.at(then);
        this.scoped(() => this.block(s.then));
        b.jump(after);
        if (s.otherwise !== undefined) {
          b.seal(otherwise);
          b.at(otherwise);
          const body = s.otherwise;
          this.scoped(() => this.block(body));
          b.jump(after);
        }
        b.seal(after);
        b.at(after);
        return;
      }
      case "while":
        this.#while(
          (body, leave) => condition(this, s.condition, body, leave),
          () => this.block(s.body),
          () => {},
        );
        return;
      case "for-range": {
        const from = value(this, s.from);
        const to = value(this, s.to);
        const info = this.info(s.variable);
        // The loop counts in a variable of its own: the body may write to the one it sees.
        const counter: Variable = { name: `${s.variable.name} counter`, type: INT };
        b.write(counter, from);
        this.#while(
          (body, leave) => b.branch("slt", b.read(counter), to, body, leave),
          () => {
            this.setHome(info, b.read(counter));
            this.block(s.body);
          },
          () => b.write(counter, b.add(b.read(counter), 1)),
        );
        return;
      }
      case "for-map":
        forMapBody(this, s);
        return;
      case "unroll": {
        const times = Number(this.script.checker.constant(s.count) ?? 0n);
        const leave = b.block("unrolled");
        for (let i = 0; i < times; i++) {
          const next = b.block("unroll");
          this.loops.push({ next: () => b.jump(next), leave: () => b.jump(leave) });
          this.scoped(() => this.block(s.body));
          this.loops.pop();
          b.jump(next);
          b.seal(next);
          b.at(next);
          // What each turn declares is new in the next one.
        }
        b.jump(leave);
        b.seal(leave);
        b.at(leave);
        return;
      }
      case "break":
        (this.loops.at(-1) as LoopTargets).leave();
        deadEnd(this);
        return;
      case "continue":
        (this.loops.at(-1) as LoopTargets).next();
        deadEnd(this);
        return;
      case "return": {
        const result = s.value === undefined ? b.const(0) : value(this, s.value);
        if (this.leaveFunction !== undefined) this.leaveFunction();
        else this.leave(result);
        deadEnd(this);
        return;
      }
      case "block":
        this.block(s.block);
        return;
    }
  }

  #while(test: (body: IrBlock, leave: IrBlock) => void, run: () => void, step: () => void): void {
    const b = this.b;
    const head = b.block("head");
    const check = b.block("check");
    const body = b.block("body");
    const next = b.block("next");
    const tooLong = b.block("too-long");
    const leave = b.block("leave");
    b.jump(head);
    b.at(head);
    b.mayGoto(check, tooLong);
    b.seal(check);
    b.at(check);
    this.scoped(() => test(body, leave));
    b.seal(body);
    b.at(body);
    this.loops.push({ next: () => b.jump(next), leave: () => b.jump(leave) });
    this.scoped(run);
    this.loops.pop();
    b.jump(next);
    b.seal(next);
    b.at(next);
    step();
    b.jump(head);
    b.seal(head);
    b.seal(tooLong);
    b.at(tooLong);
    this.count(HEADER.loops);
    b.jump(leave);
    b.seal(leave);
    b.at(leave);
  }

  /** An expression for what it does, not for its value. */
  effect(e: Expression): void {
    if (e.kind === "ternary") {
      const then = this.b.block("then");
      const otherwise = this.b.block("else");
      const after = this.b.block("after");
      this.scoped(() => condition(this, e.condition, then, otherwise));
      for (const [block, side] of [
        [then, e.then ?? e.condition],
        [otherwise, e.otherwise],
      ] as const) {
        this.b.seal(block);
        this.b.at(block);
        this.scoped(() => this.effect(side));
        this.b.jump(after);
      }
      this.b.seal(after);
      this.b.at(after);
      return;
    }
    if (
      e.kind === "identifier" ||
      e.kind === "integer" ||
      e.kind === "string" ||
      e.kind === "variable" ||
      e.kind === "parameter"
    ) {
      if (e.kind === "identifier" && e.type?.kind === "none") value(this, e);
      return;
    }
    if (e.kind === "tuple" || e.kind === "record") {
      for (const x of e.kind === "tuple" ? e.elements : e.fields.map((f) => f.value)) this.effect(x);
      return;
    }
    value(this, e, true);
  }

  // --- variables ------------------------------------------------------------------------------------------------

  info(node: VariableExpression): VariableInfo {
    return this.unit.variables.get(node) as VariableInfo;
  }

  home(info: VariableInfo): Home {
    let home = this.homes.get(info);
    if (home === undefined) {
      const bytes = Math.ceil(Math.max(1, sizeOf(info.type)) / 8) * 8;
      if (info.captured) {
        home = { kind: "frame", offset: this.script.frameBytes };
        this.script.frameBytes += bytes;
      } else if (isScalar(info.type) || info.type.kind === "none")
        home = { kind: "value", variable: { name: info.name, type: INT } };
      else if (bytes > 1 << 14)
        this.fail("SCRY1301", `${info.name} is too large: ${typeName(info.type)}`, this.unit.probe.span);
      else home = { kind: "memory", pointer: this.b.slot(bytes), offset: 0 };
      this.homes.set(info, home);
    }
    return home;
  }

  place(home: Exclude<Home, { kind: "value" }>): { pointer: Value; offset: number } {
    return home.kind === "frame"
      ? { pointer: this.cpuPart(), offset: home.offset }
      : { pointer: home.pointer, offset: home.offset };
  }

  setHome(info: VariableInfo, v: Value): void {
    const home = this.home(info);
    if (home.kind === "value") this.b.write(home.variable, v);
    else {
      const place = this.place(home);
      this.b.store(64, place.pointer, place.offset, v);
    }
  }

  assignVariable(target: VariableExpression, e: Expression): void {
    const info = this.info(target);
    if (isScalar(info.type) || info.type.kind === "none") {
      this.setHome(info, value(this, e));
      return;
    }
    const home = this.home(info);
    if (home.kind === "value") return;
    const place = this.place(home);
    into(this, e, info.type, place.pointer, place.offset, { pad: info.type.kind !== "string" });
  }

  variableType(node: VariableExpression): Type {
    return this.info(node).type;
  }
}

/** Thrown after the checker was told what is wrong. */
export class LoweringError extends Error {}
