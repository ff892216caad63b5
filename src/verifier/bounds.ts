// The bounds of a number while they are being found, and how each of them refines the others
// (kernel/bpf/verifier.c, reg_bounds_sync).

import { TNUM_UNKNOWN, type Tnum, tnumIntersect, tnumRange, tnumSubreg, tnumWithSubreg, U64_MAX } from "./tnum.ts";

/** A scalar while its bounds are being found. */
export interface Draft {
  bits: Tnum;
  umin: bigint;
  umax: bigint;
  smin: bigint;
  smax: bigint;
  u32min: number;
  u32max: number;
  s32min: number;
  s32max: number;
}

export const S64_MIN: bigint = -(1n << 63n);
export const S64_MAX: bigint = (1n << 63n) - 1n;
export const U32_MAX = 0xffff_ffff;
export const S32_MIN = -0x8000_0000;
export const S32_MAX = 0x7fff_ffff;

export const unboundedDraft = (): Draft => ({
  bits: TNUM_UNKNOWN,
  umin: 0n,
  umax: U64_MAX,
  smin: S64_MIN,
  smax: S64_MAX,
  u32min: 0,
  u32max: U32_MAX,
  s32min: S32_MIN,
  s32max: S32_MAX,
});

const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const low32 = (x: bigint): number => Number(BigInt.asUintN(32, x));
const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const s64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const HIGH = 0xffff_ffff_0000_0000n;
const SIGN = 1n << 63n;

/** __update_reg_bounds: what the known bits say of the bounds. */
function boundsFromBits(d: Draft): void {
  const { value, mask } = d.bits;
  if (mask === U64_MAX) return;
  const low = low32(value);
  const lowMask = low32(mask);
  // The sign bit, where unknown, makes the least number negative.
  d.s32min = Math.max(d.s32min, low | (lowMask & S32_MIN));
  d.s32max = Math.min(d.s32max, low | (lowMask & S32_MAX));
  d.u32min = Math.max(d.u32min, low);
  d.u32max = Math.min(d.u32max, (low | lowMask) >>> 0);
  d.smin = maxBig(d.smin, s64(value | (mask & SIGN)));
  d.smax = minBig(d.smax, s64(value | (mask & S64_MAX)));
  d.umin = maxBig(d.umin, value);
  d.umax = minBig(d.umax, value | mask);
}

/** __reg32_deduce_bounds */
function deduce32(d: Draft): void {
  if (d.umin >> 32n === d.umax >> 32n) {
    const min = low32(d.umin);
    const max = low32(d.umax);
    d.u32min = Math.max(d.u32min, min);
    d.u32max = Math.min(d.u32max, max);
    if ((min | 0) <= (max | 0)) {
      d.s32min = Math.max(d.s32min, min | 0);
      d.s32max = Math.min(d.s32max, max | 0);
    }
  }
  const smin = low32(d.smin);
  const smax = low32(d.smax);
  const highMin = d.smin >> 32n;
  const highMax = d.smax >> 32n;
  if (highMin === highMax) {
    if (smin <= smax) {
      d.u32min = Math.max(d.u32min, smin);
      d.u32max = Math.min(d.u32max, smax);
    }
    if ((smin | 0) <= (smax | 0)) {
      d.s32min = Math.max(d.s32min, smin | 0);
      d.s32max = Math.min(d.s32max, smax | 0);
    }
  } else if (highMin + 1n === highMax && (smin | 0) < 0 && (smax | 0) >= 0) {
    // From just below a multiple of 2^32 to just above it: the low halves run from negative to positive.
    d.s32min = Math.max(d.s32min, smin | 0);
    d.s32max = Math.min(d.s32max, smax | 0);
  }
  if ((d.u32min | 0) <= (d.u32max | 0)) {
    d.s32min = Math.max(d.s32min, d.u32min | 0);
    d.s32max = Math.min(d.s32max, d.u32max | 0);
  }
  if (d.s32min >>> 0 <= d.s32max >>> 0) {
    d.u32min = Math.max(d.u32min, d.s32min >>> 0);
    d.u32max = Math.min(d.u32max, d.s32max >>> 0);
  }
}

/** __reg64_deduce_bounds */
function deduce64(d: Draft): void {
  if (s64(d.umin) <= s64(d.umax)) {
    d.smin = maxBig(d.smin, s64(d.umin));
    d.smax = minBig(d.smax, s64(d.umax));
  }
  const from = u64(d.smin);
  const to = u64(d.smax);
  if (from <= to) {
    d.umin = maxBig(d.umin, from);
    d.umax = minBig(d.umax, to);
  } else if (d.umax < from) {
    // The signed range goes through zero, the unsigned one has only its part from zero up …
    d.smin = s64(d.umin);
    d.umax = minBig(d.umax, to);
  } else if (to < d.umin) {
    // … or only its negative part.
    d.smax = s64(d.umax);
    d.umin = maxBig(d.umin, from);
  }
}

/** __reg_deduce_mixed_bounds: the 64-bit bounds from the 32-bit ones. */
function deduceMixed(d: Draft): void {
  // Nothing is known of the low half.
  if (d.u32min === 0 && d.u32max === U32_MAX && d.s32min === S32_MIN && d.s32max === S32_MAX) return;
  const min = BigInt(d.u32min);
  const max = BigInt(d.u32max);
  d.umin = maxBig(d.umin, (d.umin & HIGH) | min);
  d.umax = minBig(d.umax, (d.umax & HIGH) | max);
  d.smin = maxBig(d.smin, (d.smin & ~0xffff_ffffn) | min);
  d.smax = minBig(d.smax, (d.smax & ~0xffff_ffffn) | max);
  if (d.s32min >= 0 && d.smin >= BigInt(S32_MIN) && d.smax <= BigInt(S32_MAX)) {
    d.smin = maxBig(d.smin, BigInt(d.s32min));
    d.smax = minBig(d.smax, BigInt(d.s32max));
    d.umin = maxBig(d.umin, BigInt(d.s32min));
    d.umax = minBig(d.umax, BigInt(d.s32max));
  } else if (d.smin >= BigInt(S32_MIN) && d.smax <= BigInt(S32_MAX)) {
    d.smin = maxBig(d.smin, BigInt(d.s32min));
    d.smax = minBig(d.smax, BigInt(d.s32max));
  }
}

function boundBits(d: Draft): void {
  if (d.umin > d.umax || d.u32min > d.u32max) return;
  const whole = tnumIntersect(d.bits, tnumRange(d.umin, d.umax));
  const half = tnumIntersect(tnumSubreg(whole), tnumRange(BigInt(d.u32min), BigInt(d.u32max)));
  d.bits = tnumWithSubreg(whole, half);
}

const U32_BIG = 0xffff_ffffn;

/**
 * The same for a number of at most 32 bits that is not negative, as nearly all are: then the unsigned bounds of both
 * widths and the signed ones of 64 bits are the same, and plain numbers do. False, and nothing done, for any other.
 */
function settleLow(d: Draft): boolean {
  if (d.umax > U32_BIG && (d.smin < 0n || d.smax > U32_BIG)) return false;
  if (d.smax < 0n || d.umin > U32_BIG || d.smin > U32_BIG || d.bits.value > U32_BIG) return false;
  let min = Math.max(d.u32min, Number(d.umin), d.smin > 0n ? Number(d.smin) : 0);
  let max = Math.min(
    d.u32max,
    d.umax > U32_BIG ? U32_MAX : Number(d.umax),
    d.smax > U32_BIG ? U32_MAX : Number(d.smax),
  );
  let { s32min, s32max } = d;
  let value = Number(d.bits.value);
  let mask = low32(d.bits.mask);
  for (let round = 0; ; round++) {
    // What the bits say; the sign bit, where unknown, makes the least number negative.
    s32min = Math.max(s32min, value | (mask & S32_MIN));
    s32max = Math.min(s32max, value | (mask & S32_MAX));
    min = Math.max(min, value);
    max = Math.min(max, (value | mask) >>> 0);
    for (let turn = 0; turn < 2; turn++) {
      if ((min | 0) <= (max | 0)) {
        s32min = Math.max(s32min, min | 0);
        s32max = Math.min(s32max, max | 0);
      }
      if (s32min >>> 0 <= s32max >>> 0) {
        min = Math.max(min, s32min >>> 0);
        max = Math.min(max, s32max >>> 0);
      }
    }
    // No number is like that: the long way says so.
    if (min > max || s32min > s32max) return false;
    if (round === 1) break;
    const differ = 32 - Math.clz32(min ^ max);
    const free = differ === 32 ? U32_MAX : (1 << differ) - 1;
    const known = value | (min & ~free);
    mask = (mask & free) >>> 0;
    value = (known & ~mask) >>> 0;
  }
  if (d.umin !== d.smin || Number(d.umin) !== min) d.umin = d.smin = BigInt(min);
  if (d.umax !== d.smax || Number(d.umax) !== max) d.umax = d.smax = BigInt(max);
  d.u32min = min;
  d.u32max = max;
  d.s32min = s32min;
  d.s32max = s32max;
  const bigMask = BigInt(mask);
  if (d.bits.mask !== bigMask || Number(d.bits.value) !== value) d.bits = { value: BigInt(value), mask: bigMask };
  return true;
}

/** Lets what is known of bits and bounds refine each other. */
export function settle(d: Draft): void {
  if (d.bits.mask === U64_MAX && d.umin === 0n && d.umax === U64_MAX && d.smin === S64_MIN && d.smax === S64_MAX) {
    if (d.u32min === 0 && d.u32max === U32_MAX && d.s32min === S32_MIN && d.s32max === S32_MAX) return;
  }
  if (!settleLow(d)) settleWide(d);
}

/** The same for any number; `settle` is quicker where plain numbers do, and must give the same. */
export function settleWide(d: Draft): void {
  boundsFromBits(d);
  for (let round = 0; round < 3; round++) {
    const { umin, umax, smin, smax, u32min, u32max, s32min, s32max } = d;
    deduce32(d);
    deduce64(d);
    deduceMixed(d);
    const settled =
      d.u32min === u32min &&
      d.u32max === u32max &&
      d.s32min === s32min &&
      d.s32max === s32max &&
      d.umin === umin &&
      d.umax === umax &&
      d.smin === smin &&
      d.smax === smax;
    if (settled) break;
  }
  boundBits(d);
  boundsFromBits(d);
}

/** No number is like that: the branch that led here is never taken. */
export const isEmpty = (d: Draft): boolean =>
  d.umin > d.umax ||
  d.smin > d.smax ||
  d.u32min > d.u32max ||
  d.s32min > d.s32max ||
  (d.bits.value & d.bits.mask) !== 0n;
