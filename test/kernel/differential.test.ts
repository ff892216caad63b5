// The same scripts give the same output under bpftrace 0.27.1, byte for byte, as text and as JSON.

import { describe, expect, it } from "vitest";
import { hasFeature } from "../../src/kernel/index.ts";
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

const textAlone = ["text"] as const;
const formatsOfAll = ["text", "json"] as const;

describe.skipIf(!hasPeer)("the same output as bpftrace 0.27.1", () => {
  for (const c of differentialCases.filter(runnable)) {
    // What traces nothing runs beside others; a traced binary is everybody's.
    const test = c.load === undefined ? it.concurrent : it;
    const formats = c.textOnly === undefined && (c.load === undefined || c.json === true) ? formatsOfAll : textAlone;
    for (const format of formats)
      test(`${c.name}, ${format}`, (context) => {
        if (c.needs !== undefined && !hasFeature(c.needs)) context.skip(`not on this machine: ${c.needs}`);
        return check(c, format);
      });
  }
});
