// The embedded machine: runs any object with no root, no Linux and no kernel.
export {
  ClassicError,
  type ClassicInstruction,
  type ClassicOptions,
  classicToExtended,
} from "./classic-to-extended.ts";
export type { Helper } from "./helper.ts";
export {
  type Batch,
  type BatchResult,
  embedded,
  embeddedRaw,
  type Machine,
  type MachineOptions,
  type RunInput,
  type RunResult,
  type Step,
  type Tier,
} from "./machine.ts";
export { type EmbeddedMap, type MapDump, MapError, type PerfRecord, type UpdateMode } from "./maps.ts";
export type { PacketFields } from "./packet.ts";
export { rawProgram } from "./program.ts";
export type { Effect, ForeignMemory, Runtime } from "./runtime.ts";
export type { Trap, TrapKind } from "./trap.ts";
