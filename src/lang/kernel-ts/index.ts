// Kernel programs in TypeScript: a `.bpf.ts` text to an object.
export { type CompiledModule, compileModule, type ModuleOptions } from "./compile-module.ts";
export { PROGRAMS, type ProgramRow } from "./programs.ts";
