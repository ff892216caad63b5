// The instruction set: RFC 9669 with the v4 additions and Linux's own, and classic BPF.
export {
  type AssembledInstruction,
  type AssembleOptions,
  assemble,
  assembleSymbolic,
  type Symbolic,
} from "./assemble.ts";
export { type ClassicInstruction, decodeClassic, disassembleClassic, encodeClassic } from "./classic.ts";
export { ClassicError, type ClassicOptions, classicToExtended } from "./classic-to-extended.ts";
export {
  type AluCode,
  aluImm,
  aluReg,
  atomic,
  branchImm,
  branchReg,
  callHelper,
  callKfunc,
  callLocal,
  exit,
  goto,
  type JumpCode,
  load,
  loadAcquire,
  loadSigned,
  type MemoryBits,
  mayGoto,
  movImm,
  movReg,
  neg,
  type RegisterWidth,
  signExtend,
  sizeCode,
  storeImm,
  storeReg,
  storeRelease,
  swap,
  wide,
} from "./construct.ts";
export { type DisassembleOptions, disassemble, disassembleOne } from "./disassemble.ts";
export { ARGUMENTS, argumentRegisters, type RegisterEffect, Role, registerEffect, rolesOf } from "./effects.ts";
export {
  decode,
  decodeStrict,
  EncodingError,
  encode,
  SLOT_BYTES,
  validate,
} from "./encode.ts";
export { countSlots, isConditional, isGoto, jumpDistance, slotsOf, successors } from "./flow.ts";
export type { Instruction } from "./instruction.ts";
export { Alu, Atomic, Call, Class, FRAME_POINTER, Jmp, Mode, Opcode, Operand, Size, Wide } from "./opcodes.ts";
export { type Field, type Form, type Operation, operationOf, operations, operationsOf } from "./operations.ts";
