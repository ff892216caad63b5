// What a program holds and must give back, and what calls leave of the registers.

import { refuse } from "./refusal.ts";
import { UNKNOWN } from "./scalar.ts";
import { type Frame, mapValues, type State } from "./state.ts";
import { UNINIT } from "./value.ts";

/** Calls that may be open at once. */
export const MAX_FRAMES = 8;

/** After a call r1 to r5 are gone. */
export function clobber(frame: Frame): void {
  for (let i = 0; i <= 5; i++) frame.regs[i] = UNINIT;
}

/** What is known of a reference is gone with it. */
export function release(state: State, ref: number): void {
  state.refs = state.refs.filter((one) => one.id !== ref);
  mapValues(state, (value) => (value.kind === "pointer" && value.ref === ref ? UNKNOWN : value));
}

/** Where a region is open that must be closed first. */
export function requireNoRegion(state: State, doing: string): void {
  if (state.regions === 0) return;
  const what = (state.regions & 0xff) !== 0 ? "a region of RCU is" : "preemption is";
  refuse("reference", `${doing} while ${what} still ${(state.regions & 0xff) !== 0 ? "open" : "disabled"}`, []);
}
