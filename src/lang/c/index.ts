// C for BPF: text to object.

export type { BccOptions, TracepointField, UsdtForms } from "./bcc/index.ts";
export { type CompileCOptions, type CompiledC, compileC } from "./compile-c.ts";
