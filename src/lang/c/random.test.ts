// Generated C gives on the embedded machine what gcc's gives on this one. The seed is printed; RANDOM_C_SEED sets it, and
// RANDOM_C_FUNCTIONS how many functions are made.

import { describe, expect, it } from "vitest";
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
const count = Number(process.env["RANDOM_C_FUNCTIONS"] ?? 40);

/** Functions that one text has: gcc and we compile it at once. */
const TOGETHER = 10;

const seedOf = (i: number): number => Math.imul(seed + i, 2654435761);

describe.skipIf(lacking("generated C against gcc", { gcc: hasGcc }))("generated functions give what gcc's give", () => {
  console.log(`generated C: seed ${seed}, ${count} functions`);
  const chunks = Array.from({ length: Math.ceil(count / TOGETHER) }, (_, n) => n * TOGETHER);
  it.each(chunks)("from %i on", (from) => {
    const length = Math.min(TOGETHER, count - from);
    const texts = Array.from({ length }, (_, i) => randomFunction(`t_${from + i}`, seedOf(from + i)));
    const text = RANDOM_HEAD + texts.join("");
    // In place of their only call they have the whole stack.
    const own = functionsOf(text)
      .map((name) => `static long ${name}(long a, long b);\n`)
      .join("");
    const expected = byGcc(text, "-O0");
    const tooLarge = new Set<string>();
    const object = objectOfNumbers(own + text, functionsOf(text), tooLarge);
    // A few want more stack than BPF has.
    expect(tooLarge.size).toBeLessThan(length / 2 + 2);
    const machine = embedded(object, { tier: "interpreter", verify: false });
    const io = machine.maps.get(".data.io");
    const key = new Uint8Array(4);
    for (const [f, name] of functionsOf(text).entries()) {
      if (tooLarge.has(name)) continue;
      for (const [i, operands] of OPERANDS.entries()) {
        io?.update(key, operandBytes(operands));
        const { trap } = machine.run(`run_${name}`, { packet: new Uint8Array(64) });
        const result = `${trap?.message ?? ""} ${resultOf(io?.lookup(key))}`;
        expect(result, `${operands}\n${texts[f]}`).toBe(` ${expected.get(`${name} ${i}`)}`);
      }
    }
  });
});
