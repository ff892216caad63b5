// Streams in the kernel, at both hooks: it answers as the reference does.

import { expect, it } from "vitest";
import { contentRules, streamFrames } from "../../../../test/support/random-streams.ts";
import { Random } from "../../../../test/support/random-words.ts";
import { type LoadedObject, loadObject, testRun } from "../../../kernel/index.ts";
import { compileForKernel } from "../../firewall-live/apply-firewall.ts";
import { HOOKS, type HookName, referenceFirewall, rulesOf } from "../index.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
const runs = Number(process.env["SCRY_RUNS"] ?? 12);

it.each(["xdp", "tc"] as const)(
  "generated streams and rules (%s)",
  (hook: HookName) => {
    const count = { allow: 0, deny: 0 };
    for (let i = 0; i < runs; i++) {
      const random = new Random(seed + i);
      const read = rulesOf(contentRules(random));
      const firewall = compileForKernel(read, { hook }, {});
      using loaded: LoadedObject = loadObject(firewall.object);
      const { fd } = loaded.programs.get("firewall")!;
      const reference = referenceFirewall(read, firewall.sets, hook);
      for (let n = 0; n < 6; n++)
        for (const [at, data] of streamFrames(random).entries()) {
          const { action } = reference.judge(data, { now: 1n });
          const { value } = testRun(fd, { data });
          const done = (value | 0) === HOOKS[hook].allow ? "allow" : "deny";
          expect(done, `seed ${seed + i}, frame ${at}: ${JSON.stringify(read.value)}`).toBe(
            action === "allow" ? "allow" : "deny",
          );
          count[done]++;
        }
    }
    console.log(`seeds from ${seed} on: ${JSON.stringify(count)}`);
    expect(Math.min(count.allow, count.deny)).toBeGreaterThan(runs * 5);
  },
  300_000,
);
