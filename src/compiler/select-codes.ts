// Codes of the instruction set for operations of the IR, and constants as immediates.

import { Alu, type AluCode, Atomic, Jmp, type JumpCode } from "../isa/index.ts";
import { constantOf } from "./graph.ts";
import type { AtomicOp, BinaryOp, Condition, Value } from "./ir.ts";

export const ALU: Record<BinaryOp, AluCode> = {
  add: Alu.ADD,
  sub: Alu.SUB,
  mul: Alu.MUL,
  div: Alu.DIV,
  mod: Alu.MOD,
  sdiv: Alu.DIV,
  smod: Alu.MOD,
  and: Alu.AND,
  or: Alu.OR,
  xor: Alu.XOR,
  shl: Alu.LSH,
  shr: Alu.RSH,
  sar: Alu.ARSH,
};

export const JUMP: Record<Condition, JumpCode> = {
  eq: Jmp.JEQ,
  ne: Jmp.JNE,
  ult: Jmp.JLT,
  ule: Jmp.JLE,
  ugt: Jmp.JGT,
  uge: Jmp.JGE,
  slt: Jmp.JSLT,
  sle: Jmp.JSLE,
  sgt: Jmp.JSGT,
  sge: Jmp.JSGE,
  set: Jmp.JSET,
};

export const ATOMIC: Record<AtomicOp, number> = {
  add: Atomic.ADD,
  and: Atomic.AND,
  or: Atomic.OR,
  xor: Atomic.XOR,
  xchg: Atomic.XCHG,
  cmpxchg: Atomic.CMPXCHG,
};

/** The constant as a sign-extended 32-bit immediate, or undefined where it does not fit one. */
export function immediate(value: Value): number | undefined {
  const constant = constantOf(value);
  return constant === undefined || constant !== BigInt.asIntN(32, constant) ? undefined : Number(constant);
}

/** The low half of a constant as an immediate of a 32-bit operation. */
export function immediate32(value: Value): number | undefined {
  const constant = constantOf(value);
  return constant === undefined ? undefined : Number(BigInt.asIntN(32, constant));
}
