// The live kernel: system calls, maps, programs, attachments, ring buffers, events, features, processes.
export { attach, attachEach, detachAll, readIterator, silence } from "./attach.ts";
export { attachKprobeMulti, type KprobeMulti, NO_KPROBES } from "./attach-kprobe.ts";
export { attachUprobeMulti, type UprobeMulti } from "./attach-uprobe.ts";
export type { Attachable, Attachment } from "./attachment.ts";
export { type ChildExit, spawnWaiting, splitCommand, type WaitingChild } from "./child.ts";
export { onlineCpus, possibleCpus } from "./cpus.ts";
export { type Diagnosis, diagnose, type Finding } from "./diagnosis.ts";
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
export { moduleBtf, type ProgramFunction, programFunctions } from "./module-types.ts";
export { inNetworkNamespace } from "./net-namespace.ts";
export { multiLink } from "./placement.ts";
export { Poller } from "./poller.ts";
export { enableStatistics, type ProgramInfo, programInfo } from "./program-info.ts";
export { type RecordReader, RingBuffer } from "./ring-buffer.ts";
export { interfaceIndex, openPacketSocket, type PacketSocket } from "./sockets.ts";
export { registerStructOps, type StructOps, type StructOpsValue } from "./struct-ops.ts";
export { type SyscallArchitecture, syscallName, syscallNames, syscallNumber } from "./system-call-table.ts";
export { checked, type SystemCalls, systemCalls } from "./system-calls.ts";
export { functionAddresses, parseFtraceList, traceableFunctions } from "./traceable-functions.ts";
export {
  listTracepoints,
  parseFormat,
  type TracepointField,
  type TracepointFormat,
  tracefs,
  tracepointFormat,
  tracepointId,
} from "./tracefs.ts";
