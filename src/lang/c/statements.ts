// Statements as IR: loops as loops, `switch` as comparisons, `goto` as jumps.

import { type CExpression, type CFunction, type CStatement, type CVariable, refuse } from "../../c/index.ts";
import type { Block, Value } from "../../compiler/index.ts";
import type { Span } from "../../source/index.ts";
import { AssemblyLowering } from "./assembly.ts";
import { type Counters, counts, type Turns, turnsOf } from "./unroll.ts";

const MOST_CASES = 8;

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

export abstract class StatementLowering extends AssemblyLowering {
  readonly #around: Around[] = [];
  /** Of the loops around that are written out. */
  #counters: Counters = new Map();
  /** Nodes of all loops that are. */
  #writtenOut = 0;
  readonly #cases: Map<CStatement, Block>[] = [];
  /** Variables of open blocks that are given to a function when their block is left. */
  protected readonly left: CVariable[] = [];

  /** Whether the body of a function stands in place of its calls here. */
  protected abstract inPlace(fn: CFunction): boolean;

  /** Where text goes on that nothing leads to. */
  protected dead(): void {
    const block = this.b.block("unreached");
    this.b.enter(block);
  }

  protected block(of: Of<"block">): Value {
    const last = of.statements.at(-1);
    const before = last?.kind === "expression" ? of.statements.slice(0, -1) : of.statements;
    const wanted = this.wanted;
    this.wanted = true;
    this.list(before);
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
        if (of.variable.cleanup !== undefined) this.left.push(of.variable);
        return;
      case "block": {
        const depth = this.left.length;
        this.list(of.statements);
        this.#leave(depth);
        this.left.length = depth;
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
        const block = this.labelled(of.name);
        b.jump(block);
        b.at(block);
        return;
      }
      case "goto":
        b.jump(this.labelled(of.name));
        this.dead();
        return;
      case "break":
      case "continue": {
        const around = of.kind === "break" ? this.#around.at(-1) : this.#around.findLast((a) => a.next !== undefined);
        const to = of.kind === "break" ? around?.leave : around?.next;
        if (to === undefined) refuse("SCRY1030", `${of.kind} outside of a loop`, of.span);
        this.#leave(around?.left ?? 0);
        b.jump(to);
        this.dead();
        return;
      }
      case "return":
        this.#return(of.value);
        return;
      case "assembly":
        this.assembly(of);
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
    this.dead();
  }

  protected labelled(name: string): Block {
    let block = this.frame.labels.get(name);
    if (block === undefined) this.frame.labels.set(name, (block = this.b.block(name)));
    return block;
  }

  /** Gives back the variables of all blocks that are left. */
  #leave(depth: number): void {
    for (let i = this.left.length - 1; i >= depth; i--) {
      const variable = this.left[i] as CVariable;
      const fn = variable.cleanup as CFunction;
      const { span } = variable;
      const { types } = this.typing;
      const type = types.pointer(variable.type);
      const of: CExpression = { kind: "variable", variable, type: variable.type, span };
      const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
      this.value({ kind: "call", callee, args: [{ kind: "address", of, type, span }], type: 0, span });
    }
  }

  protected list(statements: readonly CStatement[]): void {
    statements.forEach((statement, i) => {
      const turns =
        statement.kind === "loop"
          ? turnsOf(
              statement,
              statements.slice(0, i),
              this.typing,
              (fn) => this.inPlace(fn),
              this.#counters,
              this.#counters.size > 0 ? 0 : this.#writtenOut,
            )
          : undefined;
      if (turns === undefined || statement.kind !== "loop") this.statement(statement);
      else this.#unrolled(statement, turns);
    });
  }

  /** The body of a loop once, and its step: what `continue` leads to. */
  #turn(of: Extract<CStatement, { kind: "loop" }>, leave: Block): void {
    const { b } = this;
    const next = b.block("next");
    this.#around.push({ leave, next, left: this.left.length });
    this.statement(of.body);
    this.#around.pop();
    b.jump(next);
    b.enter(next);
    if (of.step !== undefined) this.#step(of.step);
  }

  /** Turn by turn; the last asks no more. */
  #unrolled(of: Extract<CStatement, { kind: "loop" }>, { variable, values, nodes }: Turns): void {
    const { b } = this;
    if (this.#counters.size === 0) this.#writtenOut += nodes;
    const outer = b.span;
    const around = this.#counters;
    const leave = b.block("leave");
    const ask = (yes: Block): void => {
      if (of.condition === undefined) b.jump(yes);
      else this.condition(of.condition, yes, leave);
    };
    values.forEach((value, turn) => {
      b.span = of.span;
      const body = b.block("body");
      if (of.form === "while" || turn > 0) ask(body);
      else b.jump(body);
      b.enter(body);
      this.#counters = new Map([...around, [variable, value] as const]);
      this.#turn(of, leave);
      this.#counters = around;
    });
    // Where asking counts, it counts once more.
    if (counts(of.condition)) ask(leave);
    else b.jump(leave);
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
    this.dead();
    this.#cases.push(blocks);
    this.#around.push({ leave, left: this.left.length });
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
