// C's text: preprocessor, constant expressions, the types that are declared, as BTF, and functions as trees.
export { type CNumber, evaluate } from "./constant-expression.ts";
export { constantContext, type DeclarationOptions, readDeclarations } from "./declarations.ts";
export type { UnitOptions } from "./expressions.ts";
export { layoutOf, type MemberDeclaration } from "./layout.ts";
export type { Method, Methods } from "./methods.ts";
export { type IncludeRequest, type Macro, Preprocessor, type PreprocessorOptions } from "./preprocessor.ts";
export { type ReadUnit, readUnit } from "./statements.ts";
export { type CToken, spell, tokenize } from "./tokens.ts";
export type {
  CAssembly,
  CBinary,
  CComparison,
  CExpression,
  CFunction,
  CInitializer,
  CPlace,
  CStatement,
  CUnit,
  CVariable,
} from "./tree.ts";
export { CTypes, isDeclared } from "./type-table.ts";
export { computed, joined, refuse, rootOf, Typing } from "./typing.ts";
export { anyNode, type CNode, nodesBelow } from "./walk.ts";
export { warningsOf } from "./warnings.ts";
