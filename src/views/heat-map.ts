// A heat map of a histogram over time: a line for each moment, a column for each bucket, the darker the more was counted.

import type { Type } from "../schema/index.ts";
import { bucketLabel } from "./histogram.ts";

/** The buckets that have a column: from `first` up to, not including, `end`. */
export interface HeatRange {
  readonly first: number;
  readonly end: number;
}

const SHADES = " ░▒▓█";
/** Characters of a column, as wide as the labels of buckets are. */
const WIDTH = 4;
/** Columns; what lies beyond is counted in the last. */
const MOST = 40;

/** The range with the buckets of these counts in it, and its header where it is another one than before. */
export function heatHeader(
  type: Type & { readonly kind: "hist" | "lhist" },
  counts: readonly number[],
  before: HeatRange | undefined,
): { readonly range: HeatRange | undefined; readonly header?: string } {
  const first = counts.findIndex((n) => n > 0);
  if (first < 0) return { range: before };
  const end = counts.findLastIndex((n) => n > 0) + 1;
  if (before !== undefined && first >= before.first && end <= before.end) return { range: before };
  const from = Math.min(first, before?.first ?? first);
  const range = { first: from, end: Math.min(from + MOST, Math.max(end, before?.end ?? end)) };
  let header = "|";
  for (let i = range.first; i < range.end; i++) header += bucketLabel(type, i).slice(0, WIDTH).padEnd(WIDTH);
  return { range, header: `${header}|` };
}

/** The cells of one line. */
export function heatCells(counts: readonly number[], { first, end }: HeatRange): string {
  const shown = counts.slice(first, end);
  shown[shown.length - 1] = counts.slice(end - 1).reduce((sum, n) => sum + n, 0);
  const most = Math.max(1, ...shown);
  return Array.from({ length: end - first }, (_, i) => {
    const level = Math.ceil(((shown[i] ?? 0) / most) * (SHADES.length - 1));
    return (SHADES[level] as string).repeat(WIDTH);
  }).join("");
}
