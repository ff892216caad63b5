// How the short and the long form of strings in records are told apart.

import type { Block, Value } from "../compiler/index.ts";
import { SHORT_STRING } from "../schema/index.ts";
import type { ProgramState } from "./state.ts";

/** What reads of strings answered: SHORT_STRING where the string may be longer than the short form. */
export type Lengths = readonly Value[];

export const NONE_LONG: Lengths = [];

export interface IntoOptions {
  /** Fill what the value does not reach with zeros, as a key needs it. */
  readonly pad: boolean;
  /** Strings get at most SHORT_STRING bytes; the answer says whether one was longer. */
  readonly short?: boolean;
}

/** Goes to `long` when one of the strings did not fit the short form, else to `short`. */
export function branchIfLong(p: ProgramState, lengths: Lengths, long: Block, short: Block): void {
  const b = p.b;
  for (const length of lengths) {
    const next = b.block("fits");
    b.branch("eq", length, SHORT_STRING, long, next, { unlikely: "then" });
    b.enter(next);
  }
  b.jump(short);
}
