// The same cases and random programs in the running kernel, by BPF_PROG_TEST_RUN.
import { expect, test } from "vitest";
import { CASES, objectOf } from "../../test/data/machine-cases.ts";
import { outcomeOf } from "../../test/data/machine-differential.ts";
import { randomProgram, randomState } from "../../test/data/random-program.ts";
import { loadObject, testRun } from "../kernel/index.ts";
import { embedded } from "./machine.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

for (const one of CASES) {
  if (one.kernel === false) continue;
  test(one.name, () => {
    const object = objectOf(one);
    const data = one.input?.packet as Uint8Array;
    using loaded = loadObject(object);
    const program = loaded.programs.get("case");
    const theirs = testRun(program?.fd as number, { data });
    const ours = embedded(object).run(undefined, { packet: data });
    expect({ value: ours.value, packet: hex(ours.packet ?? data) }).toEqual({
      value: theirs.value,
      packet: hex(theirs.data),
    });
  });
}

const SEED = Number(process.env.SCRY_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`300 random programs from seed ${SEED}: the kernel takes them, and gives the same`, () => {
  const key = new Uint8Array(4);
  for (let seed = SEED; seed < SEED + 300; seed++) {
    const object = randomProgram(seed);
    using loaded = loadObject(object);
    loaded.maps.get("state")?.update(key, randomState(seed));
    const { value } = testRun(loaded.programs.get("random")?.fd as number, { data: new Uint8Array(64) });
    const state = hex(loaded.maps.get("state")?.lookup(key) as Uint8Array);
    expect(outcomeOf(object, seed, { tier: "jit", verified: true }), `seed ${seed}`).toEqual({ value, state });
  }
});
