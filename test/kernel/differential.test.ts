// The same scripts give the same output under bpftrace 0.27.1, byte for byte, as text and as JSON.

import { describe, expect, it } from "vitest";
import { hasPeer } from "../support/commands.ts";
import { compare, runnable } from "../support/differential.ts";
import { type DifferentialCase, differentialCases } from "../support/differential-cases.ts";

if (!hasPeer)
  console.warn(
    "\n*** bpftrace 0.27.1 is not installed (../shared/peers/bpftrace.sh install): no output is compared with it ***\n",
  );

async function check(c: DifferentialCase, format: "text" | "json"): Promise<void> {
  const { ours, theirs, ourErrors, theirErrors } = await compare(c, format);
  if (c.peer !== undefined) {
    expect(ours.replace(/status \d+\n$/, "")).toBe(c.peer.ours);
    // When the difference is gone, its note must go.
    if (c.peer.sometimes !== true) expect(theirs).not.toBe(ours);
    return;
  }
  expect(ours, `${c.script}\nscry: ${ourErrors}\npeer: ${theirErrors}`).toBe(theirs);
  expect(ours, `both refuse it: ${ourErrors}`).not.toMatch(/status (?![03]\n)\d+\n$/);
}

describe.skipIf(!hasPeer)("the same output as bpftrace 0.27.1", () => {
  for (const c of differentialCases.filter(runnable)) {
    // What traces nothing runs beside others; a traced binary is everybody's.
    const test = c.load === undefined ? it.concurrent : it;
    test(`${c.name}, text`, () => check(c, "text"));
    if (c.textOnly === undefined && (c.load === undefined || c.json === true))
      test(`${c.name}, json`, () => check(c, "json"));
  }
});
