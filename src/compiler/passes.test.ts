// Every pass as text in, text out; and over random programs: sound after each pass, and with the same meaning.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FLOOR_CASES } from "../../test/data/compiler-cases.ts";
import { interpret, type World } from "../../test/data/ir-interpreter.ts";
import { PASS_CASES } from "../../test/data/pass-cases.ts";
import { CONTEXT_WORDS, RANDOM_MAPS, randomProgram } from "../../test/data/random-ir.ts";
import { compile } from "./compile.ts";
import { StackError } from "./errors.ts";
import type { IrProgram } from "./ir.ts";
import { parseIr } from "./parse.ts";
import type { PassContext } from "./passes/pass.ts";
import { pipeline } from "./pipeline.ts";
import { printIr } from "./text.ts";
import { validate } from "./validate.ts";

const context = (): PassContext => ({
  cpu: 4,
  atomicFetch: true,
  mayGoto: true,
  bounds: "addresses",
  stack: 448,
  scratchMap: "scratch",
  scratchSize: 0,
});

/** The lines without their indentation and comments. */
const bare = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.replace(/;.*/, "").trim())
    .filter((line) => line !== "")
    .join("\n");

describe.each(PASS_CASES)("$pass: $name", ({ pass, before, after, target }) => {
  test("gives the text expected", () => {
    const program = parseIr(before);
    const [fn] = program.functions;
    if (fn === undefined) throw new Error("no function");
    expect(validate(fn)).toEqual([]);
    const found = pipeline.find((stage) => stage.pass.name === pass);
    if (found === undefined) throw new Error(`no pass ${pass}`);
    found.pass.run(fn, { ...context(), ...target });
    expect(validate(fn)).toEqual([]);
    expect(bare(printIr(program))).toBe(bare(after));
  });
});

test("every pass of the pipeline has a case", () => {
  const covered = new Set(PASS_CASES.map(({ pass }) => pass));
  expect(pipeline.map(({ pass }) => pass.name).filter((name) => !covered.has(name))).toEqual([]);
});

function result(program: IrProgram): bigint {
  const bytes = new Uint8Array(8 * CONTEXT_WORDS + 8).map((_, i) => (i * 37) & 0xff);
  const maps = new Map<string, Uint8Array[]>(
    RANDOM_MAPS.map((map) => [map.name, Array.from({ length: map.maxEntries }, () => new Uint8Array(map.valueSize))]),
  );
  maps.set("scratch", [new Uint8Array(65536)]);
  const world: World = { context: bytes, pidTgid: 0x1234_0000_5678n, maps, budget: 8_000_000 };
  return interpret(program, world);
}

test("random programs stay sound, and mean the same, after every pass", { timeout: 60_000 }, () => {
  const seed = Number(process.env.SCRY_SEED ?? Date.now() & 0x7fffffff);
  console.log(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 20, maxLength: 500, size: "max" }), (tape) => {
      const program = randomProgram(tape);
      const wanted = result(program);
      const [fn] = program.functions;
      if (fn === undefined) throw new Error("no function");
      // Every second program as for the oldest kernel.
      const within: PassContext =
        tape.length % 2 === 0 ? context() : { ...context(), cpu: 3, atomicFetch: false, mayGoto: false, bounds: "all" };
      for (const { pass } of pipeline) {
        const before = printIr(program);
        pass.run(fn, within);
        const complaints = validate(fn);
        if (complaints.length > 0) throw new Error(`${pass.name}: ${complaints.join("; ")}\n${before}`);
        if (result(program) !== wanted)
          throw new Error(`${pass.name} changed the meaning of\n${before}\nto\n${printIr(program)}`);
      }
    }),
    { seed, numRuns: 150 },
  );
});

test("the text form parses back", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 20, maxLength: 300 }), (tape) => {
      const text = printIr(randomProgram(tape));
      expect(printIr(parseIr(text))).toBe(text);
    }),
    { numRuns: 50 },
  );
});

test("types, names and hints survive the text form", () => {
  const text = `program "tracepoint:syscalls:sys_exit_read" (%0: ctx, %1: map-value "a b", %2: kernel task_struct) {
entry:
  %3: record? = helper ringbuf_reserve %1, 16, 0
  branch set.32 %3, -1, yes(%3, 5), no unlikely else
yes(%4: record, %5: int):
  %6 = atomic.add.64.fetch %4 + 8, 1
  atomic.xchg.32 %4 - 4, %6
  copy %4 + 8, %4, 8
  zero %4, 16
  %7 = kfunc bpf_rdonly_cast %4, %6
  %8 = type-id "struct task_struct"
  %9 = function callback
  call f %7, %8
  may-goto no, no
no:
  return 0
}
`;
  expect(printIr(parseIr(text))).toBe(text);
});

test("a syntax error names its line", () => {
  expect(() => parseIr('program "p" () {\nentry:\n  jmp x\n}')).toThrow("line 3: unknown operation 'jmp'");
  expect(() => parseIr('program "p" () {\nentry:\n  return %1\n}')).toThrow("line 3: %1 is not defined");
  expect(() => parseIr('program "p" () {\nentry:\n  jump x\n}')).toThrow("no block 'x'");
});

test("a slot beyond the stack needs scratch", () => {
  const text =
    'program "p" (%0: ctx) {\nentry:\n  %1 = slot 600\n  %2 = helper get_current_comm %1, 600\n  return 0\n}';
  expect(() => compile(parseIr(text))).toThrow(StackError);
  expect(compile(parseIr(text), { scratch: { map: "s" } }).scratchSize).toBe(600);
});

test("what a compiled function calls and refers to is in its references, with spans", () => {
  const program = parseIr(
    'program "p" (%0: ctx) {\nentry:\n  %1 = map-value g, 8\n  store.64 %1, 7\n  call f\n  return 0\n}\nfunction "f" () {\nentry:\n  return 1\n}',
  );
  for (const instr of program.functions[0]?.blocks[0]?.instrs ?? []) instr.span = { start: 3, end: 9 };
  const { functions } = compile(program);
  expect(functions.map(({ name, parameters }) => [name, parameters])).toEqual([
    ["p", 1],
    ["f", 0],
  ]);
  const code = functions[0]?.code ?? [];
  expect(code.map(({ ref }) => ref).filter((ref) => ref !== undefined)).toEqual([
    { kind: "map-value", map: "g", offset: 0 },
    { kind: "call", function: "f" },
  ]);
  expect(code[0]?.span).toEqual({ start: 3, end: 9 });
});

test.each(FLOOR_CASES)("$name takes no more instructions than it did", ({ text, instructions, clang }) => {
  const { functions } = compile(parseIr(text));
  const count = functions[0]?.code.length ?? 0;
  expect(count).toBeLessThanOrEqual(instructions);
  expect(count).toBeLessThanOrEqual(clang);
});
