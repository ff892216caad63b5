// The count of turns that the machine itself keeps: through may_goto, callbacks and iterators.

import { constant, type Scalar, withDrift } from "./scalar.ts";

/** One more turn that the machine itself counts. It cannot overflow: the machine ends it long before. */
export function nextTurn(turns: Scalar): Scalar {
  if (turns.drift === undefined) return constant(turns.umin + 1n);
  return withDrift(
    turns,
    turns.drift.map(({ head, loc, delta }) => ({ head, loc, delta: delta + 1n })),
  );
}
