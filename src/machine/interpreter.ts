// The reference: one instruction after another, every access checked, every instruction counted. The table of all
// instructions, as a switch: V8 jumps through a table where the cases are small numbers that stand there as such.
//
// What the kernel's verifier would refuse has a meaning here, the same as in compiled code: registers that were never
// written are 0, calls leave 0 in r1 to r5, and a called function finds 0 in r0 and r6 to r9.

import { Opcode } from "../isa/index.ts";
import { divide64, divideSigned32, modulo64, moduloSigned32, mulHigh, swap32 } from "./arithmetic64.ts";
import { Op, WORDS } from "./decoded.ts";
import { InterpreterState } from "./interpreter-state.ts";
import { FRAME_BYTES, FRAMES, State } from "./memory.ts";
import { TrapSignal } from "./trap.ts";

export class Interpreter extends InterpreterState {
  advance(limit: number, base = 0): boolean {
    const { code } = this.program;
    const memory = this.memory;
    const { view } = memory;
    const r = this.registers;
    let pc = this.pc;
    let left = limit;

    try {
      while (left > 0) {
        left--;
        const at = pc * WORDS;
        const op = code[at] as number;
        const d = (code[at + 1] as number) << 1;
        const s = (code[at + 2] as number) << 1;
        pc++;
        // The second operand: the source register, or the immediate sign-extended to 64 bits.
        let b = code[at + 4] as number;
        let bh = code[at + 5] as number;
        if ((op & 8) !== 0) {
          b = r[s] as number;
          bh = r[s + 1] as number;
        }
        const a = r[d] as number;
        // Literals only, or V8 makes no jump table of it; the machine's own opcodes are those of `Op`.
        switch (op) {
          // ── 64-bit arithmetic ──
          case Opcode.ADD64_IMM:
          case Opcode.ADD64_REG: {
            const sum = (a + b) | 0;
            r[d + 1] = ((r[d + 1] as number) + bh + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0;
            r[d] = sum;
            break;
          }
          case Opcode.SUB64_IMM:
          case Opcode.SUB64_REG:
            r[d + 1] = ((r[d + 1] as number) - bh - (a >>> 0 < b >>> 0 ? 1 : 0)) | 0;
            r[d] = (a - b) | 0;
            break;
          case Opcode.MUL64_IMM:
          case Opcode.MUL64_REG:
            r[d + 1] = (mulHigh(a, b) + Math.imul(a, bh) + Math.imul(r[d + 1] as number, b)) | 0;
            r[d] = Math.imul(a, b);
            break;
          case Opcode.DIV64_IMM:
          case Opcode.DIV64_REG:
            if ((bh | (r[d + 1] as number)) === 0) r[d] = b === 0 ? 0 : (a >>> 0) / (b >>> 0);
            else this.divide(d, divide64, b, bh, false);
            break;
          case Opcode.MOD64_IMM:
          case Opcode.MOD64_REG:
            if ((bh | (r[d + 1] as number)) === 0) r[d] = b === 0 ? a : (a >>> 0) % (b >>> 0);
            else this.divide(d, modulo64, b, bh, false);
            break;
          case Op.SDIV64_IMM:
          case Op.SDIV64_REG:
            this.divide(d, divide64, b, bh, true);
            break;
          case Op.SMOD64_IMM:
          case Op.SMOD64_REG:
            this.divide(d, modulo64, b, bh, true);
            break;
          case Opcode.OR64_IMM:
          case Opcode.OR64_REG:
            r[d] = a | b;
            r[d + 1] = (r[d + 1] as number) | bh;
            break;
          case Opcode.AND64_IMM:
          case Opcode.AND64_REG:
            r[d] = a & b;
            r[d + 1] = (r[d + 1] as number) & bh;
            break;
          case Opcode.XOR64_IMM:
          case Opcode.XOR64_REG:
            r[d] = a ^ b;
            r[d + 1] = (r[d + 1] as number) ^ bh;
            break;
          case Opcode.MOV64_IMM:
          case Opcode.MOV64_REG:
            r[d] = b;
            r[d + 1] = bh;
            break;
          case Opcode.LSH64_IMM:
          case Opcode.LSH64_REG: {
            const n = b & 63;
            if (n >= 32) {
              r[d + 1] = a << n;
              r[d] = 0;
            } else if (n > 0) {
              r[d + 1] = ((r[d + 1] as number) << n) | (a >>> (32 - n));
              r[d] = a << n;
            }
            break;
          }
          case Opcode.RSH64_IMM:
          case Opcode.RSH64_REG: {
            const n = b & 63;
            const high = r[d + 1] as number;
            if (n >= 32) {
              r[d] = high >>> n;
              r[d + 1] = 0;
            } else if (n > 0) {
              r[d] = (a >>> n) | (high << (32 - n));
              r[d + 1] = high >>> n;
            }
            break;
          }
          case Opcode.ARSH64_IMM:
          case Opcode.ARSH64_REG: {
            const n = b & 63;
            const high = r[d + 1] as number;
            if (n >= 32) {
              r[d] = high >> n;
              r[d + 1] = high >> 31;
            } else if (n > 0) {
              r[d] = (a >>> n) | (high << (32 - n));
              r[d + 1] = high >> n;
            }
            break;
          }
          case Opcode.NEG64:
            r[d + 1] = (~(r[d + 1] as number) + (a === 0 ? 1 : 0)) | 0;
            r[d] = -a | 0;
            break;
          case Op.MOVSX64_8:
            r[d] = ((r[s] as number) << 24) >> 24;
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case Op.MOVSX64_16:
            r[d] = ((r[s] as number) << 16) >> 16;
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case Op.MOVSX64_32:
            r[d] = r[s] as number;
            r[d + 1] = (r[d] as number) >> 31;
            break;

          // ── 32-bit arithmetic: the high half becomes 0 ──
          case Opcode.ADD32_IMM:
          case Opcode.ADD32_REG:
            r[d] = a + b;
            r[d + 1] = 0;
            break;
          case Opcode.SUB32_IMM:
          case Opcode.SUB32_REG:
            r[d] = a - b;
            r[d + 1] = 0;
            break;
          case Opcode.MUL32_IMM:
          case Opcode.MUL32_REG:
            r[d] = Math.imul(a, b);
            r[d + 1] = 0;
            break;
          case Opcode.DIV32_IMM:
          case Opcode.DIV32_REG:
            r[d] = b === 0 ? 0 : (a >>> 0) / (b >>> 0);
            r[d + 1] = 0;
            break;
          case Opcode.MOD32_IMM:
          case Opcode.MOD32_REG:
            r[d] = b === 0 ? a : (a >>> 0) % (b >>> 0);
            r[d + 1] = 0;
            break;
          case Op.SDIV32_IMM:
          case Op.SDIV32_REG:
            r[d] = divideSigned32(a, b);
            r[d + 1] = 0;
            break;
          case Op.SMOD32_IMM:
          case Op.SMOD32_REG:
            r[d] = moduloSigned32(a, b);
            r[d + 1] = 0;
            break;
          case Opcode.OR32_IMM:
          case Opcode.OR32_REG:
            r[d] = a | b;
            r[d + 1] = 0;
            break;
          case Opcode.AND32_IMM:
          case Opcode.AND32_REG:
            r[d] = a & b;
            r[d + 1] = 0;
            break;
          case Opcode.XOR32_IMM:
          case Opcode.XOR32_REG:
            r[d] = a ^ b;
            r[d + 1] = 0;
            break;
          case Opcode.MOV32_IMM:
          case Opcode.MOV32_REG:
            r[d] = b;
            r[d + 1] = 0;
            break;
          case Opcode.LSH32_IMM:
          case Opcode.LSH32_REG:
            r[d] = a << b;
            r[d + 1] = 0;
            break;
          case Opcode.RSH32_IMM:
          case Opcode.RSH32_REG:
            r[d] = a >>> b;
            r[d + 1] = 0;
            break;
          case Opcode.ARSH32_IMM:
          case Opcode.ARSH32_REG:
            r[d] = a >> b;
            r[d + 1] = 0;
            break;
          case Opcode.NEG32:
            r[d] = -a;
            r[d + 1] = 0;
            break;
          case Op.MOVSX32_8:
            r[d] = ((r[s] as number) << 24) >> 24;
            r[d + 1] = 0;
            break;
          case Op.MOVSX32_16:
            r[d] = ((r[s] as number) << 16) >> 16;
            r[d + 1] = 0;
            break;

          // ── byte order ──
          case Op.NOP:
            break;
          case Op.ZEXT16:
            r[d] = a & 0xffff;
            r[d + 1] = 0;
            break;
          case Op.ZEXT32:
            r[d + 1] = 0;
            break;
          case Op.SWAP16:
            r[d] = swap32(a) >>> 16;
            r[d + 1] = 0;
            break;
          case Op.SWAP32:
            r[d] = swap32(a);
            r[d + 1] = 0;
            break;
          case Op.SWAP64:
            r[d] = swap32(r[d + 1] as number);
            r[d + 1] = swap32(a);
            break;

          // ── 64-bit branches ──
          case Opcode.JA:
            pc = code[at + 3] as number;
            break;
          case Opcode.JEQ64_IMM:
          case Opcode.JEQ64_REG:
            if (a === b && r[d + 1] === bh) pc = code[at + 3] as number;
            break;
          case Opcode.JNE64_IMM:
          case Opcode.JNE64_REG:
            if (a !== b || r[d + 1] !== bh) pc = code[at + 3] as number;
            break;
          case Opcode.JSET64_IMM:
          case Opcode.JSET64_REG:
            if (((a & b) | ((r[d + 1] as number) & bh)) !== 0) pc = code[at + 3] as number;
            break;
          case Opcode.JGT64_IMM:
          case Opcode.JGT64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 > b >>> 0 : high >>> 0 > bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JGE64_IMM:
          case Opcode.JGE64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 >= b >>> 0 : high >>> 0 > bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JLT64_IMM:
          case Opcode.JLT64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 < b >>> 0 : high >>> 0 < bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JLE64_IMM:
          case Opcode.JLE64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 <= b >>> 0 : high >>> 0 < bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JSGT64_IMM:
          case Opcode.JSGT64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 > b >>> 0 : high > bh) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JSGE64_IMM:
          case Opcode.JSGE64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 >= b >>> 0 : high > bh) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JSLT64_IMM:
          case Opcode.JSLT64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 < b >>> 0 : high < bh) pc = code[at + 3] as number;
            break;
          }
          case Opcode.JSLE64_IMM:
          case Opcode.JSLE64_REG: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 <= b >>> 0 : high < bh) pc = code[at + 3] as number;
            break;
          }

          // ── 32-bit branches ──
          case Opcode.JEQ32_IMM:
          case Opcode.JEQ32_REG:
            if (a === b) pc = code[at + 3] as number;
            break;
          case Opcode.JNE32_IMM:
          case Opcode.JNE32_REG:
            if (a !== b) pc = code[at + 3] as number;
            break;
          case Opcode.JSET32_IMM:
          case Opcode.JSET32_REG:
            if ((a & b) !== 0) pc = code[at + 3] as number;
            break;
          case Opcode.JGT32_IMM:
          case Opcode.JGT32_REG:
            if (a >>> 0 > b >>> 0) pc = code[at + 3] as number;
            break;
          case Opcode.JGE32_IMM:
          case Opcode.JGE32_REG:
            if (a >>> 0 >= b >>> 0) pc = code[at + 3] as number;
            break;
          case Opcode.JLT32_IMM:
          case Opcode.JLT32_REG:
            if (a >>> 0 < b >>> 0) pc = code[at + 3] as number;
            break;
          case Opcode.JLE32_IMM:
          case Opcode.JLE32_REG:
            if (a >>> 0 <= b >>> 0) pc = code[at + 3] as number;
            break;
          case Opcode.JSGT32_IMM:
          case Opcode.JSGT32_REG:
            if (a > b) pc = code[at + 3] as number;
            break;
          case Opcode.JSGE32_IMM:
          case Opcode.JSGE32_REG:
            if (a >= b) pc = code[at + 3] as number;
            break;
          case Opcode.JSLT32_IMM:
          case Opcode.JSLT32_REG:
            if (a < b) pc = code[at + 3] as number;
            break;
          case Opcode.JSLE32_IMM:
          case Opcode.JSLE32_REG:
            if (a <= b) pc = code[at + 3] as number;
            break;

          // ── memory ──
          case Opcode.LDDW:
            r[d] = code[at + 4] as number;
            r[d + 1] = code[at + 5] as number;
            pc++;
            break;
          case Opcode.LDX_B:
            r[d] = view.getUint8(this.access(s, code[at + 3] as number, 1, 0));
            r[d + 1] = 0;
            break;
          case Opcode.LDX_H:
            r[d] = view.getUint16(this.access(s, code[at + 3] as number, 2, 0), true);
            r[d + 1] = 0;
            break;
          case Opcode.LDX_W:
            r[d] = view.getInt32(this.access(s, code[at + 3] as number, 4, 0), true);
            r[d + 1] = 0;
            break;
          case Opcode.LDX_DW: {
            const address = this.access(s, code[at + 3] as number, 8, 0);
            r[d] = view.getInt32(address, true);
            r[d + 1] = view.getInt32(address + 4, true);
            break;
          }
          case Opcode.LDXSX_B:
            r[d] = view.getInt8(this.access(s, code[at + 3] as number, 1, 0));
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case Opcode.LDXSX_H:
            r[d] = view.getInt16(this.access(s, code[at + 3] as number, 2, 0), true);
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case Opcode.LDXSX_W:
            r[d] = view.getInt32(this.access(s, code[at + 3] as number, 4, 0), true);
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case Opcode.ST_B:
            view.setInt8(this.access(d, code[at + 3] as number, 1, 4), code[at + 4] as number);
            break;
          case Opcode.STX_B:
            view.setInt8(this.access(d, code[at + 3] as number, 1, 4), r[s] as number);
            break;
          case Opcode.ST_H:
            view.setInt16(this.access(d, code[at + 3] as number, 2, 4), code[at + 4] as number, true);
            break;
          case Opcode.STX_H:
            view.setInt16(this.access(d, code[at + 3] as number, 2, 4), r[s] as number, true);
            break;
          case Opcode.ST_W:
            view.setInt32(this.access(d, code[at + 3] as number, 4, 4), code[at + 4] as number, true);
            break;
          case Opcode.STX_W:
            view.setInt32(this.access(d, code[at + 3] as number, 4, 4), r[s] as number, true);
            break;
          case Opcode.ST_DW: {
            const address = this.access(d, code[at + 3] as number, 8, 4);
            view.setInt32(address, code[at + 4] as number, true);
            view.setInt32(address + 4, code[at + 5] as number, true);
            break;
          }
          case Opcode.STX_DW: {
            const address = this.access(d, code[at + 3] as number, 8, 4);
            view.setInt32(address, r[s] as number, true);
            view.setInt32(address + 4, r[s + 1] as number, true);
            break;
          }
          case Opcode.ATOMIC32:
            this.atomic32(this.access(d, code[at + 3] as number, 4, 4), code[at + 4] as number, s);
            break;
          case Opcode.ATOMIC64:
            this.atomic64(this.access(d, code[at + 3] as number, 8, 4), code[at + 4] as number, s);
            break;

          // ── calls ──
          case Opcode.CALL:
          case Opcode.CALLX: {
            this.pc = pc;
            this.charge(limit - left);
            limit = left;
            this.memory.i32[State.FRAME >>> 2] = r[20] as number;
            const ended = this.host.callHelper(op === Opcode.CALL ? (code[at + 4] as number) : a);
            clearArguments(r);
            if (!ended) break;
            if (this.depth === base) return true;
            pc = this.leave();
            clearArguments(r);
            break;
          }
          case Op.CALL_LOCAL: {
            // CALL_LOCAL
            if (this.depth + 1 >= FRAMES) {
              throw new TrapSignal("call-depth", `more than ${FRAMES} frames of local calls`, pc - 1);
            }
            this.save(pc);
            this.depth++;
            r[20] = (r[20] as number) - FRAME_BYTES;
            pc = code[at + 3] as number;
            break;
          }
          case Opcode.EXIT:
            if (this.depth === base) {
              this.pc = pc;
              return true;
            }
            pc = this.leave();
            clearArguments(r);
            break;

          // ── Linux's own ──
          case Opcode.MAY_GOTO: {
            const turns = State.MAY_GOTO >>> 2;
            const more = memory.i32[turns] as number;
            if (more === 0) pc = code[at + 3] as number;
            else memory.i32[turns] = more - 1;
            break;
          }
          case Opcode.LD_ABS_W:
          case Opcode.LD_ABS_H:
          case Opcode.LD_ABS_B:
          case Opcode.LD_IND_W:
          case Opcode.LD_IND_H:
          case Opcode.LD_IND_B: {
            const size = (op & 0x18) === 0 ? 4 : (op & 0x18) === 8 ? 2 : 1;
            const offset = ((code[at + 4] as number) + (op >= 0x40 ? (r[s] as number) : 0)) | 0;
            const found = this.host.loadPacket(offset, size);
            clearArguments(r);
            if (found) break;
            r[0] = 0;
            r[1] = 0;
            if (this.depth === base) return true;
            pc = this.leave();
            break;
          }
          default:
            throw new TrapSignal("instruction", "there is no instruction here", pc - 1);
        }
      }
    } catch (error) {
      if (error instanceof TrapSignal && error.slot < 0) error.slot = pc - 1;
      throw error;
    } finally {
      this.pc = pc;
      this.charge(limit - left);
    }
    return false;
  }
}

/** r1 to r5, after a call. */
function clearArguments(r: Int32Array): void {
  r[2] = r[3] = r[4] = r[5] = r[6] = r[7] = r[8] = r[9] = r[10] = r[11] = 0;
}
