// Debug information of programs (DWARF 2 to 5): lines, variables and where they are, types, call frames.
export { type Location, NotReadable, type Term } from "./expressions.ts";
export {
  type FrameEntry,
  type FrameRow,
  type FrameRule,
  frameEntries,
  frameEntryAt,
  frameRowAt,
  type RegisterRule,
} from "./frames.ts";
export {
  type CodePlace,
  DwarfProgram,
  NoCodeError,
  openDwarf,
  type Parameter,
  type Variable,
} from "./program.ts";
export type { DwarfOptions } from "./sections.ts";
export type { SplitFiles } from "./split.ts";
export { DwarfTypes } from "./types.ts";
export type { Units, Value } from "./units.ts";
export { DISPLACEMENT_ZERO, SavedFrame, SignalFrame, UnwindBits, UnwindKind } from "./unwind-rules.ts";
export { type UnwindTable, unwindTable } from "./unwind-table.ts";
