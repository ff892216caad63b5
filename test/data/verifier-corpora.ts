// Programs to hold the verifier against the kernel's, by seed: random instructions, random IR through our compiler, and
// random scripts through all of it.

import { compile } from "../../src/compiler/compile.ts";
import { compileScript } from "../../src/lang/trace/index.ts";
import type { BpfObject } from "../../src/object/index.ts";
import type { ProbeEnvironment } from "../../src/probes/environment.ts";
import { DiagnosticError } from "../../src/source/index.ts";
import { randomScript, scriptText } from "../support/random-script.ts";
import { Random } from "../support/random-words.ts";
import { RANDOM_MAPS as IR_MAPS, randomProgram } from "./random-ir.ts";

/** An object of one program of random IR; the seed chooses its size too. */
export function compilerObject(seed: number): BpfObject {
  const random = new Random(seed);
  const tape = Array.from({ length: 20 + random.below(780) }, () => random.below(10_000));
  const { functions, scratchSize } = compile(randomProgram(tape), { scratch: { map: "scratch" } });
  const valueSize = Math.max(8, scratchSize);
  return {
    maps: [...IR_MAPS, { name: "scratch", type: "percpu_array", keySize: 4, valueSize, maxEntries: 1 }],
    programs: [{ name: "random", type: "raw_tracepoint", attach: [], functions }],
    license: "GPL",
  };
}

/** The object of a random script; undefined where our own checks do not take the script. */
export function scriptObject(
  seed: number,
  environment: ProbeEnvironment,
): { readonly object: BpfObject; readonly text: string } | undefined {
  const text = scriptText(randomScript(new Random(seed), process.execPath, false, 6));
  try {
    const source = { name: "stdin", text };
    const settings: [string, string][] = [["max_map_keys", "64"]];
    return { object: compileScript(source, environment, { ringBytes: 1 << 16, settings }).object, text };
  } catch (error) {
    if (error instanceof DiagnosticError) return undefined;
    throw error;
  }
}
