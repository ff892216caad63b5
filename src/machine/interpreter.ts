// The reference: one instruction after another, every access checked, every instruction counted. A register is a pair of
// 32-bit words, low first, in the state page, where helpers and compiled code look for it too.
//
// What the kernel's verifier would refuse has a meaning here, the same as in compiled code: registers that were never
// written are 0, calls leave 0 in r1 to r5, and a called function finds 0 in r0 and r6 to r9.

import { divide64, divideSigned32, modulo64, moduloSigned32, mulHigh, swap32 } from "./arithmetic64.ts";
import { WORDS } from "./decoded.ts";
import { FRAME_BYTES, FRAMES, type Memory, STACK_TOP, State } from "./memory.ts";
import type { Program } from "./program.ts";
import { accessMessage, TrapSignal } from "./trap.ts";

/** What an interpreter asks of its surroundings. */
export interface HelperHost {
  /** Runs a helper on the registers of the state page; true: the program ends here with what is in r0. */
  callHelper(id: number): boolean;
  /** A classic load from the packet into r0, big endian; false: out of range. */
  loadPacket(offset: number, size: number): boolean;
}

const R0 = State.REGISTERS >>> 2;
/** Words of a saved frame: where to go on, and r6 to r10. */
const FRAME_WORDS = 11;
/** A slice of a run is counted in a small integer. */
const SLICE = 0x3fffffff;

export class Interpreter {
  /** The slot of the instruction that comes next. */
  pc = 0;
  /** Frames of local calls below the present one. */
  depth = 0;
  /** How often each slot was run, counted up to 255, where it is wanted. */
  coverage: Uint8Array | undefined;
  readonly program: Program;
  readonly #memory: Memory;
  readonly #host: HelperHost;
  readonly #registers: Int32Array;
  readonly #shadow: Uint8Array;
  readonly #limit: number;
  readonly #frames = new Int32Array(FRAME_WORDS * FRAMES);

  constructor(program: Program, memory: Memory, host: HelperHost) {
    this.program = program;
    this.#memory = memory;
    this.#host = host;
    this.#shadow = memory.shadow;
    this.#limit = memory.limit;
    this.#registers = new Int32Array(memory.i32.buffer, State.REGISTERS, 22);
  }

  /** Puts the machine before a function; r1 to r5 are the caller's to set. */
  enter(slot: number, frame: number = STACK_TOP): void {
    const r = this.#memory.i32;
    for (const register of [0, 6, 7, 8, 9]) {
      r[R0 + register * 2] = 0;
      r[R0 + register * 2 + 1] = 0;
    }
    r[R0 + 20] = frame;
    r[R0 + 21] = 0;
    this.pc = slot;
    this.depth = (STACK_TOP - frame) / FRAME_BYTES;
  }

  /**
   * Runs a function to its end and leaves what it returns in r0; takes what it costs from the budget in the state page.
   * Throws a TrapSignal.
   */
  call(slot: number, frame: number = STACK_TOP): void {
    const { pc, depth } = this;
    const r = this.#registers;
    const saved: number[] = [];
    for (let i = 12; i < 22; i++) saved.push(r[i] as number);
    this.enter(slot, frame);
    const base = this.depth;
    for (;;) {
      const left = this.#memory.budget;
      if (left <= 0) throw new TrapSignal("budget", "the run used up its budget of instructions", this.pc);
      if (this.coverage === undefined ? this.advance(left < SLICE ? left : SLICE, base) : this.step(base)) break;
    }
    this.pc = pc;
    this.depth = depth;
    for (let i = 0; i < 10; i++) r[12 + i] = saved[i] as number;
  }

  /** One instruction, counted in the coverage; true when the function that was entered at depth `base` has returned. */
  step(base = 0): boolean {
    const { coverage, pc } = this;
    if (coverage !== undefined && (coverage[pc] as number) < 255) coverage[pc] = (coverage[pc] as number) + 1;
    return this.advance(1, base);
  }

  #charge(count: number): void {
    this.#memory.budget -= count;
  }

  /** Runs at most `limit` instructions; true when the function that was entered at depth `base` has returned. */
  advance(limit: number, base = 0): boolean {
    const { code } = this.program;
    const memory = this.#memory;
    const { view } = memory;
    const r = this.#registers;
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
          case 0x07:
          case 0x0f: {
            const sum = (a + b) | 0;
            r[d + 1] = ((r[d + 1] as number) + bh + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0;
            r[d] = sum;
            break;
          }
          case 0x17:
          case 0x1f:
            r[d + 1] = ((r[d + 1] as number) - bh - (a >>> 0 < b >>> 0 ? 1 : 0)) | 0;
            r[d] = (a - b) | 0;
            break;
          case 0x27:
          case 0x2f:
            r[d + 1] = (mulHigh(a, b) + Math.imul(a, bh) + Math.imul(r[d + 1] as number, b)) | 0;
            r[d] = Math.imul(a, b);
            break;
          case 0x37:
          case 0x3f:
            if ((bh | (r[d + 1] as number)) === 0) r[d] = b === 0 ? 0 : (a >>> 0) / (b >>> 0);
            else this.#divide(d, divide64, b, bh, false);
            break;
          case 0x97:
          case 0x9f:
            if ((bh | (r[d + 1] as number)) === 0) r[d] = b === 0 ? a : (a >>> 0) % (b >>> 0);
            else this.#divide(d, modulo64, b, bh, false);
            break;
          case 0x01: // SDIV64_IMM
          case 0x09: // SDIV64_REG
            this.#divide(d, divide64, b, bh, true);
            break;
          case 0x03: // SMOD64_IMM
          case 0x0b: // SMOD64_REG
            this.#divide(d, modulo64, b, bh, true);
            break;
          case 0x47:
          case 0x4f:
            r[d] = a | b;
            r[d + 1] = (r[d + 1] as number) | bh;
            break;
          case 0x57:
          case 0x5f:
            r[d] = a & b;
            r[d + 1] = (r[d + 1] as number) & bh;
            break;
          case 0xa7:
          case 0xaf:
            r[d] = a ^ b;
            r[d + 1] = (r[d + 1] as number) ^ bh;
            break;
          case 0xb7:
          case 0xbf:
            r[d] = b;
            r[d + 1] = bh;
            break;
          case 0x67:
          case 0x6f: {
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
          case 0x77:
          case 0x7f: {
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
          case 0xc7:
          case 0xcf: {
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
          case 0x87:
            r[d + 1] = (~(r[d + 1] as number) + (a === 0 ? 1 : 0)) | 0;
            r[d] = -a | 0;
            break;
          case 0x12: // MOVSX64_8
            r[d] = ((r[s] as number) << 24) >> 24;
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case 0x13: // MOVSX64_16
            r[d] = ((r[s] as number) << 16) >> 16;
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case 0x19: // MOVSX64_32
            r[d] = r[s] as number;
            r[d + 1] = (r[d] as number) >> 31;
            break;

          // ── 32-bit arithmetic: the high half becomes 0 ──
          case 0x04:
          case 0x0c:
            r[d] = a + b;
            r[d + 1] = 0;
            break;
          case 0x14:
          case 0x1c:
            r[d] = a - b;
            r[d + 1] = 0;
            break;
          case 0x24:
          case 0x2c:
            r[d] = Math.imul(a, b);
            r[d + 1] = 0;
            break;
          case 0x34:
          case 0x3c:
            r[d] = b === 0 ? 0 : (a >>> 0) / (b >>> 0);
            r[d + 1] = 0;
            break;
          case 0x94:
          case 0x9c:
            r[d] = b === 0 ? a : (a >>> 0) % (b >>> 0);
            r[d + 1] = 0;
            break;
          case 0x00: // SDIV32_IMM
          case 0x08: // SDIV32_REG
            r[d] = divideSigned32(a, b);
            r[d + 1] = 0;
            break;
          case 0x02: // SMOD32_IMM
          case 0x0a: // SMOD32_REG
            r[d] = moduloSigned32(a, b);
            r[d + 1] = 0;
            break;
          case 0x44:
          case 0x4c:
            r[d] = a | b;
            r[d + 1] = 0;
            break;
          case 0x54:
          case 0x5c:
            r[d] = a & b;
            r[d + 1] = 0;
            break;
          case 0xa4:
          case 0xac:
            r[d] = a ^ b;
            r[d + 1] = 0;
            break;
          case 0xb4:
          case 0xbc:
            r[d] = b;
            r[d + 1] = 0;
            break;
          case 0x64:
          case 0x6c:
            r[d] = a << b;
            r[d + 1] = 0;
            break;
          case 0x74:
          case 0x7c:
            r[d] = a >>> b;
            r[d + 1] = 0;
            break;
          case 0xc4:
          case 0xcc:
            r[d] = a >> b;
            r[d + 1] = 0;
            break;
          case 0x84:
            r[d] = -a;
            r[d + 1] = 0;
            break;
          case 0x10: // MOVSX32_8
            r[d] = ((r[s] as number) << 24) >> 24;
            r[d + 1] = 0;
            break;
          case 0x11: // MOVSX32_16
            r[d] = ((r[s] as number) << 16) >> 16;
            r[d + 1] = 0;
            break;

          // ── byte order ──
          case 0x1a: // NOP
            break;
          case 0x1b: // ZEXT16
            r[d] = a & 0xffff;
            r[d + 1] = 0;
            break;
          case 0x21: // ZEXT32
            r[d + 1] = 0;
            break;
          case 0x22: // SWAP16
            r[d] = swap32(a) >>> 16;
            r[d + 1] = 0;
            break;
          case 0x23: // SWAP32
            r[d] = swap32(a);
            r[d + 1] = 0;
            break;
          case 0x29: // SWAP64
            r[d] = swap32(r[d + 1] as number);
            r[d + 1] = swap32(a);
            break;

          // ── 64-bit branches ──
          case 0x05:
            pc = code[at + 3] as number;
            break;
          case 0x15:
          case 0x1d:
            if (a === b && r[d + 1] === bh) pc = code[at + 3] as number;
            break;
          case 0x55:
          case 0x5d:
            if (a !== b || r[d + 1] !== bh) pc = code[at + 3] as number;
            break;
          case 0x45:
          case 0x4d:
            if (((a & b) | ((r[d + 1] as number) & bh)) !== 0) pc = code[at + 3] as number;
            break;
          case 0x25:
          case 0x2d: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 > b >>> 0 : high >>> 0 > bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case 0x35:
          case 0x3d: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 >= b >>> 0 : high >>> 0 > bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case 0xa5:
          case 0xad: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 < b >>> 0 : high >>> 0 < bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case 0xb5:
          case 0xbd: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 <= b >>> 0 : high >>> 0 < bh >>> 0) pc = code[at + 3] as number;
            break;
          }
          case 0x65:
          case 0x6d: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 > b >>> 0 : high > bh) pc = code[at + 3] as number;
            break;
          }
          case 0x75:
          case 0x7d: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 >= b >>> 0 : high > bh) pc = code[at + 3] as number;
            break;
          }
          case 0xc5:
          case 0xcd: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 < b >>> 0 : high < bh) pc = code[at + 3] as number;
            break;
          }
          case 0xd5:
          case 0xdd: {
            const high = r[d + 1] as number;
            if (high === bh ? a >>> 0 <= b >>> 0 : high < bh) pc = code[at + 3] as number;
            break;
          }

          // ── 32-bit branches ──
          case 0x16:
          case 0x1e:
            if (a === b) pc = code[at + 3] as number;
            break;
          case 0x56:
          case 0x5e:
            if (a !== b) pc = code[at + 3] as number;
            break;
          case 0x46:
          case 0x4e:
            if ((a & b) !== 0) pc = code[at + 3] as number;
            break;
          case 0x26:
          case 0x2e:
            if (a >>> 0 > b >>> 0) pc = code[at + 3] as number;
            break;
          case 0x36:
          case 0x3e:
            if (a >>> 0 >= b >>> 0) pc = code[at + 3] as number;
            break;
          case 0xa6:
          case 0xae:
            if (a >>> 0 < b >>> 0) pc = code[at + 3] as number;
            break;
          case 0xb6:
          case 0xbe:
            if (a >>> 0 <= b >>> 0) pc = code[at + 3] as number;
            break;
          case 0x66:
          case 0x6e:
            if (a > b) pc = code[at + 3] as number;
            break;
          case 0x76:
          case 0x7e:
            if (a >= b) pc = code[at + 3] as number;
            break;
          case 0xc6:
          case 0xce:
            if (a < b) pc = code[at + 3] as number;
            break;
          case 0xd6:
          case 0xde:
            if (a <= b) pc = code[at + 3] as number;
            break;

          // ── memory ──
          case 0x18:
            r[d] = code[at + 4] as number;
            r[d + 1] = code[at + 5] as number;
            pc++;
            break;
          case 0x71:
            r[d] = view.getUint8(this.#access(s, code[at + 3] as number, 1, 0));
            r[d + 1] = 0;
            break;
          case 0x69:
            r[d] = view.getUint16(this.#access(s, code[at + 3] as number, 2, 0), true);
            r[d + 1] = 0;
            break;
          case 0x61:
            r[d] = view.getInt32(this.#access(s, code[at + 3] as number, 4, 0), true);
            r[d + 1] = 0;
            break;
          case 0x79: {
            const address = this.#access(s, code[at + 3] as number, 8, 0);
            r[d] = view.getInt32(address, true);
            r[d + 1] = view.getInt32(address + 4, true);
            break;
          }
          case 0x91:
            r[d] = view.getInt8(this.#access(s, code[at + 3] as number, 1, 0));
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case 0x89:
            r[d] = view.getInt16(this.#access(s, code[at + 3] as number, 2, 0), true);
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case 0x81:
            r[d] = view.getInt32(this.#access(s, code[at + 3] as number, 4, 0), true);
            r[d + 1] = (r[d] as number) >> 31;
            break;
          case 0x72:
            view.setInt8(this.#access(d, code[at + 3] as number, 1, 4), code[at + 4] as number);
            break;
          case 0x73:
            view.setInt8(this.#access(d, code[at + 3] as number, 1, 4), r[s] as number);
            break;
          case 0x6a:
            view.setInt16(this.#access(d, code[at + 3] as number, 2, 4), code[at + 4] as number, true);
            break;
          case 0x6b:
            view.setInt16(this.#access(d, code[at + 3] as number, 2, 4), r[s] as number, true);
            break;
          case 0x62:
            view.setInt32(this.#access(d, code[at + 3] as number, 4, 4), code[at + 4] as number, true);
            break;
          case 0x63:
            view.setInt32(this.#access(d, code[at + 3] as number, 4, 4), r[s] as number, true);
            break;
          case 0x7a: {
            const address = this.#access(d, code[at + 3] as number, 8, 4);
            view.setInt32(address, code[at + 4] as number, true);
            view.setInt32(address + 4, code[at + 5] as number, true);
            break;
          }
          case 0x7b: {
            const address = this.#access(d, code[at + 3] as number, 8, 4);
            view.setInt32(address, r[s] as number, true);
            view.setInt32(address + 4, r[s + 1] as number, true);
            break;
          }
          case 0xc3:
            this.#atomic32(this.#access(d, code[at + 3] as number, 4, 4), code[at + 4] as number, s);
            break;
          case 0xdb:
            this.#atomic64(this.#access(d, code[at + 3] as number, 8, 4), code[at + 4] as number, s);
            break;

          // ── calls ──
          case 0x85:
          case 0x8d: {
            this.pc = pc;
            this.#charge(limit - left);
            limit = left;
            this.#memory.i32[State.FRAME >>> 2] = r[20] as number;
            const ended = this.#host.callHelper(op === 0x85 ? (code[at + 4] as number) : a);
            clearArguments(r);
            if (!ended) break;
            if (this.depth === base) return true;
            pc = this.#leave();
            clearArguments(r);
            break;
          }
          case 0x2a: {
            // CALL_LOCAL
            if (this.depth + 1 >= FRAMES) {
              throw new TrapSignal("call-depth", `more than ${FRAMES} frames of local calls`, pc - 1);
            }
            this.#save(pc);
            this.depth++;
            r[20] = (r[20] as number) - FRAME_BYTES;
            pc = code[at + 3] as number;
            break;
          }
          case 0x95:
            if (this.depth === base) {
              this.pc = pc;
              return true;
            }
            pc = this.#leave();
            clearArguments(r);
            break;

          // ── Linux's own ──
          case 0xe5: {
            const turns = State.MAY_GOTO >>> 2;
            const more = memory.i32[turns] as number;
            if (more === 0) pc = code[at + 3] as number;
            else memory.i32[turns] = more - 1;
            break;
          }
          case 0x20:
          case 0x28:
          case 0x30:
          case 0x40:
          case 0x48:
          case 0x50: {
            const size = (op & 0x18) === 0 ? 4 : (op & 0x18) === 8 ? 2 : 1;
            const offset = ((code[at + 4] as number) + (op >= 0x40 ? (r[s] as number) : 0)) | 0;
            const found = this.#host.loadPacket(offset, size);
            clearArguments(r);
            if (found) break;
            r[0] = 0;
            r[1] = 0;
            if (this.depth === base) return true;
            pc = this.#leave();
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
      this.#charge(limit - left);
    }
    return false;
  }

  /** The address of a checked access of `size` bytes; `shift` is 0 for a read, 4 for a write. */
  #access(register: number, off: number, size: number, shift: number): number {
    const r = this.#registers;
    const low = r[register] as number;
    const address = (low >>> 0) + off;
    if (r[register + 1] === 0 && address >= 0 && address + size <= this.#limit) {
      const inner = address & 7;
      const room = ((this.#shadow[address >>> 3] as number) >>> (shift ^ 4)) & 15;
      if (inner + size <= room) return address;
      // The access goes on in the next word of the shadow.
      const next = (this.#shadow[(address >>> 3) + 1] as number) >>> (shift ^ 4);
      if (room === 8 && inner + size <= 8 + (next & 15)) return address;
    }
    const base = (BigInt(r[register + 1] as number) << 32n) + BigInt(low >>> 0);
    const sum = BigInt.asUintN(64, base + BigInt(off));
    const write = shift !== 0;
    const [lower, upper] = [Number(BigInt.asIntN(32, sum)), Number(BigInt.asIntN(32, sum >> 32n))];
    throw new TrapSignal(write ? "write" : "read", accessMessage(write, size, lower, upper));
  }

  /** Keeps r6 to r10 and where to go on; r0 and r6 to r9 become 0. Written out: a loop takes twice as long. */
  #save(pc: number): void {
    const r = this.#registers;
    const frames = this.#frames;
    const at = this.depth * FRAME_WORDS;
    frames[at] = pc;
    frames[at + 1] = r[12] as number;
    frames[at + 2] = r[13] as number;
    frames[at + 3] = r[14] as number;
    frames[at + 4] = r[15] as number;
    frames[at + 5] = r[16] as number;
    frames[at + 6] = r[17] as number;
    frames[at + 7] = r[18] as number;
    frames[at + 8] = r[19] as number;
    frames[at + 9] = r[20] as number;
    frames[at + 10] = r[21] as number;
    r[0] = r[1] = r[12] = r[13] = r[14] = r[15] = r[16] = r[17] = r[18] = r[19] = 0;
  }

  /** Back to the caller: its registers, and where it goes on. */
  #leave(): number {
    this.depth--;
    const r = this.#registers;
    const frames = this.#frames;
    const at = this.depth * FRAME_WORDS;
    r[12] = frames[at + 1] as number;
    r[13] = frames[at + 2] as number;
    r[14] = frames[at + 3] as number;
    r[15] = frames[at + 4] as number;
    r[16] = frames[at + 5] as number;
    r[17] = frames[at + 6] as number;
    r[18] = frames[at + 7] as number;
    r[19] = frames[at + 8] as number;
    r[20] = frames[at + 9] as number;
    r[21] = frames[at + 10] as number;
    return frames[at] as number;
  }

  #divide(d: number, how: typeof divide64, low: number, high: number, signed: boolean): void {
    const index = (State.REGISTERS >>> 3) + (d >>> 1);
    const divisor = (BigInt(high) << 32n) | BigInt(low >>> 0);
    this.#memory.i64[index] = how(this.#memory.i64[index] as bigint, divisor, signed);
  }

  #atomic32(address: number, kind: number, s: number): void {
    const { i32: r, view } = this.#memory;
    const old = view.getInt32(address, true);
    const operand = r[R0 + s] as number;
    if (kind === 0xf1) {
      if (old === r[R0]) view.setInt32(address, operand, true);
      r[R0] = old;
      r[R0 + 1] = 0;
      return;
    }
    view.setInt32(address, combine32(kind, old, operand), true);
    if ((kind & 1) !== 0) {
      r[R0 + s] = old;
      r[R0 + s + 1] = 0;
    }
  }

  #atomic64(address: number, kind: number, s: number): void {
    const { i64, view } = this.#memory;
    const registers = State.REGISTERS >>> 3;
    const old = view.getBigInt64(address, true);
    const operand = i64[registers + (s >>> 1)] as bigint;
    if (kind === 0xf1) {
      if (old === i64[registers]) view.setBigInt64(address, operand, true);
      i64[registers] = old;
      return;
    }
    const sum =
      kind === 0xe1
        ? operand
        : (kind & 0xf0) === 0
          ? old + operand
          : (kind & 0xf0) === 0x40
            ? old | operand
            : (kind & 0xf0) === 0x50
              ? old & operand
              : old ^ operand;
    view.setBigInt64(address, sum, true);
    if ((kind & 1) !== 0) i64[registers + (s >>> 1)] = old;
  }
}

/** r1 to r5, after a call. */
function clearArguments(r: Int32Array): void {
  r[2] = r[3] = r[4] = r[5] = r[6] = r[7] = r[8] = r[9] = r[10] = r[11] = 0;
}

function combine32(kind: number, old: number, operand: number): number {
  if (kind === 0xe1) return operand;
  switch (kind & 0xf0) {
    case 0x00:
      return (old + operand) | 0;
    case 0x40:
      return old | operand;
    case 0x50:
      return old & operand;
    default:
      return old ^ operand;
  }
}
