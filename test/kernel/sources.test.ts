// Every source of events, seen to deliver what happened, with the right arguments. A source that this kernel has not got
// is skipped by its name with the reason; in the lab (LAB_SUITE) the table of what is expected decides what may be missing.

import { describe, expect, it } from "vitest";
import { expectedMissing } from "../lab/expected.ts";
import { runSource, sourceCases } from "../support/sources.ts";

const suite = process.env["LAB_SUITE"];
const allowed = suite === undefined ? undefined : expectedMissing[suite];

describe("sources of events", () => {
  for (const source of sourceCases) {
    it(source.name, { timeout: 120_000 }, async (context) => {
      const why = source.missing();
      if (why !== undefined) {
        if (allowed !== undefined) expect(allowed, `missing, and expected to work: ${why}`).toContain(source.name);
        context.skip(`not on this kernel: ${why}`);
      }
      if (allowed !== undefined) expect(allowed, "works, and expected to be missing").not.toContain(source.name);
      await runSource(source);
    });
  }
});
