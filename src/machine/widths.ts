// Which registers fit in half a word. The instruction set computes in 64 bits, and V8 turns 32 of them into a memory
// operand only with an instruction more; so a register is kept as an i32 where its upper half is known to be zero, or
// where nobody looks at it (an address, an index, the factor of a 32-bit product).
//
// Values are named as in SSA form: one for each register that is live at the start of a block, one for each that an
// instruction writes. Those that flow into each other at a block's start are one web, which has one width everywhere.
// A web is narrow where every one of its values has an upper bound below 2^32, or where no instruction demands the upper
// half of any. Upper bounds go forward over values, demands go backward over webs.

import { Alu, Opcode } from "../isa/index.ts";
import { countedLoops } from "./counted-loops.ts";
import { effectOf, Op, WORDS } from "./decoded.ts";
import {
  CMPXCHG,
  DEFINES,
  DST,
  FIELDS,
  isCall,
  joinWebs,
  nameValues,
  REGISTERS,
  RESULT,
  ROUNDS,
  SLOT,
  SRC,
  type Values,
} from "./register-values.ts";
import { type BoundsQuestion, boundsOf, M32 } from "./value-bounds.ts";

export interface Widths {
  /** By block: registers (a bit each) that are i32 at its start. */
  readonly atBlock: Uint16Array;
  /** By slot, from `first` on: of the registers that the instruction writes, those that it leaves as i32. */
  readonly written: Uint16Array;
  readonly first: number;
  /** By block that is a loop of its own: a number that divides how often it runs, whenever it is entered. */
  readonly turns: ReadonlyMap<number, number>;
}

export interface WidthQuestion extends BoundsQuestion {
  /** Addresses are checked, by all their 64 bits. */
  readonly checked: boolean;
}

/** Values that an analysis is made for. */
const LARGEST = 2_000_000;

export function widthsOf(question: WidthQuestion): Widths {
  const { program, flow } = question;
  let first = program.slots;
  let end = 0;
  for (const block of flow.blocks) {
    first = Math.min(first, block.start);
    end = Math.max(end, block.last + 1);
  }
  const turns = new Map<number, number>();
  const widths: Widths = {
    atBlock: new Uint16Array(flow.blocks.length),
    written: new Uint16Array(Math.max(0, end - first)),
    first,
    turns,
  };
  if (flow.blocks.length * REGISTERS + flow.instructions * 2 > LARGEST) return widths;
  const values = nameValues(program, flow);
  const web = joinWebs(flow, values);
  const loops = countedLoops(program, flow, values, web);
  for (const { block, turns: count } of loops) {
    if (block.next.includes(block.index) && count !== undefined) turns.set(block.index, count);
  }
  const bounds = boundsOf(question, values, new Map(loops.map(({ value, limit }) => [value, limit])));
  if (bounds === undefined) return widths;
  const wide = new Uint8Array(values.count);
  for (let value = 0; value < values.count; value++) {
    if ((bounds[value] as number) > M32) wide[web[value] as number] = 1;
  }
  const demanded = demandsOf(question, values, web, wide);
  if (demanded === undefined) return widths;
  const narrow = (value: number): boolean => {
    const one = web[value] as number;
    return wide[one] === 0 || demanded[one] === 0;
  };
  for (const block of flow.blocks) {
    let mask = 0;
    for (let r = 0; r < REGISTERS; r++) if (narrow(block.index * REGISTERS + r)) mask |= 1 << r;
    widths.atBlock[block.index] = mask;
  }
  const { instructions } = values;
  for (let at = 0; at < instructions.length; at += FIELDS) {
    const slot = instructions[at + SLOT] as number;
    let value = instructions[at + RESULT] as number;
    let mask = 0;
    let left = instructions[at + DEFINES] as number;
    for (let r = 0; left !== 0; r++, left >>= 1) if ((left & 1) === 1 && narrow(value++)) mask |= 1 << r;
    widths.written[slot - first] = mask;
  }
  return widths;
}

/** Webs of which some instruction needs the upper half. Undefined: it takes too long to tell. */
function demandsOf(
  { program, checked }: WidthQuestion,
  { instructions, arguments: given }: Values,
  web: Int32Array,
  wide: Uint8Array,
): Uint8Array | undefined {
  const { code } = program;
  const demanded = new Uint8Array(web.length);
  let changed = true;
  const demand = (value: number): void => {
    const one = web[value] as number;
    if (demanded[one] === 1) return;
    demanded[one] = 1;
    changed = true;
  };
  for (let round = 0; changed; round++) {
    if (round === ROUNDS) return undefined;
    changed = false;
    for (let at = instructions.length - FIELDS; at >= 0; at -= FIELDS) {
      const slot = instructions[at + SLOT] as number;
      const words = slot * WORDS;
      const op = code[words] as number;
      const dst = instructions[at + DST] as number;
      const src = instructions[at + SRC] as number;
      const imm = code[words + 4] as number;
      const result = web[instructions[at + RESULT] as number] as number;
      if (isCall(op)) {
        const list = given.get(at) as readonly number[];
        const { uses } = effectOf(code, slot);
        for (let r = 1; r <= 5; r++) if ((uses >> r) & 1) demand(list[r] as number);
        continue;
      }
      if (op === Opcode.ATOMIC64 && imm === CMPXCHG) demand(given.get(at)?.[0] as number);
      switch (demandOf(op, imm, checked, wide[result] === 1 && demanded[result] === 1)) {
        case "both":
          demand(dst);
          demand(src);
          break;
        case "dst":
          demand(dst);
          break;
        case "src":
          demand(src);
          break;
      }
    }
  }
  return demanded;
}

/** Of which operands an instruction looks at the upper half; `result`: somebody looks at its result's. */
function demandOf(op: number, imm: number, checked: boolean, result: boolean): "none" | "dst" | "src" | "both" {
  const register = (op & 8) !== 0;
  switch (op) {
    case Opcode.LDDW:
    case Opcode.MOV64_IMM:
    case Opcode.MOV32_IMM:
    case Opcode.JA:
    case Opcode.MAY_GOTO:
    case Op.BAD:
    case Op.ZEXT16:
    case Op.ZEXT32:
    case Op.SWAP16:
    case Op.SWAP32:
    case Op.MOVSX64_8:
    case Op.MOVSX64_16:
    case Op.MOVSX64_32:
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
    case Op.SDIV32_IMM:
    case Op.SDIV32_REG:
    case Op.SMOD32_IMM:
    case Op.SMOD32_REG:
    case Opcode.LD_ABS_W:
    case Opcode.LD_ABS_H:
    case Opcode.LD_ABS_B:
    case Opcode.LD_IND_W:
    case Opcode.LD_IND_H:
    case Opcode.LD_IND_B:
      return "none";
    case Opcode.EXIT:
      // Its fields are 0, so that its operands are what is in r0.
      return "src";
    case Opcode.MOV64_REG:
      return result ? "src" : "none";
    case Op.NOP:
      return result ? "dst" : "none";
    case Op.SWAP64:
    case Op.SDIV64_IMM:
    case Op.SMOD64_IMM:
      return "dst";
    case Op.SDIV64_REG:
    case Op.SMOD64_REG:
      return "both";
    case Opcode.ATOMIC32:
      return checked ? "dst" : "none";
    case Opcode.ATOMIC64:
      return checked ? "both" : "src";
  }
  const both = register ? "both" : "dst";
  switch (op & 7) {
    case 7:
      switch (op & 0xf0) {
        case Alu.DIV:
        case Alu.MOD:
          return both;
        case Alu.RSH:
        case Alu.ARSH:
          return "dst";
        case Alu.LSH:
          return result && (register || (imm & 63) < 32) ? "dst" : "none";
        case Alu.AND:
          return result && (register || imm < 0) ? both : "none";
        default:
          return result ? both : "none";
      }
    case 5:
      return (op & 0xf8) === 0x40 && imm >= 0 ? "none" : both;
    case 1:
      return checked ? "src" : "none";
    case 2:
      return checked ? "dst" : "none";
    case 3:
      return (op & 0x18) === 0x18 ? (checked ? "both" : "src") : checked ? "dst" : "none";
    default:
      return "none";
  }
}
