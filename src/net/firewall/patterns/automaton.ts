// Many patterns as one deterministic automaton: each byte leads from one state to the next, whatever the number of patterns.
//
// A pattern's sets of bytes are positions (Glushkov 1961); a state is the set of positions that may come next, besides those with
// which patterns may begin anywhere. Bytes that no pattern tells apart are one class.

import { type ByteSet, END, type PatternTree } from "./tree.ts";

/** One of the patterns. */
export interface Pattern {
  readonly tree: PatternTree;
  /** It matches only where the bytes begin. */
  readonly anchored: boolean;
  /** Bits of those who ask for it, 64 at most. */
  readonly mask: bigint;
}

export interface Automaton {
  /** Of each byte, and of the end. */
  readonly classOf: Uint8Array;
  readonly classes: number;
  readonly states: number;
  readonly start: number;
  /** From `accepting` on, states tell of patterns that end with the byte that led to them. */
  readonly accepting: number;
  /** By class, then by state. */
  readonly next: Uint16Array;
  /** Of the states from `accepting` on. */
  readonly masks: BigUint64Array;
}

/** States that entries of 16 bits tell apart, which are twice a state's number. */
export const MOST_STATES = 32_768;
/** Sets of bytes in all patterns together, repetitions written out. */
export const MOST_POSITIONS = 500_000;
/** Transitions that are followed until it is given up. */
const MOST_WORK = 10_000_000;

export class TooManyStates extends Error {}
/** It matches what has no bytes, and so everything. */
export class EmptyPattern extends Error {
  readonly index: number;
  constructor(index: number) {
    super(`pattern ${index} matches nothing at all`);
    this.index = index;
  }
}

interface Positions {
  readonly sets: ByteSet[];
  readonly follow: number[][];
  readonly accept: bigint[];
}
interface Part {
  readonly nullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}
const NOTHING: Part = { nullable: true, first: [], last: [] };

function positionsOf(tree: PatternTree, positions: Positions): Part {
  switch (tree.kind) {
    case "set": {
      if (positions.sets.length >= MOST_POSITIONS) throw new TooManyStates();
      const at = positions.sets.push(tree.set) - 1;
      positions.follow.push([]);
      positions.accept.push(0n);
      return { nullable: false, first: [at], last: [at] };
    }
    case "sequence":
      return tree.parts.reduce<Part>(
        (before, part) => joined(before, positionsOf(part, positions), positions),
        NOTHING,
      );
    case "either": {
      const parts = tree.parts.map((part) => positionsOf(part, positions));
      return {
        nullable: parts.some(({ nullable }) => nullable),
        first: parts.flatMap(({ first }) => first),
        last: parts.flatMap(({ last }) => last),
      };
    }
    case "repeat": {
      const { of, least, most } = tree;
      let whole = NOTHING;
      for (let i = 0; i < least; i++) {
        const part = positionsOf(of, positions);
        if (i === least - 1 && most === undefined) link(part, part, positions);
        whole = joined(whole, part, positions);
      }
      if (most === undefined) {
        if (least > 0) return whole;
        const part = positionsOf(of, positions);
        link(part, part, positions);
        return { ...part, nullable: true };
      }
      // x{0,3} is (x(x(x)?)?)?: each is reached from the one before it.
      for (let i = least; i < most; i++)
        whole = joined(whole, { ...positionsOf(of, positions), nullable: true }, positions);
      return whole;
    }
  }
}

function link(from: Part, to: Part, { follow }: Positions): void {
  for (const position of from.last) (follow[position] as number[]).push(...to.first);
}

function joined(a: Part, b: Part, positions: Positions): Part {
  link(a, b, positions);
  return {
    nullable: a.nullable && b.nullable,
    first: a.nullable ? [...a.first, ...b.first] : a.first,
    last: b.nullable ? [...a.last, ...b.last] : b.last,
  };
}

/** Which bytes each pattern takes alike: a class for each. */
function classesOf(sets: readonly ByteSet[]): { readonly classOf: Uint8Array; readonly classes: number } {
  const kinds = [...new Set(sets)];
  const classOf = new Uint8Array(END + 1);
  // Refined by one set after another: bytes within it get numbers of their own.
  let classes = 1;
  for (const set of kinds) {
    const within = new Map<number, number>();
    const without = new Set<number>();
    for (let byte = 0; byte <= END; byte++)
      if (((set >> BigInt(byte)) & 1n) === 0n) without.add(classOf[byte] as number);
    for (let byte = 0; byte <= END; byte++) {
      if (((set >> BigInt(byte)) & 1n) === 0n) continue;
      const old = classOf[byte] as number;
      if (!without.has(old)) continue;
      let made = within.get(old);
      if (made === undefined) within.set(old, (made = classes++));
      classOf[byte] = made;
    }
    if (classes > 256) break;
  }
  return { classOf, classes };
}

/** Positions that may come next: its own, and those of its base, which is a state for the last byte alone. */
interface State {
  readonly own: readonly number[];
  readonly base: number;
  readonly mask: bigint;
  readonly next: Uint32Array;
}

/** The base of the state in which nothing is at work. */
const ROOT = -1;
interface Reached {
  readonly positions: Set<number>;
  mask: bigint;
}
const sorted = (set: ReadonlySet<number>): number[] => (set.size < 2 ? [...set] : [...set].sort((a, b) => a - b));

/** Throws TooManyStates for patterns that no automaton of this size has, and EmptyPattern. */
export function automatonOf(patterns: readonly Pattern[]): Automaton {
  const positions: Positions = { sets: [], follow: [], accept: [] };
  const [always, atStart]: [number[], number[]] = [[], []];
  for (const [index, { tree, anchored, mask }] of patterns.entries()) {
    const part = positionsOf(tree, positions);
    if (part.nullable) throw new EmptyPattern(index);
    for (const position of part.last) positions.accept[position] = (positions.accept[position] as bigint) | mask;
    for (const position of part.first) (anchored ? atStart : always).push(position);
  }
  const { sets, follow, accept } = positions;
  const { classOf, classes } = classesOf(sets);
  // 257 kinds of symbols are more than a byte tells apart; the end is then taken for a byte, which no name has.
  if (classes > 256) throw new TooManyStates();
  const samples = Array.from({ length: classes }, (_, c) => classOf.indexOf(c));
  const classesOfSet = new Map<ByteSet, readonly number[]>();
  for (const set of sets)
    if (!classesOfSet.has(set))
      classesOfSet.set(
        set,
        samples.flatMap((byte, c) => (((set >> BigInt(byte)) & 1n) === 1n ? [c] : [])),
      );
  const classesAt = sets.map((set) => classesOfSet.get(set) as readonly number[]);

  const states: State[] = [];
  const known = new Map<string, number>();
  const stateOf = (own: readonly number[], base: number, mask: bigint): number => {
    const key = `${base}/${mask}/${own.join()}`;
    let number = known.get(key);
    if (number === undefined) {
      if (states.length >= MOST_STATES) throw new TooManyStates();
      number = states.push({ own, base, mask, next: new Uint32Array(classes) }) - 1;
      known.set(key, number);
    }
    return number;
  };
  let work = 0;
  const reached = (from: readonly number[]): Map<number, Reached> => {
    const found = new Map<number, Reached>();
    for (const position of from) {
      const onward = follow[position] as readonly number[];
      for (const c of classesAt[position] as readonly number[]) {
        let entry = found.get(c);
        if (entry === undefined) found.set(c, (entry = { positions: new Set(), mask: 0n }));
        for (const next of onward) entry.positions.add(next);
        entry.mask |= accept[position] as bigint;
        work += 1 + onward.length;
      }
    }
    if (work > MOST_WORK) throw new TooManyStates();
    return found;
  };
  // What any byte may begin, wherever one is: what is at work besides comes on top of it.
  const root = stateOf([], ROOT, 0n);
  const begun = reached(always);
  const bases = new Map<number, ReadonlySet<number>>([[root, new Set()]]);
  const fromRoot = Uint32Array.from({ length: classes }, (_, c) => {
    const entry = begun.get(c);
    if (entry === undefined) return root;
    const base = stateOf(sorted(entry.positions), root, entry.mask);
    bases.set(base, entry.positions);
    return base;
  });
  const start = stateOf(sorted(new Set(atStart)), root, 0n);
  for (let i = 0; i < states.length; i++) {
    const { own, base, next } = states[i] as State;
    // Bases are the first states, so that these are known.
    next.set(base === ROOT ? fromRoot : (states[base] as State).next);
    for (const [c, { positions: further, mask }] of reached(own)) {
      const below = next[c] as number;
      const under = states[below] as State;
      const isBase = bases.has(below);
      if (!isBase) for (const position of under.own) further.add(position);
      const onto = isBase ? below : under.base;
      const there = bases.get(onto) as ReadonlySet<number>;
      for (const position of further) if (there.has(position)) further.delete(position);
      next[c] = further.size === 0 && mask === 0n ? below : stateOf(sorted(further), onto, mask | under.mask);
    }
  }
  return numbered(states, start, classOf, classes);
}

/** States that tell of patterns behind the others; of either those first that are reached by fewer bytes, which are used most. */
function numbered(states: readonly State[], start: number, classOf: Uint8Array, classes: number): Automaton {
  const order = [...states.keys()].sort(
    (a, b) => Number(states[a]?.mask !== 0n) - Number(states[b]?.mask !== 0n) || a - b,
  );
  const numberOf = new Uint32Array(states.length);
  for (const [number, old] of order.entries()) numberOf[old] = number;
  const accepting = order.findIndex((old) => states[old]?.mask !== 0n);
  const first = accepting < 0 ? states.length : accepting;
  const next = new Uint16Array(classes * states.length);
  for (const [number, old] of order.entries())
    for (let c = 0; c < classes; c++)
      next[c * states.length + number] = numberOf[(states[old] as State).next[c] as number] as number;
  return {
    classOf,
    classes,
    states: states.length,
    start: numberOf[start] as number,
    accepting: first,
    next,
    masks: BigUint64Array.from(order.slice(first), (old) => (states[old] as State).mask),
  };
}

/** Walks over bytes: the bits of all patterns that match. `ends`: the end is walked over too. */
export function walk(automaton: Automaton, bytes: Uint8Array, ends = false): bigint {
  const { classOf, next, states, accepting, masks } = automaton;
  let state = automaton.start;
  let found = 0n;
  for (let i = 0; i < bytes.length + (ends ? 1 : 0); i++) {
    state = next[(classOf[bytes[i] ?? END] as number) * states + state] as number;
    if (state >= accepting) found |= masks[state - accepting] as bigint;
  }
  return found;
}
