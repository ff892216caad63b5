// Agreement with the running kernel: the small programs, and random ones by printed seeds.

import { describe, expect, it } from "vitest";
import { createMap, loadObject, VerifierError } from "../kernel/index.ts";
import type { BpfObject } from "../object/index.ts";
import { CASES } from "./cases.test-data.ts";
import { verify } from "./index.ts";
import { objectOf } from "./object.test-data.ts";
import { RANDOM_MAPS, randomObject } from "./random-programs.test-data.ts";

/** The last line of the kernel's log that says why; undefined where it accepts. */
function kernelSays(object: BpfObject, options: Parameters<typeof loadObject>[1] = {}): string | undefined {
  try {
    loadObject(object, options).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const lines = error.log.trim().split("\n");
    return (
      lines.filter((line) => !/^(processed|verification time|stack depth|mark_precise)/.test(line)).pop() ?? "refused"
    );
  }
}

describe("small programs", () => {
  for (const { name, code, type, refused, strictOnly, kernel } of CASES) {
    if (kernel === false) continue;
    it(name, () => {
      const says = kernelSays(objectOf(code, type));
      expect(says === undefined ? "accepted" : `refused: ${says}`).toMatch(
        refused === undefined || strictOnly ? /^accepted/ : /^refused/,
      );
    });
  }
});

/** Why the two differ where they do, by what the one says that refuses. */
const KNOWN_DIFFERENCES: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  {
    pattern: /max value is outside of the allowed memory range|unbounded memory access/,
    why: "the kernel forgets bounds at sign extensions, and we do not",
  },
  { pattern: /unbounded min value/, why: "the kernel knows less of a number than we do" },
  { pattern: /infinite loop|back-edge/, why: "the kernel's loop detection" },
];

describe("random programs", () => {
  const FIRST = 500_000;
  const COUNT = 1500;
  it(`agree on at least 97 % of seeds ${FIRST} to ${FIRST + COUNT - 1}`, { timeout: 300_000 }, () => {
    const maps = new Map(RANDOM_MAPS.map((spec) => [spec.name, createMap(spec)]));
    const classes = new Map<string, number[]>();
    let agree = 0;
    let accepted = 0;
    try {
      for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
        const object = randomObject(seed);
        const says = kernelSays(object, { maps });
        const [ours] = verify(object, { profile: "linux", cpus: 2 }).programs;
        if (ours === undefined) throw new Error("no program");
        if (says === undefined) accepted++;
        if ((says === undefined) === ours.accepted) {
          agree++;
          continue;
        }
        const reason = says ?? (ours.accepted ? "" : ours.refusal.message);
        const known = KNOWN_DIFFERENCES.find(({ pattern }) => pattern.test(reason))?.why ?? "not known";
        const name = `${ours.accepted ? "the kernel refuses" : "we refuse"}: ${reason.replace(/-?\d+/g, "N")} (${known})`;
        classes.set(name, [...(classes.get(name) ?? []), seed]);
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
