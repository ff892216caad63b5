// What is known of a number in a register: its bits, and its bounds as an unsigned and a signed number of 64 and of 32
// bits. Each of the five says something of the others; `settle` (bounds.ts) lets them.
// Scalars are never changed: every operation makes a new one.

import { type Draft, S32_MAX, S32_MIN, S64_MAX, S64_MIN, settle, U32_MAX, unboundedDraft } from "./bounds.ts";
import { type Tnum, tnumAnd, tnumConst, tnumIn, tnumSubreg, tnumUnion, U64_MAX } from "./tnum.ts";

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

/** The only place where scalars are made: objects made in several ways (by spreading) are slow to read. */
const make = (
  d: Draft | Scalar,
  id: number,
  plus: bigint,
  drift: readonly Drift[] | undefined,
  shifted: Scalar["shifted"],
): Scalar => ({
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
  shifted,
});

export const fromDraft = (d: Draft, id = 0, plus = 0n, drift?: readonly Drift[]): Scalar =>
  make(d, id, plus, drift, undefined);

export const UNKNOWN: Scalar = fromDraft(unboundedDraft());

function makeConstant(value: bigint): Scalar {
  const unsigned = BigInt.asUintN(64, value);
  const signed = BigInt.asIntN(64, value);
  const low = Number(unsigned & 0xffff_ffffn);
  return fromDraft({
    bits: tnumConst(unsigned),
    umin: unsigned,
    umax: unsigned,
    smin: signed,
    smax: signed,
    u32min: low,
    u32max: low,
    s32min: low | 0,
    s32max: low | 0,
  });
}

const small: (Scalar | undefined)[] = [];

/** A known number, taken modulo 2^64. */
export function constant(value: bigint | number): Scalar {
  const big = typeof value === "number" ? BigInt(value) : value;
  if (big < 0n || big > 255n) return makeConstant(big);
  const index = Number(big);
  return (small[index] ??= makeConstant(big));
}

/** Is nothing known of it but that it is a number? */
export const isUnbounded = (s: Scalar): boolean =>
  s.bits.mask === U64_MAX &&
  s.u32min === 0 &&
  s.u32max === U32_MAX &&
  s.s32min === S32_MIN &&
  s.s32max === S32_MAX &&
  s.umin === 0n &&
  s.umax === U64_MAX &&
  s.smin === S64_MIN &&
  s.smax === S64_MAX;

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

/** Is every number that b stands for one of a's? */
export function contains(a: Scalar, b: Scalar): boolean {
  if (b === UNKNOWN) return isUnbounded(a);
  return (
    a === b ||
    // Plain numbers first: they are quickly compared.
    (a.u32min <= b.u32min &&
      a.u32max >= b.u32max &&
      a.s32min <= b.s32min &&
      a.s32max >= b.s32max &&
      a.umin <= b.umin &&
      a.umax >= b.umax &&
      a.smin <= b.smin &&
      a.smax >= b.smax &&
      tnumIn(a.bits, b.bits))
  );
}

/** Every number that either stands for, and perhaps more. */
export function hull(a: Scalar, b: Scalar): Scalar {
  if (isUnbounded(a) || isUnbounded(b)) return UNKNOWN;
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
  if (
    s.bits.mask === U64_MAX &&
    s.u32min === 0 &&
    s.u32max === U32_MAX &&
    s.s32min === S32_MIN &&
    s.s32max === S32_MAX
  ) {
    return ofSize(4);
  }
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

export const withLink = (s: Scalar, id: number, plus: bigint): Scalar => make(s, id, plus, s.drift, s.shifted);
export const withDrift = (s: Scalar, drift: readonly Drift[] | undefined): Scalar =>
  make(s, s.id, s.plus, drift, s.shifted);
export const withShift = (s: Scalar, from: Scalar, by: number): Scalar => make(s, s.id, s.plus, s.drift, { from, by });
/** The bounds alone, with another link and other drift. */
export const relinked = (s: Scalar, id: number, plus: bigint, drift: readonly Drift[] | undefined): Scalar =>
  make(s, id, plus, drift, undefined);

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
