// Kernel programs in TypeScript: a `.bpf.ts` text to an object.
export { type CompiledModule, compileModule, type ModuleOptions } from "./compile-module.ts";
export { type BinaryFunction, PROGRAMS, type ProbeArgument, type ProgramRow } from "./programs.ts";
