import { describe, expect, it } from "vitest";
import { disruption, maglev, NO_SLOT, RING_SIZES, type RingMember } from "./maglev.ts";

const members = (count: number, weight: (i: number) => number = () => 1): RingMember[] =>
  Array.from({ length: count }, (_, i) => ({ key: `10.0.${i >> 8}.${i & 255}`, weight: weight(i) }));
const shares = (ring: Uint32Array, count: number): number[] => {
  const all = Array<number>(count).fill(0);
  for (const index of ring) if (index !== NO_SLOT) all[index] = (all[index] as number) + 1;
  return all;
};
const isPrime = (n: number): boolean => {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return true;
};

describe("Maglev", () => {
  it("has rings of primes", () => {
    expect(RING_SIZES.filter((size) => !isPrime(size))).toEqual([]);
  });

  it("gives equal servers equal shares", () => {
    const all = shares(maglev(members(10), 16_381), 10);
    expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
  });

  it("gives shares by weight, and none to weight 0", () => {
    const ring = maglev(
      members(4, (i) => i),
      16_381,
    );
    const [none, one, two, three] = shares(ring, 4).map((count) => count / 16_381) as [number, number, number, number];
    expect(none).toBe(0);
    expect(one).toBeCloseTo(1 / 6, 3);
    expect(two).toBeCloseTo(2 / 6, 3);
    expect(three).toBeCloseTo(3 / 6, 3);
  });

  it("is the same whatever the order", () => {
    const all = members(7, (i) => 1 + (i % 3));
    const turned = [...all].reverse();
    const keys = (list: RingMember[]): (string | undefined)[] => [...maglev(list, 1021)].map((i) => list[i]?.key);
    expect(keys(turned)).toEqual(keys(all));
  });

  it("has no slots for nobody", () => {
    expect(new Set(maglev([], 251))).toEqual(new Set([NO_SLOT]));
    expect(
      new Set(
        maglev(
          members(3, () => 0),
          251,
        ),
      ),
    ).toEqual(new Set([NO_SLOT]));
  });

  it("moves less than one in 200 flows of the others where one of a hundred leaves", () => {
    const size = 131_071;
    const all = members(100);
    const before = { members: all, ring: maglev(all, size) };
    for (const out of [0, 13, 57, 99]) {
      const staying = all.filter((_, i) => i !== out);
      expect(disruption(before, { members: staying, ring: maglev(staying, size) })).toBeLessThan(0.005);
    }
  });
});
