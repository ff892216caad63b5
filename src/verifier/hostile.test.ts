// Programs made to take the verifier's time or to trip it: an answer comes all the same, and soon. And malformed ones:
// a refusal is data, nothing is thrown.

import fc from "fast-check";
import { expect, it } from "vitest";
import { heavyPrograms } from "../../test/data/verifier-hostile.ts";
import { randomObject } from "../../test/data/verifier-random-programs.ts";
import type { BpfObject, MapSpec, ObjectInstruction } from "../object/index.ts";
import { REFUSALS, verify } from "./index.ts";

/** As built, on a machine with nothing else to do, each takes less than two seconds; tests share theirs, and are not built. */
const MOST_SECONDS = 25;

for (const { name, object } of heavyPrograms()) {
  it(name, { timeout: 90_000 }, () => {
    const start = performance.now();
    const [result] = verify(object, { profile: "linux" }).programs;
    const seconds = (performance.now() - start) / 1000;
    expect(result?.accepted === true || (result !== undefined && result.refusal.reason in REFUSALS)).toBe(true);
    expect(seconds).toBeLessThan(MOST_SECONDS);
  });
}

/** Anything that may stand where a number is expected. */
const wild = fc.oneof(
  fc.integer({ min: -20, max: 300 }),
  fc.integer(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 40, -(2 ** 31)),
);

it("takes broken instructions, maps and references", () => {
  const seed = Number(process.env.SCRY_SEED ?? 1);
  const change = fc.record({
    at: fc.nat({ max: 400 }),
    field: fc.constantFrom("op", "dst", "src", "off", "imm", "imm64", "ref", "swap", "drop", "double"),
    value: wild,
  });
  const maps = fc.record({
    type: fc.constantFrom("array", "hash", "ringbuf", "prog_array", "nothing"),
    keySize: wild,
    valueSize: wild,
    maxEntries: wild,
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100_000 }),
      fc.array(change, { minLength: 1, maxLength: 5 }),
      fc.option(maps),
      fc.boolean(),
      (programSeed, changes, map, strict) => {
        const object = randomObject(programSeed);
        const [program] = object.programs as [BpfObject["programs"][number]];
        const code: ObjectInstruction[] = [...(program.functions[0]?.code ?? [])];
        for (const { at, field, value } of changes) {
          const index = at % Math.max(1, code.length);
          const old = code[index];
          if (old === undefined) continue;
          if (field === "drop") code.splice(index, 1);
          else if (field === "double") code.splice(index, 0, old);
          else if (field === "swap") code[index] = code[at % 7] ?? old;
          else if (field === "ref") code[index] = { ...old, ref: { kind: "map", map: `m${value}` } };
          else if (field === "imm64") {
            code[index] = { ...old, imm64: Number.isInteger(value) ? BigInt(value) << 40n : -1n };
          } else code[index] = { ...old, [field]: value };
        }
        const [entry] = program.functions as [(typeof program.functions)[number]];
        const broken: BpfObject = {
          ...object,
          maps: map === null ? object.maps : object.maps.map((one) => ({ ...one, ...(map as Partial<MapSpec>) })),
          programs: [{ ...program, functions: [{ ...entry, code }] }],
        };
        const { programs } = verify(broken, { profile: strict ? "strict" : "linux", budget: 5000 });
        expect(programs).toHaveLength(1);
      },
    ),
    { seed, numRuns: 2000 },
  );
});

it("takes objects without anything in them", () => {
  const nothing: BpfObject = { maps: [], programs: [], license: "" };
  expect(verify(nothing, { profile: "linux" })).toEqual({ accepted: true, programs: [] });
  const empty = { name: "e", type: "xdp", attach: [], functions: [] } as const;
  const hollow = { ...empty, functions: [{ name: "e", code: [], parameters: 1 }] };
  const { programs } = verify({ ...nothing, programs: [empty, hollow] }, { profile: "strict" });
  expect(programs.map((one) => (one.accepted ? "accepted" : one.refusal.message))).toEqual([
    "program e has no function",
    "program e: function e is empty",
  ]);
});
