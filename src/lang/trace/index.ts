// The trace language (bpftrace's): from text to an object, and what a reader must know of its run.
export type { Script } from "./ast.ts";
export { type BuiltinFunction, builtinFunctions } from "./builtin-functions.ts";
export { type BuiltinVariable, builtinVariables } from "./builtin-variables.ts";
export {
  type CompiledScript,
  type CompileScriptOptions,
  compileScript,
  listProbes,
  type ProgramRole,
} from "./compile-script.ts";
export { configKeys, defaultOptions, type TraceOptions } from "./config.ts";
export * from "./decode.ts";
export {
  isPattern,
  type KernelPart,
  matchesPattern,
  patternRegExp,
  type SourcePlace,
  type SourceVariable,
  type TraceEnvironment,
  type TracepointField,
  type TracepointName,
  type UsdtSite,
  type UserFunction,
} from "./environment.ts";
export type { EventAction, EventField, EventSite } from "./events.ts";
export { type FormatPart, type FormatSpec, formatBits } from "./format.ts";
export { aggregateWords, elementOffsets, histBuckets, lhistBuckets, sizeOf } from "./layout.ts";
export { utf8 } from "./lower-memory.ts";
export { DISPLACED, stackMaps } from "./lower-stacks.ts";
export { nearest } from "./nearest.ts";
export { parseScript } from "./parser.ts";
export type { ProbeArgument, ProbeForm, ResolvedProbe } from "./probes.ts";
export { ProbeError, type Provider } from "./provider.ts";
export { providers, resolveAttachPoint } from "./providers.ts";
export { CONTROL, EVENTS, GLOBALS, HEADER, type MapStorage, type ScriptMap, type StoragePlan } from "./storage.ts";
export * from "./types.ts";
export { MappingEntry, ProcessEntry, UNWIND, UNWIND_MAPPINGS, UNWIND_ROWS, WantedRecord } from "./unwind-layout.ts";
