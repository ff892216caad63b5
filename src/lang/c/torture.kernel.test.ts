// The torture set in the live kernel, by its test run.

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
import { loadObject, testRun } from "../../kernel/index.ts";

const folder = new URL("../../../test/data/c/torture/", import.meta.url);
const key = new Uint8Array(4);

/** Loops whose end the kernel's verifier does not see. */
const REFUSED: ReadonlySet<string> = new Set(["t_goto_between", "t_parser"]);

describe.skipIf(lacking("the torture set in the kernel", { gcc: hasGcc }))("the torture set", () => {
  it.each(readdirSync(folder).sort())("%s", (file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const expected = byGcc(text, "-O0");
    for (const name of functionsOf(text)) {
      if (REFUSED.has(name)) continue;
      using loaded = loadObject(objectOfNumbers(text, [name]));
      const io = loaded.maps.get(".data.io");
      for (const [i, operands] of OPERANDS.entries()) {
        io?.update(key, operandBytes(operands));
        testRun(loaded.programs.get(`run_${name}`)?.fd as number, { data: new Uint8Array(64) });
        const told = `${name} ${operands}:`;
        expect(`${told} ${resultOf(io?.lookup(key))}`).toBe(`${told} ${expected.get(`${name} ${i}`)}`);
      }
    }
  });
});
