// Where control goes behind an instruction (RFC 9669 section 4.3): one answer for the verifier, the machine and whoever
// walks over a program slot by slot. Questions of the opcode alone take it alone, as the machine keeps programs in words.

import type { Instruction } from "./instruction.ts";
import { Call, Class, Opcode, Wide } from "./opcodes.ts";

/** How many slots an instruction takes: 2 for `lddw`, else 1. */
export const slotsOf = (op: number): 1 | 2 => (op === Opcode.LDDW ? 2 : 1);

/** How many slots a program takes. */
export function countSlots(instructions: readonly Instruction[]): number {
  let count = 0;
  for (const { op } of instructions) count += slotsOf(op);
  return count;
}

/** A jump that is always taken: `goto` and `gotol`. */
export const isGoto = (op: number): boolean => op === Opcode.JA || op === Opcode.GOTOL;

/** A jump that may be taken or not; `may_goto` is one. */
export const isConditional = (op: number): boolean =>
  ((op & 7) === Class.JMP || (op & 7) === Class.JMP32) &&
  op !== Opcode.JA &&
  op !== Opcode.GOTOL &&
  op !== Opcode.GOTOX &&
  op !== Opcode.CALL &&
  op !== Opcode.CALLX &&
  op !== Opcode.EXIT;

/**
 * How many slots after the next one a jump or local call goes, or a function's address lies; undefined for an
 * instruction that names no place in the program.
 */
export function jumpDistance({ op, src, off, imm }: Instruction): number | undefined {
  if (op === Opcode.CALL) return src === Call.LOCAL ? imm : undefined;
  if (op === Opcode.LDDW) return src === Wide.FUNCTION ? imm : undefined;
  if (op === Opcode.GOTOL) return imm;
  return op === Opcode.JA || isConditional(op) ? off : undefined;
}

const NOWHERE: readonly number[] = [];

/** The slots to which control may go behind an instruction, inside of the same function: first the one that follows. */
export function successors(instruction: Instruction, slot: number): readonly number[] {
  const { op, off } = instruction;
  if (op === Opcode.EXIT) return NOWHERE;
  const next = slot + slotsOf(op);
  if (isGoto(op)) return [next + (jumpDistance(instruction) ?? 0)];
  return isConditional(op) ? [next, next + off] : [next];
}
