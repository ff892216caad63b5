// Registers of the running frame: read, written, linked.

import type { Checker } from "./checker.ts";
import { refuse } from "./refusal.ts";
import { isConstant, withLink } from "./scalar.ts";
import { type State, topFrame } from "./state.ts";
import type { Value } from "./value.ts";

export type Known = Exclude<Value, { kind: "uninit" }>;

export function read(state: State, register: number): Known {
  const value = topFrame(state).regs[register] as Value;
  if (value.kind === "uninit") {
    refuse("uninitialised", `r${register} is used, but was never written`, [register], `set r${register} first`);
  }
  return value;
}

export function write(state: State, register: number, value: Value): void {
  if (register === 10) refuse("arithmetic", "The frame pointer r10 cannot be written", []);
  topFrame(state).regs[register] = value;
}

/** Gives a number an id before it is copied, so that what is learnt of the one is known of the other. */
export function linked(checker: Checker, state: State, register: number): Known {
  const value = read(state, register);
  if (value.kind !== "scalar" || value.id !== 0 || isConstant(value) || register === 10) return value;
  const marked = withLink(value, checker.newId(), 0n);
  topFrame(state).regs[register] = marked;
  return marked;
}

/** Is the number in a register of any use behind the instruction at this slot? */
export const isNeeded = (checker: Checker, slot: number, register: number): boolean =>
  ((checker.needed.registers[slot + 1] as number) & (1 << register)) !== 0;
