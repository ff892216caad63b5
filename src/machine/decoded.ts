// How a decoded program lies in its array of words, and what each instruction reads and writes.

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
  op === 0x20 || op === 0x28 || op === 0x30 || op === 0x40 || op === 0x48 || op === 0x50;

const R0 = 1;
const ARGUMENTS = 0b111110;
/** r0 to r5, which a call leaves new. */
const CLOBBERED = 0b111111;

/** Which registers an instruction reads and which it writes, a bit each. */
export function effectOf(code: Int32Array, slot: number): { readonly uses: number; readonly defines: number } {
  const at = slot * WORDS;
  const op = code[at] as number;
  const dst = 1 << (code[at + 1] as number);
  const src = 1 << (code[at + 2] as number);
  const imm = code[at + 4] as number;
  switch (op) {
    case 0x18:
    case 0xb7:
    case 0xb4:
      return { uses: 0, defines: dst };
    case 0xbf:
    case 0xbc:
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
    case Op.MOVSX64_8:
    case Op.MOVSX64_16:
    case Op.MOVSX64_32:
      return { uses: src, defines: dst };
    case 0x05:
    case 0xe5:
    case Op.BAD:
      return { uses: 0, defines: 0 };
    case 0x95:
      return { uses: R0, defines: 0 };
    case 0x85: {
      const known = helper(imm);
      const count = known === undefined || known.variadic ? 5 : known.args.length;
      return { uses: ARGUMENTS & ((2 << count) - 1), defines: CLOBBERED };
    }
    case 0x8d:
      return { uses: ARGUMENTS | dst, defines: CLOBBERED };
    case Op.CALL_LOCAL:
      return { uses: ARGUMENTS, defines: CLOBBERED };
    case 0xc3:
    case 0xdb:
      if (imm === 0xf1) return { uses: dst | src | R0, defines: R0 };
      return { uses: dst | src, defines: (imm & 1) !== 0 ? src : 0 };
  }
  if (isPacketLoad(op)) return { uses: op >= 0x40 ? src : 0, defines: CLOBBERED };
  const operand = (op & 8) !== 0 ? src : 0;
  switch (op & 7) {
    case 0:
    case 1:
    case 2:
    case 3:
      // The machine's own opcodes lie below those of loads and stores, and all work on dst.
      if (op < 0x60) return { uses: dst | operand, defines: dst };
      if ((op & 7) === 1) return { uses: src, defines: dst };
      return { uses: (op & 7) === 2 ? dst : dst | src, defines: 0 };
    case 5:
    case 6:
      return { uses: dst | operand, defines: 0 };
    default:
      return { uses: dst | operand, defines: dst };
  }
}
