// Arithmetic on what is known of numbers, after the scalar_min_max_* and scalar32_min_max_* of kernel/bpf/verifier.c.
// 64-bit operations find their 32-bit bounds through the known bits; 32-bit operations work on the low halves and
// zero-extend.

import { Alu } from "../isa/index.ts";
import { type Draft, isEmpty, S32_MAX, S32_MIN, S64_MAX, S64_MIN, settle, U32_MAX, unboundedDraft } from "./bounds.ts";
import {
  constant,
  type Drift,
  draftOf,
  fromDraft,
  isConstant,
  isUnbounded,
  isZero,
  type Scalar,
  signedRange,
  truncated,
  UNKNOWN,
  unsignedRange,
  withDrift,
  withShift,
  zeroExtended,
} from "./scalar.ts";
import {
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumLsh,
  tnumMul,
  tnumOr,
  tnumRsh,
  tnumSub,
  tnumSubreg,
  tnumXor,
  U64_MAX,
} from "./tnum.ts";

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);

/** The result of two known numbers, as the machine has it. */
function known(code: number, a: bigint, b: bigint, width: 32 | 64, signed: boolean): bigint {
  const shift = b & BigInt(width - 1);
  const sa = BigInt.asIntN(width, a);
  const sb = BigInt.asIntN(width, b);
  switch (code) {
    case Alu.ADD:
      return a + b;
    case Alu.SUB:
      return a - b;
    case Alu.MUL:
      return a * b;
    case Alu.DIV:
      return b === 0n ? 0n : signed ? sa / sb : a / b;
    case Alu.MOD:
      return b === 0n ? a : signed ? sa % sb : a % b;
    case Alu.OR:
      return a | b;
    case Alu.AND:
      return a & b;
    case Alu.XOR:
      return a ^ b;
    case Alu.LSH:
      return a << shift;
    case Alu.RSH:
      return a >> shift;
    default:
      return sa >> shift;
  }
}

function add(d: Draft, a: Scalar, b: Scalar): void {
  d.bits = tnumAdd(a.bits, b.bits);
  const smin = a.smin + b.smin;
  const smax = a.smax + b.smax;
  if (smin >= S64_MIN && smax <= S64_MAX) {
    d.smin = smin;
    d.smax = smax;
  }
  const umin = a.umin + b.umin;
  const umax = a.umax + b.umax;
  // Either no sum wraps, or every one does.
  if (umax <= U64_MAX || umin > U64_MAX) {
    d.umin = u64(umin);
    d.umax = u64(umax);
  }
  const s32min = a.s32min + b.s32min;
  const s32max = a.s32max + b.s32max;
  if (s32min >= S32_MIN && s32max <= S32_MAX) {
    d.s32min = s32min;
    d.s32max = s32max;
  }
  const u32min = a.u32min + b.u32min;
  const u32max = a.u32max + b.u32max;
  if (u32max <= U32_MAX || u32min > U32_MAX) {
    d.u32min = u32min >>> 0;
    d.u32max = u32max >>> 0;
  }
}

function sub(d: Draft, a: Scalar, b: Scalar): void {
  d.bits = tnumSub(a.bits, b.bits);
  const smin = a.smin - b.smax;
  const smax = a.smax - b.smin;
  if (smin >= S64_MIN && smax <= S64_MAX) {
    d.smin = smin;
    d.smax = smax;
  }
  const umin = a.umin - b.umax;
  const umax = a.umax - b.umin;
  if (umin >= 0n || umax < 0n) {
    d.umin = u64(umin);
    d.umax = u64(umax);
  }
  const s32min = a.s32min - b.s32max;
  const s32max = a.s32max - b.s32min;
  if (s32min >= S32_MIN && s32max <= S32_MAX) {
    d.s32min = s32min;
    d.s32max = s32max;
  }
  const u32min = a.u32min - b.u32max;
  const u32max = a.u32max - b.u32min;
  if (u32min >= 0 || u32max < 0) {
    d.u32min = u32min >>> 0;
    d.u32max = u32max >>> 0;
  }
}

function mul(d: Draft, a: Scalar, b: Scalar): void {
  d.bits = tnumMul(a.bits, b.bits);
  const umax = a.umax * b.umax;
  if (umax <= U64_MAX) {
    d.umin = a.umin * b.umin;
    d.umax = umax;
  }
  const corners = [a.smin * b.smin, a.smin * b.smax, a.smax * b.smin, a.smax * b.smax];
  const low = corners.reduce((x, y) => (x < y ? x : y));
  const high = corners.reduce((x, y) => (x > y ? x : y));
  if (low >= S64_MIN && high <= S64_MAX) {
    d.smin = low;
    d.smax = high;
  }
  const u32max = BigInt(a.u32max) * BigInt(b.u32max);
  if (u32max <= BigInt(U32_MAX)) {
    d.u32min = a.u32min * b.u32min;
    d.u32max = Number(u32max);
  }
}

function and(d: Draft, a: Scalar, b: Scalar): void {
  d.bits = tnumAnd(a.bits, b.bits);
  d.umin = d.bits.value;
  d.umax = a.umax < b.umax ? a.umax : b.umax;
  d.u32min = Number(d.bits.value & 0xffff_ffffn);
  d.u32max = Math.min(a.u32max, b.u32max);
}

function or(d: Draft, a: Scalar, b: Scalar): void {
  d.bits = tnumOr(a.bits, b.bits);
  d.umin = a.umin > b.umin ? a.umin : b.umin;
  d.umax = d.bits.value | d.bits.mask;
  d.u32min = Math.max(a.u32min, b.u32min);
}

function shiftLeft(d: Draft, a: Scalar, shift: bigint): void {
  d.bits = tnumLsh(a.bits, shift);
  if (a.umax <= U64_MAX >> shift) {
    d.umin = a.umin << shift;
    d.umax = a.umax << shift;
  }
  const smin = a.smin << shift;
  const smax = a.smax << shift;
  if (smin >= S64_MIN && smax <= S64_MAX) {
    d.smin = smin;
    d.smax = smax;
  }
}

function shiftRight(d: Draft, a: Scalar, shift: bigint): void {
  d.bits = tnumRsh(a.bits, shift);
  d.umin = a.umin >> shift;
  d.umax = a.umax >> shift;
}

function shiftRightSigned(d: Draft, a: Scalar, shift: bigint): void {
  d.bits = tnumArsh(a.bits, shift, 64);
  d.smin = a.smin >> shift;
  d.smax = a.smax >> shift;
}

/** Drift of a sum with a known number; lost where the sum could overflow. */
function drifted(a: Scalar, by: bigint): readonly Drift[] | undefined {
  if (a.drift === undefined || a.smin + by < S64_MIN || a.smax + by > S64_MAX) return undefined;
  return a.drift.map(({ head, loc, delta }) => ({ head, loc, delta: delta + by }));
}

/** Division and remainder by a known divisor, or unsigned by any: better than the kernel's, which gives up on them. */
function divide(code: number, a: Scalar, b: Scalar, signed: boolean): Scalar {
  if (signed) {
    if (code !== Alu.MOD || !isConstant(b) || b.smin === 0n) return UNKNOWN;
    const limit = (b.smin < 0n ? -b.smin : b.smin) - 1n;
    return signedRange(a.smin < 0n ? -limit : 0n, a.smax > 0n ? limit : 0n);
  }
  if (code === Alu.DIV) {
    // By zero gives 0.
    return unsignedRange(isConstant(b) && b.umin !== 0n ? a.umin / b.umin : 0n, b.umin > 1n ? a.umax / b.umin : a.umax);
  }
  return b.umin === 0n ? unsignedRange(0n, a.umax) : unsignedRange(0n, a.umax < b.umax - 1n ? a.umax : b.umax - 1n);
}

/** Of any number and another one, these give any number. */
const FORGETS: ReadonlySet<number> = new Set([Alu.ADD, Alu.SUB, Alu.XOR]);

export interface AluOptions {
  readonly width: 32 | 64;
  readonly signed: boolean;
  /** Know no more than the running kernel: nothing of quotients, nor of shifts by what is not known or too much. */
  readonly asKernel: boolean;
}

/** `a OP b` for an operation of `Alu` with two operands. */
export function binary(code: number, left: Scalar, right: Scalar, options: AluOptions): Scalar {
  const { width, signed } = options;
  const a = width === 32 ? zeroExtended(left) : left;
  const b = width === 32 ? zeroExtended(right) : right;
  if (isConstant(a) && isConstant(b)) {
    const shifts = code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH;
    if (options.asKernel && (code === Alu.DIV || code === Alu.MOD || (shifts && b.umin >= BigInt(width))))
      return UNKNOWN;
    const value = constant(BigInt.asUintN(width, known(code, a.bits.value, b.bits.value, width, signed)));
    const by = code === Alu.ADD ? b.smin : code === Alu.SUB ? -b.smin : undefined;
    const drift = by === undefined ? undefined : driftOf(a, width === 32 ? BigInt.asIntN(32, by) : by, width);
    return drift === undefined ? value : withDrift(value, drift);
  }
  if (code === Alu.DIV || code === Alu.MOD) {
    // Signed division of low halves is of numbers that were not sign-extended above.
    if (options.asKernel) return UNKNOWN;
    return signed && width === 32
      ? unsignedRange(0n, BigInt(U32_MAX))
      : zeroExtendedIf(divide(code, a, b, signed), width);
  }
  if (code === Alu.LSH || code === Alu.RSH || code === Alu.ARSH) return shift(code, a, b, options);
  // With a number that may be any, sums and differences may be any too.
  if (width === 64 && FORGETS.has(code) && (isUnbounded(a) || isUnbounded(b)) && !isZero(a) && !isZero(b))
    return UNKNOWN;
  const d = unboundedDraft();
  let drift: readonly Drift[] | undefined;
  switch (code) {
    case Alu.ADD:
      add(d, a, b);
      if (isConstant(b)) drift = driftOf(a, width === 32 ? BigInt(b.s32min) : b.smin, width);
      else if (isConstant(a)) drift = driftOf(b, width === 32 ? BigInt(a.s32min) : a.smin, width);
      break;
    case Alu.SUB:
      sub(d, a, b);
      if (isConstant(b)) drift = driftOf(a, width === 32 ? -BigInt(b.s32min) : -b.smin, width);
      break;
    case Alu.MUL:
      mul(d, a, b);
      break;
    case Alu.AND:
      and(d, a, b);
      break;
    case Alu.OR:
      or(d, a, b);
      break;
    default:
      d.bits = tnumXor(a.bits, b.bits);
  }
  settle(d);
  const result = isEmpty(d) ? UNKNOWN : fromDraft(d, 0, 0n, width === 64 ? drift : undefined);
  if (width === 64) return result;
  const low = zeroExtended(result);
  return drift === undefined ? low : withDrift(low, drift);
}

/** A 32-bit sum keeps its drift only where it is the sum of the whole registers too. */
function driftOf(a: Scalar, by: bigint, width: 32 | 64): readonly Drift[] | undefined {
  if (a.drift === undefined) return undefined;
  if (width === 32 && (a.smin + by < 0n || a.smax + by > BigInt(U32_MAX))) return undefined;
  return drifted(a, by);
}

const zeroExtendedIf = (s: Scalar, width: 32 | 64): Scalar => (width === 32 ? zeroExtended(s) : s);

function shift(code: number, a: Scalar, b: Scalar, { width, asKernel }: AluOptions): Scalar {
  if (asKernel && (!isConstant(b) || b.umin >= BigInt(width))) return UNKNOWN;
  if (!isConstant(b) || b.umin >= BigInt(width)) return zeroExtendedIf(UNKNOWN, width);
  const by = b.umin;
  if (code === Alu.ARSH && width === 32) {
    const d = unboundedDraft();
    d.bits = tnumArsh(tnumSubreg(a.bits), by, 32);
    d.s32min = a.s32min >> Number(by);
    d.s32max = a.s32max >> Number(by);
    d.umax = BigInt(U32_MAX);
    settle(d);
    return fromDraft(d);
  }
  const d = unboundedDraft();
  if (code === Alu.LSH) shiftLeft(d, a, by);
  else if (code === Alu.RSH) shiftRight(d, a, by);
  else shiftRightSigned(d, a, by);
  settle(d);
  return zeroExtendedIf(isEmpty(d) ? UNKNOWN : fromDraft(d), width);
}

/** `a << by`, which remembers what it was. */
export function shiftedLeft(a: Scalar, by: number, options: AluOptions): Scalar {
  const result = binary(Alu.LSH, a, constant(by), options);
  return isConstant(result) || a.shifted !== undefined ? result : withShift(result, a, by);
}

/** What a shift to the right brings back: compilers cut a register to its low half by shifting to and fro. */
export function shiftedBack(a: Scalar, by: number, signed: boolean): Scalar | undefined {
  if (a.shifted === undefined || a.shifted.by !== by) return undefined;
  const { from } = a.shifted;
  if (!signed) return from.umax <= U64_MAX >> BigInt(by) ? from : undefined;
  const limit = 1n << BigInt(63 - by);
  return from.smin >= -limit && from.smax < limit ? from : undefined;
}

/** `-a` */
export function negated(a: Scalar, width: 32 | 64): Scalar {
  return binary(Alu.SUB, constant(0n), a, { width, signed: false, asKernel: false });
}

/** `le`, `be` and `bswap` of 16, 32 or 64 bits on a little-endian machine. */
export function swapped(a: Scalar, bits: number, swaps: boolean): Scalar {
  const low = truncated(a, bits / 8);
  if (!swaps) return low;
  if (isConstant(low)) return constant(reversed(low.bits.value, bits));
  const d = unboundedDraft();
  d.bits = { value: reversed(low.bits.value, bits), mask: reversed(low.bits.mask, bits) };
  settle(d);
  return fromDraft(d);
}

/** The bytes of the low `bits` bits the other way round. */
function reversed(value: bigint, bits: number): bigint {
  let result = 0n;
  for (let i = 0; i < bits; i += 8) result = (result << 8n) | ((value >> BigInt(i)) & 0xffn);
  return result;
}

/** `a + by` for a register that is known to differ from another by so much. */
export function shiftedBy(a: Scalar, by: bigint): Scalar {
  if (by === 0n) return a;
  const d = draftOf(UNKNOWN);
  add(d, a, constant(by));
  settle(d);
  return isEmpty(d) ? UNKNOWN : fromDraft(d, a.id, 0n, undefined);
}
