// The words of print(@map, …), as text and as JSON.

import { beforeEach, describe, expect, it } from "vitest";
import { INT64, json, string, text, tuple } from "../../test/support/view-records.ts";
import type { MapPrinting, TraceValue, Type } from "../schema/index.ts";
import { histBuckets } from "../schema/layout.ts";
import type { MapSnapshot, View } from "./index.ts";

const COUNT: Type = { kind: "count" };
const HIST: Type & { kind: "hist" } = { kind: "hist", bits: 0 };
const map = (
  keyType: Type | undefined,
  valueType: Type,
  ...entries: (readonly [TraceValue, TraceValue])[]
): MapSnapshot => ({
  map: { name: "@m", valueType, ...(keyType === undefined ? {} : { keyType }) },
  entries: entries.map(([key, value]) => ({ key, value })),
});
/** Counts of hist(n) by bucket. */
const hist = (...filled: (readonly [bucket: number, count: number])[]): number[] => {
  const counts: number[] = new Array(histBuckets(0)).fill(0);
  for (const [bucket, count] of filled) counts[bucket] = count;
  return counts;
};

const three = map(INT64, COUNT, [3, 20], [1, 50], [2, 30]);
const pairs = map(tuple(string(8), INT64), COUNT, [["bash", 10], 5], [["a", 2], 1234]);
const spread = map(undefined, HIST, [null, hist([1, 1], [2, 1], [4, 2])]);

describe("print(@map, …)", () => {
  const cases: readonly (readonly [how: MapPrinting, map: MapSnapshot, top: number, div: number, printed: string])[] = [
    [{ order: "key" }, three, 0, 0, "@m[1]: 50\n@m[2]: 30\n@m[3]: 20\n"],
    [{ order: "value" }, three, 0, 0, "@m[3]: 20\n@m[2]: 30\n@m[1]: 50\n"],
    [{ descending: true }, three, 2, 0, "@m[1]: 50\n@m[2]: 30\n"],
    [{ order: "key", descending: true }, three, 2, 0, "@m[3]: 20\n@m[2]: 30\n"],
    [{ order: "value" }, three, 1, 10, "@m[1]: 5\n"],
    [{ hex: true }, three, 0, 0, "@m[3]: 0x14\n@m[2]: 0x1e\n@m[1]: 0x32\n"],
    [{ percent: true }, three, 2, 0, "@m[2]: 30 (30.0%)\n@m[1]: 50 (50.0%)\n"],
    [{ columns: true }, pairs, 0, 0, "@m:\nbash  10     5\na      2  1234\n\n"],
    [{ columns: true, percent: true }, three, 1, 0, "@m:\n1  50  50.0%\n\n"],
    [{ percent: true }, map(undefined, COUNT, [null, 0]), 0, 0, "@m: 0 (0.0%)\n"],
    [{ hex: true }, map(undefined, INT64, [null, -255]), 0, 0, "@m: -0xff\n"],
    [{ summary: "percentiles" }, spread, 0, 0, "@m: count 4, mean ~3, p50 <=1, p90 <=7, p99 <=7, max <=7\n"],
    [{ summary: "percentiles" }, map(undefined, HIST, [null, hist()]), 0, 0, ""],
    [
      { summary: "percentiles" },
      map(undefined, HIST, [null, hist([0, 3])]),
      0,
      0,
      "@m: count 3, mean ~-1, p50 <=-1, p90 <=-1, p99 <=-1, max <=-1\n",
    ],
  ];
  it.each(cases)("%j", (how, snapshot, top, div, printed) => {
    expect(text((view) => view.map(snapshot, top, div, how))).toBe(printed);
  });

  let seconds = 0;
  beforeEach(() => {
    seconds = 0;
  });
  const now = (): { seconds: number; nanoseconds: number } => ({ seconds, nanoseconds: 0 });
  const over =
    (how: MapPrinting, ...moments: (MapSnapshot | "cleared")[]) =>
    (view: View): void => {
      seconds = 0;
      for (const moment of moments) {
        seconds += 2;
        if (moment === "cleared") view.cleared("@m");
        else view.map(moment, 0, 0, how);
      }
      // The next view begins anew.
      seconds = 0;
    };
  const growing = [map(INT64, COUNT, [1, 10]), map(INT64, COUNT, [1, 15], [2, 3])] as const;

  it("delta: what was added since", () => {
    const run = over({ since: "delta" }, ...growing, "cleared", map(INT64, COUNT, [1, 4]));
    expect(text(run, now)).toBe("@m[1]: 10\n@m[2]: 3\n@m[1]: 5\n@m[1]: 4\n");
    expect(json(run, now)).toBe(
      '{"type": "map", "data": {"@m": {"1": 10}}}\n{"type": "map", "data": {"@m": {"2": 3, "1": 5}}}\n{"type": "map", "data": {"@m": {"1": 4}}}\n',
    );
  });

  it("rate: the same, per second", () => {
    expect(text(over({ since: "rate" }, ...growing), now)).toBe("@m[1]: 5/s\n@m[2]: 1.5/s\n@m[1]: 2.5/s\n");
    expect(json(over({ since: "rate" }, ...growing), now)).toBe(
      '{"type": "rate", "data": {"@m": {"1": 5}}}\n{"type": "rate", "data": {"@m": {"2": 1.5, "1": 2.5}}}\n',
    );
  });

  it("heat: a line for what was added, a header where columns are new", () => {
    const moments = [hist([1, 4]), hist([1, 4], [2, 1], [3, 4]), hist([1, 4], [2, 1], [3, 4])];
    const run = over({ summary: "heat" }, ...moments.map((h) => map(undefined, HIST, [null, h])));
    expect(text(run, now).replace(/\d\d:\d\d:\d\d/g, "TT:TT:TT")).toBe(
      "@m:\n         |0   |\nTT:TT:TT |████| 4\n@m:\n         |0   1   2   |\nTT:TT:TT |    ░░░░████| 5\nTT:TT:TT |            | 0\n",
    );
  });

  it("percentiles in JSON", () => {
    expect(json((view) => view.map(spread, 0, 0, { summary: "percentiles" }))).toBe(
      '{"type": "percentiles", "data": {"@m": {"count": 4, "mean": 3, "p50": 1, "p90": 7, "p99": 7, "max": 7}}}\n',
    );
  });
});
