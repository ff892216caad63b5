// The greatest number that each value of a function can be, as numbers without sign. Forward over its blocks until nothing
// grows any more; what still grows at a loop's head after a few rounds has no bound, but for counters of counted loops.

import { Alu, Opcode } from "../isa/index.ts";
import { helperName } from "../object/index.ts";
import { Op, WORDS } from "./decoded.ts";
import type { Flow } from "./flow.ts";
import { STACK_TOP } from "./memory.ts";
import type { Program } from "./program.ts";
import { DEFINES, DST, FIELDS, isCall, REGISTERS, RESULT, ROUNDS, SLOT, SRC, type Values } from "./register-values.ts";

/** The greatest number of 32 bits. */
export const M32 = 0xffff_ffff;
/** Nothing has come here yet. */
const NONE = -1;
/** Rounds after which a bound that still grows at a loop's head has none. */
const PATIENCE = 3;
export interface BoundsQuestion {
  readonly program: Program;
  readonly flow: Flow;
  /** The greatest value of a register at the start of the function. */
  readonly entryBound: (register: number) => number;
  readonly isReplaced: (helper: number) => boolean;
}

/** The greatest number that each value can be; Infinity where none is known. Undefined: it takes too long to tell. */
export function boundsOf(
  question: BoundsQuestion,
  values: Values,
  limits: ReadonlyMap<number, number>,
): Float64Array | undefined {
  const { flow, entryBound } = question;
  const { firstOf, out, count } = values;
  const bounds = new Float64Array(count).fill(NONE);
  bounds[count - 1] = STACK_TOP;
  const before: number[][] = flow.blocks.map(() => []);
  for (const block of flow.blocks) for (const to of block.next) (before[to] as number[]).push(block.index);
  const raise = (value: number, bound: number): boolean => {
    if (bound <= (bounds[value] as number)) return false;
    bounds[value] = bound;
    return true;
  };
  for (let round = 0; ; round++) {
    if (round === ROUNDS) return undefined;
    let changed = false;
    for (const block of flow.blocks) {
      const live = flow.liveIn[block.index] as number;
      for (let r = 0; r < REGISTERS; r++) {
        if (((live >> r) & 1) === 0) continue;
        const value = block.index * REGISTERS + r;
        let bound = block.index === 0 ? entryBound(r) : NONE;
        for (const from of before[block.index] as number[])
          bound = Math.max(bound, bounds[out[from * REGISTERS + r] as number] as number);
        if (round >= PATIENCE && flow.loopHead[block.index] === 1 && bound > (bounds[value] as number))
          bound = Number.POSITIVE_INFINITY;
        if (raise(value, bound)) changed = true;
      }
      for (let at = firstOf[block.index] as number; at < (firstOf[block.index + 1] as number); at += FIELDS) {
        if (boundInstruction(question, values, bounds, at, limits, raise)) changed = true;
      }
    }
    if (!changed) return bounds;
  }
}

/** Helpers whose answer is an address of the machine, null, or a small number. */
const NARROW_ANSWERS: ReadonlySet<string> = new Set([
  "map_lookup_elem",
  "ringbuf_reserve",
  "get_smp_processor_id",
  "get_prandom_u32",
]);

function boundInstruction(
  { program, isReplaced }: BoundsQuestion,
  { instructions }: Values,
  bounds: Float64Array,
  at: number,
  limits: ReadonlyMap<number, number>,
  raise: (value: number, bound: number) => boolean,
): boolean {
  const slot = instructions[at + SLOT] as number;
  const result = instructions[at + RESULT] as number;
  const { code } = program;
  const op = code[slot * WORDS] as number;
  const defines = instructions[at + DEFINES] as number;
  if (defines === 0) return false;
  const imm = code[slot * WORDS + 4] as number;
  if ((defines & (defines - 1)) === 0) {
    const a = bounds[instructions[at + DST] as number] as number;
    const b = bounds[instructions[at + SRC] as number] as number;
    const bound = boundOf(op, a, b, imm, code[slot * WORDS + 5] as number);
    // A counter's bound is there from the first, not reached by counting.
    return raise(result, bound === NONE ? NONE : (limits.get(result) ?? bound));
  }
  // Calls and packet loads: r0 has the answer, r1 to r5 are 0.
  let answer = Number.POSITIVE_INFINITY;
  if (op === Opcode.CALL) {
    if (!isReplaced(imm) && NARROW_ANSWERS.has(helperName(imm) ?? "")) answer = M32;
  } else if (!isCall(op)) answer = M32;
  let changed = raise(result, answer);
  for (let r = 1; r <= 5; r++) changed = raise(result + r, 0) || changed;
  return changed;
}

const low = (bound: number): number => (bound > M32 ? M32 : bound);
/** All ones up to the highest that is set. */
const ones = (bound: number): number => (bound > M32 ? Number.POSITIVE_INFINITY : 2 ** (32 - Math.clz32(bound)) - 1);

/** The greatest result of an instruction that writes one register, from those of its operands. */
function boundOf(op: number, a: number, b: number, imm: number, high: number): number {
  switch (op) {
    case Opcode.LDDW:
      return high < 0 ? Number.POSITIVE_INFINITY : high * 2 ** 32 + (imm >>> 0);
    case Opcode.MOV64_IMM:
      return imm < 0 ? Number.POSITIVE_INFINITY : imm;
    case Opcode.MOV32_IMM:
      return imm >>> 0;
    case Opcode.MOV64_REG:
      return b;
    case Opcode.MOV32_REG:
      return low(b);
    case Op.ZEXT16:
      return Math.min(low(a), 0xffff);
    case Op.SWAP16:
    case Opcode.LDX_H:
      return 0xffff;
    case Opcode.LDX_B:
      return 0xff;
    case Op.ZEXT32:
      return low(a);
    case Op.SWAP32:
    case Opcode.LDX_W:
    case Opcode.ATOMIC32:
    case Op.SDIV32_IMM:
    case Op.SDIV32_REG:
    case Op.SMOD32_IMM:
    case Op.SMOD32_REG:
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
    case Opcode.NEG32:
      return M32;
    case Op.NOP:
      return a;
    case Op.MOVSX64_8:
      return b <= 0x7f ? b : Number.POSITIVE_INFINITY;
    case Op.MOVSX64_16:
      return b <= 0x7fff ? b : Number.POSITIVE_INFINITY;
    case Op.MOVSX64_32:
      return b <= 0x7fff_ffff ? b : Number.POSITIVE_INFINITY;
  }
  const type = op & 7;
  if ((type !== 7 && type !== 4) || op < 0x04) return Number.POSITIVE_INFINITY;
  // Not known yet: whatever comes of it now is raised when it is.
  if (a === NONE || ((op & 8) !== 0 && b === NONE)) return NONE;
  const wide = type === 7;
  const register = (op & 8) !== 0;
  const left = wide ? a : low(a);
  const right = register ? (wide ? b : low(b)) : wide && imm < 0 ? Number.POSITIVE_INFINITY : imm >>> 0;
  const bound = combine(op & 0xf0, left, right, register, imm & (wide ? 63 : 31), wide ? 64 : 32);
  if (wide) return bound > 2 ** 53 ? Number.POSITIVE_INFINITY : bound;
  return low(bound);
}

function combine(what: number, a: number, b: number, register: boolean, shift: number, width: number): number {
  switch (what) {
    case Alu.ADD:
      return a + b;
    case Alu.MUL:
      return a === 0 || b === 0 ? 0 : a * b;
    case Alu.DIV:
      return register ? a : b === 0 ? 0 : b === Number.POSITIVE_INFINITY ? 1 : Math.floor(a / b);
    case Alu.MOD:
      return register || b === 0 ? a : Math.min(a, b - 1);
    case Alu.OR:
    case Alu.XOR:
      return ones(Math.max(a, b));
    case Alu.AND:
      return Math.min(a, b);
    case Alu.LSH:
      return register ? (a === 0 ? 0 : Number.POSITIVE_INFINITY) : a * 2 ** shift;
    case Alu.RSH:
      return register ? a : a > 2 ** 53 ? 2 ** (width - shift) - 1 : Math.floor(a / 2 ** shift);
    case Alu.ARSH:
      // A number with its sign bit set stays large.
      if (a >= 2 ** (width - 1)) return Number.POSITIVE_INFINITY;
      return register ? a : Math.floor(a / 2 ** shift);
    default:
      // Subtraction, and whatever is new.
      return Number.POSITIVE_INFINITY;
  }
}
