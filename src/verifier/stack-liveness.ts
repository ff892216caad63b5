// Which words of a function's stack may still be read, before each instruction. States that differ only in words that are
// written before they are read again are the same. Asked for only where loops are run turn by turn.
//
// Words that are read through r10 itself are known; an address that is handed to a function may be read from there up to
// the frame's end; all of the stack may be read through any other address, or by a function or callback that gets one.
// Addresses in words of the function's own stack, where compilers put them when registers run out, are followed; a
// function that keeps them elsewhere is not looked into, nor is any where a called one keeps what it got.

import { Atomic, type Instruction, Opcode } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import type { ProgramGraph } from "./program-graph.ts";
import {
  highest,
  isAddress,
  lowest,
  mayBeForeign,
  NO_ADDRESS,
  SOME_ADDRESS,
  stackPlaces,
  WORDS,
} from "./stack-places.ts";

export interface StackLiveness {
  /** May the word (0: the eight bytes below r10) still be read, when this slot is come to? */
  isLive(slot: number, word: number): boolean;
}

type Graph = Pick<ProgramGraph, "code" | "next" | "functions" | "functionOf" | "postorder">;

const ALL = (1n << BigInt(WORDS)) - 1n;
const SIZES: readonly number[] = [4, 2, 1, 8];

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
  const { at, keeps } = stackPlaces(graph);
  const opaque = new Set<number>();
  let none = false;
  code.forEach((i, slot) => {
    if (i === undefined || (i.op & 7) !== 3) return;
    const kept = at(slot, i.src);
    const to = at(slot, i.dst);
    // What is kept outside of all stacks never comes back as an address.
    if (isAddress(kept) && to !== NO_ADDRESS && !keeps(i, to)) opaque.add(functionOf[slot]?.start ?? 0);
    // A called function may keep its caller's addresses in its caller's stack.
    none ||= mayBeForeign(kept) && mayBeForeign(to);
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
      const words = touched(lowest(place) + i.off, highest(place) - lowest(place) + size);
      if (type === 1 || atomic) return after | words;
      // What may be elsewhere overwrites nothing for sure.
      if (place > 0) return after;
      return size === 8 && (place + i.off) % 8 === 0 && words !== ALL ? after & ~words : after;
    }
    if (type === 0) return after;
    if (i.op === Opcode.EXIT) return 0n;
    if (i.op !== Opcode.CALL && i.op !== Opcode.CALLX) return after;
    const callsBack = i.op === Opcode.CALLX || i.src === 1 || (i.src === 0 && helper(i.imm)?.args.includes("function"));
    let read = 0n;
    for (let r = 1; r <= 5; r++) if (isAddress(at(slot, r))) read |= callsBack ? ALL : upFrom(lowest(at(slot, r)));
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
