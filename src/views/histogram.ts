// hist and lhist: which buckets are shown, between which bounds, and the rows with their bars.
//
// Bucket i of hist(n, k): 0 for negative numbers, i = n + 1 below 2^k, then 2^k buckets for each power of two.
// Bucket i of lhist(n, min, max, step): 0 below min, then one for each step, the last for max and above.

import { histStart, type Type } from "../schema/index.ts";
import { type Looks, painted } from "../source/index.ts";

/** One row: from `low` (absent: no lower bound) up to, not including, `high` (absent: no upper bound). */
export interface Bucket {
  readonly low?: Bound;
  readonly high?: Bound;
  readonly count: number;
}

interface Bound {
  readonly value: bigint;
  readonly label: string;
  /** Only plain numbers next to each other make a bucket of one value, `[3]`. */
  readonly plain: boolean;
}

type HistogramType = Type & { readonly kind: "hist" | "lhist" };

const plainBound = (n: number): Bound => ({ value: BigInt(n), label: String(n), plain: true });

/** Where bucket `index` of hist begins (index >= 1). */
function histBound(index: number, bits: number): Bound {
  if (index - 1 <= 2 << bits) return plainBound(index - 1);
  // The buckets of a power of two are counted from 2^bits on.
  const place = index - 1;
  const within = (1 << bits) + (place & ((1 << bits) - 1));
  const power = (place >> bits) - 1;
  const decade = Math.floor(power / 10);
  return {
    value: histStart(index, bits),
    label: `${within * 2 ** (power - 10 * decade)}${["", "K", "M", "G", "T", "P", "E"][decade]}`,
    plain: false,
  };
}

function lhistBound(n: number, step: number): Bound {
  if (step % 1024 !== 0) return plainBound(n);
  const label = n === 0 ? "0" : n % 1_048_576 === 0 ? `${n / 1_048_576}M` : n % 1024 === 0 ? `${n / 1024}K` : String(n);
  return { value: BigInt(n), label, plain: false };
}

/** The rows from the first to the last bucket that is not empty; counts of hist are divided by `by`, lhist's are not. */
export function histogramBuckets(type: HistogramType, counts: readonly number[], by = 1): Bucket[] {
  let buckets = counts;
  let bound: (index: number) => Bound | undefined;
  if (type.kind === "hist") {
    bound = (i) => (i === 0 ? undefined : histBound(i, type.bits));
  } else {
    // A last step that max cuts short is shown with what lies above.
    const whole = Math.floor((type.max - type.min) / type.step);
    const partial = (type.max - type.min) % type.step !== 0;
    const last = whole + 1;
    if (partial && counts.length > last + 1) {
      buckets = counts.slice(0, last + 1);
      (buckets as number[])[last] = (counts[last] as number) + (counts[last + 1] as number);
    }
    bound = (i) => (i === 0 || i > last ? undefined : lhistBound(type.min + (i - 1) * type.step, type.step));
  }
  const first = buckets.findIndex((n) => n > 0);
  if (first < 0) return [];
  const last = buckets.findLastIndex((n) => n > 0);
  const rows: Bucket[] = [];
  for (let i = first; i <= last; i++) {
    const low = bound(i);
    const high = bound(i + 1);
    const count = type.kind === "hist" ? Math.floor((buckets[i] as number) / by) : (buckets[i] as number);
    rows.push({ count, ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) });
  }
  return rows;
}

/** Where bucket `index` begins, in few characters. */
export function bucketLabel(type: HistogramType, index: number): string {
  if (index === 0) return "...";
  return type.kind === "hist"
    ? histBound(index, type.bits).label
    : lhistBound(Math.min(type.min + (index - 1) * type.step, type.max), type.step).label;
}

const BAR = 52;

function label({ low, high }: Bucket): string {
  if (low === undefined) return `(..., ${high?.label})`;
  if (high === undefined) return `[${low.label}, ...)`;
  if (low.plain && high.plain && high.value - low.value === 1n) return `[${low.label}]`;
  return `[${low.label}, ${high.label})`;
}

/** Rows as text, each with its newline: label in 16, count in 8, a bar of up to 52. */
export function histogramText(type: HistogramType, counts: readonly number[], by = 1, looks?: Looks): string {
  const rows = histogramBuckets(type, counts, by);
  const most = Math.fround(rows.reduce((m, r) => Math.max(m, r.count), 0));
  let text = "";
  for (const row of rows) {
    // In single precision, as the peer counts: a bar may be one shorter than in double.
    const width = most === 0 ? 0 : Math.floor(Math.fround(Math.fround(Math.fround(row.count) / most) * BAR));
    const bar = width === 0 ? "" : painted("@".repeat(width), "bar", looks);
    text += `${label(row).padEnd(16)}${String(row.count).padStart(8)} |${bar}${" ".repeat(BAR - width)}|\n`;
  }
  return text;
}

/** Numbers that a double cannot hold are strings in JSON. */
const jsonInteger = (n: bigint): string => (BigInt(Number(n)) === n ? String(n) : `"${n}"`);

/** Rows as JSON: closed intervals, an open end has no `min` or `max`. */
export function histogramJson(type: HistogramType, counts: readonly number[], by = 1): string {
  const rows = histogramBuckets(type, counts, by).map(({ low, high, count }) => {
    const min = low === undefined ? "" : `"min": ${jsonInteger(low.value)}, `;
    const max = high === undefined ? "" : `"max": ${jsonInteger(high.value - 1n)}, `;
    return `{${min}${max}"count": ${count}}`;
  });
  return `[${rows.join(",")}]`;
}
