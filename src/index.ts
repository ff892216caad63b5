// The package: trace a live system from TypeScript; or run a script on recorded events.
export { type EmbeddedTrace, type EmbeddedTraceOptions, embeddedTrace } from "./embedded-trace.ts";
export { SystemCallError, UnsupportedError, VerifierError } from "./kernel/index.ts";
export {
  type AttachOptions,
  type EmbeddedLoadOptions,
  type Link,
  type LoadedModule,
  type LoadModuleOptions,
  load,
  type ObjectFile,
  type ObjectMap,
  type ObjectProgram,
  type OpenOptions,
  openObject,
  type PackedModule,
  type RecordOptions,
  type RecordStream,
} from "./loader/index.ts";
export { parseRecording, type RecordedEvent, type Recording, recordingLine } from "./replay/index.ts";
export type {
  EnumValue,
  Integer,
  StackFrame,
  StackValue,
  StatsValue,
  TimestampValue,
  TraceValue,
} from "./schema/index.ts";
export { type Diagnostic, DiagnosticError, formatDiagnostic, type SourceText } from "./source/index.ts";
export {
  type TraceEnd,
  type TraceEvent,
  type TraceMap,
  type TraceMaps,
  type TraceOptions,
  type TraceSession,
  trace,
} from "./trace.ts";
export type {
  EmbeddedModule,
  EmbeddedProgram,
  EventFields,
  EventSource,
  Given,
  KernelId,
  LiveVariable,
  MapShape,
  ModuleProgram,
  ModuleSide,
  ObjectShape,
  ProgramRun,
  ProgramStats,
  Records,
  TestInput,
  TestOutput,
  TypedMap,
} from "./user-side/index.ts";
