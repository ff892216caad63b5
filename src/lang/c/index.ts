// C for BPF: text to object.
export { type CompileCOptions, type CompiledC, compileC } from "./compile-c.ts";
