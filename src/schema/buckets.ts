// Where the buckets of hist and lhist begin.
//
// Bucket i of hist(n, k): 0 for negative numbers, i = n + 1 below 2^k, then 2^k buckets for each power of two.
// Bucket i of lhist(n, min, max, step): 0 below min, then one for each step, the last for max and above.

import { aggregateWords } from "./layout.ts";
import type { AggregateType } from "./types.ts";

/** Where bucket `index` of hist begins (index >= 1). */
export function histStart(index: number, bits: number): bigint {
  const place = index - 1;
  if (place < 1 << bits) return BigInt(place);
  const within = (1 << bits) + (place & ((1 << bits) - 1));
  return BigInt(within) << BigInt((place >> bits) - 1);
}

/** The numbers of one bucket: from `from` (absent: no lower bound) up to, not including, `to` (absent: no upper bound). */
export interface BucketBounds {
  readonly from?: bigint;
  readonly to?: bigint;
}

export function bucketBounds(type: AggregateType & { readonly kind: "hist" | "lhist" }, index: number): BucketBounds {
  const last = aggregateWords(type) - 1;
  const start = (i: number): bigint =>
    type.kind === "hist" ? histStart(i, type.bits) : BigInt(Math.min(type.min + (i - 1) * type.step, type.max));
  return {
    ...(index === 0 ? {} : { from: start(index) }),
    ...(index === last ? {} : { to: start(index + 1) }),
  };
}
