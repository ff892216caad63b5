// What a program holds and must give back, and what calls leave of the registers.

import { kernelFunction } from "../object/index.ts";
import type { Checker } from "./checker.ts";
import { refuse } from "./refusal.ts";
import { UNKNOWN } from "./scalar.ts";
import { type Frame, mapValues, type Reference, type State } from "./state.ts";
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

/** The struct that is held, where a kernel function gave it. */
export function structHeld(checker: Checker, { slot }: Reference): string | undefined {
  const call = checker.graph.references[slot];
  return call?.kind === "kfunc" ? kernelFunction(call.name)?.acquires : undefined;
}

/** Where a region is open that must be closed first. */
export function requireNoRegion(state: State, doing: string): void {
  if (state.regions === 0) return;
  const what = (state.regions & 0xff) !== 0 ? "a region of RCU is" : "preemption is";
  refuse("reference", `${doing} while ${what} still ${(state.regions & 0xff) !== 0 ? "open" : "disabled"}`, []);
}
