// Known bits of a 64-bit number, as the kernel's kernel/bpf/tnum.c has them: a bit of `mask` that is 1 is unknown, every
// other bit is as in `value`. Both are 0..2^64-1, and no bit is 1 in both.

export interface Tnum {
  readonly value: bigint;
  readonly mask: bigint;
}

export const U64_MAX = 0xffff_ffff_ffff_ffffn;
const U32_MAX = 0xffff_ffffn;
const HIGH = U64_MAX ^ U32_MAX;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);

export const TNUM_UNKNOWN: Tnum = { value: 0n, mask: U64_MAX };

const LOW_UNKNOWN: Tnum = { value: 0n, mask: U32_MAX };

export const tnumConst = (value: bigint): Tnum => ({ value: u64(value), mask: 0n });

/** Bits in the number's binary form: 0 for 0. */
export function bitLength(x: bigint): number {
  const high = Number(x >> 32n);
  return high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(Number(x & U32_MAX));
}

/** What min and max, both 0..2^64-1, have in common from the top. */
export function tnumRange(min: bigint, max: bigint): Tnum {
  const bits = bitLength(min ^ max);
  if (bits > 63) return TNUM_UNKNOWN;
  const mask = (1n << BigInt(bits)) - 1n;
  return { value: min & ~mask, mask };
}

export const tnumLsh = (a: Tnum, shift: bigint): Tnum => ({ value: u64(a.value << shift), mask: u64(a.mask << shift) });

export const tnumRsh = (a: Tnum, shift: bigint): Tnum => ({ value: a.value >> shift, mask: a.mask >> shift });

/** An arithmetic shift of the low 32 or of all 64 bits. */
export function tnumArsh(a: Tnum, shift: bigint, width: 32 | 64): Tnum {
  const cut = (x: bigint): bigint => BigInt.asUintN(width, BigInt.asIntN(width, x) >> shift);
  return { value: cut(a.value), mask: cut(a.mask) };
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  if (a.mask === U64_MAX || b.mask === U64_MAX) return TNUM_UNKNOWN;
  const sm = a.mask + b.mask;
  const sv = a.value + b.value;
  const sigma = sm + sv;
  const mask = u64((sigma ^ sv) | a.mask | b.mask);
  return { value: u64(sv) & ~mask, mask };
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  if (a.mask === U64_MAX || b.mask === U64_MAX) return TNUM_UNKNOWN;
  const dv = u64(a.value - b.value);
  const alpha = u64(dv + a.mask);
  const beta = u64(dv - b.mask);
  const mask = (alpha ^ beta) | a.mask | b.mask;
  return { value: dv & ~mask, mask };
}

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const alpha = a.value | a.mask;
  const beta = b.value | b.mask;
  const value = a.value & b.value;
  return { value, mask: alpha & beta & ~value };
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const value = a.value | b.value;
  return { value, mask: (a.mask | b.mask) & ~value };
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  if (a.mask === U64_MAX || b.mask === U64_MAX) return TNUM_UNKNOWN;
  const value = a.value ^ b.value;
  const mask = a.mask | b.mask;
  return { value: value & ~mask, mask };
}

export function tnumMul(a: Tnum, b: Tnum): Tnum {
  const product = u64(a.value * b.value);
  let sum: Tnum = { value: 0n, mask: 0n };
  let { value, mask } = a;
  let other = b;
  while (value !== 0n || mask !== 0n) {
    if ((value & 1n) === 1n) sum = tnumAdd(sum, { value: 0n, mask: other.mask });
    else if ((mask & 1n) === 1n) sum = tnumAdd(sum, { value: 0n, mask: other.value | other.mask });
    value >>= 1n;
    mask >>= 1n;
    other = tnumLsh(other, 1n);
  }
  return tnumAdd({ value: product, mask: 0n }, sum);
}

/** Both hold. Where they contradict each other the result means nothing. */
export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  if (a === b || b.mask === U64_MAX) return a;
  if (a.mask === U64_MAX) return b;
  const value = a.value | b.value;
  const mask = a.mask & b.mask;
  return { value: value & ~mask, mask };
}

/** Either holds. */
export function tnumUnion(a: Tnum, b: Tnum): Tnum {
  if (a === b || a.mask === U64_MAX) return a;
  if (b.mask === U64_MAX) return b;
  const mask = a.mask | b.mask | (a.value ^ b.value);
  return { value: a.value & ~mask, mask };
}

/** Is every number that b stands for one of a's? */
export function tnumIn(a: Tnum, b: Tnum): boolean {
  if (a === b || a.mask === U64_MAX) return true;
  if (a.mask === 0n) return b.mask === 0n && a.value === b.value;
  return (b.mask | a.mask) === a.mask && a.value === (b.value & ~a.mask);
}

export const tnumSubreg = (a: Tnum): Tnum =>
  a.mask === U64_MAX
    ? LOW_UNKNOWN
    : a.mask <= U32_MAX && a.value <= U32_MAX
      ? a
      : { value: a.value & U32_MAX, mask: a.mask & U32_MAX };

/** The upper half of a with the lower half of b. */
export const tnumWithSubreg = (a: Tnum, b: Tnum): Tnum => ({
  value: (a.value & HIGH) | (b.value & U32_MAX),
  mask: (a.mask & HIGH) | (b.mask & U32_MAX),
});

/** Are all of them multiples of `size` (a power of two)? */
export const tnumAligned = (a: Tnum, size: number): boolean => ((a.value | a.mask) & BigInt(size - 1)) === 0n;
