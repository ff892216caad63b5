// Which numbers can still decide whether the program is safe: those that end up in an address, a size, or a comparison.
// Of all others only that they are numbers counts when states are compared, which saves most of the states. What the
// kernel finds out by going back over the path (mark_chain_precision) is approximated here once, ahead of exploring.
//
// Two passes over the instructions: forward, where a register may hold an address of the stack; backward, from what
// needs a number to where it comes from, through the stack where its place is known.

import { Alu, type Instruction, Opcode } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import { effects, isConditional, type ProgramGraph, successors } from "./program-graph.ts";

export interface Relevance {
  /** Registers whose number matters before each slot, as bits. */
  readonly registers: Uint16Array;
  /** Does the number matter that is kept at this place of a function's stack (an offset that is a multiple of 8)? */
  readonly stack: (functionStart: number, off: number) => boolean;
  /** Does it matter to a key that is looked up? */
  readonly isKey: (functionStart: number, off: number) => boolean;
}

type Graph = Pick<ProgramGraph, "code" | "functions" | "functionOf">;

const floor8 = (off: number): number => Math.floor(off / 8) * 8;

/** Registers that may hold an address of the stack before each slot. */
function stackAddresses({ code }: Graph): Uint16Array {
  const before = new Uint16Array(code.length + 1);
  let spilled = false;
  let changed = true;
  const flow = (to: number, mask: number): void => {
    const all = (before[to] as number) | mask | (1 << 10);
    if (all !== before[to]) {
      before[to] = all;
      changed = true;
    }
  };
  while (changed) {
    changed = false;
    code.forEach((i, slot) => {
      if (i === undefined) return;
      let mask = (before[slot] as number) | (1 << 10);
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
      for (const next of successors(i, slot)) flow(next, mask);
    });
  }
  return before;
}

/** Places whose address is taken by `rX = r10; rX += off`: where keys of look-ups lie. */
function keyPlaces({ code, functionOf }: Graph): Map<number, Set<number>> {
  const places = new Map<number, Set<number>>();
  if (!code.some((i) => i?.op === Opcode.CALL && i.src === 0 && i.imm === 1)) return places;
  code.forEach((i, slot) => {
    const next = code[slot + 1];
    if (i?.op !== Opcode.MOV64_REG || i.src !== 10 || next?.op !== 0x07 || next.dst !== i.dst) return;
    const start = functionOf[slot]?.start ?? 0;
    let set = places.get(start);
    if (set === undefined) places.set(start, (set = new Set()));
    set.add(floor8(next.imm));
  });
  return places;
}

export function relevanceOf(graph: Graph): Relevance {
  const { code, functionOf } = graph;
  const addresses = stackAddresses(graph);
  const keys = keyPlaces(graph);
  const places = new Map<number, Set<number>>([...keys].map(([start, set]) => [start, new Set(set)]));
  const before = new Uint16Array(code.length + 1);
  /** Whether what is read at places that are not known matters. */
  let anywhere = false;
  /** Does a function's result matter, by its start? */
  const results = new Set<number>();
  let changed = true;
  const matters = (start: number, off: number): boolean => anywhere || places.get(start)?.has(floor8(off)) === true;
  const mark = (start: number, off: number, size: number): void => {
    let set = places.get(start);
    if (set === undefined) places.set(start, (set = new Set()));
    for (const at of [floor8(off), floor8(off + size - 1)]) {
      if (set.has(at)) continue;
      set.add(at);
      changed = true;
    }
  };
  const transfer = (i: Instruction, slot: number, after: number): number => {
    const type = i.op & 7;
    const dst = 1 << i.dst;
    const src = 1 << i.src;
    const start = functionOf[slot]?.start ?? 0;
    const onStack = (r: number): boolean => (((addresses[slot] as number) | (1 << 10)) & (1 << r)) !== 0;
    const size = [4, 2, 1, 8][(i.op >> 3) & 3] as number;
    if (type === 1) {
      if ((after & dst) !== 0 && onStack(i.src)) {
        if (i.src === 10) mark(start, i.off, size);
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
      const divides = operation === Alu.DIV || operation === Alu.MOD;
      if (operation === Alu.MOV) return (after & ~dst) | (byRegister && (after & dst) !== 0 ? src : 0);
      return after | (byRegister && (divides || (after & dst) !== 0) ? src : 0);
    }
    if (type === 0) return i.op === Opcode.LDDW ? after & ~dst : (after & ~0x3f) | (1 << 6);
    if (i.op === Opcode.EXIT) return start === 0 || results.has(start) ? 1 : 0;
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
    if (i.op === Opcode.CALLX || isConditional(i)) return after | effects(i, () => 0x3e).uses;
    return after;
  };
  // A callback's result is bounded.
  code.forEach((i, slot) => {
    if (i?.op === Opcode.LDDW && i.src === 4) results.add(slot + i.imm + 1);
  });
  while (changed) {
    changed = false;
    for (let slot = code.length - 1; slot >= 0; slot--) {
      const i = code[slot];
      if (i === undefined) continue;
      let after = 0;
      for (const next of successors(i, slot)) after |= before[next] as number;
      const mask = transfer(i, slot, after) & 0x3ff;
      if (mask !== before[slot]) {
        before[slot] = mask;
        changed = true;
      }
    }
  }
  return {
    registers: before,
    stack: matters,
    isKey: (start, off) => anywhere || keys.get(start)?.has(floor8(off)) === true,
  };
}
