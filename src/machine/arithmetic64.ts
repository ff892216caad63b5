// The 64-bit arithmetic that pairs of 32-bit words do not do in a line: products, quotients, byte order.

/** The high 32 bits of the 64-bit product of two unsigned 32-bit words. */
export function mulHigh(a: number, b: number): number {
  // The product as a double is wrong by less than 2^11; without its low word (which `imul` has exactly) it is so far
  // from a multiple of 2^32, and half of one more makes cutting off the rest right.
  const product = (a >>> 0) * (b >>> 0);
  return ((product - (Math.imul(a, b) >>> 0)) * (1 / 4294967296) + 0.5) | 0;
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
