// What a comparison says of the numbers compared: whether it can only go one way, and what is known on either side of
// it (is_scalar_branch_taken and regs_refine_cond_op of kernel/bpf/verifier.c).

import { Jmp } from "../isa/index.ts";
import { type Draft, draftOf, fromDraft, isConstant, isEmpty, type Scalar, settle } from "./scalar.ts";
import { tnumIntersect, tnumSubreg, tnumWithSubreg } from "./tnum.ts";

/** The comparison that holds where this one does not. */
const OPPOSITE: { readonly [code: number]: number } = {
  [Jmp.JEQ]: Jmp.JNE,
  [Jmp.JNE]: Jmp.JEQ,
  [Jmp.JGT]: Jmp.JLE,
  [Jmp.JLE]: Jmp.JGT,
  [Jmp.JGE]: Jmp.JLT,
  [Jmp.JLT]: Jmp.JGE,
  [Jmp.JSGT]: Jmp.JSLE,
  [Jmp.JSLE]: Jmp.JSGT,
  [Jmp.JSGE]: Jmp.JSLT,
  [Jmp.JSLT]: Jmp.JSGE,
};

interface View {
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly value: bigint;
  readonly mask: bigint;
}

function view(s: Scalar, width: 32 | 64): View {
  if (width === 64) {
    return { umin: s.umin, umax: s.umax, smin: s.smin, smax: s.smax, value: s.bits.value, mask: s.bits.mask };
  }
  const bits = tnumSubreg(s.bits);
  return {
    umin: BigInt(s.u32min),
    umax: BigInt(s.u32max),
    smin: BigInt(s.s32min),
    smax: BigInt(s.s32max),
    value: bits.value,
    mask: bits.mask,
  };
}

/** True or false where the comparison can only go that way; undefined where it can go both. */
export function decided(code: number, left: Scalar, right: Scalar, width: 32 | 64): boolean | undefined {
  const a = view(left, width);
  const b = view(right, width);
  const disjoint =
    a.umax < b.umin ||
    a.umin > b.umax ||
    a.smax < b.smin ||
    a.smin > b.smax ||
    ((a.value ^ b.value) & ~(a.mask | b.mask)) !== 0n;
  switch (code) {
    case Jmp.JEQ:
    case Jmp.JNE:
      if (disjoint) return code === Jmp.JNE;
      return a.mask === 0n && b.mask === 0n ? (a.value === b.value) === (code === Jmp.JEQ) : undefined;
    case Jmp.JSET:
      if (b.mask !== 0n) return undefined;
      if ((~a.mask & a.value & b.value) !== 0n) return true;
      return ((a.mask | a.value) & b.value) === 0n ? false : undefined;
    case Jmp.JGT:
      return a.umin > b.umax ? true : a.umax <= b.umin ? false : undefined;
    case Jmp.JSGT:
      return a.smin > b.smax ? true : a.smax <= b.smin ? false : undefined;
    case Jmp.JLT:
      return a.umax < b.umin ? true : a.umin >= b.umax ? false : undefined;
    case Jmp.JSLT:
      return a.smax < b.smin ? true : a.smin >= b.smax ? false : undefined;
    case Jmp.JGE:
      return a.umin >= b.umax ? true : a.umax < b.umin ? false : undefined;
    case Jmp.JSGE:
      return a.smin >= b.smax ? true : a.smax < b.smin ? false : undefined;
    case Jmp.JLE:
      return a.umax <= b.umin ? true : a.umin > b.umax ? false : undefined;
    case Jmp.JSLE:
      return a.smax <= b.smin ? true : a.smin > b.smax ? false : undefined;
    default:
      return undefined;
  }
}

const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function equal64(a: Draft, b: Draft): void {
  for (const key of ["umin", "smin"] as const) a[key] = b[key] = maxBig(a[key], b[key]);
  for (const key of ["umax", "smax"] as const) a[key] = b[key] = minBig(a[key], b[key]);
  a.bits = b.bits = tnumIntersect(a.bits, b.bits);
}

function equal32(a: Draft, b: Draft): void {
  for (const key of ["u32min", "s32min"] as const) a[key] = b[key] = Math.max(a[key], b[key]);
  for (const key of ["u32max", "s32max"] as const) a[key] = b[key] = Math.min(a[key], b[key]);
  const low = tnumIntersect(tnumSubreg(a.bits), tnumSubreg(b.bits));
  a.bits = tnumWithSubreg(a.bits, low);
  b.bits = tnumWithSubreg(b.bits, low);
}

/** `a` is not the known `b`: only the ends of its ranges can tell. */
function unequal(a: Draft, b: Draft, width: 32 | 64): void {
  if (width === 64) {
    if (b.bits.mask !== 0n) return;
    if (a.umin === b.umin) a.umin += 1n;
    if (a.umax === b.umin) a.umax -= 1n;
    if (a.smin === b.smin) a.smin += 1n;
    if (a.smax === b.smin) a.smax -= 1n;
  } else {
    if (tnumSubreg(b.bits).mask !== 0n) return;
    const u = Number(tnumSubreg(b.bits).value);
    if (a.u32min === u) a.u32min += 1;
    if (a.u32max === u) a.u32max -= 1;
    if (a.s32min === (u | 0)) a.s32min += 1;
    if (a.s32max === (u | 0)) a.s32max -= 1;
  }
}

/** `a <= b`, or `a < b` where `gap` is 1. */
function atMost(a: Draft, b: Draft, gap: 0 | 1, signed: boolean, width: 32 | 64): void {
  if (width === 64) {
    const g = BigInt(gap);
    if (signed) {
      a.smax = minBig(a.smax, b.smax - g);
      b.smin = maxBig(b.smin, a.smin + g);
    } else {
      a.umax = minBig(a.umax, b.umax - g);
      b.umin = maxBig(b.umin, a.umin + g);
    }
  } else if (signed) {
    a.s32max = Math.min(a.s32max, b.s32max - gap);
    b.s32min = Math.max(b.s32min, a.s32min + gap);
  } else {
    a.u32max = Math.min(a.u32max, b.u32max - gap);
    b.u32min = Math.max(b.u32min, a.u32min + gap);
  }
}

function bitTest(a: Draft, b: Draft, set: boolean, width: 32 | 64): void {
  const low = width === 32 ? tnumSubreg(b.bits) : b.bits;
  if (low.mask !== 0n) return;
  const { value } = low;
  if (set) {
    // Which bit is set is known only where there is one.
    if (value !== 0n && (value & (value - 1n)) === 0n) {
      a.bits = { value: a.bits.value | value, mask: a.bits.mask & ~value };
    }
  } else {
    a.bits = { value: a.bits.value & ~value, mask: a.bits.mask & ~value };
  }
}

export interface Refined {
  readonly left: Scalar;
  readonly right: Scalar;
}

/** What is known of both sides where the comparison has this outcome; undefined where it cannot have it. */
export function refine(
  code: number,
  left: Scalar,
  right: Scalar,
  width: 32 | 64,
  outcome: boolean,
): Refined | undefined {
  const a = draftOf(left);
  const b = draftOf(right);
  if (code === Jmp.JSET) bitTest(a, b, outcome, width);
  else {
    switch (outcome ? code : OPPOSITE[code]) {
      case Jmp.JEQ:
        if (width === 64) equal64(a, b);
        else equal32(a, b);
        break;
      case Jmp.JNE:
        unequal(a, b, width);
        unequal(b, a, width);
        break;
      case Jmp.JGT:
        atMost(b, a, 1, false, width);
        break;
      case Jmp.JGE:
        atMost(b, a, 0, false, width);
        break;
      case Jmp.JLT:
        atMost(a, b, 1, false, width);
        break;
      case Jmp.JLE:
        atMost(a, b, 0, false, width);
        break;
      case Jmp.JSGT:
        atMost(b, a, 1, true, width);
        break;
      case Jmp.JSGE:
        atMost(b, a, 0, true, width);
        break;
      case Jmp.JSLT:
        atMost(a, b, 1, true, width);
        break;
      case Jmp.JSLE:
        atMost(a, b, 0, true, width);
        break;
    }
  }
  const newLeft = finished(left, a);
  const newRight = finished(right, b);
  return newLeft === undefined || newRight === undefined ? undefined : { left: newLeft, right: newRight };
}

function finished(before: Scalar, d: Draft): Scalar | undefined {
  if (isConstant(before)) return isEmpty(d) ? undefined : before;
  if (isEmpty(d)) return undefined;
  settle(d);
  return isEmpty(d) ? undefined : fromDraft(d, before.id, before.plus, before.drift);
}
