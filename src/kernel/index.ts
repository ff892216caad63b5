// The live kernel: system calls, maps, programs, attachments, ring buffers, events, features, processes.
export {
  type Attachable,
  type Attachment,
  attach,
  attachUprobeMulti,
  detachAll,
  readIterator,
  silence,
  type UprobeMulti,
} from "./attach.ts";
export { type ChildExit, spawnWaiting, splitCommand, type WaitingChild } from "./child.ts";
export { onlineCpus, possibleCpus } from "./cpus.ts";
export { errnoName, SystemCallError, UnsupportedError, VerifierError } from "./errors.ts";
export { type Feature, featureNames, hasFeature, hasHelper, hasMap } from "./features.ts";
export { kernelBtf, kernelBtfBytes } from "./kernel-types.ts";
export {
  binaryPath,
  executableOf,
  libraryPath,
  type Mapping,
  mappedLibraries,
  parseLibraryCache,
  parseMaps,
  processExists,
  processMaps,
  which,
} from "./libraries.ts";
export {
  type LoadedObject,
  type LoadedProgram,
  type LoadOptions,
  loadObject,
  loadObjectParallel,
  type TestRunInput,
  type TestRunResult,
  testRun,
} from "./load.ts";
export { createMap, type KernelMap, type KernelMapOptions, type MapDump, type UpdateMode } from "./maps.ts";
export { Poller } from "./poller.ts";
export { enableStatistics, type ProgramInfo, programInfo } from "./program-info.ts";
export { type RecordReader, RingBuffer } from "./ring-buffer.ts";
export { type SyscallArchitecture, syscallName, syscallNames, syscallNumber } from "./system-call-table.ts";
export { checked, type SystemCalls, systemCalls } from "./system-calls.ts";
export {
  listTracepoints,
  parseFormat,
  type TracepointField,
  type TracepointFormat,
  tracefs,
  tracepointFormat,
  tracepointId,
} from "./tracefs.ts";
