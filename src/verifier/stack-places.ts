// Where registers, and words of the stack that addresses are kept in, may point in the frame of their function, before each
// instruction: worked out forwards.

import { Alu, Atomic, type Instruction, Opcode } from "../isa/index.ts";
import type { ProgramGraph } from "./program-graph.ts";

/** Words of a frame. */
export const WORDS = 64;

/**
 * What is held: no address of this stack, one that is not known, or its distance from r10 (0 or less). From `EITHER` on: no
 * address, or one between two distances.
 */
export const NO_ADDRESS = 1;
export const SOME_ADDRESS = 2;
/** In a called function: nothing of its own stack, but it may be an address of its caller's. */
const FOREIGN = 3;
const EITHER = 1024;
const REGISTERS = 11;
/** Passes after which what still changes is taken to be anywhere. */
const PATIENCE = 20;

export const isAddress = (place: number): boolean => place !== NO_ADDRESS && place !== FOREIGN;
export const mayBeForeign = (place: number): boolean => place === FOREIGN || place === SOME_ADDRESS;
export const lowest = (place: number): number => (place < EITHER ? place : -((place - EITHER) >> 10));
export const highest = (place: number): number => (place < EITHER ? place : -((place - EITHER) & 1023));

/** No address, or one between two places; what is out of the frame may be anywhere. */
const between = (low: number, high: number): number =>
  low < -8 * WORDS || high > 0 ? SOME_ADDRESS : EITHER + (-low << 10) - high;

/** What is one or the other. */
function either(a: number, b: number): number {
  if (a === b) return a;
  if (a === SOME_ADDRESS || b === SOME_ADDRESS || a === FOREIGN || b === FOREIGN) return SOME_ADDRESS;
  if (a === NO_ADDRESS) return between(lowest(b), highest(b));
  if (b === NO_ADDRESS) return between(lowest(a), highest(a));
  return between(Math.min(lowest(a), lowest(b)), Math.max(highest(a), highest(b)));
}

export interface StackPlaces {
  /** What a register holds before a slot. */
  readonly at: (slot: number, register: number) => number;
  /** Is what a store keeps at this place followed from there on? */
  readonly keeps: (store: Instruction, to: number) => boolean;
}

type Graph = Pick<ProgramGraph, "code" | "next" | "functions" | "functionOf" | "postorder">;

/** The word that a whole register is stored to or loaded from; undefined where there is none such. */
function wholeWord({ op, off }: Instruction, place: number): number | undefined {
  const at = place + off;
  const whole = (op === Opcode.STX_DW || op === Opcode.LDX_DW) && place <= 0 && at % 8 === 0;
  return whole && at < 0 && at >= -8 * WORDS ? -at / 8 - 1 : undefined;
}

/** Words that whole registers are stored to through r10, in any function, by where they are followed; -1: they are not. */
function followedWords(code: Graph["code"]): { readonly cells: Int16Array; readonly count: number } {
  const cells = new Int16Array(WORDS).fill(-1);
  let count = 0;
  for (const i of code) {
    if (i === undefined || i.op !== Opcode.STX_DW || i.dst !== 10) continue;
    const word = wholeWord(i, 0);
    if (word !== undefined && cells[word] === -1) cells[word] = REGISTERS + count++;
  }
  return { cells, count };
}

export function stackPlaces({ code, next, functions, functionOf, postorder }: Graph): StackPlaces {
  const { cells, count } = followedWords(code);
  const width = REGISTERS + count;
  const places = new Int32Array(code.length * width).fill(NO_ADDRESS);
  const reached = new Uint8Array(code.length);
  for (const { start } of functions) {
    reached[start] = 1;
    // Arguments of a called function may be addresses of its caller's stack.
    if (start !== 0) for (let r = 1; r <= 5; r++) places[start * width + r] = FOREIGN;
  }
  for (let slot = 0; slot < code.length; slot++) places[slot * width + 10] = 0;
  const after = new Int32Array(width);
  let pass = 0;
  for (let changed = true; changed; pass++) {
    changed = false;
    for (let k = postorder.length - 1; k >= 0; k--) {
      const slot = postorder[k] as number;
      const i = code[slot];
      if (i === undefined || reached[slot] === 0) continue;
      for (let n = 0; n < width; n++) after[n] = places[slot * width + n] as number;
      move(i, after, (functionOf[slot]?.start ?? 0) !== 0, cells);
      for (const following of next[slot] as readonly number[]) {
        for (let n = 0; n < width; n++) {
          const at = following * width + n;
          const old = places[at] as number;
          let joined = after[n] as number;
          if (reached[following] === 1 && joined !== old) joined = pass < PATIENCE ? either(old, joined) : SOME_ADDRESS;
          if (joined === old) continue;
          places[at] = joined;
          changed = true;
        }
        if (reached[following] === 0) changed = true;
        reached[following] = 1;
      }
    }
  }
  return {
    at: (slot, register) => places[slot * width + register] as number,
    keeps: (store, to) => {
      const word = wholeWord(store, to);
      return word !== undefined && cells[word] !== -1;
    },
  };
}

/** What is read from where a register points. */
function loaded(i: Instruction, places: Int32Array, called: boolean, cells: Int16Array): number {
  const from = places[i.src] as number;
  // What a called function reads of a stack may be what it, or its caller, has put there.
  let found = called && from !== NO_ADDRESS ? FOREIGN : NO_ADDRESS;
  if (!isAddress(from) || i.op !== Opcode.LDX_DW) return found;
  const word = wholeWord(i, from);
  if (word !== undefined) return cells[word] === -1 ? found : either(found, places[cells[word] as number] as number);
  for (let n = REGISTERS; n < places.length; n++) found = either(found, places[n] as number);
  return found;
}

/** What is kept after a store through a register. */
function store(i: Instruction, places: Int32Array, cells: Int16Array): void {
  const to = places[i.dst] as number;
  if (!isAddress(to)) return;
  const stored = (i.op & 7) === 3 ? (places[i.src] as number) : NO_ADDRESS;
  const word = wholeWord(i, to);
  if (word !== undefined) {
    if (cells[word] !== -1) places[cells[word] as number] = stored;
    return;
  }
  // An address that is stored in parts is none any more, and is forgotten for what it covers at the latest by the verifier.
  if (i.op === Opcode.STX_DW)
    for (let n = REGISTERS; n < places.length; n++) places[n] = either(places[n] as number, stored);
}

/** What an instruction does to places. */
function move(i: Instruction, places: Int32Array, called: boolean, cells: Int16Array): void {
  const type = i.op & 7;
  if (type === 4 || type === 7) {
    const operation = i.op & 0xf0;
    const source = (i.op & 8) !== 0 && operation !== Alu.END ? (places[i.src] as number) : NO_ADDRESS;
    const target = places[i.dst] as number;
    if (operation === Alu.MOV) {
      places[i.dst] = (type === 7 && i.off === 0) || !isAddress(source) ? source : SOME_ADDRESS;
    } else if (!isAddress(target) && !isAddress(source)) {
      if (source === FOREIGN) places[i.dst] = FOREIGN;
    } else {
      const constant = operation === Alu.ADD && type === 7 && (i.op & 8) === 0 && target !== SOME_ADDRESS;
      const sum = between(lowest(target) + i.imm, highest(target) + i.imm);
      places[i.dst] = !constant ? SOME_ADDRESS : target <= 0 && sum !== SOME_ADDRESS ? target + i.imm : sum;
    }
  } else if (type === 1) {
    places[i.dst] = loaded(i, places, called, cells);
  } else if (type === 0 && i.op === Opcode.LDDW) places[i.dst] = NO_ADDRESS;
  else if (type === 3 && (i.op & 0xe0) === 0xc0) {
    // What was there before: a number, or what a caller has put there.
    const found = called ? FOREIGN : NO_ADDRESS;
    if (i.imm === Atomic.CMPXCHG) places[0] = found;
    else if (i.imm === Atomic.LOAD_ACQ) places[i.dst] = found;
    else if ((i.imm & Atomic.FETCH) !== 0 && i.imm !== Atomic.STORE_REL) places[i.src] = found;
  } else if (type === 2 || type === 3) store(i, places, cells);
  else if (type === 0 || i.op === Opcode.CALL || i.op === Opcode.CALLX) {
    for (let r = 0; r <= 5; r++) places[r] = NO_ADDRESS;
  }
}
