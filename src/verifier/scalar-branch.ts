// What a comparison says of the numbers compared: whether it can only go one way, and what is known on either side of
// it (is_scalar_branch_taken and regs_refine_cond_op of kernel/bpf/verifier.c).

import { Jmp } from "../isa/index.ts";
import { type Draft, isEmpty, settle } from "./bounds.ts";
import { draftOf, fromDraft, isConstant, type Scalar } from "./scalar.ts";
import { type Tnum, tnumIntersect, tnumSubreg, tnumWithSubreg, U64_MAX } from "./tnum.ts";

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

/** True or false where the comparison can only go that way; undefined where it can go both. */
export function decided(code: number, left: Scalar, right: Scalar, width: 32 | 64): boolean | undefined {
  return width === 64 ? decided64(code, left, right) : decided32(code, left, right);
}

function decided64(code: number, a: Scalar, b: Scalar): boolean | undefined {
  switch (code) {
    case Jmp.JEQ:
    case Jmp.JNE:
      if (a.bits.mask === 0n && b.bits.mask === 0n) return (a.bits.value === b.bits.value) === (code === Jmp.JEQ);
      return a.umax < b.umin || a.umin > b.umax || a.smax < b.smin || a.smin > b.smax || differ(a.bits, b.bits)
        ? code === Jmp.JNE
        : undefined;
    case Jmp.JSET:
      return anySet(a.bits, b.bits);
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

/** The same with plain numbers, written out again: a function that sees both kinds is slow for either. */
function decided32(code: number, a: Scalar, b: Scalar): boolean | undefined {
  switch (code) {
    case Jmp.JEQ:
    case Jmp.JNE: {
      if (a.u32max < b.u32min || a.u32min > b.u32max || a.s32max < b.s32min || a.s32min > b.s32max) {
        return code === Jmp.JNE;
      }
      const x = tnumSubreg(a.bits);
      const y = tnumSubreg(b.bits);
      if (differ(x, y)) return code === Jmp.JNE;
      return x.mask === 0n && y.mask === 0n ? code === Jmp.JEQ : undefined;
    }
    case Jmp.JSET:
      return anySet(tnumSubreg(a.bits), tnumSubreg(b.bits));
    case Jmp.JGT:
      return a.u32min > b.u32max ? true : a.u32max <= b.u32min ? false : undefined;
    case Jmp.JSGT:
      return a.s32min > b.s32max ? true : a.s32max <= b.s32min ? false : undefined;
    case Jmp.JLT:
      return a.u32max < b.u32min ? true : a.u32min >= b.u32max ? false : undefined;
    case Jmp.JSLT:
      return a.s32max < b.s32min ? true : a.s32min >= b.s32max ? false : undefined;
    case Jmp.JGE:
      return a.u32min >= b.u32max ? true : a.u32max < b.u32min ? false : undefined;
    case Jmp.JSGE:
      return a.s32min >= b.s32max ? true : a.s32max < b.s32min ? false : undefined;
    case Jmp.JLE:
      return a.u32max <= b.u32min ? true : a.u32min > b.u32max ? false : undefined;
    case Jmp.JSLE:
      return a.s32max <= b.s32min ? true : a.s32min > b.s32max ? false : undefined;
    default:
      return undefined;
  }
}

/** Is there a bit that is known in both, and not the same? */
const differ = (a: Tnum, b: Tnum): boolean =>
  a.mask !== U64_MAX && b.mask !== U64_MAX && ((a.value ^ b.value) & ~(a.mask | b.mask)) !== 0n;

/** Is one of the bits of the known `b` set in `a`? */
function anySet(a: Tnum, b: Tnum): boolean | undefined {
  if (b.mask !== 0n) return undefined;
  if ((a.value & b.value) !== 0n) return true;
  return ((a.mask | a.value) & b.value) === 0n ? false : undefined;
}

const minBig = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const maxBig = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function equal64(a: Draft, b: Draft): void {
  a.umin = b.umin = maxBig(a.umin, b.umin);
  a.umax = b.umax = minBig(a.umax, b.umax);
  a.smin = b.smin = maxBig(a.smin, b.smin);
  a.smax = b.smax = minBig(a.smax, b.smax);
  a.bits = b.bits = tnumIntersect(a.bits, b.bits);
}

function equal32(a: Draft, b: Draft): void {
  a.u32min = b.u32min = Math.max(a.u32min, b.u32min);
  a.u32max = b.u32max = Math.min(a.u32max, b.u32max);
  a.s32min = b.s32min = Math.max(a.s32min, b.s32min);
  a.s32max = b.s32max = Math.min(a.s32max, b.s32max);
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
