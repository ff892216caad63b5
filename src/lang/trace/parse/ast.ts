// The syntax tree of a trace script. The parser makes it, and nobody changes it: what is found out about its parts stands
// in tables of each unit (see check/state.ts).

import type { CToken, Preprocessor } from "../../../c/index.ts";
import type { AttachPoint } from "../../../probes/index.ts";
import type { SourceText, Span } from "../../../source/index.ts";

export interface Script {
  readonly config: readonly ConfigEntry[];
  readonly mapDeclarations: readonly MapDeclaration[];
  readonly probes: readonly Probe[];
  /** Macros that were not replaced, where they were to be left. */
  readonly macros?: readonly Macro[];
  /** Where declarations of C end in the text. */
  readonly declarationEnds?: readonly number[];
  /** What the script and its headers say in C; absent: nothing. */
  readonly c?: CText;
}

/** The C of a script: its headers and its own declarations, with all macros expanded. */
export interface CText {
  readonly tokens: readonly CToken[];
  readonly preprocessor: Preprocessor;
  /** Is this file one of the system's? */
  readonly system: (file: SourceText) => boolean;
  /** Names of headers of the system that were not read, since a script seldom needs what they say. */
  readonly skipped: readonly string[];
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: string | number | boolean;
  readonly span: Span;
}

/** `let @a = lruhash(100);` */
export interface MapDeclaration {
  readonly name: string;
  readonly mapType: string;
  readonly entries: number;
  readonly span: Span;
}

/** `macro add($x, @m, e) { … }`, `fn add($x: int64): int64 { … }` */
export interface Macro {
  readonly name: string;
  /** From the word `macro` or `fn` to its name. */
  readonly nameSpan: Span;
  /** Names with their `$` or `@`. */
  readonly params: readonly {
    readonly name: string;
    readonly kind: "variable" | "map" | "expression";
    readonly span: Span;
  }[];
  readonly statements: readonly Statement[];
  /** What stands last without a semicolon; absent: it can only be used as a statement. */
  readonly value?: Expression;
  /** Of a function: its types. Parameters are variables of its own, and `return` leaves it. */
  readonly types?: FunctionTypes;
}

export interface FunctionTypes {
  /** In the order of the parameters. */
  readonly params: readonly TypeName[];
  /** Absent: it gives nothing. */
  readonly returns?: TypeName;
}

export interface Probe {
  readonly attachPoints: readonly AttachPoint[];
  readonly predicate?: Expression;
  readonly body: StatementBlock;
  readonly span: Span;
}

export interface StatementBlock {
  readonly statements: readonly Statement[];
  readonly span: Span;
}

export type AssignOperator = "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=";

export type Statement =
  | { readonly kind: "expression"; readonly expression: Expression; readonly span: Span }
  | { readonly kind: "discard"; readonly expression: Expression; readonly span: Span }
  | {
      readonly kind: "assign";
      readonly target: VariableExpression | MapExpression;
      readonly operator: AssignOperator;
      readonly value: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: "let";
      readonly variable: VariableExpression;
      readonly declared?: TypeName;
      readonly value?: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly then: StatementBlock;
      readonly otherwise?: StatementBlock;
      readonly span: Span;
    }
  | { readonly kind: "while"; readonly condition: Expression; readonly body: StatementBlock; readonly span: Span }
  | {
      readonly kind: "for-range";
      readonly variable: VariableExpression;
      readonly from: Expression;
      readonly to: Expression;
      readonly body: StatementBlock;
      readonly span: Span;
    }
  | {
      readonly kind: "for-map";
      readonly variable: VariableExpression;
      readonly map: MapExpression;
      readonly body: StatementBlock;
      readonly span: Span;
    }
  | { readonly kind: "unroll"; readonly count: Expression; readonly body: StatementBlock; readonly span: Span }
  | { readonly kind: "break" | "continue"; readonly span: Span }
  | { readonly kind: "return"; readonly value?: Expression; readonly span: Span }
  /** The body of a function where it is called; `return` within leaves it, its value in `result`. */
  | {
      readonly kind: "inline";
      readonly body: StatementBlock;
      readonly result?: VariableExpression;
      readonly span: Span;
    }
  | { readonly kind: "block"; readonly block: StatementBlock; readonly span: Span };

export type BinaryOperator =
  | "||"
  | "&&"
  | "|"
  | "^"
  | "&"
  | "=="
  | "!="
  | "<"
  | ">"
  | "<="
  | ">="
  | "<<"
  | ">>"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";
export type UnaryOperator = "!" | "~" | "-" | "*" | "&";

interface ExpressionBase {
  readonly span: Span;
}

export interface IntegerExpression extends ExpressionBase {
  readonly kind: "integer";
  readonly value: bigint;
}
export interface StringExpression extends ExpressionBase {
  readonly kind: "string";
  readonly value: string;
}
export interface BooleanExpression extends ExpressionBase {
  readonly kind: "boolean";
  readonly value: boolean;
}
/** `$1`: a number, a string or nothing, as given on the command line. */
export interface ParameterExpression extends ExpressionBase {
  readonly kind: "parameter";
  /** 1-based; 0 is `$#`. */
  readonly index: number;
}
export interface VariableExpression extends ExpressionBase {
  readonly kind: "variable";
  /** With its `$`. */
  readonly name: string;
}
export interface MapExpression extends ExpressionBase {
  readonly kind: "map";
  /** With its `@`. */
  readonly name: string;
  readonly key?: Expression;
}
/** A builtin (`pid`), an enumerator, or a name that nobody knows. As a call it has no arguments. */
export interface IdentifierExpression extends ExpressionBase {
  readonly kind: "identifier";
  readonly name: string;
  readonly nameSpan: Span;
  readonly args: readonly Expression[];
  readonly typeArgument?: undefined;
}
export interface CallExpression extends ExpressionBase {
  readonly kind: "call";
  readonly name: string;
  readonly nameSpan: Span;
  readonly args: readonly Expression[];
  /** For `sizeof(TYPE)`, `offsetof(TYPE, field)` and their like. */
  readonly typeArgument?: TypeName;
}
export interface FieldExpression extends ExpressionBase {
  readonly kind: "field";
  readonly object: Expression;
  readonly name: string;
  readonly nameSpan: Span;
}
export interface IndexExpression extends ExpressionBase {
  readonly kind: "index";
  readonly object: Expression;
  readonly index: Expression;
}
export interface UnaryExpression extends ExpressionBase {
  readonly kind: "unary";
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}
export interface IncrementExpression extends ExpressionBase {
  readonly kind: "increment";
  readonly target: VariableExpression | MapExpression;
  readonly by: 1 | -1;
  readonly prefix: boolean;
}
export interface BinaryExpression extends ExpressionBase {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}
export interface TernaryExpression extends ExpressionBase {
  readonly kind: "ternary";
  readonly condition: Expression;
  /** Absent in `a ?: b`. */
  readonly then?: Expression;
  readonly otherwise: Expression;
}
export interface CastExpression extends ExpressionBase {
  readonly kind: "cast";
  readonly to: TypeName;
  readonly operand: Expression;
}
export interface TupleExpression extends ExpressionBase {
  readonly kind: "tuple";
  readonly elements: readonly Expression[];
}
export interface RecordExpression extends ExpressionBase {
  readonly kind: "record";
  readonly fields: readonly { readonly name: string; readonly value: Expression }[];
}
export interface BlockExpression extends ExpressionBase {
  readonly kind: "block";
  readonly statements: readonly Statement[];
  readonly value: Expression;
}

export type Expression =
  | IntegerExpression
  | StringExpression
  | BooleanExpression
  | ParameterExpression
  | VariableExpression
  | MapExpression
  | IdentifierExpression
  | CallExpression
  | FieldExpression
  | IndexExpression
  | UnaryExpression
  | IncrementExpression
  | BinaryExpression
  | TernaryExpression
  | CastExpression
  | TupleExpression
  | RecordExpression
  | BlockExpression;

/** A type as written: `uint64`, `struct task_struct *`, `int32[4]`, `typeof(x)`. */
export interface TypeName {
  readonly base:
    | { readonly kind: "named"; readonly tag?: "struct" | "union" | "enum"; readonly name: string }
    | { readonly kind: "typeof"; readonly expression: Expression };
  /** From the inside out: `*` or a number of elements. */
  readonly suffixes: readonly ("*" | number)[];
  readonly span: Span;
}
