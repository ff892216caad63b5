// What the codes of Zstandard's sequences stand for (RFC 8878, 3.1.1.3.2), and how often they usually come.

import { type FseTable, fseTable } from "./zstd-entropy.ts";

/** What lengths stand for, by their codes: the least of each, and bits that are added. */
export const LITERAL_BITS: readonly number[] = [
  ...Array(16).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];
export const MATCH_BITS: readonly number[] = [
  ...Array(32).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];

function leasts(bits: readonly number[], first: number): number[] {
  let next = first;
  return bits.map((count) => {
    const least = next;
    next += 2 ** count;
    return least;
  });
}

export const LITERAL_LEASTS: readonly number[] = leasts(LITERAL_BITS, 0);
export const MATCH_LEASTS: readonly number[] = leasts(MATCH_BITS, 3);

const ones = (count: number, value = 1): number[] => Array(count).fill(value);

export type KindName = "literals" | "offsets" | "matches";

export interface Kind {
  readonly usual: FseTable;
  readonly mostAccuracy: number;
  readonly symbols: number;
}

export const KINDS: Readonly<Record<KindName, Kind>> = {
  literals: {
    usual: fseTable([4, 3, ...ones(11, 2), ...ones(3), ...ones(9, 2), 3, 2, ...ones(5), ...ones(4, -1)], 6),
    mostAccuracy: 9,
    symbols: 36,
  },
  offsets: {
    usual: fseTable([...ones(6), 2, 2, 2, ...ones(15), ...ones(5, -1)], 5),
    mostAccuracy: 8,
    symbols: 32,
  },
  matches: {
    usual: fseTable([1, 4, 3, ...ones(6, 2), ...ones(37), ...ones(7, -1)], 6),
    mostAccuracy: 9,
    symbols: 53,
  },
};
