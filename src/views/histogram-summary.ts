// What a histogram says of what it has counted, in a line: mean and percentiles. They are as exact as its buckets are: a
// value counts as the middle of its bucket, and a percentile is the bucket's last value.

import type { Type } from "../schema/index.ts";
import { histogramBuckets } from "./histogram.ts";

export interface HistogramSummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: bigint;
  readonly p90: bigint;
  readonly p99: bigint;
  readonly max: bigint;
}

const number = (n: bigint): number => Number(n);

/** Undefined where nothing was counted. */
export function summarise(
  type: Type & { readonly kind: "hist" | "lhist" },
  counts: readonly number[],
): HistogramSummary | undefined {
  const buckets = histogramBuckets(type, counts);
  const count = buckets.reduce((n, b) => n + b.count, 0);
  if (count === 0) return undefined;
  // Buckets that are open on one side count as their bound.
  const last = ({ low, high }: (typeof buckets)[number]): bigint =>
    high === undefined ? (low?.value ?? 0n) : high.value - 1n;
  const first = ({ low, high }: (typeof buckets)[number]): bigint =>
    low?.value ?? (high === undefined ? 0n : high.value - 1n);
  const mean = buckets.reduce((sum, b) => sum + (b.count * (number(first(b)) + number(last(b)))) / 2, 0) / count;
  const percentile = (share: number): bigint => {
    let seen = 0;
    for (const b of buckets) {
      seen += b.count;
      if (seen >= share * count) return last(b);
    }
    return last(buckets.at(-1) as (typeof buckets)[number]);
  };
  return {
    count,
    mean,
    p50: percentile(0.5),
    p90: percentile(0.9),
    p99: percentile(0.99),
    max: last(buckets.findLast((b) => b.count > 0) as (typeof buckets)[number]),
  };
}
