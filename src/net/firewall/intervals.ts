// Sets of whole numbers as intervals: flat lists of bounds, both included, sorted, apart from each other. Numbers go up to 2^32-1.

/** `[low, high, low, high, …]` */
export type Intervals = readonly number[];

export const point = (value: number): Intervals => [value, value];

/** In order, and put together where they touch. */
export function normalised(pairs: readonly (readonly [low: number, high: number])[]): Intervals {
  const sorted = [...pairs].sort((a, b) => a[0] - b[0]);
  const made: number[] = [];
  for (const [low, high] of sorted) {
    const last = made.length - 1;
    if (last > 0 && low <= (made[last] as number) + 1) made[last] = Math.max(made[last] as number, high);
    else made.push(low, high);
  }
  return made;
}

/** What is from 0 to `most` and not in the set. */
export function complement(set: Intervals, most: number): Intervals {
  const made: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if ((set[i] as number) > next) made.push(next, (set[i] as number) - 1);
    next = (set[i + 1] as number) + 1;
  }
  if (next <= most) made.push(next, most);
  return made;
}

export function intersection(a: Intervals, b: Intervals): Intervals {
  const made: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const low = Math.max(a[i] as number, b[j] as number);
    const high = Math.min(a[i + 1] as number, b[j + 1] as number);
    if (low <= high) made.push(low, high);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return made;
}

export function has(set: Intervals, value: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (value <= (set[i + 1] as number)) return value >= (set[i] as number);
  return false;
}

/** Is all of `inner` in `outer`? */
export function covers(outer: Intervals, inner: Intervals): boolean {
  for (let i = 0, j = 0; j < inner.length; ) {
    if (i >= outer.length) return false;
    if ((outer[i + 1] as number) < (inner[j] as number)) i += 2;
    else if ((outer[i] as number) <= (inner[j] as number) && (outer[i + 1] as number) >= (inner[j + 1] as number))
      j += 2;
    else return false;
  }
  return true;
}
