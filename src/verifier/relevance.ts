// Which numbers can still decide whether the program is safe: those that end up in an address, a size, or a comparison
// that can only go one way. Of all others only that they are numbers counts when states are compared, which saves most
// of the states. What the kernel finds out by going back over the path (mark_chain_precision) is found here for all
// paths at once, and anew when exploring shows that a comparison decides more than was thought.
//
// Two passes over the instructions: forward, where a register may hold an address of the stack; backward, from what
// needs a number to where it comes from, through the stack where its place is known.

import { Alu, type Instruction, isConditional, Opcode } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import { effects, MAX_PASSES, type ProgramGraph } from "./program-graph.ts";

/** Words of a frame's stack. */
const WORDS = 64;

export interface Relevance {
  /** Registers whose number matters before each slot, as bits. */
  readonly registers: Uint16Array;
  /** For each word of a function's stack, the highest first, whether the number matters that is kept there. */
  readonly stack: (functionStart: number) => Uint8Array;
}

type Graph = Pick<ProgramGraph, "code" | "next" | "functions" | "functionOf" | "again" | "postorder">;

const SIZES: readonly number[] = [4, 2, 1, 8];

/** The word of the stack that holds the byte at `off`; undefined outside of the frame. */
const wordOf = (off: number): number | undefined => (off < 0 && off >= -8 * WORDS ? (-off - 1) >> 3 : undefined);

/** Registers that may hold an address of the stack before each slot. */
function stackAddresses({ code, next: following, again, postorder }: Graph): Uint16Array {
  const before = new Uint16Array(code.length + 1).fill(1 << 10);
  let spilled = false;
  let changed = true;
  const flow = (to: number, mask: number): void => {
    const all = (before[to] as number) | mask;
    if (all !== before[to]) {
      before[to] = all;
      changed ||= again[to] === 1;
    }
  };
  for (let pass = 0; changed; pass++) {
    if (pass === MAX_PASSES) return before.fill(0x7ff);
    changed = false;
    for (let at = postorder.length - 1; at >= 0; at--) {
      const slot = postorder[at] as number;
      const i = code[slot] as Instruction;
      let mask = before[slot] as number;
      const has = (r: number): boolean => (mask & (1 << r)) !== 0;
      const type = i.op & 7;
      if (type === 3 && (i.op & 0x18) === 0x18 && has(i.src) && !spilled) {
        spilled = true;
        changed = true;
      }
      if (i.op === Opcode.CALL) {
        if (i.src === 1) flow(slot + i.imm + 1, mask & 0x3e);
        // A callback may be handed the address of its caller's stack.
        mask &= ~0x3f;
      } else if (i.op === Opcode.LDDW && i.src === 4) {
        flow(slot + i.imm + 1, 0x3e);
      } else if (type === 1) {
        mask = spilled && (i.op & 0x18) === 0x18 ? mask | (1 << i.dst) : mask & ~(1 << i.dst);
      } else if (type === 7 && (i.op & 8) !== 0) {
        const code7 = i.op & 0xf0;
        if (code7 === Alu.MOV) mask = i.off === 0 && has(i.src) ? mask | (1 << i.dst) : mask & ~(1 << i.dst);
        else if ((code7 === Alu.ADD || code7 === Alu.SUB) && has(i.src)) mask |= 1 << i.dst;
      } else if (type === 0 || (type === 7 && (i.op & 0xf0) === Alu.MOV)) {
        mask &= ~(1 << i.dst);
      }
      for (const next of following[slot] as readonly number[]) flow(next, mask | (1 << 10));
    }
  }
  return before;
}

/** Words whose address is taken by `rX = r10; rX += off`, by function: there keys of look-ups may lie. */
function keyPlaces({ code, functionOf }: Pick<Graph, "code" | "functionOf">): Map<number, Set<number>> {
  const places = new Map<number, Set<number>>();
  if (!code.some((i) => i?.op === Opcode.CALL && i.src === 0 && i.imm === 1)) return places;
  code.forEach((i, slot) => {
    const next = code[slot + 1];
    if (i?.op !== Opcode.MOV64_REG || i.src !== 10 || next?.op !== 0x07 || next.dst !== i.dst) return;
    const start = functionOf[slot]?.start ?? 0;
    let words = places.get(start);
    if (words === undefined) places.set(start, (words = new Set()));
    const word = wordOf(next.imm);
    if (word !== undefined) words.add(word);
  });
  return places;
}

/** What exploring has shown to decide; all of it, where nothing has been explored yet. */
export interface Deciding {
  /** Slots of comparisons whose outcome follows from what is known, and of pointers that a number is added to. */
  readonly slots: Uint8Array | undefined;
  /** For each comparison, the registers that it says something of besides those compared, as bits. */
  readonly links: Uint16Array;
  /** Registers that count the turns of the loop at a slot, as bits; and such words of a function's stack. */
  readonly counters: Uint16Array;
  readonly countingWords: ReadonlyMap<number, ReadonlySet<number>>;
  /** Words of a function's stack that held a key which is known to be inside of its array. */
  readonly keyWords: ReadonlyMap<number, ReadonlySet<number>>;
  /** Does a divisor matter? */
  readonly divisors: boolean;
  /** Does the program's result? */
  readonly result: boolean;
}

/** What does not depend on what exploring has shown. */
export interface RelevanceBasis {
  readonly addresses: Uint16Array;
  readonly keys: ReadonlyMap<number, ReadonlySet<number>>;
  /** Slots of comparisons that lead out of a loop: what they compare ends it. */
  readonly leaving: Uint8Array;
}

export function relevanceBasis(graph: Graph & Pick<ProgramGraph, "loops">): RelevanceBasis {
  const { code, next: following, loops } = graph;
  const leaving = new Uint8Array(code.length);
  for (const body of loops) {
    if (body === undefined) continue;
    for (const slot of body.slots) {
      const i = code[slot] as Instruction;
      if (isConditional(i.op) && following[slot]?.some((next) => !body.has(next)) === true) leaving[slot] = 1;
    }
  }
  return { addresses: stackAddresses(graph), keys: keyPlaces(graph), leaving };
}

export function relevanceOf(graph: Graph, basis: RelevanceBasis, deciding: Deciding): Relevance {
  const { code, next: following, functionOf, again, postorder } = graph;
  const { addresses, keys, leaving } = basis;
  const places = new Map<number, Uint8Array>();
  const before = new Uint16Array(code.length + 1);
  const everywhere = new Uint8Array(WORDS).fill(1);
  const nowhere = new Uint8Array(WORDS);
  /** Whether what is read at places that are not known matters. */
  let anywhere = false;
  /** Does a function's result matter, by its start? */
  const results = new Set<number>();
  let changed = true;
  const matters = (start: number, off: number): boolean => {
    if (anywhere) return true;
    const word = wordOf(off);
    return word !== undefined && places.get(start)?.[word] === 1;
  };
  const mark = (start: number, off: number, size: number): void => {
    let words = places.get(start);
    if (words === undefined) places.set(start, (words = new Uint8Array(WORDS)));
    for (const at of [off, off + size - 1]) {
      const word = wordOf(at);
      if (word === undefined || words[word] === 1) continue;
      words[word] = 1;
      changed = true;
    }
  };
  const transfer = (i: Instruction, slot: number, after: number): number => {
    const type = i.op & 7;
    const dst = 1 << i.dst;
    const src = 1 << i.src;
    const start = functionOf[slot]?.start ?? 0;
    const onStack = (r: number): boolean => (((addresses[slot] as number) | (1 << 10)) & (1 << r)) !== 0;
    if (type === 1) {
      if ((after & dst) !== 0 && onStack(i.src)) {
        if (i.src === 10) mark(start, i.off, SIZES[(i.op >> 3) & 3] as number);
        else if (!anywhere) {
          anywhere = true;
          changed = true;
        }
      }
      return (after & ~dst) | src;
    }
    if (type === 2) return after | dst;
    if (type === 3) {
      const atomic = (i.op & 0xe0) === 0xc0;
      if (atomic) return after | dst | src | 1;
      const kept = onStack(i.dst) && (i.dst === 10 ? matters(start, i.off) : true);
      return after | dst | (kept ? src : 0);
    }
    if (type === 4 || type === 7) {
      const operation = i.op & 0xf0;
      const byRegister = (i.op & 8) !== 0 && operation !== Alu.END;
      const divides = deciding.divisors && (operation === Alu.DIV || operation === Alu.MOD);
      if (operation === Alu.MOV) return (after & ~dst) | (byRegister && (after & dst) !== 0 ? src : 0);
      const sums = operation === Alu.ADD || operation === Alu.SUB;
      const adds = sums && (deciding.slots === undefined || deciding.slots[slot] === 1);
      return after | (byRegister && (divides || adds || (after & dst) !== 0) ? src : 0) | (adds ? dst : 0);
    }
    if (type === 0) return i.op === Opcode.LDDW ? after & ~dst : (after & ~0x3f) | (1 << 6);
    if (i.op === Opcode.EXIT) return (start === 0 && deciding.result) || results.has(start) ? 1 : 0;
    if (i.op === Opcode.CALL) {
      if (i.src === 1) {
        const target = slot + i.imm + 1;
        if ((after & 1) !== 0 && !results.has(target)) {
          results.add(target);
          changed = true;
        }
        return (after & ~0x3f) | ((before[target] as number) & 0x3e);
      }
      const entry = i.src === 0 ? helper(i.imm) : undefined;
      if (entry === undefined || entry.variadic === true) return (after & ~0x3f) | 0x3e;
      let mask = after & ~0x3f;
      const calls = entry.args.includes("function");
      entry.args.forEach((kind, index) => {
        if (kind !== "any" || calls) mask |= 1 << (index + 1);
      });
      return mask;
    }
    const decides =
      deciding.slots === undefined ||
      deciding.slots[slot] === 1 ||
      leaving[slot] === 1 ||
      (after & (deciding.links[slot] as number)) !== 0;
    if (i.op === Opcode.CALLX || (decides && isConditional(i.op))) return after | effects(i, () => 0x3e).uses;
    return after;
  };
  for (const known of [deciding.countingWords, deciding.slots === undefined ? keys : deciding.keyWords])
    for (const [start, words] of known) for (const word of words) mark(start, -8 * (word + 1), 1);
  // A callback's result is bounded.
  code.forEach((i, slot) => {
    if (i?.op === Opcode.LDDW && i.src === 4) results.add(slot + i.imm + 1);
  });
  for (let pass = 0; changed; pass++) {
    changed = false;
    for (const slot of postorder) {
      const i = code[slot] as Instruction;
      let after = 0;
      for (const next of following[slot] as readonly number[]) after |= before[next] as number;
      const mask = (transfer(i, slot, after) | (deciding.counters[slot] as number)) & 0x3ff;
      if (mask !== before[slot]) {
        before[slot] = mask;
        changed ||= again[slot] === 1;
      }
    }
    if (pass < MAX_PASSES) continue;
    before.fill(0x3ff);
    anywhere = true;
    break;
  }
  return {
    registers: before,
    stack: (start) => (anywhere ? everywhere : (places.get(start) ?? nowhere)),
  };
}

/** Does the same matter in both? */
export function sameRelevance({ functions }: Graph, a: Relevance, b: Relevance): boolean {
  const same = (x: Uint8Array | Uint16Array, y: Uint8Array | Uint16Array): boolean => x.every((v, i) => v === y[i]);
  return same(a.registers, b.registers) && functions.every(({ start }) => same(a.stack(start), b.stack(start)));
}
