// ELF files, over bytes: sections, symbols, notes, USDT probes, and what a uprobe at an entry costs.
export {
  ElfError,
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
export { buildId, debugLink, type ElfNote, readNotes, type UsdtNote, usdtNotes } from "./notes.ts";
export { type Register, type RegisterMachine, register } from "./registers.ts";
export { type ElfSymbol, ElfSymbols, type SymbolBind, type SymbolType } from "./symbols.ts";
export { type EntryKind, isOptimizableNop, type UprobeEntry, uprobeEntry } from "./uprobe-entry.ts";
export { parseUsdtArguments, type UsdtArgument, UsdtArgumentError } from "./usdt-arguments.ts";
export { type NewSection, writeElf } from "./write.ts";
