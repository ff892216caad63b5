// What expressions of the language are while a module is read: places and numbers of a program, values that may be missing,
// and what is known when it is compiled.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { SummedAggregate } from "../../schema/index.ts";
import type { ArrayExpression, Expression, FunctionNode, Node, ObjectExpression } from "./ast.ts";
import type { Closure } from "./evaluator.ts";
import type { Origin } from "./origin.ts";
import type { Types } from "./types.ts";

/** What a function that is not put in place of its calls is given. */
export interface Handed {
  readonly params: readonly Origin[];
  /** Its parameter that leads to words of whoever called. */
  readonly environment?: { readonly param: number; readonly words: readonly Origin[] };
}

/** What others may import of a module. */
export interface Exporting {
  exportOf(name: string): Value | undefined;
  exports(): readonly string[];
}

export type TypeArguments = ReadonlyMap<string, number>;

/** What a module has at its top, and what the compiler knows. */
export interface ModuleScope {
  readonly types: Types;
  find(name: string): Value | undefined;
  names(): readonly string[];
  /** Could it be imported from `scry/bpf`? */
  importable(name: string): boolean;
  helper(name: string): CFunction;
  /** A function of the kernel that programs may call, by the kernel's own types; undefined: it has none of this name. */
  kernelFunction(name: string): CFunction | undefined;
  /** A function of a module, read when it is first called; `types`: what its type parameters stand for. */
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node, types: TypeArguments): CFunction;
  /** What a type's name stands for (`type Name = …`). */
  alias(name: string): Node | undefined;
  /** Numbers as memory that no program changes. */
  table(list: Extract<Static, { kind: "list" }>, at: Node): CVariable;
  /** A function by a name of its own, which the kernel calls or which stands apart. */
  apart(fn: CFunction, handed: Handed): void;
  /** This name, or one like it, that nothing else in the kernel has. */
  unique(word: string): string;
}

/** What declarations use of the module that they are in. */
export interface DeclarationScope {
  readonly types: Types;
  /** The type of a member, which may be some bits of a number. */
  memberType(node: Expression): { readonly type: number; readonly bits?: number };
  /** A type that is given as a value; aggregates only where they may be. */
  typeArgument(node: Expression, aggregates?: "aggregates"): number;
  /** A value that is known when the module is compiled. */
  evaluate(node: Expression): Value;
  /** What a name stands for at the top of the module. */
  find(name: string): Value | undefined;
}

/** Known when the module is compiled. */
export type Static =
  | { readonly kind: "number"; readonly value: bigint }
  /** What a program cannot have, and other constants may be made of. */
  | { readonly kind: "fraction"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  /** A type, by its id: `u32`, `struct({ … })`. */
  | { readonly kind: "type"; readonly type: number; readonly bits?: number }
  | { readonly kind: "map"; readonly map: MapValue }
  | { readonly kind: "live"; readonly variable: CVariable }
  /** `scope`: the module that it stands in; `handed`: its last parameter is the program's context; `apart`: it is called. */
  | {
      readonly kind: "function";
      readonly node: FunctionNode;
      readonly scope: ModuleScope;
      readonly apart?: "static" | "global";
      /** As a program it may sleep. */
      readonly sleepable?: true;
      /** Of an ordinary module: to be computed where all that it is given is known. */
      readonly closure?: Closure;
      handed?: true;
    }
  | { readonly kind: "program"; readonly program: ProgramValue }
  | { readonly kind: "struct-ops" }
  /** Something of `scry/bpf` by its name: `bpf`, `hash`, `tracepoint`. */
  | { readonly kind: "builtin"; readonly name: string }
  /** An array of constants; `table`: it as memory that programs read. */
  | { readonly kind: "list"; readonly items: readonly Static[]; table?: CVariable }
  /** An object of constants. */
  | { readonly kind: "record"; readonly members: ReadonlyMap<string, Static> };

export interface MapValue {
  /** Its declaration. */
  readonly variable: CVariable;
  /** Its kind: a key of MAPS. */
  readonly what: string;
  /** Types of its keys and values; of rings the value is the record. */
  readonly key: number;
  readonly value: number;
  /** Keys are numbers of entries that are all there. */
  readonly indexed: boolean;
  /** Programs can go through its entries. */
  readonly walked: boolean;
  /** What its values are, where they are aggregates. */
  readonly aggregate?: SummedAggregate;
  /** Of maps of maps: what its entries are like. */
  readonly inner?: MapValue;
  /** Its address, where it was looked up in another one; 0: there is none. */
  readonly at?: CExpression;
  /** By prefixes: the type of what they are prefixes of. */
  readonly prefix?: number;
  /** Of rings: what counts the records that they had no room for. */
  readonly lost?: CVariable;
}

export interface ProgramValue {
  readonly name: string;
  /** Its kind: a key of PROGRAMS. */
  readonly what: string;
  readonly args: readonly Static[];
  readonly node: FunctionNode;
  readonly scope: ModuleScope;
  /** It may sleep: `fentry.s` and its like. */
  readonly sleepable?: true;
  readonly at: Node;
  /** It runs by tail calls, and is not attached. */
  called?: true;
}

/** A struct of the kernel's that is filled with programs, and what else stands in it. */
export interface StructOps {
  readonly name: string;
  readonly struct: string;
  readonly members: readonly { readonly name: string; readonly value: Static; readonly at: Node }[];
  readonly at: Node;
}

/** What has to be given back when the block is left in which it is taken: a lock, a reference, memory of a ring. */
export interface Resource {
  readonly kind: "resource";
  /** What programs see of it; undefined: nothing. */
  readonly of: CExpression | undefined;
  /** Not zero where it was to be had, where that is not `of` itself. */
  readonly present?: CExpression;
  /** What is known of it until it is given back, each of 64 bits: addresses, flags. */
  readonly words: readonly CExpression[];
  /** Gives it back, from those words. */
  release(words: readonly CExpression[]): readonly CStatement[];
  /** Methods of the name that it is bound to. */
  readonly methods?: Readonly<Record<string, (words: readonly CExpression[]) => CExpression>>;
}

/** What the kernel goes through: made before a loop, asked for the next until there is none, done with behind it. */
export interface IteratorValue {
  readonly kind: "iterator";
  /** The struct that holds its state, on the stack. */
  readonly state: number;
  begin(state: CExpression): CExpression;
  /** A pointer; 0 at the end. */
  next(state: CExpression): CExpression;
  end(state: CExpression): CExpression;
  /** What the loop's variable is, from that pointer. */
  element(pointer: CExpression): Value;
}

/** `methods`: what can be done with this value alone. */
interface WithMethods {
  readonly methods?: Readonly<Record<string, () => Value>>;
  /** Of what has to be given back: says that somebody else does it now. */
  readonly handOver?: () => CExpression;
}

export type Value =
  /** `within`, of an element: not zero where the index lies within. Nothing looks at it but what asks, as `??` does. */
  | ({ readonly kind: "plain"; readonly of: CExpression; readonly within?: CExpression } & WithMethods)
  /** May be missing: `present` is not zero where it is there. */
  | ({ readonly kind: "maybe"; readonly present: CExpression; readonly of: CExpression } & WithMethods)
  | Resource
  | IteratorValue
  /** A map that was looked up in another; `present` as above. */
  | { readonly kind: "map"; readonly present: CExpression; readonly map: MapValue }
  | { readonly kind: "static"; readonly what: Static }
  | { readonly kind: "undefined" }
  /** An object literal, which takes the type of its place. */
  | { readonly kind: "object"; readonly node: ObjectExpression }
  /** Elements, which take the type of their place. */
  | { readonly kind: "array"; readonly node: ArrayExpression }
  /** Written into a place by a helper: text of the kernel's or of a process. `type`: what it is where nothing says it. */
  | { readonly kind: "written"; readonly type: number; into(place: CExpression, type: number): readonly CStatement[] };

/** What is known of a condition when the module is compiled: the other branch is not read then. undefined: nothing is. */
export function decided(value: Value): boolean | undefined {
  return value.kind === "static" && value.what.kind === "number" ? value.what.value !== 0n : undefined;
}
