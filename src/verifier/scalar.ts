// What is known of a number in a register: its bits, and its bounds as an unsigned and a signed number of 64 and of 32
// bits. Each of the five says something of the others; `settle` lets them (kernel/bpf/verifier.c, reg_bounds_sync).
// Scalars are never changed: every operation makes a new one.

import {
  TNUM_UNKNOWN,
  type Tnum,
  tnumAnd,
  tnumConst,
  tnumIn,
  tnumIntersect,
  tnumRange,
  tnumSubreg,
  tnumUnion,
  tnumWithSubreg,
  U64_MAX,
} from "./tnum.ts";

/**
 * How far a value has moved since a visit of a loop's head: what was in place `loc` there plus `delta`, without
 * overflow as a signed number. What proves that loops end.
 */
export interface Drift {
  readonly head: number;
  readonly loc: number;
  readonly delta: bigint;
}

export interface Scalar {
  readonly kind: "scalar";
  readonly bits: Tnum;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly u32min: number;
  readonly u32max: number;
  readonly s32min: number;
  readonly s32max: number;
  /** Not 0: shared by registers that differ only by their `plus`. */
  readonly id: number;
  /** Of two registers with one id, the difference of their values is the difference of these. */
  readonly plus: bigint;
  readonly drift: readonly Drift[] | undefined;
  /** This is that number, shifted left by so many bits: shifting it back may give it again, with all that is known. */
  readonly shifted: { readonly from: Scalar; readonly by: number } | undefined;
}

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

export const draftOf = (s: Scalar): Draft => ({
  bits: s.bits,
  umin: s.umin,
  umax: s.umax,
  smin: s.smin,
  smax: s.smax,
  u32min: s.u32min,
  u32max: s.u32max,
  s32min: s.s32min,
  s32max: s.s32max,
});

export const fromDraft = (d: Draft, id = 0, plus = 0n, drift?: readonly Drift[]): Scalar => ({
  kind: "scalar",
  bits: d.bits,
  umin: d.umin,
  umax: d.umax,
  smin: d.smin,
  smax: d.smax,
  u32min: d.u32min,
  u32max: d.u32max,
  s32min: d.s32min,
  s32max: d.s32max,
  id,
  plus,
  drift,
  shifted: undefined,
});

export const UNKNOWN: Scalar = fromDraft(unboundedDraft());

function makeConstant(value: bigint): Scalar {
  const unsigned = BigInt.asUintN(64, value);
  const signed = BigInt.asIntN(64, value);
  const low = Number(unsigned & 0xffff_ffffn);
  return {
    kind: "scalar",
    bits: tnumConst(unsigned),
    umin: unsigned,
    umax: unsigned,
    smin: signed,
    smax: signed,
    u32min: low,
    u32max: low,
    s32min: low | 0,
    s32max: low | 0,
    id: 0,
    plus: 0n,
    drift: undefined,
    shifted: undefined,
  };
}

const small: (Scalar | undefined)[] = [];

/** A known number, taken modulo 2^64. */
export function constant(value: bigint | number): Scalar {
  const big = typeof value === "number" ? BigInt(value) : value;
  if (big < 0n || big > 255n) return makeConstant(big);
  const index = Number(big);
  return (small[index] ??= makeConstant(big));
}

export const isConstant = (s: Scalar): boolean => s.bits.mask === 0n;
export const isZero = (s: Scalar): boolean => s.bits.mask === 0n && s.bits.value === 0n;

/** Any number from min to max, 0..2^64-1. */
export function unsignedRange(min: bigint, max: bigint): Scalar {
  const draft = unboundedDraft();
  draft.umin = min;
  draft.umax = max;
  settle(draft);
  return fromDraft(draft);
}

/** Any number from min to max, -2^63..2^63-1. */
export function signedRange(min: bigint, max: bigint): Scalar {
  const draft = unboundedDraft();
  draft.smin = min;
  draft.smax = max;
  settle(draft);
  return fromDraft(draft);
}

/** Anything that `size` bytes, zero-extended, can hold. */
export function ofSize(size: number): Scalar {
  return size >= 8 ? UNKNOWN : (sized[size] ??= unsignedRange(0n, (1n << BigInt(8 * size)) - 1n));
}
const sized: (Scalar | undefined)[] = [];

const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const low32 = (x: bigint): number => Number(x & 0xffff_ffffn);
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

/** Lets what is known of bits and bounds refine each other. */
export function settle(d: Draft): void {
  if (d.bits.mask === U64_MAX && d.umin === 0n && d.umax === U64_MAX && d.smin === S64_MIN && d.smax === S64_MAX) {
    if (d.u32min === 0 && d.u32max === U32_MAX && d.s32min === S32_MIN && d.s32max === S32_MAX) return;
  }
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

/** Is every number that b stands for one of a's? */
export function contains(a: Scalar, b: Scalar): boolean {
  return (
    a === b ||
    (a.umin <= b.umin &&
      a.umax >= b.umax &&
      a.smin <= b.smin &&
      a.smax >= b.smax &&
      a.u32min <= b.u32min &&
      a.u32max >= b.u32max &&
      a.s32min <= b.s32min &&
      a.s32max >= b.s32max &&
      tnumIn(a.bits, b.bits))
  );
}

/** Every number that either stands for, and perhaps more. */
export function hull(a: Scalar, b: Scalar): Scalar {
  return fromDraft({
    bits: tnumUnion(a.bits, b.bits),
    umin: minBig(a.umin, b.umin),
    umax: maxBig(a.umax, b.umax),
    smin: minBig(a.smin, b.smin),
    smax: maxBig(a.smax, b.smax),
    u32min: Math.min(a.u32min, b.u32min),
    u32max: Math.max(a.u32max, b.u32max),
    s32min: Math.min(a.s32min, b.s32min),
    s32max: Math.max(a.s32max, b.s32max),
  });
}

/** The low half, zero-extended. */
export function zeroExtended(s: Scalar): Scalar {
  if (s.umax <= 0xffff_ffffn) return s;
  const d = unboundedDraft();
  d.bits = tnumSubreg(s.bits);
  d.u32min = s.u32min;
  d.u32max = s.u32max;
  d.s32min = s.s32min;
  d.s32max = s.s32max;
  d.umin = BigInt(s.u32min);
  d.umax = BigInt(s.u32max);
  d.smin = 0n;
  d.smax = 0xffff_ffffn;
  settle(d);
  return fromDraft(d);
}

/** The low `size` bytes, zero-extended (coerce_reg_to_size). */
export function truncated(s: Scalar, size: number): Scalar {
  if (size >= 8) return s;
  if (size === 4) return zeroExtended(s);
  const limit = (1n << BigInt(8 * size)) - 1n;
  if (s.umax <= limit) return s;
  const d = unboundedDraft();
  d.bits = tnumAnd(s.bits, tnumConst(limit));
  if ((s.umin & ~limit) === (s.umax & ~limit)) {
    d.umin = s.umin & limit;
    d.umax = s.umax & limit;
  } else {
    d.umax = limit;
  }
  settle(d);
  return fromDraft(d);
}

/** The low `size` bytes, sign-extended to the width (coerce_reg_to_size_sx). */
export function signExtended(s: Scalar, size: number, width: 32 | 64): Scalar {
  const bits = 8 * size;
  const result = ((): Scalar => {
    if (isConstant(s)) return constant(BigInt.asIntN(bits, s.bits.value));
    const limit = 1n << BigInt(bits - 1);
    if (s.smin >= -limit && s.smax < limit) return s;
    return signedRange(-limit, limit - 1n);
  })();
  return width === 64 ? result : zeroExtended(result);
}

export const withLink = (s: Scalar, id: number, plus: bigint): Scalar => ({ ...s, id, plus });
export const withDrift = (s: Scalar, drift: readonly Drift[] | undefined): Scalar => ({ ...s, drift });

/** For messages: a number, or bounds where they say something. */
export function describe(s: Scalar): string {
  if (isConstant(s)) return String(s.smin);
  if (s.smin === S64_MIN && s.smax === S64_MAX && s.umax === U64_MAX) return "any number";
  if (s.smin >= 0n || s.umax === U64_MAX) {
    const from = s.smin === S64_MIN ? "no lower bound" : String(s.smin);
    const to = s.smax === S64_MAX ? "no upper bound" : String(s.smax);
    return `${from} … ${to}`;
  }
  return `${s.umin} … ${s.umax}`;
}
