// `-k`: helpers that fail are told of, with the place in the script.

import type { Value } from "../compiler/index.ts";
import { INT32 } from "../schema/index.ts";
import { emitRecord } from "./events.ts";
import type { ProgramState } from "./state.ts";

/** Sends what a helper has answered. Nothing where nobody asked for it. */
export function tellHelperError(p: ProgramState, helper: string, answer: Value): void {
  if (p.object.tellErrors !== true) return;
  const span = p.b.span ?? p.span;
  emitRecord(
    p,
    { kind: "helper-error", helper, span },
    [
      {
        type: INT32,
        write: (to, offset) => {
          p.b.store(32, to, offset, answer);
          return [];
        },
      },
    ],
    "events",
  );
}

/** The same where the answer is negative. */
export function tellIfNegative(p: ProgramState, helper: string, answer: Value): void {
  if (p.object.tellErrors !== true) return;
  p.b.when("slt", answer, 0, () => tellHelperError(p, helper, answer), { unlikely: "then" });
}
