// The live kernel: system calls, maps, programs, attachments, ring buffers, events, features, processes.

export { type ArchivedFile, archivedFile, membersOf } from "./archives.ts";
export { attach, attachEach, detachAll, iteratorOutput, readIterator, runsLatestFirst, silence } from "./attach.ts";
export { attachKprobeMulti, type KprobeMulti, NO_KPROBES } from "./attach-kprobe.ts";
export { attachUprobeMulti, type UprobeMulti } from "./attach-uprobe.ts";
export type { Attachable, Attachment } from "./attachment.ts";
export { type ChildExit, spawnWaiting, splitCommand, type WaitingChild } from "./child.ts";
export { onlineCpus, possibleCpus } from "./cpus.ts";
export { type Diagnosis, diagnose } from "./diagnosis.ts";
export { errnoName, SystemCallError, UnsupportedError, VerifierError } from "./errors.ts";
export { doWithout, type Feature, featureNames, hasFeature, hasHelper, hasKfunc, hasMap } from "./features.ts";
export type { Finding } from "./finding.ts";
export { Kernel, type KernelFiles } from "./kernel.ts";
export { ids, type LinkInfo, linkInfo, type MapInfo, mapInfo, openMap, updateLink } from "./kernel-objects.ts";
export { kernelBtf, kernelBtfBytes } from "./kernel-types.ts";
export { binaryPath, libraryPath, parseLibraryCache, which } from "./libraries.ts";
export {
  type Holder,
  type ListedProgram,
  type LoadedLink,
  listPrograms,
  type ProgramRuns,
  programRuns,
} from "./listing.ts";
export { kernelWithToken, liveKernel, systemCalls } from "./live-kernel.ts";
export {
  type LoadedObject,
  type LoadedProgram,
  type LoadOptions,
  loadObject,
  loadObjectParallel,
} from "./load.ts";
export { createMap, KernelMap, type KernelMapOptions } from "./maps.ts";
export { allModuleTypes, type LoadedFunction, moduleBtf, programFunctions } from "./module-types.ts";
export { inNetworkNamespace, namespaceFile, namespaceId } from "./net-namespace.ts";
export { type NetworkInterface, type NetworkProgram, networkInterfaces, networkPrograms } from "./network-programs.ts";
export {
  openPacketRing,
  PacketRing,
  type PacketRingOptions,
  PacketType,
  RING_BLOCK,
  type RingCounts,
  type RingReader,
} from "./packet-ring.ts";
export { PerfBuffer, type PerfBufferOptions, type PerfRecordReader } from "./perf-buffer.ts";
export { BPF_FILES, bpfFileSystems, openPinned, pin, unpin, unpinLink } from "./pins.ts";
export { multiLink } from "./placement.ts";
export { Poller } from "./poller.ts";
export {
  executableOf,
  type Mapping,
  mappedLibraries,
  parseMaps,
  processExists,
  processMaps,
  processNamespace,
  processParents,
  rootOf,
} from "./processes.ts";
export { enableStatistics, type ProgramInfo, programInfo } from "./program-info.ts";
export { type RecordReader, RingBuffer } from "./ring-buffer.ts";
export { leaveXdp, loadShared } from "./shared-xdp.ts";
export {
  interfaceIndex,
  interfaceMtu,
  interfaceNetmask,
  interfaceType,
  openPacketSocket,
  type PacketSocket,
} from "./sockets.ts";
export { registerStructOps, type StructOps, type StructOpsValue } from "./struct-ops.ts";
export { type SyscallArchitecture, syscallName, syscallNames, syscallNumber } from "./system-call-table.ts";
export { checked, type SystemCalls } from "./system-calls.ts";
export { TaskRecords } from "./task-records.ts";
export { type TestRunInput, type TestRunResult, testRun } from "./test-run.ts";
export { functionAddresses, parseFtraceList, traceableFunctions } from "./traceable-functions.ts";
export {
  type FormatField,
  listTracepoints,
  parseFormat,
  type TracepointFormat,
  tracefs,
  tracepointFormat,
  tracepointId,
} from "./tracefs.ts";
export { UserRingBuffer } from "./user-ring-buffer.ts";
export { type XdpDispatcher, type XdpSlot, xdpDispatcher } from "./xdp-slots.ts";
