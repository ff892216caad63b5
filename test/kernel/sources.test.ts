// Every source of events, seen to deliver what happened, with the right arguments. A source that this kernel has not got
// is skipped by its name with the reason; in the lab (LAB_SUITE) the table of what is expected decides what may be missing.
// There, what was found is written for ARCHITECTURE.md's table, with what an event costs (SCRY_LAB_RESULTS).

import { afterAll, describe, expect, it } from "vitest";
import { expectedMissing } from "../lab/expected.ts";
import { type FoundSource, noteSources } from "../support/lab-results.ts";
import { costOf, runSource, sourceCases } from "../support/sources.ts";

const suite = process.env["LAB_SUITE"];
const results = process.env["SCRY_LAB_RESULTS"];
const allowed = suite === undefined ? undefined : expectedMissing[suite];
const found: Record<string, FoundSource> = {};

afterAll(() => noteSources(found));

describe("sources of events", () => {
  for (const source of sourceCases) {
    it(source.name, { timeout: 120_000 }, async (context) => {
      const missing = source.missing();
      found[source.name] = missing === undefined ? { works: false } : { works: false, missing };
      if (missing !== undefined) {
        if (allowed !== undefined) expect(allowed, `missing, and expected to work: ${missing}`).toContain(source.name);
        context.skip(`not on this kernel: ${missing}`);
      }
      if (allowed !== undefined) expect(allowed, "works, and expected to be missing").not.toContain(source.name);
      await runSource(source);
      found[source.name] = { works: true };
      if (results === undefined) return;
      const cost = await costOf(source);
      if (cost === undefined) return;
      found[source.name] = { works: true, cost };
      console.log(
        `${source.name}: ${cost.empty - cost.floor} ns an event with an empty program, over ${cost.floor} ns without`,
      );
    });
  }
});
