// What any language above the IR needs: strings, stacks, unwinding, aggregates, where variables and maps are kept, records.

export { readAggregate } from "./aggregate-values.ts";
export { aggregates } from "./aggregates.ts";
export { accessOperand, argument, syscallNumber } from "./arguments.ts";
export { atMost, either, eitherNumber } from "./choice.ts";
export { compareBuffers, compareStrings, compareText } from "./compare.ts";
export { currentField, currentId, globalId, processOfAddress, type TaskId } from "./current-task.ts";
export { emitPacket, emitRecord, mayBeLong, type RecordPart, submit } from "./events.ts";
export { floatMagnitude, truncateFloat, widenFloat } from "./floats.ts";
export { type ChildId, followPrograms, type LiveThreads } from "./follow-programs.ts";
export { goid } from "./goroutine.ts";
export { guards, MOST_COMPARED, SYSCALL_BITS } from "./guards.ts";
export { tellHelperError, tellIfNegative } from "./helper-errors.ts";
export { branchIfLong, type IntoOptions, type Lengths, NONE_LONG } from "./long-strings.ts";
export { entryOffset, type KeySource, lookup, type Place, update, withEntry } from "./map-entries.ts";
export {
  addToNumber,
  changeAggregate,
  countEntries,
  deleteKey,
  hasKey,
  mapNumber,
  mapOperandAt,
  scriptMap,
  storeMemory,
  storeNumber,
} from "./maps.ts";
export { elementSize, memberOperand } from "./members.ts";
export {
  copyInto,
  loadScalar,
  loadSize,
  type Operand,
  padGaps,
  readForeign,
  storeSize,
  writeText,
} from "./memory.ts";
export { reaper } from "./reaper.ts";
export { keptLength, stackInto, stackLength } from "./stacks.ts";
export {
  CodegenError,
  contextOf,
  cpuPart,
  deadEnd,
  fail,
  increment,
  type ObjectState,
  once,
  type ProgramState,
  preemptible,
  programState,
  scoped,
  within,
} from "./state.ts";
export { globalsSpec, type MapUse, planStorage } from "./storage-plan.ts";
export { containsText, findString, joinInto, memoryDifference, stringLength } from "./strings.ts";
export { unwoundStackInto } from "./unwind.ts";
export { unwindPrograms } from "./unwind-programs.ts";
