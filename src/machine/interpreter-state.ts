// What an interpreter keeps while it runs, and what several instructions have in common: checked access to memory, frames
// of local calls, division, atomic operations. A register is a pair of 32-bit words, low first, in the state page, where
// helpers and compiled code look for it too.

import { Opcode } from "../isa/index.ts";
import type { divide64 } from "./arithmetic64.ts";
import { Op } from "./decoded.ts";
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

export abstract class InterpreterState {
  /** The slot of the instruction that comes next. */
  pc = 0;
  /** Frames of local calls below the present one. */
  depth = 0;
  /** How often each slot was run, counted up to 255, where it is wanted. */
  coverage: Uint8Array | undefined;
  readonly program: Program;
  protected readonly memory: Memory;
  protected readonly host: HelperHost;
  protected readonly registers: Int32Array;
  protected readonly shadow: Uint8Array;
  protected readonly limit: number;
  protected readonly frames: Int32Array = new Int32Array(FRAME_WORDS * FRAMES);

  constructor(program: Program, memory: Memory, host: HelperHost) {
    this.program = program;
    this.memory = memory;
    this.host = host;
    this.shadow = memory.shadow;
    this.limit = memory.limit;
    this.registers = new Int32Array(memory.i32.buffer, State.REGISTERS, 22);
  }

  /** Puts the machine before a function; r1 to r5 are the caller's to set. */
  enter(slot: number, frame: number = STACK_TOP): void {
    const r = this.memory.i32;
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
    const r = this.registers;
    const saved: number[] = [];
    for (let i = 12; i < 22; i++) saved.push(r[i] as number);
    this.enter(slot, frame);
    const base = this.depth;
    for (;;) {
      const left = this.memory.budget;
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

  protected charge(count: number): void {
    this.memory.budget -= count;
  }

  /** Runs at most `limit` instructions; true when the function that was entered at depth `base` has returned. */
  abstract advance(limit: number, base?: number): boolean;

  /** The address of a checked access of `size` bytes; `shift` is 0 for a read, 4 for a write. */
  protected access(register: number, off: number, size: number, shift: number): number {
    const r = this.registers;
    const low = r[register] as number;
    const address = (low >>> 0) + off;
    if (r[register + 1] === 0 && address >= 0 && address + size <= this.limit) {
      const inner = address & 7;
      const room = ((this.shadow[address >>> 3] as number) >>> (shift ^ 4)) & 15;
      if (inner + size <= room) return address;
      // The access goes on in the next word of the shadow.
      const next = (this.shadow[(address >>> 3) + 1] as number) >>> (shift ^ 4);
      if (room === 8 && inner + size <= 8 + (next & 15)) return address;
    }
    const base = (BigInt(r[register + 1] as number) << 32n) + BigInt(low >>> 0);
    const sum = BigInt.asUintN(64, base + BigInt(off));
    const write = shift !== 0;
    const [lower, upper] = [Number(BigInt.asIntN(32, sum)), Number(BigInt.asIntN(32, sum >> 32n))];
    throw new TrapSignal(write ? "write" : "read", accessMessage(write, size, lower, upper));
  }

  /** Keeps r6 to r10 and where to go on; r0 and r6 to r9 become 0. Written out: a loop takes twice as long. */
  protected save(pc: number): void {
    const r = this.registers;
    const frames = this.frames;
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
  protected leave(): number {
    this.depth--;
    const r = this.registers;
    const frames = this.frames;
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

  protected divide(d: number, how: typeof divide64, low: number, high: number, signed: boolean): void {
    const index = (State.REGISTERS >>> 3) + (d >>> 1);
    const divisor = (BigInt(high) << 32n) | BigInt(low >>> 0);
    this.memory.i64[index] = how(this.memory.i64[index] as bigint, divisor, signed);
  }

  protected atomic32(address: number, kind: number, s: number): void {
    const { i32: r, view } = this.memory;
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

  protected atomic64(address: number, kind: number, s: number): void {
    const { i64, view } = this.memory;
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

function combine32(kind: number, old: number, operand: number): number {
  if (kind === 0xe1) return operand;
  switch (kind & 0xf0) {
    case Op.SDIV32_IMM:
      return (old + operand) | 0;
    case Opcode.LD_IND_W:
      return old | operand;
    case Opcode.LD_IND_B:
      return old & operand;
    default:
      return old ^ operand;
  }
}
