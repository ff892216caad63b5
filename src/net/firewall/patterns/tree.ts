// Patterns of bytes as trees: sets of bytes in sequence, as alternatives, and repeated. A set may also have the end of what is looked
// at, as if it were a byte of its own.

/** Bit i: byte i; bit 256: the end. */
export type ByteSet = bigint;
export type PatternTree =
  | { readonly kind: "set"; readonly set: ByteSet }
  | { readonly kind: "sequence"; readonly parts: readonly PatternTree[] }
  | { readonly kind: "either"; readonly parts: readonly PatternTree[] }
  /** `most` undefined: without a bound. */
  | { readonly kind: "repeat"; readonly of: PatternTree; readonly least: number; readonly most: number | undefined };

export const END = 256;
export const ANY: ByteSet = (1n << 256n) - 1n;
export const byteSet = (...bytes: readonly number[]): ByteSet =>
  bytes.reduce((set, byte) => set | (1n << BigInt(byte)), 0n);
export const byteRange = (from: number, to: number): ByteSet => ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
export const allBut = (set: ByteSet): ByteSet => ANY & ~set;

const [UPPER_A, LOWER_A, LETTERS] = [0x41n, 0x61n, (1n << 26n) - 1n];
/** With the letters of ASCII in both cases. */
export function eitherCase(set: ByteSet): ByteSet {
  const letters = ((set >> UPPER_A) | (set >> LOWER_A)) & LETTERS;
  return set | (letters << UPPER_A) | (letters << LOWER_A);
}

export const one = (set: ByteSet): PatternTree => ({ kind: "set", set });
export const sequence = (...parts: readonly PatternTree[]): PatternTree => ({ kind: "sequence", parts });
export const either = (...parts: readonly PatternTree[]): PatternTree => ({ kind: "either", parts });
export const repeat = (of: PatternTree, least: number, most?: number): PatternTree => ({
  kind: "repeat",
  of,
  least,
  most,
});
export const maybe = (of: PatternTree): PatternTree => repeat(of, 0, 1);
export const END_OF_IT: PatternTree = one(byteSet(END));

/** These bytes, one after another. */
export const literal = (bytes: Uint8Array | string, ignoreCase = false): PatternTree =>
  sequence(
    ...Array.from(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, (byte) =>
      one(ignoreCase ? eitherCase(byteSet(byte)) : byteSet(byte)),
    ),
  );
