// What is known of the registers within one block, before it is compiled: where a constant or a map's handle stands in a
// register, which pointers are into the frame, and which three instructions make a rotation.
//
//     r2 = r1        ┐
//     r2 <<= 13      │   Wasm has a rotation, the instruction set does not: without this, hashes run at half the
//     r1 >>= 51      │   speed. The operand is kept in a local of its own before the first shift; the compiler of the
//     r2 |= r1       ┘   Wasm drops the shifts that are then of no use.

import { Opcode, slotsOf } from "../isa/index.ts";
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
  for (let slot = start; slot <= last; slot += slotsOf(code[slot * WORDS] as number)) {
    const at = slot * WORDS;
    const op = code[at] as number;
    const dst = code[at + 1] as number;
    const src = code[at + 2] as number;
    const off = code[at + 3] as number;
    const imm = code[at + 4] as number;
    const before = registers[dst] as Value;
    let after: Value = {};
    switch (op) {
      case Opcode.LDDW:
        after = { known: { kind: "constant", low: imm, high: code[at + 5] as number } };
        break;
      case Opcode.MOV64_IMM:
        after = { known: { kind: "constant", low: imm, high: imm >> 31 } };
        break;
      case Opcode.MOV32_IMM:
        after = { known: { kind: "constant", low: imm, high: 0 } };
        break;
      case Opcode.MOV64_REG:
        after = registers[src] as Value;
        break;
      case Opcode.MOV32_REG: {
        const from = registers[src] as Value;
        // The low half is the same, which is all that 32-bit shifts and constants look at.
        if (from.known?.kind === "constant") after = { known: { kind: "constant", low: from.known.low, high: 0 } };
        else if (from.shift?.width === 32) after = from;
        break;
      }
      case Opcode.ADD64_IMM:
        if (before.known?.kind === "frame") after = { known: { kind: "frame", offset: before.known.offset + imm } };
        break;
      case Opcode.LSH64_IMM:
      case Opcode.RSH64_IMM:
        after = { shift: { of: before, left: op === Opcode.LSH64_IMM, bits: imm & 63, width: 64, slot } };
        break;
      case Opcode.LSH32_IMM:
      case Opcode.RSH32_IMM:
        after = { shift: { of: before, left: op === Opcode.LSH32_IMM, bits: imm & 31, width: 32, slot } };
        break;
      case Opcode.OR64_REG:
      case Opcode.XOR64_REG:
      case Opcode.ADD64_REG:
      case Opcode.OR32_REG:
      case Opcode.XOR32_REG:
      case Opcode.ADD32_REG: {
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
      case Opcode.CALL:
      case Opcode.CALLX:
      case Op.CALL_LOCAL:
        atCall.set(slot, [undefined, ...registers.slice(1, 6).map((value) => value.known)]);
        break;
    }
    if (op >= 0x60 || op === Opcode.LDDW) {
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
