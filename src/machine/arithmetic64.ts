// The 64-bit arithmetic that pairs of 32-bit words do not do in a line: products, quotients, byte order.

/** The high 32 bits of the 64-bit product of two unsigned 32-bit words. */
export function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = (Math.imul(a0, b0) >>> 16) + (Math.imul(a1, b0) >>> 0);
  const middle = (Math.imul(a0, b1) >>> 0) + (low & 0xffff);
  // No sum here exceeds 32 bits: 0xffff * 0xffff + 0xffff is 0xffff0000.
  return (Math.imul(a1, b1) + (low >>> 16) + (middle >>> 16)) | 0;
}

/** RFC 9669 section 4.1: a quotient by zero is 0, a remainder by zero is the dividend. */
export function divide64(a: bigint, b: bigint, signed: boolean): bigint {
  if (b === 0n) return 0n;
  return signed ? BigInt.asIntN(64, a) / BigInt.asIntN(64, b) : BigInt.asUintN(64, a) / BigInt.asUintN(64, b);
}

export function modulo64(a: bigint, b: bigint, signed: boolean): bigint {
  if (b === 0n) return a;
  return signed ? BigInt.asIntN(64, a) % BigInt.asIntN(64, b) : BigInt.asUintN(64, a) % BigInt.asUintN(64, b);
}

/** -2^31 / -1 is -2^31. */
export function divideSigned32(a: number, b: number): number {
  return b === 0 ? 0 : (a / b) | 0;
}

export function moduloSigned32(a: number, b: number): number {
  return b === 0 ? a : (a % b) | 0;
}

export function swap32(a: number): number {
  return ((a & 0xff) << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
}
