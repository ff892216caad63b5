// The waist: objects, maps, programs, references; reading and writing them as ELF.

export { assembleCode } from "./assemble-code.ts";
export { attachType, attachTypeNames, type CgroupAttachType } from "./attach-types.ts";
export { type ContextRule, type ContextRules, ITERATED, SkBuff, XdpMd } from "./contexts.ts";
export { distinctName } from "./distinct-name.ts";
export { mapOf } from "./elf-maps.ts";
export { type ReadObject, readObject } from "./elf-reader.ts";
export { withMember } from "./elf-struct-ops.ts";
export { type WriteObjectOptions, writeObject } from "./elf-writer.ts";
export { type Externs, KCONFIG, type KernelSetting, readExterns } from "./externs.ts";
export { globalDataFlags, isGlobalData } from "./global-data.ts";
export { mayCall, needsSleep } from "./helper-permissions.ts";
export {
  type Helper,
  type HelperArgument,
  type HelperReturn,
  helper,
  helperCount,
  helperId,
  helperName,
  helperNames,
  helperNumber,
} from "./helpers.ts";
export {
  type DynptrKind,
  isIteratorNext,
  type KernelArgument,
  type KernelFunction,
  kernelFunction,
  releasing,
} from "./kernel-functions.ts";
export { LinkError, type LinkedProgram, link, type MachineReference } from "./link.ts";
export { type BpfMap, type MapDump, UPDATE_FLAGS, type UpdateMode } from "./map.ts";
export { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG } from "./map-flags.ts";
export { MAP_TYPES, type MapType, mapTypeName } from "./map-types.ts";
export { pointerToMemory } from "./memory-type.ts";
export type {
  AttachTarget,
  BpfObject,
  ContextField,
  ContextLayout,
  CoreQuestion,
  FunctionSpec,
  HostXdpMode,
  Linkage,
  MapSpec,
  ObjectInstruction,
  ProgramSpec,
  ProgramTarget,
  Reference,
  StructOpsSpec,
  XdpMode,
} from "./object.ts";
export { attachTypeOf, CORE_QUESTIONS, XDP_MODES } from "./object.ts";
export { ObjectFileError } from "./object-file-error.ts";
export { isPacked, packObject, unpackObject } from "./packed.ts";
export {
  PROGRAM_TYPES,
  type ProgramType,
  type ProgramTypeRow,
  programTypeName,
  returnRange,
  type TargetKind,
} from "./program-types.ts";
export { programOfSection } from "./section-names.ts";
export { SOCKETS } from "./socket-contexts.ts";
export type { LinkInput } from "./static-link/input.ts";
export { linkObjects } from "./static-link/link-objects.ts";
export {
  XDP_ACTIONS,
  XDP_RUN_CONFIG,
  XDP_RUN_SECTION,
  type XdpAction,
  type XdpRunConfig,
  xdpFunction,
  xdpRunConfig,
} from "./xdp-run-config.ts";
