// What is known of a packet on the way to a place in the graph: of each value, which numbers it can be.

import type { Relation } from "./expression.ts";
import { calculate, type Value } from "./expression.ts";
import type { Test } from "./graph.ts";

/** Numbers that a value can be. */
interface Range {
  readonly low: number;
  readonly high: number;
  /** Bits that are clear, and that are set. */
  readonly clear: number;
  readonly set: number;
  /** Numbers that it is not. */
  readonly not: ReadonlySet<number>;
  /** Masks of which some bit is set. */
  readonly some: ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();
const ANY: Range = { low: 0, high: 0xffffffff, clear: 0, set: 0, not: NONE, some: NONE };
/** Numbers kept of what a value is not: beyond, a test may be made twice. */
const MOST = 512;

/** Of values by their number, and of two that were compared by both. */
export interface Facts {
  readonly ranges: ReadonlyMap<number, Range>;
  readonly pairs: ReadonlyMap<string, boolean>;
}

export const NOTHING: Facts = { ranges: new Map(), pairs: new Map() };

const pairKey = (left: Value, relation: Relation, right: Value): string => `${left.id}${relation}${right.id}`;

const exact = ({ low, high }: Range): boolean => low === high;

function holds(value: number, relation: Relation, number: number): boolean {
  switch (relation) {
    case "=":
      return value === number;
    case ">":
      return value > number;
    case ">=":
      return value >= number;
    case "&":
      return (value & number) !== 0;
  }
}

/** The answer of a test where what is known decides it. */
export function decided({ left, relation, right }: Test, facts: Facts): boolean | undefined {
  if (typeof right !== "number") return facts.pairs.get(pairKey(left, relation, right));
  const range = rangeOf(left, facts);
  if (range === undefined) return undefined;
  const { low, high, clear, set, not, some } = range;
  if (low === high) return holds(low, relation, right);
  switch (relation) {
    case "=":
      return right < low || right > high || not.has(right) || (right & clear) !== 0 || (set & ~right) !== 0
        ? false
        : undefined;
    case ">":
      return low > right ? true : high <= right ? false : undefined;
    case ">=":
      return low >= right ? true : high < right ? false : undefined;
    case "&":
      return (set & right) !== 0 || some.has(right) ? true : (right & ~clear) === 0 ? false : undefined;
  }
}

function rangeOf(value: Value, { ranges }: Facts): Range | undefined {
  const known = ranges.get(value.id);
  if (known !== undefined || value.kind !== "binary" || value.right.kind !== "constant") return known;
  // A part of a value that is known.
  const of = ranges.get(value.left.id);
  if (of === undefined || !exact(of)) return undefined;
  const number = calculate(value.operator, of.low, value.right.number);
  return number === undefined ? undefined : { ...ANY, low: number, high: number };
}

/** What is known besides where a test has an answer. */
export function assume(facts: Facts, { left, relation, right }: Test, answer: boolean): Facts {
  if (typeof right !== "number") {
    const pairs = new Map(facts.pairs).set(pairKey(left, relation, right), answer);
    return { ...facts, pairs };
  }
  const range = facts.ranges.get(left.id) ?? ANY;
  const ranges = new Map(facts.ranges).set(left.id, narrowed(range, relation, right, answer));
  return { ...facts, ranges };
}

const added = (set: ReadonlySet<number>, number: number): ReadonlySet<number> =>
  set.size >= MOST ? set : new Set(set).add(number);

function narrowed(range: Range, relation: Relation, number: number, answer: boolean): Range {
  switch (relation) {
    case "=":
      return answer ? { ...ANY, low: number, high: number } : { ...range, not: added(range.not, number) };
    case ">":
      return answer
        ? { ...range, low: Math.max(range.low, number + 1) }
        : { ...range, high: Math.min(range.high, number) };
    case ">=":
      return answer
        ? { ...range, low: Math.max(range.low, number) }
        : { ...range, high: Math.min(range.high, number - 1) };
    case "&": {
      if (!answer) return { ...range, clear: range.clear | number };
      const single = (number & (number - 1)) === 0;
      return single ? { ...range, set: range.set | number } : { ...range, some: added(range.some, number) };
    }
  }
}

/** What is known whichever of two ways was taken. */
export function common(a: Facts, b: Facts): Facts {
  if (a === b) return a;
  const ranges = new Map<number, Range>();
  for (const [value, range] of a.ranges) {
    const other = b.ranges.get(value);
    if (other !== undefined) ranges.set(value, range === other ? range : either(range, other));
  }
  const pairs = new Map<string, boolean>();
  for (const [key, answer] of a.pairs) if (b.pairs.get(key) === answer) pairs.set(key, answer);
  return { ranges, pairs };
}

function either(a: Range, b: Range): Range {
  const bits = (r: Range, which: "set" | "clear"): number => (exact(r) ? (which === "set" ? r.low : ~r.low) : r[which]);
  const isNot = (r: Range, number: number): boolean => (exact(r) ? r.low !== number : r.not.has(number));
  const has = (r: Range, mask: number): boolean => (exact(r) ? (r.low & mask) !== 0 : r.some.has(mask));
  const shared = (set: "not" | "some", test: typeof isNot): ReadonlySet<number> =>
    new Set([...a[set], ...b[set]].filter((number) => test(a, number) && test(b, number)));
  return {
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    set: bits(a, "set") & bits(b, "set"),
    clear: bits(a, "clear") & bits(b, "clear"),
    not: shared("not", isNot),
    some: shared("some", has),
  };
}
