// Generated C gives on the embedded machine what gcc's gives on this one. The seed is printed; RANDOM_C_SEED sets it, and
// RANDOM_C_FUNCTIONS how many functions are made.

import { expect, it } from "vitest";
import {
  byGcc,
  functionsOf,
  OPERANDS,
  objectOfNumbers,
  operandBytes,
  resultOf,
} from "../../../test/support/c-numbers.ts";
import { RANDOM_HEAD, randomFunction } from "../../../test/support/random-c.ts";
import { hasGcc, lacking } from "../../../test/support/skips.ts";
import { embedded } from "../../machine/index.ts";

const seed = Number(process.env["RANDOM_C_SEED"] ?? Date.now() % 1_000_000_000);
const count = Number(process.env["RANDOM_C_FUNCTIONS"] ?? 20);

it.skipIf(lacking("generated C against gcc", { gcc: hasGcc }))("generated functions give what gcc's give", () => {
  console.log(`generated C: seed ${seed}, ${count} functions`);
  const texts = Array.from({ length: count }, (_, i) => randomFunction(`t_${i}`, Math.imul(seed + i, 2654435761)));
  const text = RANDOM_HEAD + texts.join("");
  const expected = byGcc(text, "-O0");
  const machine = embedded(objectOfNumbers(text), { tier: "interpreter", verify: false });
  const io = machine.maps.get(".data.io");
  const key = new Uint8Array(4);
  for (const [f, name] of functionsOf(text).entries())
    for (const [i, operands] of OPERANDS.entries()) {
      io?.update(key, operandBytes(operands));
      const { trap } = machine.run(`run_${name}`, { packet: new Uint8Array(64) });
      const result = `${trap?.message ?? ""} ${resultOf(io?.lookup(key))}`;
      expect(result, `${operands}\n${texts[f]}`).toBe(` ${expected.get(`${name} ${i}`)}`);
    }
});
