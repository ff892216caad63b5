// The user's side of an object, on whichever machine it is at work: maps, rings and variables by its types.
export { type Codec, type Described, elementCodec, holdsDescriptors, keyCodec, typedCodec } from "./codecs.ts";
export { type SectionMemory, sectionKey, sectionObject } from "./data-section.ts";
export { embeddedModule } from "./embedded-module.ts";
export {
  type EmbeddedControls,
  type EmbeddedModule,
  type EmbeddedModuleOptions,
  EmbeddedProgram,
  type EmbeddedSide,
  type EventFields,
  type EventSource,
  type ModuleTime,
  type ProgramRun,
  type RunOptions,
} from "./embedded-side.ts";
export type { KernelObject } from "./kernel-memory.ts";
export {
  type LiveVariable,
  LOST_PREFIX,
  liveVariables,
  type ModuleProgram,
  type ModuleSide,
  type ProgramStats,
  type SideMap,
  type TestInput,
  type TestOutput,
  verdictOf,
} from "./module-side.ts";
export { type RecordDecoder, recordDecoder } from "./record-decoder.ts";
export { Records } from "./records.ts";
export type { Given, KernelId, MapShape, ObjectShape } from "./shape.ts";
export { type MapStore, type OneOf, TypedMap } from "./typed-map.ts";
