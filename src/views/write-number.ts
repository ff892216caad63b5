// Integers as digits, straight into bytes. Every function gives the place after what it wrote; the caller has made room
// (20 digits and a sign for decimal, 16 for hexadecimal, 22 for octal).

const ZERO = 48;
const MINUS = 45;
const LOWER = 87; // "a" - 10
const UPPER = 55; // "A" - 10

/** 0 <= n < 2^32 */
export function writeUnsigned32(bytes: Uint8Array, at: number, n: number): number {
  if (n > 0x7fffffff) {
    // Beyond 31 bits the division below would not be one of small integers.
    const high = Math.floor(n / 10);
    const end = writeUnsigned32(bytes, at, high);
    bytes[end] = ZERO + (n - high * 10);
    return end + 1;
  }
  let rest = n | 0;
  const end =
    at +
    (rest < 10000
      ? rest < 100
        ? rest < 10
          ? 1
          : 2
        : rest < 1000
          ? 3
          : 4
      : rest < 1e6
        ? rest < 1e5
          ? 5
          : 6
        : rest < 1e8
          ? rest < 1e7
            ? 7
            : 8
          : rest < 1e9
            ? 9
            : 10);
  let place = end;
  do {
    const tenth = (rest / 10) | 0;
    bytes[--place] = ZERO + rest - tenth * 10;
    rest = tenth;
  } while (rest !== 0);
  return end;
}

export function writeSigned32(bytes: Uint8Array, at: number, n: number): number {
  if (n >= 0) return writeUnsigned32(bytes, at, n);
  bytes[at] = MINUS;
  return writeUnsigned32(bytes, at + 1, -n);
}

/** Exactly nine digits of n < 10^9. */
function writeNine(bytes: Uint8Array, at: number, n: number): number {
  let rest = n | 0;
  for (let place = at + 8; place >= at; place--) {
    const tenth = (rest / 10) | 0;
    bytes[place] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + 9;
}

/** The unsigned number of two words of 32 bits. */
export function writeUnsigned64(bytes: Uint8Array, at: number, high: number, low: number): number {
  if (high === 0) return writeUnsigned32(bytes, at, low);
  if (high < 0x200000) {
    const n = high * 0x1_0000_0000 + low;
    const upper = Math.floor(n / 1e9);
    const middle =
      upper < 0x1_0000_0000
        ? writeUnsigned32(bytes, at, upper)
        : writeUnsigned64(bytes, at, Math.floor(upper / 0x1_0000_0000), upper >>> 0);
    return writeNine(bytes, middle, n - upper * 1e9);
  }
  const text = ((BigInt(high) << 32n) | BigInt(low)).toString();
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** The signed number of two words of 32 bits, both given without sign. */
export function writeSigned64(bytes: Uint8Array, at: number, high: number, low: number): number {
  if (high <= 0x7fffffff) return writeUnsigned64(bytes, at, high, low);
  bytes[at] = MINUS;
  const negated = low === 0 ? 0 : 0x1_0000_0000 - low;
  const upper = low === 0 ? 0x1_0000_0000 - high : 0xffffffff - high;
  return writeUnsigned64(bytes, at + 1, upper, negated);
}

/** Hexadecimal digits without leading zeros. */
export function writeHex(bytes: Uint8Array, at: number, high: number, low: number, upperCase: boolean): number {
  const letter = upperCase ? UPPER : LOWER;
  const digits = high === 0 ? (low === 0 ? 1 : 8 - (Math.clz32(low) >> 2)) : 16 - (Math.clz32(high) >> 2);
  let word = low;
  for (let i = 0; i < digits; i++) {
    if (i === 8) word = high;
    const digit = word & 15;
    bytes[at + digits - 1 - i] = digit + (digit < 10 ? ZERO : letter);
    word >>>= 4;
  }
  return at + digits;
}

export function writeOctal(bytes: Uint8Array, at: number, high: number, low: number): number {
  const text = high === 0 ? low.toString(8) : ((BigInt(high) << 32n) | BigInt(low)).toString(8);
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Any integer in decimal. */
export function writeInteger(bytes: Uint8Array, at: number, n: number | bigint): number {
  if (typeof n === "number") {
    if (n >= 0) return writeUnsigned64(bytes, at, Math.floor(n / 0x1_0000_0000), n >>> 0);
    bytes[at] = MINUS;
    return writeUnsigned64(bytes, at + 1, Math.floor(-n / 0x1_0000_0000), -n >>> 0);
  }
  const text = String(n);
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}
