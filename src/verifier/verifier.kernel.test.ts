// Agreement with the running kernel: the small programs, random ones, our compiler's, and scripts', by printed seeds.
// SCRY_SEED chooses another first seed, SCRY_RUNS how many random programs (400; a tenth as many of our compiler's, and a
// twentieth as many scripts).

import { describe, expect, it } from "vitest";
import { compareVerdicts, kernelSays } from "../../test/data/verifier-agreement.ts";
import { CASES } from "../../test/data/verifier-cases.ts";
import { compilerObject, scriptObject } from "../../test/data/verifier-corpora.ts";
import { objectOf } from "../../test/data/verifier-objects.ts";
import { RANDOM_MAPS, randomObject } from "../../test/data/verifier-random-programs.ts";
import { createMap } from "../kernel/index.ts";
import type { BpfObject } from "../object/index.ts";
import { liveEnvironment } from "../session/live-environment.ts";
import { formatRefusal } from "./index.ts";

const FIRST = Number(process.env.SCRY_SEED ?? 500_000);
const RUNS = Number(process.env.SCRY_RUNS ?? 400);

describe("small programs", () => {
  for (const { name, code, type, refused, strictOnly, kernel } of CASES) {
    if (kernel === false) continue;
    it(name, () => {
      const { refusal } = kernelSays(objectOf(code, type));
      expect(refusal === undefined ? "accepted" : `refused: ${refusal}`).toMatch(
        refused === undefined || strictOnly ? /^accepted/ : /^refused/,
      );
    });
  }
});

describe("random programs", () => {
  const COUNT = RUNS;
  it(`agree on at least 97 % of seeds ${FIRST} to ${FIRST + COUNT - 1}`, { timeout: 300_000 }, () => {
    const maps = new Map(RANDOM_MAPS.map((spec) => [spec.name, createMap(spec)]));
    const classes = new Map<string, number[]>();
    let agree = 0;
    let accepted = 0;
    try {
      for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
        const object = randomObject(seed);
        const [program] = object.programs as [BpfObject["programs"][number]];
        const verdict = compareVerdicts(object, program, { maps });
        if (verdict.kernel.refusal === undefined) accepted++;
        if (verdict.agree) agree++;
        else classes.set(verdict.difference ?? "", [...(classes.get(verdict.difference ?? "") ?? []), seed]);
      }
    } finally {
      for (const map of maps.values()) map.close();
    }
    const rows = [...classes].map(
      ([name, seeds]) => `  ${seeds.length}  ${name}: seeds ${seeds.slice(0, 5).join(", ")}`,
    );
    console.log(
      [`agreement on ${agree} of ${COUNT} random programs, of which the kernel accepts ${accepted}`, ...rows].join(
        "\n",
      ),
    );
    expect(agree / COUNT).toBeGreaterThanOrEqual(0.97);
    expect(accepted).toBeGreaterThan(COUNT / 5);
  });
});

/** What we refuse of an object though the kernel takes it. */
function wronglyRefused(object: BpfObject): string[] {
  return object.programs.flatMap((program) => {
    const { kernel, ours } = compareVerdicts(object, program);
    return kernel.refusal === undefined && !ours.accepted ? [formatRefusal(ours.refusal, object.source)] : [];
  });
}

describe("programs that the kernel takes are taken", () => {
  const COMPILED = Math.ceil(RUNS / 10);
  it(`random IR through our compiler, seeds ${FIRST} to ${FIRST + COMPILED - 1}`, { timeout: 120_000 }, () => {
    for (let seed = FIRST; seed < FIRST + COMPILED; seed++) {
      expect(wronglyRefused(compilerObject(seed)), `seed ${seed}`).toEqual([]);
    }
  });

  const SCRIPTS = Math.ceil(RUNS / 20);
  it(`random scripts, seeds ${FIRST} to ${FIRST + SCRIPTS - 1}`, { timeout: 120_000 }, () => {
    const environment = liveEnvironment({ params: ["42", "7", "some text"], unsafe: true });
    let programs = 0;
    for (let seed = FIRST; seed < FIRST + SCRIPTS; seed++) {
      const script = scriptObject(seed, environment);
      if (script === undefined) continue;
      programs += script.object.programs.length;
      expect(wronglyRefused(script.object), `seed ${seed}\n${script.text}`).toEqual([]);
    }
    expect(programs).toBeGreaterThan(SCRIPTS / 2);
  });
});
