// What expressions of the language are while a module is read: places and numbers of a program, values that may be missing,
// and what is known when it is compiled.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { FunctionNode, Node, ObjectExpression } from "./ast.ts";
import type { Types } from "./types.ts";

/**
 * Where a pointer that a function is given leads: `near` may be read as it is, `far` needs the safe reads of programs whose
 * arguments are plain numbers; `kernel` is what the kind of the program says.
 */
export type Origin = "near" | "kernel";

/** What a function that is not put in place of its calls is given. */
export interface Handed {
  readonly params: readonly Origin[];
  /** Its parameter that leads to words of whoever called. */
  readonly environment?: { readonly param: number; readonly words: readonly Origin[] };
}

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
  /** A function of a module, read when it is first called. */
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node): CFunction;
  /** A function by a name of its own, which the kernel calls or which stands apart. */
  apart(fn: CFunction, handed: Handed): void;
  /** A name that no other function of the module has. */
  unique(word: string): string;
}

/** Known when the module is compiled. */
export type Static =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "text"; readonly text: string }
  /** A type, by its id: `u32`, `struct({ … })`. */
  | { readonly kind: "type"; readonly type: number }
  | { readonly kind: "map"; readonly map: MapValue }
  | { readonly kind: "live"; readonly variable: CVariable }
  /** `scope`: the module that it stands in. */
  | { readonly kind: "function"; readonly node: FunctionNode; readonly scope: ModuleScope; lowered?: CFunction }
  | { readonly kind: "program"; readonly program: ProgramValue }
  | { readonly kind: "struct-ops" }
  /** Something of `scry/bpf` by its name: `bpf`, `hash`, `tracepoint`. */
  | { readonly kind: "builtin"; readonly name: string }
  /** An object of constants. */
  | { readonly kind: "record"; readonly members: ReadonlyMap<string, Static> };

export interface MapValue {
  readonly variable: CVariable;
  /** Types of its keys and values; of rings the value is the record. */
  readonly key: number;
  readonly value: number;
  readonly ring: boolean;
}

export interface ProgramValue {
  readonly name: string;
  /** Its kind: a key of PROGRAMS. */
  readonly what: string;
  readonly args: readonly Static[];
  readonly node: FunctionNode;
  readonly scope: ModuleScope;
  readonly at: Node;
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
}

export type Value =
  | ({ readonly kind: "plain"; readonly of: CExpression } & WithMethods)
  /** May be missing: `present` is not zero where it is there. */
  | ({ readonly kind: "maybe"; readonly present: CExpression; readonly of: CExpression } & WithMethods)
  | Resource
  | IteratorValue
  | { readonly kind: "static"; readonly what: Static }
  | { readonly kind: "undefined" }
  /** An object literal, which takes the type of its place. */
  | { readonly kind: "object"; readonly node: ObjectExpression }
  /** Written into a place by a helper: text of the kernel's or of a process. `type`: what it is where nothing says it. */
  | { readonly kind: "written"; readonly type: number; into(place: CExpression, type: number): readonly CStatement[] };
