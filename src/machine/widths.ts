// Which registers fit in half a word. The instruction set computes in 64 bits, and V8 turns 32 of them into a memory
// operand only with an instruction more; so a register is kept as an i32 where its upper half is known to be zero, or
// where nobody looks at it (an address, an index, the factor of a 32-bit product).
//
// Values are named as in SSA form: one for each register that is live at the start of a block, one for each that an
// instruction writes. Those that flow into each other at a block's start are one web, which has one width everywhere.
// A web is narrow where every one of its values has an upper bound below 2^32, or where no instruction demands the upper
// half of any. Upper bounds go forward over values, demands go backward over webs.

import { helperName } from "../object/index.ts";
import { effectOf, Op, WORDS } from "./decoded.ts";
import type { Block, Flow } from "./flow.ts";
import { STACK_TOP } from "./memory.ts";
import type { Program } from "./program.ts";

export interface Widths {
  /** By block: registers (a bit each) that are i32 at its start. */
  readonly atBlock: Uint16Array;
  /** By slot, from `first` on: of the registers that the instruction writes, those that it leaves as i32. */
  readonly written: Uint16Array;
  readonly first: number;
  /** By block that is a loop of its own: a number that divides how often it runs, whenever it is entered. */
  readonly turns: ReadonlyMap<number, number>;
}

export interface WidthQuestion {
  readonly program: Program;
  readonly flow: Flow;
  /** Addresses are checked, by all their 64 bits. */
  readonly checked: boolean;
  /** The greatest value of a register at the start of the function. */
  readonly entryBound: (register: number) => number;
  readonly isReplaced: (helper: number) => boolean;
}

/** The greatest number of 32 bits. */
const M32 = 0xffff_ffff;
/** Nothing has come here yet. */
const NONE = -1;
const REGISTERS = 10;
/** Rounds after which a bound that still grows at a loop's head has none. */
const PATIENCE = 3;
/** Programs that take more rounds than this are left as they are, in 64 bits. */
const ROUNDS = 30;
/** Values that an analysis is made for. */
const LARGEST = 2_000_000;

/** Numbers of an instruction in `Values.instructions`. */
const SLOT = 0;
const DST = 1;
const SRC = 2;
const RESULT = 3;
/** Registers that it writes, a bit each. */
const DEFINES = 4;
const FIELDS = 5;

interface Values {
  /** Of each: its slot, the values of dst and src before it, the first of those that it writes, and into which registers. */
  readonly instructions: Int32Array;
  /** First instruction of each block, and one more. */
  readonly firstOf: Int32Array;
  /** By block and register: the value at its end. */
  readonly out: Int32Array;
  /** r10 is the last. */
  readonly count: number;
  /** By instruction of a call or a compare-and-exchange: the values of r0 to r5 before it. */
  readonly arguments: ReadonlyMap<number, readonly number[]>;
}

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
  const values = name(program, flow);
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

const after = (program: Program, slot: number): number => slot + (program.code[slot * WORDS] === 0x18 ? 2 : 1);

const CMPXCHG = 0xf1;

const isCall = (op: number): boolean => op === 0x85 || op === 0x8d || op === Op.CALL_LOCAL;

/** Names every value. */
function name(program: Program, flow: Flow): Values {
  const { code, slots } = program;
  let next = flow.blocks.length * REGISTERS;
  const flat = new Int32Array(flow.instructions * FIELDS);
  let at = 0;
  const firstOf = new Int32Array(flow.blocks.length + 1);
  const out = new Int32Array(flow.blocks.length * REGISTERS);
  const given = new Map<number, readonly number[]>();
  const current = new Int32Array(REGISTERS + 1);
  for (const block of flow.blocks) {
    firstOf[block.index] = at;
    for (let r = 0; r < REGISTERS; r++) current[r] = block.index * REGISTERS + r;
    current[REGISTERS] = -1;
    if (block.start < slots) {
      for (let slot = block.start; slot <= block.last; slot = after(program, slot)) {
        const words = slot * WORDS;
        if (isCall(code[words] as number) || code[words + 4] === CMPXCHG) given.set(at, [...current.subarray(0, 6)]);
        const { defines } = effectOf(code, slot);
        flat[at + SLOT] = slot;
        flat[at + DST] = current[code[words + 1] as number] as number;
        // Where the field names no register, nobody asks for it.
        flat[at + SRC] = current[code[words + 2] as number] ?? -1;
        flat[at + RESULT] = next;
        flat[at + DEFINES] = defines;
        at += FIELDS;
        for (let r = 0, left = defines; left !== 0; r++, left >>= 1) if ((left & 1) === 1) current[r] = next++;
      }
    }
    for (let r = 0; r < REGISTERS; r++) out[block.index * REGISTERS + r] = current[r] as number;
  }
  firstOf[flow.blocks.length] = at;
  const frame = next++;
  const instructions = flat.subarray(0, at);
  for (let i = 0; i < at; i += FIELDS) {
    if (flat[i + DST] === -1) flat[i + DST] = frame;
    if (flat[i + SRC] === -1) flat[i + SRC] = frame;
  }
  return { instructions, firstOf, out, count: next, arguments: given };
}

/** For every value the one that stands for its web. */
function joinWebs(flow: Flow, { out, count }: Values): Int32Array {
  const parent = Int32Array.from({ length: count }, (_, i) => i);
  const find = (value: number): number => {
    let root = value;
    while (parent[root] !== root) {
      parent[root] = parent[parent[root] as number] as number;
      root = parent[root] as number;
    }
    return root;
  };
  for (const block of flow.blocks) {
    for (const to of block.next) {
      const live = flow.liveIn[to] as number;
      for (let r = 0; live >> r !== 0; r++) {
        if ((live >> r) & 1) parent[find(out[block.index * REGISTERS + r] as number)] = find(to * REGISTERS + r);
      }
    }
  }
  for (let value = 0; value < count; value++) parent[value] = find(value);
  return parent;
}

/** The greatest number that each value can be; Infinity where none is known. Undefined: it takes too long to tell. */
function boundsOf(
  question: WidthQuestion,
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
  { program, isReplaced }: WidthQuestion,
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
  if (op === 0x85) {
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
    case 0x18:
      return high < 0 ? Number.POSITIVE_INFINITY : high * 2 ** 32 + (imm >>> 0);
    case 0xb7:
      return imm < 0 ? Number.POSITIVE_INFINITY : imm;
    case 0xb4:
      return imm >>> 0;
    case 0xbf:
      return b;
    case 0xbc:
      return low(b);
    case Op.ZEXT16:
      return Math.min(low(a), 0xffff);
    case Op.SWAP16:
    case 0x69:
      return 0xffff;
    case 0x71:
      return 0xff;
    case Op.ZEXT32:
      return low(a);
    case Op.SWAP32:
    case 0x61:
    case 0xc3:
    case Op.SDIV32_IMM:
    case Op.SDIV32_REG:
    case Op.SMOD32_IMM:
    case Op.SMOD32_REG:
    case Op.MOVSX32_8:
    case Op.MOVSX32_16:
    case 0x84:
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
    case 0x00:
      return a + b;
    case 0x20:
      return a === 0 || b === 0 ? 0 : a * b;
    case 0x30:
      return register ? a : b === 0 ? 0 : b === Number.POSITIVE_INFINITY ? 1 : Math.floor(a / b);
    case 0x90:
      return register || b === 0 ? a : Math.min(a, b - 1);
    case 0x40:
    case 0xa0:
      return ones(Math.max(a, b));
    case 0x50:
      return Math.min(a, b);
    case 0x60:
      return register ? (a === 0 ? 0 : Number.POSITIVE_INFINITY) : a * 2 ** shift;
    case 0x70:
      return register ? a : a > 2 ** 53 ? 2 ** (width - shift) - 1 : Math.floor(a / 2 ** shift);
    case 0xc0:
      // A number with its sign bit set stays large.
      if (a >= 2 ** (width - 1)) return Number.POSITIVE_INFINITY;
      return register ? a : Math.floor(a / 2 ** shift);
    default:
      // Subtraction, and whatever is new.
      return Number.POSITIVE_INFINITY;
  }
}

/** Which comparisons of a counter with a constant go on counting: when they hold, or when they do not. */
const GOES_ON: ReadonlyMap<number, { readonly taken: boolean; readonly exact: boolean }> = new Map([
  [0x15, { taken: false, exact: true }],
  [0x55, { taken: true, exact: true }],
  [0x25, { taken: false, exact: false }],
  [0x35, { taken: false, exact: false }],
  [0x65, { taken: false, exact: false }],
  [0x75, { taken: false, exact: false }],
  [0xa5, { taken: true, exact: false }],
  [0xb5, { taken: true, exact: false }],
  [0xc5, { taken: true, exact: false }],
  [0xd5, { taken: true, exact: false }],
]);

interface CountedLoop {
  /** Which ends in the comparison. */
  readonly block: Block;
  /** What counting writes, and its upper bound. */
  readonly value: number;
  readonly limit: number;
  /** A number that divides how often the counter is counted; undefined where that is not known. */
  readonly turns: number | undefined;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/**
 * Loops with a counter. A web that holds nothing but constants and `r += STEP`, where
 * what is counted is compared with a constant at the end of its block, and forgotten where the loop ends, stays below
 * that constant: it goes in again only as one that has not reached it. (`!=` must meet it exactly.)
 */
function countedLoops(program: Program, flow: Flow, values: Values, web: Int32Array): readonly CountedLoop[] {
  const { code } = program;
  const { instructions, firstOf } = values;
  interface Web {
    readonly starts: number[];
    steps: number;
    other: boolean;
  }
  const webs = new Map<number, Web>();
  const counters: { block: Block; register: number; value: number; step: number }[] = [];
  for (const block of flow.blocks) {
    const lastStep = new Map<number, { value: number; step: number }>();
    for (let at = firstOf[block.index] as number; at < (firstOf[block.index + 1] as number); at += FIELDS) {
      const slot = instructions[at + SLOT] as number;
      const words = slot * WORDS;
      let value = instructions[at + RESULT] as number;
      for (let r = 0, left = instructions[at + DEFINES] as number; left !== 0; r++, left >>= 1) {
        if ((left & 1) === 0) continue;
        const key = web[value] as number;
        let one = webs.get(key);
        if (one === undefined) webs.set(key, (one = { starts: [], steps: 0, other: false }));
        lastStep.delete(r);
        const op = code[words] as number;
        const imm = code[words + 4] as number;
        if ((op === 0xb7 || op === 0xb4) && imm >= 0) one.starts.push(imm);
        else if (op === 0x07 && imm > 0 && web[instructions[at + DST] as number] === key) {
          one.steps++;
          lastStep.set(r, { value, step: imm });
        } else one.other = true;
        value++;
      }
    }
    if (block.ending !== "branch") continue;
    const register = code[block.last * WORDS + 1] as number;
    const counter = lastStep.get(register);
    if (counter !== undefined) counters.push({ block, register, ...counter });
  }
  // What comes in from outside is no constant.
  for (let r = 0; r < REGISTERS; r++) {
    const one = webs.get(web[r] as number);
    if (one !== undefined && ((flow.liveIn[0] as number) >> r) & 1) one.other = true;
  }
  const loops: CountedLoop[] = [];
  for (const { block, register, value, step } of counters) {
    const one = webs.get(web[value] as number);
    const goesOn = GOES_ON.get(code[block.last * WORDS] as number);
    const end = code[block.last * WORDS + 4] as number;
    if (one === undefined || one.other || one.steps !== 1 || goesOn === undefined || end < 0) continue;
    const leaves = block.next[goesOn.taken ? 1 : 0] as number;
    if (((flow.liveIn[leaves] as number) >> register) & 1) continue;
    if (goesOn.exact && !one.starts.every((start) => start < end && (end - start) % step === 0)) continue;
    const counts = one.starts.map((start) => (end - start) / step);
    const turns = goesOn.exact ? counts.reduce(divisor, 0) : undefined;
    loops.push({ block, value, limit: Math.max(end, ...one.starts) + step, turns });
  }
  return loops;
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
      if (op === 0xdb && imm === CMPXCHG) demand(given.get(at)?.[0] as number);
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
    case 0x18:
    case 0xb7:
    case 0xb4:
    case 0x05:
    case 0xe5:
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
    case 0x20:
    case 0x28:
    case 0x30:
    case 0x40:
    case 0x48:
    case 0x50:
      return "none";
    case 0x95:
      // Its fields are 0, so that its operands are what is in r0.
      return "src";
    case 0xbf:
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
    case 0xc3:
      return checked ? "dst" : "none";
    case 0xdb:
      return checked ? "both" : "src";
  }
  const both = register ? "both" : "dst";
  switch (op & 7) {
    case 7:
      switch (op & 0xf0) {
        case 0x30:
        case 0x90:
          return both;
        case 0x70:
        case 0xc0:
          return "dst";
        case 0x60:
          return result && (register || (imm & 63) < 32) ? "dst" : "none";
        case 0x50:
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
