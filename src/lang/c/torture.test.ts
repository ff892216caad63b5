// The torture set: programs of one idea of C each, on the embedded machine what gcc makes of them for this one.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  byGcc,
  functionsOf,
  OPERANDS,
  objectOfNumbers,
  operandBytes,
  resultOf,
} from "../../../test/support/c-numbers.ts";
import { hasGcc, lacking } from "../../../test/support/skips.ts";
import { embedded } from "../../machine/index.ts";

const folder = new URL("../../../test/data/c/torture/", import.meta.url);
const key = new Uint8Array(4);

describe.skipIf(lacking("the torture set against gcc", { gcc: hasGcc }))("the torture set", () => {
  it.each(readdirSync(folder).sort())("%s", (file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const [plain, fast] = [byGcc(text, "-O0"), byGcc(text, "-O2")];
    const machine = embedded(objectOfNumbers(text), { tier: "interpreter", verify: false });
    const io = machine.maps.get(".data.io");
    for (const name of functionsOf(text))
      for (const [i, operands] of OPERANDS.entries()) {
        io?.update(key, operandBytes(operands));
        const { trap } = machine.run(`run_${name}`, { packet: new Uint8Array(64) });
        const told = `${name} ${operands}:`;
        expect(`${told} ${trap?.message ?? resultOf(io?.lookup(key))}`).toBe(`${told} ${plain.get(`${name} ${i}`)}`);
        // The program says nothing that C leaves open.
        expect(`${told} ${fast.get(`${name} ${i}`)}`).toBe(`${told} ${plain.get(`${name} ${i}`)}`);
      }
  });
});
