// The data plane on the kernel (BPF_PROG_TEST_RUN), the embedded interpreter and its JIT, beside the plain reference: the same random
// and mutated packets, the same verdicts and bytes. SCRY_BALANCE_PACKETS says how many packets each configuration gets.

import { describe, expect, it } from "vitest";
import { CONFIGURATIONS } from "../../../test/support/balancer-configs.ts";
import { fuzzPlane } from "../../../test/support/fuzz-plane.ts";

const RUNS = process.env["SCRY_RUNS"];
const COUNT = Number(process.env["SCRY_BALANCE_PACKETS"] ?? (RUNS === undefined ? 3_000 : Number(RUNS) * 10));
const SEED = Number(process.env["SCRY_BALANCE_SEED"] ?? 20_261_129);

describe("the balancer's data plane", () => {
  it.each(Object.entries(CONFIGURATIONS))(
    "does with random packets what the reference does: %s",
    async (name, yaml) => {
      console.log(`${name}: ${COUNT} packets of seed ${SEED}`);
      const { difference, verdicts, lost } = await fuzzPlane(yaml, COUNT, SEED);
      expect(difference).toBeUndefined();
      // Of a hundred packets, as in the lab, some of this need not be there.
      if (COUNT < 1_000) return;
      // All three ways are taken.
      expect(Object.keys(verdicts).sort()).toEqual(["drop", "pass", "send"]);
      // Packets that are too long are among them.
      expect(lost["too long for the way to the server, which its sender was told"]).toBeGreaterThan(0);
    },
    600_000,
  );
});
