// What is known of the registers within one block, before it is compiled: where a constant or a map's handle stands in a
// register, which pointers are into the frame, and which three instructions make a rotation.
//
//     r2 = r1        ┐
//     r2 <<= 13      │   Wasm has a rotation, the instruction set does not: without this, hashes run at half the
//     r1 >>= 51      │   speed. The operand is kept in a local of its own before the first shift; the compiler of the
//     r2 |= r1       ┘   Wasm drops the shifts that are then of no use.

import { effectOf, Op, WORDS } from "./decoded.ts";
import type { Program } from "./program.ts";

export type Known =
  /** A 64-bit constant whose high half is the sign (or 0 where `wide`). */
  | { readonly kind: "constant"; readonly low: number; readonly high: number }
  /** r10 and so many bytes. */
  | { readonly kind: "frame"; readonly offset: number };

export interface BlockFacts {
  /** By slot of a call: what r1 to r5 hold, where it is known. */
  readonly atCall: ReadonlyMap<number, readonly (Known | undefined)[]>;
  /** By slot of a load, store or atomic: the distance from r10 of what it touches. */
  readonly frame: ReadonlyMap<number, number>;
  /** By slot of a shift: its operand is kept under this number. */
  readonly keep: ReadonlyMap<number, number>;
  /** By slot of an or, xor or add: it is a rotation of what was kept, by so many bits to the left. */
  readonly rotate: ReadonlyMap<number, { readonly kept: number; readonly bits: number; readonly width: 32 | 64 }>;
}

interface Value {
  readonly known?: Known;
  readonly shift?: {
    readonly of: Value;
    readonly left: boolean;
    readonly bits: number;
    readonly width: number;
    readonly slot: number;
  };
}

export function factsOf(program: Program, start: number, last: number): BlockFacts {
  const { code } = program;
  const atCall = new Map<number, readonly (Known | undefined)[]>();
  const frame = new Map<number, number>();
  const keep = new Map<number, number>();
  const rotate = new Map<number, { kept: number; bits: number; width: 32 | 64 }>();
  const registers: Value[] = Array.from({ length: 11 }, () => ({}));
  registers[10] = { known: { kind: "frame", offset: 0 } };
  for (let slot = start; slot <= last; slot += code[slot * WORDS] === 0x18 ? 2 : 1) {
    const at = slot * WORDS;
    const op = code[at] as number;
    const dst = code[at + 1] as number;
    const src = code[at + 2] as number;
    const off = code[at + 3] as number;
    const imm = code[at + 4] as number;
    const before = registers[dst] as Value;
    let after: Value = {};
    switch (op) {
      case 0x18:
        after = { known: { kind: "constant", low: imm, high: code[at + 5] as number } };
        break;
      case 0xb7:
        after = { known: { kind: "constant", low: imm, high: imm >> 31 } };
        break;
      case 0xb4:
        after = { known: { kind: "constant", low: imm, high: 0 } };
        break;
      case 0xbf:
        after = registers[src] as Value;
        break;
      case 0xbc: {
        const from = registers[src] as Value;
        // The low half is the same, which is all that 32-bit shifts and constants look at.
        if (from.known?.kind === "constant") after = { known: { kind: "constant", low: from.known.low, high: 0 } };
        else if (from.shift?.width === 32) after = from;
        break;
      }
      case 0x07:
        if (before.known?.kind === "frame") after = { known: { kind: "frame", offset: before.known.offset + imm } };
        break;
      case 0x67:
      case 0x77:
        after = { shift: { of: before, left: op === 0x67, bits: imm & 63, width: 64, slot } };
        break;
      case 0x64:
      case 0x74:
        after = { shift: { of: before, left: op === 0x64, bits: imm & 31, width: 32, slot } };
        break;
      case 0x4f:
      case 0xaf:
      case 0x0f:
      case 0x4c:
      case 0xac:
      case 0x0c: {
        const width = (op & 7) === 7 ? 64 : 32;
        const [a, b] = [before.shift, (registers[src] as Value).shift];
        if (a === undefined || b === undefined || a.width !== width || b.width !== width || a.of !== b.of) break;
        if (a.left === b.left || a.bits + b.bits !== width || a.bits === 0) break;
        const first = Math.min(a.slot, b.slot);
        const kept = keep.get(first) ?? keep.size;
        keep.set(first, kept);
        rotate.set(slot, { kept, bits: a.left ? a.bits : b.bits, width });
        break;
      }
      case 0x85:
      case 0x8d:
      case Op.CALL_LOCAL:
        atCall.set(slot, [undefined, ...registers.slice(1, 6).map((value) => value.known)]);
        break;
    }
    if (op >= 0x60 || op === 0x18) {
      const type = op & 7;
      const base = type === 1 ? src : dst;
      const known = (registers[base] as Value).known;
      if (type >= 1 && type <= 3 && known?.kind === "frame") frame.set(slot, known.offset + off);
    }
    const { defines } = effectOf(program.code, slot);
    for (let register = 0; register < 10; register++) {
      if ((defines >> register) & 1) registers[register] = register === dst ? after : {};
    }
  }
  return { atCall, frame, keep, rotate };
}
