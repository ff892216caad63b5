// C functions of numbers give on the embedded machine what gcc's give on this one.

import { describe, expect, it } from "vitest";
import {
  byGcc,
  functionsOf,
  numbers,
  OPERANDS,
  objectOfNumbers,
  operandBytes,
  resultOf,
} from "../../../test/support/c-numbers.ts";
import { hasGcc, lacking } from "../../../test/support/skips.ts";
import { embedded } from "../../machine/index.ts";

const NUMBERS = numbers();

describe.skipIf(lacking("C against gcc", { gcc: hasGcc }))("C on the embedded machine", () => {
  const [plain, fast] = hasGcc ? [byGcc(NUMBERS, "-O0"), byGcc(NUMBERS, "-O2")] : [new Map(), new Map()];
  const machine = hasGcc ? embedded(objectOfNumbers(NUMBERS), { tier: "interpreter", verify: false }) : undefined;
  const io = machine?.maps.get(".data.io");
  const key = new Uint8Array(4);
  for (const name of functionsOf(NUMBERS))
    it(name, () => {
      for (const [i, operands] of OPERANDS.entries()) {
        io?.update(key, operandBytes(operands));
        const ran = machine?.run(`run_${name}`, { packet: new Uint8Array(64) });
        expect(ran?.trap?.message).toBeUndefined();
        expect(`${operands}: ${resultOf(io?.lookup(key))}`).toBe(`${operands}: ${plain.get(`${name} ${i}`)}`);
        // The case says nothing that C leaves open.
        expect(fast.get(`${name} ${i}`)).toBe(plain.get(`${name} ${i}`));
      }
    });
});
