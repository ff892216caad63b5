// ELF files, over bytes: sections, symbols, notes, USDT probes, Go's tables, and where in a function a uprobe may stand.
export { type ArchiveMember, archiveMembers } from "./archive.ts";
export { crc32 } from "./crc32.ts";
export {
  type ElfFile,
  type ElfMachine,
  type ElfSection,
  type ElfSegment,
  type ElfType,
  parseElf,
  SectionFlag,
  SectionType,
  textAt,
} from "./file.ts";
export { type FunctionExits, functionExits, goStackCheck, type StackCheck } from "./function-exits.ts";
export { type GoVersion, goidOffset, goRegisters, goUsesRegisters, goVersion, isGo } from "./go-build-info.ts";
export { type GoFunctionSymbol, GoFunctions, goFunctions, type SourceLine } from "./go-functions.ts";
export { buildId, debugLink, type ElfNote, readNotes, type UsdtNote, usdtNotes } from "./notes.ts";
export { type Register, type RegisterMachine, register } from "./registers.ts";
export { type ElfSymbol, ElfSymbols, type SymbolBind, type SymbolType } from "./symbols.ts";
export { type EntryKind, isOptimizableNop, type UprobeEntry, uprobeEntry } from "./uprobe-entry.ts";
export { parseUsdtArguments, type UsdtArgument, UsdtArgumentError } from "./usdt-arguments.ts";
export { type NewSection, writeElf } from "./write.ts";
export { x86Length } from "./x86-length.ts";
