// C for BPF: text to object; and what any language that becomes C's typed tree needs.
export type { BccOptions, TracepointField, UsdtForms } from "./bcc/index.ts";
export { followPointers, registerOf } from "./bcc/index.ts";
export { type CompileCOptions, compileC } from "./compile-c.ts";
export { type CompiledC, compileUnit } from "./compile-unit.ts";
export { type Machine, REGISTERS } from "./headers/index.ts";
export { helperFunction, helperStruct } from "./helpers.ts";
export { remembered } from "./remembered-types.ts";
