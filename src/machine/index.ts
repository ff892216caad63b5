// The embedded machine: runs any object with no root, no Linux and no kernel.
export { type EventArguments, EventError, type EventValue } from "./event-context.ts";
export { embedded, embeddedRaw, type Machine } from "./machine.ts";
export { type EmbeddedMap, MapError, type PerfRecord } from "./maps.ts";
export type { PacketFields } from "./packet.ts";
export { rawProgram } from "./program.ts";
export type { Batch, BatchResult, Fired, MachineOptions, RunInput, RunResult, Step, Tier } from "./run.ts";
export type { Effect, ForeignMemory, HelperFunction, Runtime } from "./runtime.ts";
export type { Trap, TrapKind } from "./trap.ts";
