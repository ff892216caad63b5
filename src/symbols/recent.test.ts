import fc from "fast-check";
import { expect, it } from "vitest";
import { Recent } from "./recent.ts";

it("keeps what was used last, up to its limit", () => {
  const kept = new Recent<string, number>(3);
  for (const [key, value] of [
    ["a", 1],
    ["b", 2],
    ["c", 3],
  ] as const)
    kept.set(key, value);
  kept.get("a");
  kept.set("d", 4);
  expect(["a", "b", "c", "d"].filter((key) => kept.has(key))).toEqual(["a", "c", "d"]);
});

it("weighs no more than its limit, but for one entry alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 120 }))), (sets) => {
      const kept = new Recent<number, number>(100, (weight) => weight);
      const last = new Map<number, number>();
      for (const [key, weight] of sets) {
        kept.set(key, weight);
        last.delete(key);
        last.set(key, weight);
        expect(kept.get(key)).toBe(weight);
        const weights = [...last].filter(([k]) => kept.has(k)).map(([, w]) => w);
        expect(weights.length === 1 || weights.reduce((a, b) => a + b, 0) <= 100).toBe(true);
      }
    }),
  );
});
