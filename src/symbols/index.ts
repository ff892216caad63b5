// Address → name and name → address: the kernel, programs and libraries, processes, JITs; C++ names as people write them.
export { findDebugFile, splitFiles } from "./debug-files.ts";
export {
  type CoveringSymbol,
  type FileSymbol,
  FileSymbols,
  fileSymbols,
  openElf,
  tryFileSymbols,
} from "./file-symbols.ts";
export { openForeign } from "./foreign-file.ts";
export { type GoProgram, type GoProgramFunction, goEntry, goFunction, goProgram } from "./go-program.ts";
export { type KernelSymbol, KernelSymbols, kernelSymbols } from "./kernel-symbols.ts";
export { watchMappings } from "./mapping-watch.ts";
export { type JitSymbol, PerfMap } from "./perf-map.ts";
export { readForeign } from "./read-file.ts";
export { Recent } from "./recent.ts";
export { type UserSymbol, UserSymbols, userSymbols } from "./user-symbols.ts";
