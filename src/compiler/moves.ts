// Moves on the way into a block: what its parameters get, all at once, written as one after another.
//
// A move is safe when nothing still to be moved reads its target. When only cycles are left, one value is set aside in
// a free register (or in the frame where there is none), which breaks its cycle.

import { FRAME_POINTER, load, movReg, storeReg } from "../isa/index.ts";
import type { Span } from "../source/index.ts";
import { type FrameArea, type MachineInstr, machineInstr, NONE } from "./machine.ts";

/** A machine register or a place in the frame. */
export type Location = number | FrameArea;

export interface Move {
  readonly to: Location;
  readonly from: Location;
}

export interface MoveRegisters {
  /** A free machine register, or NONE. */
  readonly free: number;
  /** Places to put things aside where no register is free (0: r0, 1: a value of a cycle); asked for only then. */
  readonly emergency: (which: 0 | 1) => FrameArea;
}

/** The instructions that do all the moves as if at once. Targets are distinct. */
export function sequence(moves: readonly Move[], registers: MoveRegisters, span: Span | undefined): MachineInstr[] {
  const out: MachineInstr[] = [];
  const push = (instruction: ReturnType<typeof load>, area?: FrameArea): void => {
    out.push(machineInstr(instruction, span, area));
  };
  const one = (to: Location, from: Location): void => {
    if (typeof to === "number") {
      if (typeof from === "number") push(movReg(to, from));
      else push(load(64, to, FRAME_POINTER, 0), from);
    } else if (typeof from === "number") push(storeReg(64, FRAME_POINTER, 0, from), to);
    else if (registers.free !== NONE) {
      push(load(64, registers.free, FRAME_POINTER, 0), from);
      push(storeReg(64, FRAME_POINTER, 0, registers.free), to);
    } else {
      const aside = registers.emergency(0);
      push(storeReg(64, FRAME_POINTER, 0, 0), aside);
      push(load(64, 0, FRAME_POINTER, 0), from);
      push(storeReg(64, FRAME_POINTER, 0, 0), to);
      push(load(64, 0, FRAME_POINTER, 0), aside);
    }
  };
  const left = moves.filter((move) => move.to !== move.from).map((move) => ({ ...move }));
  while (left.length > 0) {
    const at = left.findIndex((move) => !left.some((other) => other.from === move.to));
    if (at >= 0) {
      const [move] = left.splice(at, 1) as [Move];
      one(move.to, move.from);
      continue;
    }
    // Only cycles are left: what the first one is about to overwrite goes aside.
    const [first] = left as [Move];
    const inRegisters =
      registers.free !== NONE && left.every((move) => typeof move.to === "number" && typeof move.from === "number");
    const aside: Location = inRegisters ? registers.free : registers.emergency(1);
    const victim = first.to;
    one(aside, victim);
    for (const move of left) if (move.from === victim) move.from = aside;
  }
  return out;
}
