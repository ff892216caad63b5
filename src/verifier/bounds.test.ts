// The short way to settle the bounds of small numbers gives what the long way gives.

import fc from "fast-check";
import { expect, it } from "vitest";
import { type Draft, isEmpty, settle, settleWide, unboundedDraft } from "./bounds.ts";
import { unsignedRange } from "./scalar.ts";

const U64 = (1n << 64n) - 1n;

const word = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 0xffff_ffffn }) },
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 300n }) },
  fc.constantFrom(0n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_fffen, 0xffff_ffffn, 1n << 32n),
  fc.bigInt({ min: 0n, max: U64 }),
);
const half = word.map((x) => Number(x & 0xffff_ffffn));

/** What is known of `value`, and by `wrong` perhaps something that is not so. */
const draft = fc
  .record({ value: word, below: word, above: word, signed: word, low: half, signedLow: half, mask: word })
  .chain((facts) => fc.record({ facts: fc.constant(facts), which: fc.nat({ max: 127 }) }))
  .map(({ facts: { value, below, above, signed, low, signedLow, mask }, which }): Draft => {
    const d = unboundedDraft();
    const has = (bit: number): boolean => (which & (1 << bit)) !== 0;
    const half32 = Number(value & 0xffff_ffffn);
    if (has(0)) d.umin = below < value ? below : value;
    if (has(1)) d.umax = above > value ? above : value;
    const s = BigInt.asIntN(64, value);
    const limit = BigInt.asIntN(64, signed);
    if (has(2)) {
      if (limit <= s) d.smin = limit;
      else d.smax = limit;
    }
    if (has(3)) {
      if (low <= half32) d.u32min = low;
      else d.u32max = low;
    }
    if (has(4)) {
      if ((signedLow | 0) <= (half32 | 0)) d.s32min = signedLow | 0;
      else d.s32max = signedLow | 0;
    }
    if (has(5)) d.bits = { value: value & ~mask, mask };
    // A bound that the value is beyond: the draft may be of no number at all.
    if (has(6) && d.u32min < 0xffff_ffff && (which & 3) === 0) d.u32min++;
    return d;
  });

it("settles small numbers as it does any other", () => {
  const seed = Number(process.env.SCRY_SEED ?? Date.now() & 0x7fff_ffff);
  let small = 0;
  fc.assert(
    fc.property(draft, (before) => {
      const quick = { ...before };
      const long = { ...before };
      settle(quick);
      settleWide(long);
      expect(isEmpty(quick)).toBe(isEmpty(long));
      if (isEmpty(long)) return;
      if (long.umax < 1n << 32n) small++;
      expect(quick).toEqual(long);
    }),
    { seed, numRuns: 5000 },
  );
  expect(small).toBeGreaterThan(500);
});

it("knows all of a range of small numbers", () => {
  const { umin, umax, smin, smax, u32min, u32max, s32min, s32max, bits } = unsignedRange(0x7fff_fff0n, 0x7fff_fff5n);
  expect([umin, umax, smin, smax]).toEqual([0x7fff_fff0n, 0x7fff_fff5n, 0x7fff_fff0n, 0x7fff_fff5n]);
  expect([u32min, u32max, s32min, s32max]).toEqual([0x7fff_fff0, 0x7fff_fff5, 0x7fff_fff0, 0x7fff_fff5]);
  expect(bits).toEqual({ value: 0x7fff_fff0n, mask: 7n });
});
