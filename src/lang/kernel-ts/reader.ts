// What the tables of builtins use of whoever reads a function: values in, statements out.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import type { CallExpression, Expression, MemberExpression, Node } from "./ast.ts";
import type { PacketForm } from "./network-programs.ts";
import type { Types } from "./types.ts";
import type { MapValue, Value } from "./values.ts";

/** A function that the kernel calls: what it gives it, and what the module's function gets of that. */
export interface CallbackShape {
  readonly word: string;
  /** Types of its parameters. */
  readonly params: readonly number[];
  /** The one of them that leads to the variables of whoever called; undefined: it may use none. */
  readonly environment?: number;
  /** `inner`: the reader of the function, which may do something first. */
  given(params: readonly CExpression[], inner: Reader): readonly Value[];
}

export interface Reader {
  readonly types: Types;
  /** The context of the program; functions are handed it by who calls. undefined: there is none. */
  useContext(): CVariable | undefined;
  /** No other program comes between on its CPU while this one runs. */
  readonly undisturbed: boolean;
  /** What was given when the program was attached, where the kernel's own cookie is taken for something else. */
  readonly cookie: CExpression | undefined;
  /** How its packet is reached, where it is given one. */
  readonly packet: PacketForm | undefined;
  value(node: Expression): Value;
  plain(node: Expression, wanted?: number): CExpression;
  asPlain(value: Value, at: Node, wanted?: number): CExpression;
  fitting(value: CExpression, type: number, at: Node): CExpression;
  addressOf(node: Expression, type: number): CExpression;
  addressable(of: CExpression): CExpression;
  intoValue(place: CExpression, value: Value, at: Node): void;
  call(helper: string, args: readonly CExpression[], span: Span): CExpression;
  /** A function of the kernel that programs may call; undefined: the kernel has none of this name. */
  kernelFunction(name: string): CFunction | undefined;
  constant(value: bigint | number, type: number, span: Span): CExpression;
  read(variable: CVariable, span?: Span): CExpression;
  temporary(type: number, span: Span): CVariable;
  held(value: CExpression, type: number, span: Span): CVariable;
  zeroed(type: number, span: Span): CVariable;
  declare(variable: CVariable, value?: CExpression): void;
  do(value: CExpression): void;
  push(...statements: readonly CStatement[]): void;
  gathered(read: () => void): CStatement[];
  /** The lesser or the greater of two numbers. */
  chosen(operator: "<" | ">", left: Expression, right: Expression, at: Node): Value;
  /** A function that is given as a value, for the kernel to call: its address, and that of the variables that it uses. */
  callback(node: Expression, shape: CallbackShape): { readonly fn: CExpression; readonly environment: CExpression };
}

/** A function that stands alone or below `bpf`. */
export type CallRow = (r: Reader, args: readonly Expression[], at: CallExpression) => Value;
export type MethodRow = (r: Reader, map: MapValue, args: readonly Expression[], at: CallExpression) => Value;
export type MemberRow = (r: Reader, of: CExpression, at: MemberExpression) => Value;
