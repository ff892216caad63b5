// The compiled code against the reference interpreter, on the running kernel: the same result, and never refused.

import fc from "fast-check";
import { expect, test } from "vitest";
import { PROGRAM_CASES } from "../../test/data/compiler-cases.ts";
import { interpret, type World } from "../../test/data/ir-interpreter.ts";
import { CONTEXT_WORDS, RANDOM_MAPS, randomProgram } from "../../test/data/random-ir.ts";
import { loadObject, testRun } from "../kernel/index.ts";
import type { MapSpec } from "../object/index.ts";
import { compile } from "./compile.ts";
import type { IrProgram } from "./ir.ts";
import { parseIr } from "./parse.ts";
import { printIr } from "./text.ts";

const PID_TGID = (BigInt(process.pid) << 32n) | BigInt(process.pid);

const CONTEXTS: readonly (readonly bigint[])[] = [
  [0n, 0n, 0n, 0n, 0n, 0n],
  [1n, 5n, -1n, 1000n, 0xffffffffn, 1n << 40n],
  [-(1n << 63n), (1n << 63n) - 1n, 0x80000000n, -0x80000000n, 0x1234567890n, 42n],
];

function contextOf(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * CONTEXT_WORDS);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setBigInt64(i * 8, word, true);
  });
  return bytes;
}

/** Runs the program with every context, compiled and interpreted; the 32-bit results side by side. */
function both(
  make: () => IrProgram,
  maps: readonly MapSpec[] = RANDOM_MAPS,
): { kernel: number[]; reference: number[] } {
  const program = make();
  const memory = new Map(
    maps.map((map) => [map.name, Array.from({ length: map.maxEntries }, () => new Uint8Array(map.valueSize))]),
  );
  const reference = CONTEXTS.map((words) => {
    const world: World = { context: contextOf(words), pidTgid: PID_TGID, maps: memory, budget: 8_000_000 };
    return Number(interpret(program, world) & 0xffffffffn);
  });
  const { functions, scratchSize } = compile(make(), { scratch: { map: "scratch" } });
  const scratch: MapSpec = {
    name: "scratch",
    type: "percpu_array",
    keySize: 4,
    valueSize: Math.max(8, scratchSize),
    maxEntries: 1,
  };
  const object = loadObject({
    maps: [...maps, scratch],
    programs: [{ name: "random", type: "raw_tracepoint", attach: [], functions }],
    license: "GPL",
  });
  try {
    const fd = object.programs.get("random")?.fd as number;
    const kernel = CONTEXTS.map((words) => testRun(fd, { context: contextOf(words) }).value);
    return { kernel, reference };
  } finally {
    object.close();
  }
}

test("random programs give what the interpreter gives, and the verifier takes them all", () => {
  const seed = Number(process.env.SCRY_SEED ?? Date.now() & 0x7fffffff);
  const runs = Number(process.env.SCRY_RUNS ?? 600);
  console.log(`seed ${seed}, ${runs} programs`);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 20, maxLength: 800, size: "max" }), (tape) => {
      const { kernel, reference } = both(() => randomProgram(tape));
      if (kernel.some((value, i) => value !== reference[i])) {
        throw new Error(`kernel ${kernel}, interpreter ${reference}\n${printIr(randomProgram(tape))}`);
      }
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: 120_000, endOnFailure: process.env.SCRY_SHRINK !== "1" },
  );
});

const WORDS = [5n, 1234n, -7n, 0xffffffffn, 1n << 40n, 3n];

test.each(PROGRAM_CASES)("$name", ({ text, maps = [], result }) => {
  const memory = new Map(
    maps.map((map) => [map.name, Array.from({ length: map.maxEntries }, () => new Uint8Array(map.valueSize))]),
  );
  const world: World = { context: contextOf(WORDS), pidTgid: PID_TGID, maps: memory, budget: 1 << 30 };
  const { functions, scratchSize } = compile(parseIr(text), { scratch: { map: "scratch" } });
  const scratch: MapSpec = {
    name: "scratch",
    type: "percpu_array",
    keySize: 4,
    valueSize: Math.max(8, scratchSize),
    maxEntries: 1,
  };
  const object = loadObject({
    maps: [...maps, scratch],
    programs: [{ name: "p", type: "raw_tracepoint", attach: [], functions }],
    license: "GPL",
  });
  try {
    const { value } = testRun(object.programs.get("p")?.fd as number, { context: contextOf(WORDS) });
    // A million turns are more than the interpreter likes.
    const reference = text.includes("1000000") ? value : Number(interpret(parseIr(text), world) & 0xffffffffn);
    expect({ kernel: value }).toEqual({ kernel: reference });
    if (result !== 0) expect(value).toBe(result);
  } finally {
    object.close();
  }
});
