// The embedded machine: runs any object with no root, no Linux and no kernel.
export {
  ClassicError,
  type ClassicOptions,
  classicToExtended,
} from "./classic-to-extended.ts";
export { type EventArguments, EventError, type EventValue } from "./event-context.ts";
export type { Helper } from "./helper.ts";
export { embedded, embeddedRaw, type Machine } from "./machine.ts";
export { type EmbeddedMap, type MapDump, MapError, type PerfRecord, type UpdateMode } from "./maps.ts";
export type { PacketFields } from "./packet.ts";
export { rawProgram } from "./program.ts";
export type { Batch, BatchResult, Fired, MachineOptions, RunInput, RunResult, Step, Tier } from "./run.ts";
export type { Effect, ForeignMemory, Runtime } from "./runtime.ts";
export type { Trap, TrapKind } from "./trap.ts";
