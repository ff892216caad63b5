// Laying functions out: places of functions, what is left to the machine, where the source changes.
import { describe, expect, it } from "vitest";
import { assembleSymbolic, disassemble } from "../isa/index.ts";
import { LinkError, link, type ObjectInstruction, type ProgramSpec, type Reference } from "./index.ts";

/** Code from text; a symbol becomes the reference of the same kind. */
function code(text: string, spans: readonly number[] = []): ObjectInstruction[] {
  return assembleSymbolic(text).map(({ symbol, ...instruction }, i) => {
    const span = spans[i] === undefined ? {} : { span: { start: spans[i] as number, end: (spans[i] as number) + 1 } };
    if (symbol === undefined) return { ...instruction, ...span };
    const ref: Reference =
      symbol.kind === "map"
        ? { kind: "map", map: symbol.name }
        : symbol.kind === "map_value"
          ? { kind: "map-value", map: symbol.name, offset: symbol.offset }
          : symbol.kind === "function"
            ? { kind: "function", function: symbol.name }
            : { kind: "call", function: symbol.name };
    return { ...instruction, ref, ...span };
  });
}
const program = (functions: ProgramSpec["functions"]): ProgramSpec => ({
  name: "p",
  type: "tracepoint",
  attach: [],
  functions,
});

describe("link", () => {
  it("resolves calls forwards and backwards, and addresses of functions", () => {
    const linked = link(
      program([
        { name: "entry", parameters: 1, code: code("r1 = map[m] ll\nr2 = function[callback] ll\ncall helper\nexit") },
        { name: "callback", parameters: 2, code: code("call helper\nr0 = map_value[m] + 8 ll\nexit") },
        { name: "helper", parameters: 0, code: code("r0 = 1\nexit") },
      ]),
    );
    expect(linked.functions).toEqual([
      { name: "entry", slot: 0, parameters: 1 },
      { name: "callback", slot: 6, parameters: 2 },
      { name: "helper", slot: 10, parameters: 0 },
    ]);
    expect(disassemble(linked.instructions).split("\n")).toEqual([
      "r1 = map[0] ll",
      "r2 = function[3] ll",
      "call pc+5",
      "exit",
      "call pc+3",
      "r0 = map_value[0] + 8 ll",
      "exit",
      "r0 = 1",
      "exit",
    ]);
    expect(linked.relocations).toEqual([
      { slot: 0, index: 0, ref: { kind: "map", map: "m" } },
      { slot: 7, index: 5, ref: { kind: "map-value", map: "m", offset: 8 } },
    ]);
    expect(linked.slots).toBe(12);
    expect(linked.bytes).toBe(96);
    expect(linked.lines).toEqual([]);
  });
  it("says where the source changes, and gives every function's first slot a place", () => {
    const linked = link(
      program([
        { name: "entry", parameters: 1, code: code("r0 = 0\nr1 = 1 ll\nr0 = r1\nexit", [10, 10, 20]) },
        { name: "other", parameters: 0, code: code("r0 = 0\nexit") },
      ]),
    );
    expect(linked.lines.map(({ slot, span }) => [slot, span.start])).toEqual([
      [0, 10],
      [3, 20],
      [5, 20],
    ]);
  });
  it("refuses references that do not hold", () => {
    const one = (text: string) => () => link(program([{ name: "entry", parameters: 1, code: code(text) }]));
    expect(one("call nowhere\nexit")).toThrow(LinkError);
    expect(one("call nowhere\nexit")).toThrow("refers to a function nowhere that is not there");
    expect(() => link(program([]))).toThrow("has no function");
    expect(() => link(program([{ name: "entry", parameters: 1, code: [] }]))).toThrow("is empty");
  });
});
