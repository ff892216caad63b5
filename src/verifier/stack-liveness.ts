// Which words of a function's stack may still be read, before each instruction. States that differ only in words that are
// written before they are read again are the same. Asked for only where loops are run turn by turn.
//
// Words that are read through r10 itself are known; an address that is handed to a function may be read from there up to
// the frame's end; all of the stack may be read through any other address, or by a function or callback that gets one. A
// function that keeps addresses of its stack in memory is not looked into, nor is any where a called one keeps what it got.

import { Alu, Atomic, type Instruction, Opcode } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import type { ProgramGraph } from "./program-graph.ts";

export interface StackLiveness {
  /** May the word (0: the eight bytes below r10) still be read, when this slot is come to? */
  isLive(slot: number, word: number): boolean;
}

type Graph = Pick<ProgramGraph, "code" | "next" | "functions" | "functionOf" | "postorder">;

/** What a register holds: no address of this stack, one that is not known, or its distance from r10 (0 or less). */
const NO_ADDRESS = 1;
const SOME_ADDRESS = 2;
/** In a called function: nothing of its own stack, but it may be an address of its caller's. */
const FOREIGN = 3;
const REGISTERS = 11;
const WORDS = 64;
const ALL = (1n << BigInt(WORDS)) - 1n;
const SIZES: readonly number[] = [4, 2, 1, 8];

const isAddress = (place: number): boolean => place !== NO_ADDRESS && place !== FOREIGN;
const mayBeForeign = (place: number): boolean => place === FOREIGN || place === SOME_ADDRESS;
/** The words from a place up to the frame's end. */
const upFrom = (place: number): bigint =>
  place > 0 || place < -8 * WORDS ? ALL : (1n << BigInt((-place + 7) >> 3)) - 1n;

/** The words that an access of so many bytes touches. */
function touched(off: number, size: number): bigint {
  if (off >= 0 || off + size > 0 || off < -8 * WORDS) return ALL;
  return (upFrom(off) & ~upFrom(off + size)) | (1n << BigInt((-off - size) >> 3));
}

export function stackLiveness(graph: Graph): StackLiveness {
  const { code, next, functionOf, postorder } = graph;
  const places = registerPlaces(graph);
  const at = (slot: number, register: number): number => places[slot * REGISTERS + register] as number;
  const opaque = new Set<number>();
  let none = false;
  code.forEach((i, slot) => {
    if (i === undefined || (i.op & 7) !== 3) return;
    const kept = at(slot, i.src);
    if (isAddress(kept)) opaque.add(functionOf[slot]?.start ?? 0);
    // A called function may keep its caller's addresses in its caller's stack.
    none ||= mayBeForeign(kept) && mayBeForeign(at(slot, i.dst));
  });
  const live: bigint[] = new Array(code.length + 1).fill(0n);
  const transfer = (i: Instruction, slot: number, after: bigint): bigint => {
    const type = i.op & 7;
    const size = SIZES[(i.op >> 3) & 3] as number;
    if (type === 1 || type === 2 || type === 3) {
      const base = type === 1 ? i.src : i.dst;
      const place = at(slot, base);
      const atomic = type === 3 && (i.op & 0xe0) === 0xc0;
      // A load that acquires reads through its source.
      const other = atomic && i.imm === Atomic.LOAD_ACQ ? at(slot, i.src) : NO_ADDRESS;
      if (isAddress(other)) return ALL;
      if (!isAddress(place)) return after;
      if (place === SOME_ADDRESS) return type === 1 || atomic ? ALL : after;
      const words = touched(place + i.off, size);
      if (type === 1 || atomic) return after | words;
      return size === 8 && (place + i.off) % 8 === 0 && words !== ALL ? after & ~words : after;
    }
    if (type === 0) return after;
    if (i.op === Opcode.EXIT) return 0n;
    if (i.op !== Opcode.CALL && i.op !== Opcode.CALLX) return after;
    const callsBack = i.op === Opcode.CALLX || i.src === 1 || (i.src === 0 && helper(i.imm)?.args.includes("function"));
    let read = 0n;
    for (let r = 1; r <= 5; r++) if (isAddress(at(slot, r))) read |= callsBack ? ALL : upFrom(at(slot, r));
    return after | read;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const slot of postorder) {
      let after = 0n;
      for (const following of next[slot] as readonly number[]) after |= live[following] as bigint;
      const before = transfer(code[slot] as Instruction, slot, after);
      if (before === live[slot]) continue;
      live[slot] = before;
      changed = true;
    }
  }
  return {
    isLive: (slot, word) =>
      none || opaque.has(functionOf[slot]?.start ?? 0) || (((live[slot] as bigint) >> BigInt(word)) & 1n) === 1n,
  };
}

/** Forwards: where in its function's frame each register may point, before each slot. */
function registerPlaces({ code, next, functions, functionOf, postorder }: Graph): Int16Array {
  const places = new Int16Array(code.length * REGISTERS).fill(NO_ADDRESS);
  const reached = new Uint8Array(code.length);
  for (const { start } of functions) {
    reached[start] = 1;
    // Arguments of a called function may be addresses of its caller's stack.
    if (start !== 0) for (let r = 1; r <= 5; r++) places[start * REGISTERS + r] = FOREIGN;
  }
  for (let slot = 0; slot < code.length; slot++) places[slot * REGISTERS + 10] = 0;
  const after = new Int16Array(REGISTERS);
  for (let changed = true; changed; ) {
    changed = false;
    for (let k = postorder.length - 1; k >= 0; k--) {
      const slot = postorder[k] as number;
      const i = code[slot];
      if (i === undefined || reached[slot] === 0) continue;
      for (let r = 0; r < REGISTERS; r++) after[r] = places[slot * REGISTERS + r] as number;
      move(i, after, (functionOf[slot]?.start ?? 0) !== 0);
      for (const following of next[slot] as readonly number[]) {
        for (let r = 0; r < 10; r++) {
          const at = following * REGISTERS + r;
          const old = places[at] as number;
          const joined = reached[following] === 0 || old === after[r] ? (after[r] as number) : SOME_ADDRESS;
          if (joined === old) continue;
          places[at] = joined;
          changed = true;
        }
        if (reached[following] === 0) changed = true;
        reached[following] = 1;
      }
    }
  }
  return places;
}

/** What an instruction does to the places of registers. */
function move(i: Instruction, places: Int16Array, called: boolean): void {
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
      const constant = operation === Alu.ADD && type === 7 && (i.op & 8) === 0 && target <= 0;
      const sum = target + i.imm;
      places[i.dst] = constant && sum <= 0 && sum >= -8 * WORDS ? sum : SOME_ADDRESS;
    }
  } else if (type === 1) {
    // What a called function reads of a stack may be what it, or its caller, has put there.
    places[i.dst] = called && places[i.src] !== NO_ADDRESS ? FOREIGN : NO_ADDRESS;
  } else if (type === 0 && i.op === Opcode.LDDW) places[i.dst] = NO_ADDRESS;
  else if (type === 3 && (i.op & 0xe0) === 0xc0) {
    // What was there before: no address, since none is kept in memory.
    const found = called ? FOREIGN : NO_ADDRESS;
    if (i.imm === Atomic.CMPXCHG) places[0] = found;
    else if (i.imm === Atomic.LOAD_ACQ) places[i.dst] = found;
    else if ((i.imm & Atomic.FETCH) !== 0 && i.imm !== Atomic.STORE_REL) places[i.src] = found;
  } else if (type === 0 || i.op === Opcode.CALL || i.op === Opcode.CALLX) {
    for (let r = 0; r <= 5; r++) places[r] = NO_ADDRESS;
  }
}
