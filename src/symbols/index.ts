// Address → name and name → address: the kernel, programs and libraries, processes, JITs; C++ names as people write them.
export { demangle } from "./demangle.ts";
export {
  type CoveringSymbol,
  type FileSymbol,
  FileSymbols,
  fileSymbols,
  openElf,
  tryFileSymbols,
} from "./file-symbols.ts";
export { type KernelSymbol, KernelSymbols, kernelSymbols } from "./kernel-symbols.ts";
export { type JitSymbol, PerfMap } from "./perf-map.ts";
export { forget, type UserSymbol, UserSymbols, userSymbols } from "./user-symbols.ts";
