// Which virtual registers should share a machine register, so that the moves between them vanish: those that a move or
// an edge connects and that are never live at the same time. They are then given out as one.

import { FIRST_VIRTUAL, NONE } from "./machine.ts";

/** A move between two virtual registers that vanishes when both are one. */
export interface MovePair {
  readonly a: number;
  readonly b: number;
  readonly weight: number;
}

/** Longer lists of ranges are not merged: checking them again and again would be quadratic. */
const MAX_RANGES = 4000;

/** True when two sorted lists of ranges have a position in common. */
function overlap(a: readonly number[], b: readonly number[]): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if ((a[i + 1] as number) < (b[j] as number)) i += 2;
    else if ((b[j + 1] as number) < (a[i] as number)) j += 2;
    else return true;
  }
  return false;
}

/** Both lists as one sorted list; they do not overlap. */
function merge(a: readonly number[], b: readonly number[]): number[] {
  const out: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (j >= b.length || (i < a.length && (a[i] as number) < (b[j] as number))) {
      out.push(a[i] as number, a[i + 1] as number);
      i += 2;
    } else {
      out.push(b[j] as number, b[j + 1] as number);
      j += 2;
    }
  }
  return out;
}

export interface Webs {
  /** The register that stands for each one (both less FIRST_VIRTUAL); NONE where it is not live anywhere. */
  readonly leaders: Int32Array;
  /** The ranges of each leader, and of the others what they were. */
  readonly ranges: readonly (readonly number[] | undefined)[];
}

/** Joins what can be joined, the heaviest moves first; registers in `apart` stay alone. */
export function coalesce(
  ranges: readonly (readonly number[] | undefined)[],
  pairs: readonly MovePair[],
  apart: ReadonlySet<number>,
): Webs {
  const leaders = new Int32Array(ranges.length);
  for (let v = 0; v < ranges.length; v++) leaders[v] = ranges[v] === undefined ? NONE : v;
  const find = (start: number): number => {
    let v = start;
    while (leaders[v] !== v) {
      leaders[v] = leaders[leaders[v] as number] as number;
      v = leaders[v] as number;
    }
    return v;
  };
  const joined = [...ranges];
  for (const { a, b } of [...pairs].sort((x, y) => y.weight - x.weight)) {
    if (apart.has(a) || apart.has(b)) continue;
    if (leaders[a - FIRST_VIRTUAL] === NONE || leaders[b - FIRST_VIRTUAL] === NONE) continue;
    const one = find(a - FIRST_VIRTUAL);
    const two = find(b - FIRST_VIRTUAL);
    if (one === two) continue;
    const first = joined[one] as readonly number[];
    const second = joined[two] as readonly number[];
    if (first.length + second.length > MAX_RANGES || overlap(first, second)) continue;
    leaders[two] = one;
    joined[one] = merge(first, second);
  }
  for (let v = 0; v < ranges.length; v++) if (leaders[v] !== NONE) leaders[v] = find(v);
  return { leaders, ranges: joined };
}
