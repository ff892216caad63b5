// Maps as text and JSON: keys and values of every type, histograms, order, limits.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { INT64, json, string, text, tuple, UINT64 } from "../../test/support/view-records.ts";
import type { TraceValue, Type } from "../schema/index.ts";
import { histBuckets, lhistBuckets } from "../schema/layout.ts";
import type { MapEntry, MapSnapshot, View } from "./index.ts";

const snapshot = (
  name: string,
  keyType: Type | undefined,
  valueType: Type,
  ...entries: (readonly [TraceValue, TraceValue])[]
): MapSnapshot => ({
  map: { name, valueType, ...(keyType === undefined ? {} : { keyType }) },
  entries: entries.map(([key, value]): MapEntry => ({ key, value })),
});
const stats = (count: number, total: number): TraceValue => ({
  kind: "stats",
  count,
  average: Math.trunc(total / count),
  total,
});

/** Buckets of values, as the programs count them. */
function buckets(type: Type & { kind: "hist" | "lhist" }, ...values: number[]): TraceValue {
  const counts: number[] = new Array(
    type.kind === "hist" ? histBuckets(type.bits) : lhistBuckets(type.min, type.max, type.step),
  ).fill(0);
  for (const n of values) {
    let index: number;
    if (type.kind === "lhist")
      index = n < type.min ? 0 : n >= type.max ? counts.length - 1 : Math.floor((n - type.min) / type.step) + 1;
    else if (n < 0) index = 0;
    else if (n < 2 ** type.bits) index = n + 1;
    else {
      const log = Math.floor(Math.log2(n));
      index = ((log - type.bits + 1) << type.bits) + (Math.floor(n / 2 ** (log - type.bits)) % 2 ** type.bits) + 1;
    }
    counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}
const HIST: Type & { kind: "hist" } = { kind: "hist", bits: 0 };
const lhist = (min: number, max: number, step: number): Type & { kind: "lhist" } => ({ kind: "lhist", min, max, step });
const FULL = "@".repeat(52);
const EMPTY = " ".repeat(52);
const row = (label: string, count: number, bar: string): string =>
  `${label.padEnd(16)}${String(count).padStart(8)} |${bar}|\n`;

describe("maps", () => {
  const KEY = tuple(INT64, string(8));
  const COUNT: Type = { kind: "count" };
  const counts = snapshot("@m", INT64, COUNT, [3, 2], [2, 3], [1, 1]);
  const cases: readonly [name: string, map: MapSnapshot, top: number, div: number, text: string, json: string][] = [
    [
      "counts by value",
      counts,
      0,
      0,
      "@m[1]: 1\n@m[3]: 2\n@m[2]: 3\n",
      '{"type": "map", "data": {"@m": {"1": 1, "3": 2, "2": 3}}}\n',
    ],
    ["top", counts, 2, 0, "@m[3]: 2\n@m[2]: 3\n", '{"type": "map", "data": {"@m": {"3": 2, "2": 3}}}\n'],
    [
      "div",
      counts,
      0,
      2,
      "@m[1]: 0\n@m[3]: 1\n@m[2]: 1\n",
      '{"type": "map", "data": {"@m": {"1": 0, "3": 1, "2": 1}}}\n',
    ],
    ["no entries", snapshot("@m", INT64, COUNT), 0, 0, "", ""],
    [
      "tuple keys by key",
      snapshot(
        "@z",
        KEY,
        tuple(INT64, INT64),
        [
          [1, "b"],
          [1, 2],
        ],
        [
          [0, "a"],
          [31, 42],
        ],
        [
          [1, "a"],
          [10, 22],
        ],
      ),
      2,
      2,
      "@z[1, a]: (5, 11)\n@z[1, b]: (0, 1)\n",
      '{"type": "map", "data": {"@z": {"1,a": [5,11], "1,b": [0,1]}}}\n',
    ],
    [
      "nested tuple key",
      snapshot("@u", tuple(INT64, KEY), INT64, [[1, [2, "a"]], 4]),
      0,
      0,
      "@u[1, (2, a)]: 4\n",
      '{"type": "map", "data": {"@u": {"1,(2,a)": 4}}}\n',
    ],
    [
      "string key with parentheses, spaces, quotes",
      snapshot("@c", string(16), INT64, ["(p)", 1], ['a "b', 2]),
      0,
      0,
      '@c[p]: 1\n@c[a "b]: 2\n',
      '{"type": "map", "data": {"@c": {"p": 1, "a\\"b": 2}}}\n',
    ],
    [
      "strings by key",
      snapshot("@y", string(8), string(8), ["b", "x"], ["a", "y"]),
      0,
      0,
      "@y[a]: y\n@y[b]: x\n",
      '{"type": "map", "data": {"@y": {"a": "y", "b": "x"}}}\n',
    ],
    [
      "max is ordered unsigned",
      snapshot("@mx", INT64, { kind: "max", signed: true }, [1, -3], [5, 9]),
      0,
      0,
      "@mx[5]: 9\n@mx[1]: -3\n",
      '{"type": "map", "data": {"@mx": {"5": 9, "1": -3}}}\n',
    ],
    [
      "sum is ordered signed",
      snapshot("@s", KEY, { kind: "sum", signed: true }, [[2, "b"], 3], [[1, "a"], -4]),
      0,
      0,
      "@s[1, a]: -4\n@s[2, b]: 3\n",
      '{"type": "map", "data": {"@s": {"1,a": -4, "2,b": 3}}}\n',
    ],
    [
      "avg",
      snapshot("@a", INT64, { kind: "avg", signed: true }, [1, stats(2, 13)], [2, stats(1, 4)]),
      1,
      2,
      "@a[1]: 3\n",
      '{"type": "stats", "data": {"@a": {"1": 3}}}\n',
    ],
    [
      "stats",
      snapshot("@s", INT64, { kind: "stats", signed: true }, [1, stats(1, 7)], [5, stats(2, -9)]),
      0,
      2,
      "@s[5]: { .count = 2, .average = -2, .total = -9 }\n@s[1]: { .count = 1, .average = 3, .total = 7 }\n",
      '{"type": "stats", "data": {"@s": {"5": {"count": 2, "average": -2, "total": -9}, "1": {"count": 1, "average": 3, "total": 7}}}}\n',
    ],
    [
      "scalars",
      snapshot("@v", undefined, tuple(INT64, string(8)), [null, [1, "abc"]]),
      0,
      0,
      "@v: (1, abc)\n",
      '{"type": "map", "data": {"@v": [1,"abc"]}}\n',
    ],
    [
      "a scalar that was never set",
      snapshot("@t", undefined, tuple(INT64, string(8))),
      0,
      0,
      "@t: (0, )\n",
      '{"type": "map", "data": {"@t": [0,""]}}\n',
    ],
    [
      "stats that were never set",
      snapshot("@s", undefined, { kind: "stats", signed: true }),
      0,
      0,
      "@s: { .count = 0, .average = 0, .total = 0 }\n",
      '{"type": "stats", "data": {"@s": {"count": 0, "average": 0, "total": 0}}}\n',
    ],
    ["a histogram that was never set", snapshot("@h", undefined, HIST), 0, 0, "", ""],
    [
      "a histogram after zero()",
      snapshot("@h", undefined, HIST, [null, buckets(HIST)]),
      0,
      0,
      "@h:\n\n",
      '{"type": "hist", "data": {"@h": []}}\n',
    ],
    [
      "a stack as key",
      snapshot("@", { kind: "kstack", mode: "bpftrace", limit: 2 }, INT64, [
        { kind: "stack", frames: [{ address: 1n, name: "f", offset: 2 }] },
        1,
      ]),
      0,
      0,
      "@[\n        f+2\n]: 1\n",
      '{"type": "map", "data": {"@": {"\\nf+2\\n": 1}}}\n',
    ],
    [
      "unsigned keys are ordered signed",
      snapshot("@w", UINT64, string(8), [5, "x"], [2n ** 64n - 1n, "y"]),
      0,
      0,
      "@w[18446744073709551615]: y\n@w[5]: x\n",
      '{"type": "map", "data": {"@w": {"18446744073709551615": "y", "5": "x"}}}\n',
    ],
    [
      "histograms by key, the fullest last",
      snapshot("@x", INT64, HIST, [1, buckets(HIST, 5, -3, 0, 1025)], [2, buckets(HIST, 2 ** 62)]),
      0,
      0,
      `@x[2]:\n${row("[4E, 8E)", 1, FULL)}\n@x[1]:\n${row("(..., 0)", 1, FULL)}${row("[0]", 1, FULL)}${row("[1]", 0, EMPTY)}${row("[2, 4)", 0, EMPTY)}${row("[4, 8)", 1, FULL)}${["[8, 16)", "[16, 32)", "[32, 64)", "[64, 128)", "[128, 256)", "[256, 512)", "[512, 1K)"].map((x) => row(x, 0, EMPTY)).join("")}${row("[1K, 2K)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@x": {"2": [{"min": 4611686018427387904, "max": "9223372036854775807", "count": 1}], "1": [{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 1},{"min": 1, "max": 1, "count": 0},{"min": 2, "max": 3, "count": 0},{"min": 4, "max": 7, "count": 1},{"min": 8, "max": 15, "count": 0},{"min": 16, "max": 31, "count": 0},{"min": 32, "max": 63, "count": 0},{"min": 64, "max": 127, "count": 0},{"min": 128, "max": 255, "count": 0},{"min": 256, "max": 511, "count": 0},{"min": 512, "max": 1023, "count": 0},{"min": 1024, "max": 2047, "count": 1}]}}}\n',
    ],
    [
      "counts of hist are divided",
      snapshot("@h", undefined, HIST, [null, buckets(HIST, 5, 8)]),
      0,
      2,
      `@h:\n${row("[4, 8)", 0, EMPTY)}${row("[8, 16)", 0, EMPTY)}\n`,
      '{"type": "hist", "data": {"@h": [{"min": 4, "max": 7, "count": 0},{"min": 8, "max": 15, "count": 0}]}}\n',
    ],
    [
      "lhist",
      snapshot("@l", undefined, lhist(0, 20, 10), [null, buckets(lhist(0, 20, 10), 5, -3, 300)]),
      0,
      2,
      `@l:\n${row("(..., 0)", 1, FULL)}${row("[0, 10)", 1, FULL)}${row("[10, 20)", 0, EMPTY)}${row("[20, ...)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@l": [{"max": -1, "count": 1},{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]}}\n',
    ],
    [
      "lhist whose last step is cut short",
      snapshot("@m", undefined, lhist(0, 25, 10), [null, buckets(lhist(0, 25, 10), 1, 30)]),
      0,
      0,
      `@m:\n${row("[0, 10)", 1, FULL)}${row("[10, 20)", 0, EMPTY)}${row("[20, ...)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@m": [{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]}}\n',
    ],
    [
      "lhist by kilo",
      snapshot("@l", undefined, lhist(1024, 8192, 1024), [null, buckets(lhist(1024, 8192, 1024), 2048)]),
      0,
      0,
      `@l:\n${row("[2K, 3K)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@l": [{"min": 2048, "max": 3071, "count": 1}]}}\n',
    ],
  ];
  test.each(cases)("%s", (_name, map, top, div, asText, asJson) => {
    expect(text((view) => view.map(map, top, div))).toBe(asText);
    expect(json((view) => view.map(map, top, div))).toBe(asJson);
  });

  test("finer histograms", () => {
    const fine: Type & { kind: "hist" } = { kind: "hist", bits: 2 };
    const shown = text((view) => view.map(snapshot("@k", undefined, fine, [null, buckets(fine, 100, 7, 1000)])));
    expect(shown.split("\n").map((line) => line.slice(0, 16).trimEnd())).toEqual([
      "@k:",
      "[7]",
      "[8, 10)",
      "[10, 12)",
      "[12, 14)",
      "[14, 16)",
      "[16, 20)",
      "[20, 24)",
      "[24, 28)",
      "[28, 32)",
      "[32, 40)",
      "[40, 48)",
      "[48, 56)",
      "[56, 64)",
      "[64, 80)",
      "[80, 96)",
      "[96, 112)",
      "[112, 128)",
      "[128, 160)",
      "[160, 192)",
      "[192, 224)",
      "[224, 256)",
      "[256, 320)",
      "[320, 384)",
      "[384, 448)",
      "[448, 512)",
      "[512, 640)",
      "[640, 768)",
      "[768, 896)",
      "[896, 1024)",
      "",
      "",
    ]);
  });

  test("the end of a run: maps with entries, by name", () => {
    const run = (view: View): void =>
      view.endOfRun([
        snapshot("@b", undefined, INT64, [null, 1]),
        snapshot("@c", INT64, INT64),
        snapshot("@a", undefined, { kind: "bool" }, [null, true]),
      ]);
    expect(text(run)).toBe("\n\n@a: true\n@b: 1\n");
    expect(json(run)).toBe('{"type": "map", "data": {"@a": true}}\n{"type": "map", "data": {"@b": 1}}\n');
  });

  test("order by value is a stable sort of 64-bit numbers", () => {
    const value = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: -3, max: 3 }).map(BigInt),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 40 }), (values) => {
        const map = snapshot(
          "@m",
          INT64,
          INT64,
          ...values.map((v, i): [number, TraceValue] => [i, Number.isSafeInteger(Number(v)) ? Number(v) : v]),
        );
        const expected = values.map((v, i) => ({ v, i })).sort((a, b) => (a.v < b.v ? -1 : a.v > b.v ? 1 : a.i - b.i));
        expect(text((view) => view.map(map))).toBe(expected.map(({ v, i }) => `@m[${i}]: ${v}\n`).join(""));
      }),
    );
  });
});
