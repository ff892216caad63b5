// C's text as far as declarations go: preprocessor, constant expressions, and the types that are declared, as BTF.
export { type CNumber, evaluate } from "./constant-expression.ts";
export { constantContext, type DeclarationOptions, readDeclarations } from "./declarations.ts";
export { type IncludeRequest, type Macro, Preprocessor, type PreprocessorOptions } from "./preprocessor.ts";
export { type CToken, spell, tokenize } from "./tokens.ts";
export { CTypes, isDeclared } from "./type-table.ts";
