// What functions of C text are read into: expressions with their types, statements, variables, each with its place. Names
// are resolved, conversions are written out, arrays that become pointers say so; nothing is left to be looked up.

import type { Span } from "../source/index.ts";

/** Types are ids of the `CTypes` that the text was read into. */
export interface CVariable {
  readonly name: string;
  type: number;
  readonly span: Span;
  readonly storage: "local" | "parameter" | "global" | "extern";
  /** Of a global: the section that it asks for. */
  readonly section?: string;
  /** What `btf_decl_tag` says of it. */
  readonly tags?: readonly string[];
  /** Words of its attributes: `weak`, `hidden`. */
  readonly attributes: ReadonlySet<string>;
  readonly constant: boolean;
  /** Of a global: no other text knows it. */
  readonly static?: true;
  /** Bytes by which it is aligned. */
  readonly align: number;
  initial?: CInitializer;
  /** Called with its address when its block is left (`__attribute__((cleanup(f)))`). */
  readonly cleanup?: CFunction;
  /** Does the text name it anywhere? */
  used?: boolean;
  /** Is its address taken, so that it must be in memory? */
  addressed: boolean;
}

export interface CFunction {
  readonly name: string;
  /** A `func_proto`. */
  type: number;
  readonly span: Span;
  static: boolean;
  inline: boolean;
  section?: string;
  readonly attributes: Set<string>;
  /** How often the text names it. */
  uses: number;
  /** Absent: it is only declared. */
  body?: { readonly parameters: readonly CVariable[]; readonly statements: readonly CStatement[]; readonly end: Span };
}

/** What is written where; the rest is zero. */
export interface CInitializer {
  readonly entries: readonly {
    /** Bits from the start of the variable. */
    readonly offset: number;
    /** Of a bit field; 0: it is none. */
    readonly bits: number;
    readonly type: number;
    readonly value: CExpression;
  }[];
  readonly span: Span;
}

interface Node {
  readonly type: number;
  readonly span: Span;
}

export type CBinary = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>";
export type CComparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Expressions that stand for a place in memory or a variable. */
export type CPlace = Node &
  (
    | { readonly kind: "variable"; readonly variable: CVariable }
    /** A string, with its end. */
    | { readonly kind: "text"; readonly bytes: Uint8Array }
    | { readonly kind: "dereference"; readonly pointer: CExpression }
    /** A member of a struct or union, by its number there. */
    | {
        readonly kind: "member";
        readonly of: CExpression;
        readonly index: number;
        readonly bitOffset: number;
        readonly bitfieldSize: number;
      }
    /** An element of an array (not of what a pointer leads to). */
    | { readonly kind: "element"; readonly of: CExpression; readonly index: CExpression }
    /** A compound literal: the variable is set where this stands. */
    | { readonly kind: "literal"; readonly variable: CVariable }
  );

export type CExpression =
  | CPlace
  | (Node &
      (
        | { readonly kind: "constant"; readonly value: bigint }
        | { readonly kind: "function"; readonly function: CFunction }
        | { readonly kind: "address"; readonly of: CExpression }
        /** An array as a pointer to its first element. */
        | { readonly kind: "decay"; readonly of: CExpression }
        /** `written`: by a cast of the text. */
        | { readonly kind: "convert"; readonly of: CExpression; readonly written?: true }
        | { readonly kind: "unary"; readonly operator: "-" | "~" | "!"; readonly of: CExpression }
        /** Both sides are of its type, but the right one of a shift. */
        | {
            readonly kind: "binary";
            readonly operator: CBinary;
            readonly left: CExpression;
            readonly right: CExpression;
          }
        /** Both sides are of one type. */
        | {
            readonly kind: "compare";
            readonly operator: CComparison;
            readonly left: CExpression;
            readonly right: CExpression;
          }
        /** A pointer and a number (64 bits) of elements of `size` bytes. */
        | { readonly kind: "advance"; readonly pointer: CExpression; readonly by: CExpression; readonly size: number }
        | { readonly kind: "distance"; readonly left: CExpression; readonly right: CExpression; readonly size: number }
        | {
            readonly kind: "logical";
            readonly operator: "&&" | "||";
            readonly left: CExpression;
            readonly right: CExpression;
          }
        | {
            readonly kind: "conditional";
            readonly condition: CExpression;
            readonly then: CExpression;
            readonly otherwise: CExpression;
          }
        | { readonly kind: "assign"; readonly target: CExpression; readonly value: CExpression }
        /** `x += y`, `x++`: `value` says the new value, in which `before` stands for the old one. */
        | {
            readonly kind: "update";
            readonly target: CExpression;
            readonly before: CVariable;
            readonly value: CExpression;
            /** The result is the old value. */
            readonly post: boolean;
          }
        | { readonly kind: "comma"; readonly left: CExpression; readonly right: CExpression }
        | { readonly kind: "call"; readonly callee: CExpression; readonly args: readonly CExpression[] }
        /** A function of the compiler, or of the target, by name. */
        | {
            readonly kind: "builtin";
            readonly name: string;
            readonly args: readonly CExpression[];
            /** The type that it is asked of, for those that take one. */
            readonly of?: number;
          }
        /** `({ … })` */
        | { readonly kind: "block"; readonly statements: readonly CStatement[] }
      ));

/** Inline assembly (GNU C's `asm`). */
export interface CAssembly {
  readonly kind: "assembly";
  readonly text: string;
  readonly outputs: CAssembly["inputs"];
  readonly inputs: readonly { readonly name?: string; readonly constraint: string; readonly value: CExpression }[];
  /** Those of C that it may jump to. */
  readonly labels: readonly string[];
  readonly span: Span;
}

export type CStatement =
  | CAssembly
  | { readonly kind: "expression"; readonly value: CExpression; readonly span: Span }
  | { readonly kind: "declare"; readonly variable: CVariable; readonly span: Span }
  | { readonly kind: "block"; readonly statements: readonly CStatement[]; readonly span: Span }
  | {
      readonly kind: "if";
      readonly condition: CExpression;
      readonly then: CStatement;
      readonly otherwise?: CStatement;
      readonly span: Span;
    }
  | {
      readonly kind: "loop";
      /** `do`: the condition is asked behind the body. */
      readonly form: "while" | "do";
      readonly condition?: CExpression;
      readonly step?: CExpression;
      readonly body: CStatement;
      readonly span: Span;
    }
  | { readonly kind: "switch"; readonly value: CExpression; readonly body: CStatement; readonly span: Span }
  /** Within a switch; `to` is not below `from`. */
  | { readonly kind: "case"; readonly from: bigint; readonly to: bigint; readonly span: Span }
  | { readonly kind: "default"; readonly span: Span }
  | { readonly kind: "label"; readonly name: string; readonly span: Span }
  | { readonly kind: "goto"; readonly name: string; readonly span: Span }
  | { readonly kind: "break" | "continue"; readonly span: Span }
  | { readonly kind: "return"; readonly value?: CExpression; readonly span: Span };

/** A whole text with its headers. */
export interface CUnit {
  readonly functions: readonly CFunction[];
  /** Those of functions that are `static`, too. */
  readonly globals: readonly CVariable[];
}
