// C for BPF: text to object; and what any language that becomes C's typed tree needs.
export type { BccOptions, TracepointField, UsdtForms } from "./bcc/index.ts";
export { followPointers } from "./bcc/index.ts";
export { type CompileCOptions, type CompiledC, compileC, compileUnit, type UnitDialect } from "./compile-c.ts";
export type { Dialect } from "./dialect.ts";
export type { Machine } from "./headers/index.ts";
export { helperFunction } from "./helpers.ts";
export { remembered } from "./remembered-types.ts";
