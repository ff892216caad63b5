// How a decoded program lies in its array of words, and what each instruction reads and writes.

import { ARGUMENTS, argumentRegisters, Opcode, type RegisterEffect, registerEffect } from "../isa/index.ts";
import { helper } from "../object/index.ts";

/** Words of `Program.code` for each slot, in this order. */
export const Word = { OP: 0, DST: 1, SRC: 2, TARGET: 3, OFF: 3, IMM: 4, IMM_HIGH: 5 } as const;
export const WORDS = 8;

/**
 * What stands in `Word.OP`: the opcode byte itself, but for operations that share their byte with others, which get a
 * byte that no instruction has. Both interpreters switch on it.
 */
export const Op = {
  // As everywhere, bit 3 says that the operand is a register.
  SDIV32_IMM: 0x00,
  SDIV32_REG: 0x08,
  SDIV64_IMM: 0x01,
  SDIV64_REG: 0x09,
  SMOD32_IMM: 0x02,
  SMOD32_REG: 0x0a,
  SMOD64_IMM: 0x03,
  SMOD64_REG: 0x0b,
  MOVSX32_8: 0x10,
  MOVSX32_16: 0x11,
  MOVSX64_8: 0x12,
  MOVSX64_16: 0x13,
  MOVSX64_32: 0x19,
  NOP: 0x1a,
  ZEXT16: 0x1b,
  ZEXT32: 0x21,
  SWAP16: 0x22,
  SWAP32: 0x23,
  SWAP64: 0x29,
  CALL_LOCAL: 0x2a,
  BAD: 0x2b,
} as const;

const isPacketLoad = (op: number): boolean =>
  op === Opcode.LD_ABS_W ||
  op === Opcode.LD_ABS_H ||
  op === Opcode.LD_ABS_B ||
  op === Opcode.LD_IND_W ||
  op === Opcode.LD_IND_H ||
  op === Opcode.LD_IND_B;

/** Which registers an instruction reads and which it writes, a bit each. The machine's own opcodes are the exceptions. */
export function effectOf(code: Int32Array, slot: number): RegisterEffect {
  const at = slot * WORDS;
  const op = code[at] as number;
  const dst = code[at + 1] as number;
  const src = code[at + 2] as number;
  const imm = code[at + 4] as number;
  switch (op) {
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
    case Op.MOVSX64_8:
    case Op.MOVSX64_16:
    case Op.MOVSX64_32:
      return { uses: 1 << src, defines: 1 << dst };
    case Op.BAD:
      return { uses: 0, defines: 0 };
    case Op.CALL_LOCAL:
      return registerEffect({ op: Opcode.CALL, dst: 0, src: 0, imm: 0 }, ARGUMENTS);
    case Opcode.CALL: {
      const known = helper(imm);
      return registerEffect(
        { op, dst, src, imm },
        argumentRegisters(known === undefined || known.variadic ? 5 : known.args.length),
      );
    }
  }
  if (isPacketLoad(op)) {
    // The packet is the machine's, not what r6 says.
    const { defines } = registerEffect({ op, dst, src, imm }, 0);
    return { uses: op >= 0x40 ? 1 << src : 0, defines };
  }
  // They lie below the opcodes of loads and stores, and all work on dst.
  if ((op & 7) < 4 && op < 0x60 && op !== Opcode.LDDW)
    return { uses: (1 << dst) | ((op & 8) !== 0 ? 1 << src : 0), defines: 1 << dst };
  return registerEffect({ op, dst, src, imm }, ARGUMENTS);
}
