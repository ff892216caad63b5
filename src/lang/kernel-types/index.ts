// Declarations of a kernel for modules in TypeScript: its types and tracepoints in, the text of a `.d.ts` out.
export { type DeclaredKernel, kernelDeclarations } from "./declarations.ts";
export { helperTypes } from "./helper-types.ts";
export { type KernelNames, namesOf } from "./names.ts";
export type { ProgramPlaces } from "./programs.ts";
