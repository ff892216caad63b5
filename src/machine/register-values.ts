// The values that registers hold, named as in SSA form: one for each register at the start of a block, one for each that
// an instruction writes. Those that flow into each other at a block's start are one web.

import { Opcode, slotsOf } from "../isa/index.ts";
import { effectOf, Op, WORDS } from "./decoded.ts";
import type { Flow } from "./flow.ts";
import type { Program } from "./program.ts";

export const REGISTERS = 10;
/** Rounds that an analysis over values may take; programs that take more are left as they are, in 64 bits. */
export const ROUNDS = 30;
/** Numbers of an instruction in `Values.instructions`. */
export const SLOT = 0;
export const DST = 1;
export const SRC = 2;
export const RESULT = 3;
/** Registers that it writes, a bit each. */
export const DEFINES = 4;
export const FIELDS = 5;

export interface Values {
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

const after = (program: Program, slot: number): number => slot + slotsOf(program.code[slot * WORDS] as number);

export const CMPXCHG = 0xf1;

export const isCall = (op: number): boolean => op === Opcode.CALL || op === Opcode.CALLX || op === Op.CALL_LOCAL;

/** Names every value. */
export function nameValues(program: Program, flow: Flow): Values {
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
export function joinWebs(flow: Flow, { out, count }: Values): Int32Array {
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
