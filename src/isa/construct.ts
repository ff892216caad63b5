// Constructors: one instruction from what it does, for compilers and tests that build code rather than text.

import type { Instruction } from "./instruction.ts";
import { Alu, Atomic, Call, Class, type Jmp, Mode, Opcode, Operand, Size } from "./opcodes.ts";

export type RegisterWidth = 32 | 64;
export type MemoryBits = 8 | 16 | 32 | 64;
/** An opcode's operation: a value of `Alu` or `Jmp`. */
export type AluCode = (typeof Alu)[keyof typeof Alu];
export type JumpCode = (typeof Jmp)[keyof typeof Jmp];

const instruction = (op: number, dst: number, src: number, off: number, imm: number): Instruction => ({
  op,
  dst,
  src,
  off,
  imm,
});

const aluClass = (width: RegisterWidth): number => (width === 64 ? Class.ALU64 : Class.ALU);
const jumpClass = (width: RegisterWidth): number => (width === 64 ? Class.JMP : Class.JMP32);

/** The size bits of an opcode for so many bits of memory. */
export function sizeCode(bits: MemoryBits): number {
  return bits === 8 ? Size.B : bits === 16 ? Size.H : bits === 32 ? Size.W : Size.DW;
}

/** `dst OP= src`; `signed` makes division and modulo signed. */
export function aluReg(code: AluCode, width: RegisterWidth, dst: number, src: number, signed = false): Instruction {
  return instruction(aluClass(width) | code | Operand.X, dst, src, signed ? 1 : 0, 0);
}
/** `dst OP= imm`; the immediate is sign-extended to the width. */
export function aluImm(code: AluCode, width: RegisterWidth, dst: number, imm: number, signed = false): Instruction {
  return instruction(aluClass(width) | code | Operand.K, dst, 0, signed ? 1 : 0, imm);
}
export function movReg(dst: number, src: number, width: RegisterWidth = 64): Instruction {
  return aluReg(Alu.MOV, width, dst, src);
}
export function movImm(dst: number, imm: number, width: RegisterWidth = 64): Instruction {
  return aluImm(Alu.MOV, width, dst, imm);
}
/** `dst = (sBITS)src`. Needs v4. */
export function signExtend(dst: number, src: number, bits: 8 | 16 | 32, width: RegisterWidth = 64): Instruction {
  return instruction(aluClass(width) | Alu.MOV | Operand.X, dst, src, bits, 0);
}
export function neg(dst: number, width: RegisterWidth = 64): Instruction {
  return instruction(aluClass(width) | Alu.NEG, dst, 0, 0, 0);
}
/** `le` and `be` convert between the host's order and that one; `bswap` always swaps and needs v4. All cut to `bits`. */
export function swap(kind: "le" | "be" | "bswap", dst: number, bits: 16 | 32 | 64): Instruction {
  const op = kind === "bswap" ? Class.ALU64 | Alu.END : Class.ALU | Alu.END | (kind === "be" ? Operand.X : Operand.K);
  return instruction(op, dst, 0, 0, bits);
}
/** `dst = imm ll`: any 64-bit number, two slots. */
export function wide(dst: number, value: bigint, src = 0): Instruction {
  const imm64 = BigInt.asUintN(64, value);
  return { op: Opcode.LDDW, dst, src, off: 0, imm: Number(BigInt.asIntN(32, imm64)), imm64 };
}
/** `dst = *(uBITS *)(src + off)` */
export function load(bits: MemoryBits, dst: number, src: number, off: number): Instruction {
  return instruction(Class.LDX | Mode.MEM | sizeCode(bits), dst, src, off, 0);
}
/** `dst = *(sBITS *)(src + off)`. Needs v4. */
export function loadSigned(bits: 8 | 16 | 32, dst: number, src: number, off: number): Instruction {
  return instruction(Class.LDX | Mode.MEMSX | sizeCode(bits), dst, src, off, 0);
}
/** `*(uBITS *)(dst + off) = src` */
export function storeReg(bits: MemoryBits, dst: number, off: number, src: number): Instruction {
  return instruction(Class.STX | Mode.MEM | sizeCode(bits), dst, src, off, 0);
}
/** `*(uBITS *)(dst + off) = imm` */
export function storeImm(bits: MemoryBits, dst: number, off: number, imm: number): Instruction {
  return instruction(Class.ST | Mode.MEM | sizeCode(bits), dst, 0, off, imm);
}
/** An atomic operation on `dst + off`; `code` is a value of `Atomic`, `| Atomic.FETCH` for the old value in src. */
export function atomic(code: number, bits: 32 | 64, dst: number, off: number, src: number): Instruction {
  return instruction(Class.STX | Mode.ATOMIC | sizeCode(bits), dst, src, off, code);
}
export function loadAcquire(bits: MemoryBits, dst: number, src: number, off: number): Instruction {
  return instruction(Class.STX | Mode.ATOMIC | sizeCode(bits), dst, src, off, Atomic.LOAD_ACQ);
}
export function storeRelease(bits: MemoryBits, dst: number, off: number, src: number): Instruction {
  return instruction(Class.STX | Mode.ATOMIC | sizeCode(bits), dst, src, off, Atomic.STORE_REL);
}
/** `if dst OP src goto +off` */
export function branchReg(code: JumpCode, width: RegisterWidth, dst: number, src: number, off: number): Instruction {
  return instruction(jumpClass(width) | code | Operand.X, dst, src, off, 0);
}
/** `if dst OP imm goto +off` */
export function branchImm(code: JumpCode, width: RegisterWidth, dst: number, imm: number, off: number): Instruction {
  return instruction(jumpClass(width) | code | Operand.K, dst, 0, off, imm);
}
/** `goto +off`, or `gotol` where 16 bits do not hold the distance (needs v4). */
export function goto(off: number): Instruction {
  return off === (off << 16) >> 16 ? instruction(Opcode.JA, 0, 0, off, 0) : instruction(Opcode.GOTOL, 0, 0, 0, off);
}
/** Jumps when the run's budget of iterations is used up (Linux 6.9). */
export function mayGoto(off: number): Instruction {
  return instruction(Opcode.MAY_GOTO, 0, 0, off, 0);
}
export function callHelper(id: number): Instruction {
  return instruction(Opcode.CALL, 0, Call.HELPER, 0, id);
}
/** Calls the function `distance` slots after the next instruction. */
export function callLocal(distance: number): Instruction {
  return instruction(Opcode.CALL, 0, Call.LOCAL, 0, distance);
}
/** Calls the kernel function with this BTF id; `off` picks the module in the program's fd array, 0 the kernel itself. */
export function callKfunc(btfId: number, off = 0): Instruction {
  return instruction(Opcode.CALL, 0, Call.KFUNC, off, btfId);
}
export function exit(): Instruction {
  return instruction(Opcode.EXIT, 0, 0, 0, 0);
}
