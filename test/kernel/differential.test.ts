// The same scripts give the same output under bpftrace 0.27.1, byte for byte, as text and as JSON.

import { describe, expect, it } from "vitest";
import { hasPeer } from "../support/commands.ts";
import { compare, runnable, sameOutput } from "../support/differential.ts";
import { differentialCases } from "../support/differential-cases.ts";

if (!hasPeer) console.warn("\n*** bpftrace 0.27.1 is not installed (../shared/peers/bpftrace.sh install): no output is compared with it ***\n");

describe.skipIf(!hasPeer)("the same output as bpftrace 0.27.1", () => {
  for (const c of differentialCases.filter(runnable)) {
    for (const format of c.textOnly === undefined ? (["text", "json"] as const) : (["text"] as const)) {
      it(`${c.name}, ${format}`, async () => {
        const { ours, theirs, ourErrors, theirErrors } = await compare(c, format);
        if (c.peer !== undefined) {
          expect(ours.replace(/status \d+\n$/, "")).toBe(c.peer.ours);
          // When the difference is gone, its note must go.
          expect(sameOutput(ours, theirs)).toBe(false);
          return;
        }
        expect(ours, `${c.script}\nscry: ${ourErrors}\npeer: ${theirErrors}`).toBe(theirs);
        expect(ours, `both refuse it: ${ourErrors}`).not.toMatch(/status (?!0|3)\d*\n$/);
      });
    }
  }
});
