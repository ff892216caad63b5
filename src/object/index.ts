// The waist: objects, maps, programs, references; reading and writing them as ELF.

export { assembleCode } from "./assemble-code.ts";
export { type ReadObject, readObject } from "./elf-reader.ts";
export { ObjectFileError, type WriteObjectOptions, writeObject } from "./elf-writer.ts";
export {
  type Helper,
  type HelperArgument,
  type HelperReturn,
  helper,
  helperCount,
  helperId,
  helperName,
} from "./helpers.ts";
export { MAP_TYPES, mapTypeName, PROGRAM_TYPES, programTypeName } from "./kernel-types.ts";
export { LinkError, type LinkedProgram, link, type MachineReference } from "./link.ts";
export type {
  AttachTarget,
  BpfObject,
  CgroupAttachType,
  ContextField,
  ContextLayout,
  FunctionSpec,
  MapSpec,
  MapType,
  ObjectInstruction,
  ProgramSpec,
  ProgramTarget,
  ProgramType,
  Reference,
} from "./object.ts";
