// The words of print(@map, …): how a map is printed. One entry for each.

import type { MapPrinting, Type } from "../../../schema/index.ts";
import { type CheckState, error } from "../check/index.ts";
import type { Expression } from "../parse/index.ts";

interface PrintWord {
  readonly doc: string;
  readonly says: MapPrinting;
  /** Values that it is for; absent: all. */
  readonly of?: { readonly what: string; allows(type: Type): boolean };
}

const NUMBERS: ReadonlySet<Type["kind"]> = new Set(["int", "count", "sum", "min", "max", "avg"]);
const SUMS: ReadonlySet<Type["kind"]> = new Set(["int", "count", "sum"]);

const numbers = { what: "numbers", allows: (t: Type): boolean => NUMBERS.has(t.kind) && !hasNames(t) };
const sums = { what: "counts, sums and integers", allows: (t: Type): boolean => SUMS.has(t.kind) && !hasNames(t) };
const isHistogram = (t: Type): boolean => t.kind === "hist" || t.kind === "lhist";
const histograms = { what: "histograms", allows: isHistogram };
const hasNames = (t: Type): boolean => t.kind === "int" && t.enum !== undefined;

export const printWords: Readonly<Record<string, PrintWord>> = {
  by_key: { doc: "sorted by key", says: { order: "key" } },
  by_value: { doc: "sorted by value, as it is without a word where values have an order", says: { order: "value" } },
  asc: { doc: "the least first, as it is without a word; top takes the last", says: {} },
  desc: { doc: "the greatest first; top takes the first", says: { descending: true } },
  hex: { doc: "numbers in hexadecimal", says: { hex: true }, of: numbers },
  percent: { doc: "with each value its share of the sum of all", says: { percent: true }, of: sums },
  columns: { doc: "as a table, with a column for each part of the key", says: { columns: true } },
  delta: {
    doc: "what has been added since it was printed last, or cleared",
    says: { since: "delta" },
    of: { what: "counts, sums, integers and histograms", allows: (t) => sums.allows(t) || isHistogram(t) },
  },
  rate: { doc: "the same, per second", says: { since: "rate" }, of: sums },
  percentiles: {
    doc: "of a histogram a line with its mean and percentiles, as exact as its buckets are",
    says: { summary: "percentiles" },
    of: histograms,
  },
  heat: {
    doc: "of a histogram a line of a heat map of what was added since it was printed last: time downwards, buckets across",
    says: { summary: "heat" },
    of: histograms,
  },
};

/** Words that say different things of the same. */
const OPPOSITE: readonly (readonly [string, string])[] = [
  ["by_key", "by_value"],
  ["asc", "desc"],
  ["delta", "rate"],
  ["percentiles", "heat"],
];

const wordOf = (e: Expression): string | undefined =>
  e.kind === "identifier" && Object.hasOwn(printWords, e.name) ? e.name : undefined;

/** The words among the arguments, and the other ones. */
export function splitWords(args: readonly Expression[]): {
  readonly words: readonly { readonly word: string; readonly at: Expression }[];
  readonly others: readonly Expression[];
} {
  const words = args.flatMap((at) => {
    const word = wordOf(at);
    return word === undefined ? [] : [{ word, at }];
  });
  return { words, others: args.filter((e) => wordOf(e) === undefined) };
}

/** Says what is wrong with the words for a map of these values. */
export function checkWords(c: CheckState, args: readonly Expression[], value: Type | undefined): void {
  const { words } = splitWords(args);
  for (const { word, at } of words) {
    const { of } = printWords[word] as PrintWord;
    if (value !== undefined && value.kind !== "none" && of !== undefined && !of.allows(value))
      error(c, "SCRY1261", `print(@map, ${word}) is for ${of.what}`, at.span);
    const other = OPPOSITE.find((pair) => pair.includes(word))?.find((w) => w !== word);
    if (other !== undefined && words.find((w) => w.word === other || w.word === word)?.at !== at)
      error(c, "SCRY1261", `print(@map, …): '${word}' and '${other}' cannot both be`, at.span);
  }
}

/** How the words want the map; undefined where there are none: then it is printed as bpftrace prints it. */
export function printingOf(args: readonly Expression[]): MapPrinting | undefined {
  const { words } = splitWords(args);
  return words.length === 0
    ? undefined
    : Object.assign({}, ...words.map(({ word }) => (printWords[word] as PrintWord).says));
}
