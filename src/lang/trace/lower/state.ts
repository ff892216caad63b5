// What is known while the body of a unit is lowered: the program that is made (see codegen/state.ts), what the checker has
// found out, and where its variables are. Functions of this room take it as their first argument.

import { cpuPart, type IntoOptions, type Lengths, type Operand, type ProgramState } from "../../../codegen/index.ts";
import type { Block, Value, Variable } from "../../../compiler/index.ts";
import { INT64, NONE, type Type } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { BuiltinUse, CheckState, Unit, VariableInfo } from "../check/index.ts";
import type { Expression, Statement, StatementBlock, VariableExpression } from "../parse/index.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where a variable is. */
export type VariablePlace =
  | { readonly kind: "value"; readonly variable: Variable }
  | { readonly kind: "memory"; readonly pointer: Value; readonly offset: number }
  /** In the CPU's part of the global data, where callbacks see it too. */
  | { readonly kind: "frame"; readonly offset: number };

/** Where `continue` and `break` go. */
export interface LoopTargets {
  readonly next: () => void;
  readonly leave: () => void;
}

/** What lowering knows of a builtin: the other half of its entry in the table. */
export interface LoweredBuiltin {
  /** A number, or where the value lies. */
  lower?(l: LowerState, use: BuiltinUse): Operand;
  /** Writes a value that is no number to the place that it is for. */
  into?(l: LowerState, use: BuiltinUse, type: Type, to: Value, offset: number, options: IntoOptions): Lengths;
  /** The same in the whole run of a program: a map's key that is made of it is written once. */
  readonly sameInRun?: true;
  /** Changes something: evaluating it twice is not the same as once. */
  readonly effects?: true;
  /** What it costs, roughly, in instructions; absent: much, or not known. Of two conditions the cheaper one is asked first. */
  readonly cost?: number;
}

export interface LowerState extends ProgramState {
  readonly check: CheckState;
  readonly unit: Unit;
  readonly builtins: ReadonlyMap<string, LoweredBuiltin>;
  /** How each kind of thing is lowered; they contain each other. */
  readonly rules: LowerRules;
  places: Map<VariableInfo, VariablePlace>;
  loops: LoopTargets[];
  /** In a callback: how to leave the whole probe. */
  leaveFunction: (() => void) | undefined;
  /** The function in whose body this is: how it is left, where its value goes. */
  inlined: { readonly leave: () => void; readonly result: VariableExpression | undefined } | undefined;
  /** What `$kv.0` and `$kv.1` are within the body of a `for` over a map. */
  pairs: ReadonlyMap<VariableInfo, Pair>;
  /** Where this program's word of the CPU's part is that says that scratch memory is in use. */
  readonly busy: number | undefined;
}

/** An entry of a map that a loop has come to. */
export interface Pair {
  key(): Operand;
  value(): Operand;
  /** The same entry, seen from a callback of the loop's body. */
  within(from: Surroundings): Pair;
}

export interface LowerRules {
  value(l: LowerState, e: Expression, unused: boolean): Value;
  operand(l: LowerState, e: Expression): Operand;
  into(l: LowerState, e: Expression, type: Type, to: Value, offset: number, options: IntoOptions): Lengths;
  condition(l: LowerState, e: Expression, yes: Block, no: Block): void;
  statement(l: LowerState, s: Statement): void;
}

/** The number that an expression stands for. With `unused`, only what it does matters. */
export const value = (l: LowerState, e: Expression, unused = false): Value =>
  at(l, e, () => l.rules.value(l, e, unused));

/** Where the value of an expression lies, or the register that it is in. */
export const operand = (l: LowerState, e: Expression): Operand => at(l, e, () => l.rules.operand(l, e));

/**
 * Writes the value of `e`, as a value of `type`, to a place of our own. With `short`, gives the lengths of the strings
 * that may not have fitted (see `branchIfLong`).
 */
export const into = (
  l: LowerState,
  e: Expression,
  type: Type,
  to: Value,
  offset: number,
  options: IntoOptions,
): Lengths => at(l, e, () => l.rules.into(l, e, type, to, offset, options));

/** What is told of a look-up or a read that fails is told of this place. */
export function at<T>(l: LowerState, e: Expression, make: () => T): T {
  if (l.object.tellErrors !== true) return make();
  const before = l.b.span;
  l.b.span = e.span;
  const made = make();
  l.b.span = before;
  return made;
}

/** Goes to `yes` or to `no`. */
export const condition = (l: LowerState, e: Expression, yes: Block, no: Block): void =>
  l.rules.condition(l, e, yes, no);

export const statement = (l: LowerState, s: Statement): void => l.rules.statement(l, s);

export function lowerBlock(l: LowerState, block: StatementBlock): void {
  for (const s of block.statements) {
    if (l.b.terminated) return;
    statement(l, s);
  }
}

/** The type that the checker found. */
export const typeOf = (l: LowerState, e: Expression): Type => l.unit.types.get(e) ?? NONE;

/** Notes the type of an expression that stands in no script. */
export function typed<E extends Expression>(l: LowerState, e: E, type: Type): E {
  l.unit.types.set(e, type);
  return e;
}

/** A number that stands in no script. */
export const literal = (l: LowerState, n: bigint, span: Span): Expression =>
  typed(l, { kind: "integer", value: n, span }, INT64);

/** Ends the program. */
export function leave(l: LowerState, result: Value | number): void {
  if (l.busy !== undefined) l.b.store(64, cpuPart(l), l.busy, 0);
  l.b.return(result);
}

/** Ends the program from wherever this is, a callback included; in one, with the program's own result. */
export function leaveProbe(l: LowerState, result: Value | number): void {
  if (l.leaveFunction !== undefined) l.leaveFunction();
  else leave(l, result);
}
