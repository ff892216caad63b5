import { expect, test } from "vitest";
import { instructionsOf, UDP } from "../../test/data/machine-cases.ts";
import type { BpfObject } from "../object/index.ts";
import { embedded } from "./machine.ts";

/** An object whose instructions come from the lines of their own text. */
function withLines(text: string): BpfObject {
  const source = { name: "lines.s", text };
  let at = 0;
  const starts = text.split("\n").map((line) => {
    const start = at;
    at += line.length + 1;
    return { start, end: start + line.length };
  });
  const code = instructionsOf(text).map((instruction, i) => ({
    ...instruction,
    span: starts[i] as (typeof starts)[0],
  }));
  return {
    maps: [],
    programs: [{ name: "p", type: "xdp", attach: [], functions: [{ name: "p", code, parameters: 1 }] }],
    license: "GPL",
    source,
  };
}

const object = withLines(
  [
    "r2 = *(u32 *)(r1 + 12)",
    "r3 = 0x100000000 ll",
    "r0 = 0",
    "if r2 == 7 goto +2",
    "r0 += 1",
    "exit",
    "r0 = 9",
    "exit",
  ].join("\n"),
);

test("which lines have run, over many runs, and which have not", () => {
  const machine = embedded(object);
  const coverage = machine.newCoverage();
  for (const ingressIfindex of [1, 2, 3]) machine.run(undefined, { packet: UDP, ingressIfindex, coverage });
  // The wide instruction takes two slots, so that slots are no lines.
  expect(coverage.length).toBe(9);
  const lines = (): number[][] => [...machine.lineHits(coverage)].map((entry) => [...entry]);
  expect(lines()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((line) => [line, line < 7 ? 3 : 0]));
  machine.run(undefined, { packet: UDP, ingressIfindex: 7, coverage });
  expect(lines()).toEqual([4, 4, 4, 4, 3, 3, 1, 1].map((hits, i) => [i + 1, hits]));
  expect(embedded({ ...object, source: { name: "", text: "" } }).lineHits(coverage).size).toBe(1);
  const { source: _, ...without } = object;
  expect(embedded(without).lineHits(coverage).size).toBe(0);
});

test("a line that runs in a loop, and in functions that a helper calls, is counted there", () => {
  const machine = embedded(
    withLines(
      ["r1 = 5", "r2 = function[add] ll", "r3 = 0", "r4 = 0", "call loop", "exit", "add: r0 = 0", "exit"].join("\n"),
    ),
  );
  const coverage = machine.newCoverage();
  expect(machine.run(undefined, { packet: UDP, coverage }).r0).toBe(5n);
  expect([...machine.lineHits(coverage).values()]).toEqual([1, 1, 1, 1, 1, 1, 5, 5]);
});

test("steps say where in the source they stand", () => {
  const machine = embedded(object);
  const { text } = machine.object.source as { text: string };
  const seen = [...machine.steps(undefined, { packet: UDP, ingressIfindex: 7 })].map(({ span, registers, depth }) => [
    text.slice(span?.start, span?.end),
    registers[0],
    depth,
  ]);
  expect(seen).toEqual([
    ["r2 = *(u32 *)(r1 + 12)", 0n, 0],
    ["r3 = 0x100000000 ll", 0n, 0],
    ["r0 = 0", 0n, 0],
    ["if r2 == 7 goto +2", 0n, 0],
    ["r0 = 9", 0n, 0],
    ["exit", 9n, 0],
  ]);
});
