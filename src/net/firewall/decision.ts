// Rules as a graph of decisions: which rule is the first that a packet matches, found by tests whose number grows with the logarithm
// of the rules'. A node stands for the rules that may still match and for what is still to be asked of each; equal nodes are one
// object, so that what follows different answers is shared.
//
// Where rules ask unlike things (some for sources, others for ports), one graph of all would have a node for every pair. Then rules
// that ask for the same fields have a graph each, and the first of the rules that these find is the answer (`best`).

import { type Field, mostOf } from "./fields.ts";
import type { Intervals } from "./intervals.ts";

/** A part of a rule: what a packet must have in each field. A rule matches where one of its boxes does. */
export interface Box {
  /** Its place among the rules, from 0. */
  readonly rule: number;
  readonly fields: ReadonlyMap<Field, Intervals>;
}

export type Decision =
  | { readonly kind: "end"; readonly id: number }
  /** The rule matches, so far as it is about fields; `next`: where to go on when it does not decide after all. */
  | { readonly kind: "match"; readonly rule: number; readonly next?: Decision; readonly id: number }
  | {
      readonly kind: "split";
      readonly field: Field;
      /** `below`: less than `value`; `is`: equal to it. */
      readonly test: "below" | "is";
      readonly value: number;
      readonly yes: Decision;
      readonly no: Decision;
      readonly id: number;
    }
  /** The lowest rule that any of these finds; where none does, `next`. */
  | { readonly kind: "best"; readonly of: readonly Decision[]; readonly next: Decision; readonly id: number };

export interface DecisionOptions {
  /** Whether a rule that matches decides, whatever else it asks: nothing behind it matters then. */
  readonly decides: (rule: number) => boolean;
}

class TooMany extends Error {}

/** A box that is still open, with the sets of its fields by their numbers: each such state is one object. */
interface State {
  readonly rule: number;
  /** Numbers of fields and of interned sets in turn, sorted by field. */
  readonly asks: readonly number[];
  readonly id: number;
}

/** The graphs of lists of boxes, each sorted by their rules; what they have alike is the same object. */
export function decideEach(lists: readonly (readonly Box[])[], options: DecisionOptions): readonly Decision[] {
  const maker = new Maker(options);
  return lists.map((boxes) => maker.chain(boxes, maker.end));
}

/** All nodes of a graph, each once, those that lead to others before them, as far as `next` leads. */
export function nodesOf(
  root: Decision,
  next: (node: Decision) => readonly Decision[] = followers,
): readonly Decision[] {
  const order: Decision[] = [];
  const seen = new Set<Decision>();
  const stack: { node: Decision; left: boolean }[] = [{ node: root, left: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.left) {
      order.push(top.node);
      continue;
    }
    if (seen.has(top.node)) continue;
    seen.add(top.node);
    stack.push({ node: top.node, left: true });
    for (const one of next(top.node)) stack.push({ node: one, left: false });
  }
  return order.reverse();
}

export function followers(node: Decision): readonly Decision[] {
  switch (node.kind) {
    case "end":
      return [];
    case "match":
      return node.next === undefined ? [] : [node.next];
    case "split":
      return [node.no, node.yes];
    case "best":
      return [node.next, ...node.of];
  }
}

class Maker {
  readonly end: Decision = { kind: "end", id: 0 };
  readonly #decides: (rule: number) => boolean;
  #nextId = 1;
  #budget = 0;
  readonly #fields: Field[] = [];
  readonly #mosts: number[] = [];
  readonly #numbers = new Map<Field, number>();
  /** Of #choose, for each field: bounds of its sets, and the number of the only one. */
  readonly #bounds: number[][] = [];
  readonly #only: number[] = [];
  readonly #sets: Intervals[] = [];
  /** Numbers of sets by a hash of their bounds. */
  readonly #setNumbers = new Map<number, number[]>();
  readonly #states = new Map<number, State[]>();
  #nextState = 0;
  /** Nodes by a hash of their states, for each node that follows where nothing matches. */
  readonly #after = new Map<Decision, Known>();
  #known: Known = { nodes: new Map(), matches: new Map() };

  constructor({ decides }: DecisionOptions) {
    this.#decides = decides;
  }

  /** The graph of boxes; where none matches, `tail`. */
  chain(boxes: readonly Box[], tail: Decision): Decision {
    if (boxes.length === 0) return tail;
    const apart = (): Decision | undefined => {
      if (!boxes.every(({ rule }) => this.#decides(rule))) return undefined;
      const groups = [...alike(boxes).values()];
      if (groups.length === 1 || groups.length > MOST_GROUPS) return undefined;
      const of = groups.map((group) => this.#tree(group, this.end));
      return of.every((one) => one !== undefined)
        ? { kind: "best", of: of as Decision[], next: tail, id: this.#nextId++ }
        : undefined;
    };
    // Of many unlike boxes one graph is mostly too large, which takes long to find out.
    const made = boxes.length > MANY ? (apart() ?? this.#tree(boxes, tail)) : (this.#tree(boxes, tail) ?? apart());
    if (made !== undefined) return made;
    // Boxes of one rule stay together where that is possible: it must not be asked twice.
    let middle = boxes.length >> 1;
    const rule = (boxes[middle] as Box).rule;
    const start = boxes.findIndex((box) => box.rule === rule);
    if (start > 0) middle = start;
    return this.chain(boxes.slice(0, middle), this.chain(boxes.slice(middle), tail));
  }

  /** One graph; undefined where it would have too many nodes. */
  #tree(boxes: readonly Box[], tail: Decision): Decision | undefined {
    this.#known = this.#after.get(tail) ?? { nodes: new Map(), matches: new Map() };
    this.#after.set(tail, this.#known);
    this.#budget = boxes.length === 1 ? Number.POSITIVE_INFINITY : 64 + 3 * boxes.reduce(sumOfBounds, 0);
    try {
      return this.#node(
        boxes.map((box) => this.#state(box)),
        tail,
      );
    } catch (error) {
      if (error instanceof TooMany) return undefined;
      throw error;
    }
  }

  #state({ rule, fields }: Box): State {
    const asks: number[] = [];
    for (const [field, set] of fields) asks.push(this.#fieldNumber(field), this.#setNumber(set));
    // Few fields: sorted by insertion.
    for (let i = 2; i < asks.length; i += 2)
      for (let j = i; j > 0 && (asks[j] as number) < (asks[j - 2] as number); j -= 2) {
        [asks[j - 2], asks[j]] = [asks[j] as number, asks[j - 2] as number];
        [asks[j - 1], asks[j + 1]] = [asks[j + 1] as number, asks[j - 1] as number];
      }
    return this.#intern(rule, asks);
  }

  #fieldNumber(field: Field): number {
    let number = this.#numbers.get(field);
    if (number === undefined) {
      number = this.#fields.push(field) - 1;
      this.#mosts.push(mostOf(field));
      this.#numbers.set(field, number);
    }
    return number;
  }

  #setNumber(set: Intervals): number {
    let hash = set.length;
    for (const bound of set) hash = (Math.imul(hash, 0x01000193) ^ bound) | 0;
    const alike = this.#setNumbers.get(hash);
    if (alike !== undefined)
      for (const number of alike) if (sameNumbers(this.#sets[number] as Intervals, set)) return number;
    const number = this.#sets.push(set) - 1;
    if (alike === undefined) this.#setNumbers.set(hash, [number]);
    else alike.push(number);
    return number;
  }

  #intern(rule: number, asks: readonly number[]): State {
    let hash = rule;
    for (const ask of asks) hash = (Math.imul(hash, 31) + ask) | 0;
    const alike = this.#states.get(hash);
    const known = alike?.find((one) => one.rule === rule && sameNumbers(one.asks, asks));
    if (known !== undefined) return known;
    const state = { rule, asks, id: this.#nextState++ };
    if (alike === undefined) this.#states.set(hash, [state]);
    else alike.push(state);
    return state;
  }

  #node(states: readonly State[], tail: Decision): Decision {
    const [first] = states;
    if (first === undefined) return tail;
    if (first.asks.length === 0 && this.#decides(first.rule)) return this.#match(first.rule, undefined);
    let hash = states.length;
    for (const { id } of states) hash = (Math.imul(hash, 0x01000193) ^ id) | 0;
    const alike = this.#known.nodes.get(hash);
    if (alike !== undefined) for (const one of alike) if (sameStates(one.states, states)) return one.node;
    if (--this.#budget < 0) throw new TooMany();
    let made: Decision;
    if (first.asks.length === 0) {
      const rest = states.slice(1).filter((state) => state.rule !== first.rule);
      made = this.#match(first.rule, this.#node(rest, tail));
    } else {
      const split = this.#choose(states);
      const field = this.#fields[split.field] as Field;
      const yes = this.#node(this.#within(states, split, true), tail);
      const no = this.#node(this.#within(states, split, false), tail);
      made =
        yes === no ? yes : { kind: "split", field, test: split.test, value: split.value, yes, no, id: this.#nextId++ };
    }
    if (alike === undefined) this.#known.nodes.set(hash, [{ states, node: made }]);
    else alike.push({ states, node: made });
    return made;
  }

  #match(rule: number, next: Decision | undefined): Decision {
    const key = rule * 2 ** 24 + (next?.id ?? 0);
    let node = this.#known.matches.get(key);
    if (node === undefined) {
      node = { kind: "match", rule, ...(next === undefined ? {} : { next }), id: this.#nextId++ };
      this.#known.matches.set(key, node);
    }
    return node;
  }

  /** The states on one side of a split, as far as one that decides without asking more. */
  #within(states: readonly State[], { field, test, value }: Split, yes: boolean): State[] {
    const kept: State[] = [];
    for (const state of states) {
      const at = indexOfAsk(state.asks, field);
      let next: State | undefined = state;
      if (at >= 0) {
        const set = this.#sets[state.asks[at + 1] as number] as Intervals;
        next = this.#clipped(state, at, set, test, value, yes);
      }
      if (next === undefined) continue;
      // Another box of the same rule that asks nothing more has all that this one would.
      kept.push(next);
      if (next.asks.length === 0 && this.#decides(next.rule)) break;
    }
    return kept;
  }

  #clipped(
    state: State,
    at: number,
    set: Intervals,
    test: Split["test"],
    value: number,
    yes: boolean,
  ): State | undefined {
    const most = this.#mosts[state.asks[at] as number] as number;
    if (test === "is") {
      const inside = hasPoint(set, value);
      if (yes) return inside ? this.#without(state, at) : undefined;
      const rest = inside ? withoutPoint(set, value) : set;
      if (rest.length === 0) return undefined;
      if (allBut(rest, value, most)) return this.#without(state, at);
      return inside ? this.#with(state, at, rest) : state;
    }
    const first = set[0] as number;
    const last = set[set.length - 1] as number;
    if (yes) {
      if (first >= value) return undefined;
      // Bounds that the sides of earlier splits have are kept as 0 and `most`, so that equal questions are equal states.
      if (last < value - 1) return state;
      const rest: number[] = [];
      for (let i = 0; i < set.length && (set[i] as number) < value; i += 2)
        rest.push(set[i] as number, (set[i + 1] as number) >= value - 1 ? most : (set[i + 1] as number));
      return rest.length === 2 && rest[0] === 0 && rest[1] === most
        ? this.#without(state, at)
        : this.#with(state, at, rest);
    }
    if (last < value) return undefined;
    if (first > value) return state;
    const rest: number[] = [];
    for (let i = 0; i < set.length; i += 2)
      if ((set[i + 1] as number) >= value)
        rest.push((set[i] as number) <= value ? 0 : (set[i] as number), set[i + 1] as number);
    return rest.length === 2 && rest[0] === 0 && rest[1] === most
      ? this.#without(state, at)
      : this.#with(state, at, rest);
  }

  #without(state: State, at: number): State {
    return this.#intern(
      state.rule,
      state.asks.filter((_, i) => i !== at && i !== at + 1),
    );
  }

  #with(state: State, at: number, set: Intervals): State {
    const asks = [...state.asks];
    asks[at + 1] = this.#setNumber(set);
    return this.#intern(state.rule, asks);
  }

  /** The question that leaves the fewest states on both sides; of equal ones that which parts them evenly. */
  #choose(states: readonly State[]): Split {
    const fields = this.#fields.length;
    const bounds = this.#bounds;
    const only = this.#only;
    for (let field = 0; field < fields; field++) {
      (bounds[field] ??= []).length = 0;
      only[field] = NO_SET;
    }
    // Where there are many states, the bounds of some of them say where the middle is.
    const step = Math.ceil(states.length / SAMPLE);
    for (let at = 0; at < states.length; at++) {
      const { asks } = states[at] as State;
      for (let i = 0; i < asks.length; i += 2) {
        const field = asks[i] as number;
        const number = asks[i + 1] as number;
        const before = only[field] as number;
        only[field] = before === NO_SET || before === number ? number : SEVERAL;
        const own = bounds[field] as number[];
        if (at % step !== 0 && own.length > 0) continue;
        const set = this.#sets[number] as Intervals;
        const most = this.#mosts[field] as number;
        for (let j = 0; j < set.length; j += 2) {
          if ((set[j] as number) > 0) own.push(set[j] as number);
          if ((set[j + 1] as number) < most) own.push((set[j + 1] as number) + 1);
        }
      }
    }
    const splits: (Split | undefined)[] = [];
    const yes = new Int32Array(fields).fill(states.length);
    const no = new Int32Array(fields).fill(states.length);
    for (let field = 0; field < fields; field++)
      splits[field] =
        only[field] === NO_SET ? undefined : this.#splitOf(field, bounds[field] as number[], only[field] as number);
    for (const { asks } of states)
      for (let i = 0; i < asks.length; i += 2) {
        const field = asks[i] as number;
        const set = this.#sets[asks[i + 1] as number] as Intervals;
        const { test, value } = splits[field] as Split;
        if (test === "is") {
          if (!hasPoint(set, value)) yes[field] = (yes[field] as number) - 1;
          if (set.length === 2 && set[0] === value && set[1] === value) no[field] = (no[field] as number) - 1;
        } else {
          if ((set[0] as number) >= value) yes[field] = (yes[field] as number) - 1;
          if ((set[set.length - 1] as number) < value) no[field] = (no[field] as number) - 1;
        }
      }
    let best: Split | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let field = 0; field < fields; field++) {
      const split = splits[field];
      if (split === undefined) continue;
      const [a, b] = [yes[field] as number, no[field] as number];
      const cost = Math.max(a, b) + (a + b) / 2;
      if (cost < least) {
        least = cost;
        best = split;
      }
    }
    return best as Split;
  }

  /** `only`: the number of the one set that all ask for, or SEVERAL. */
  #splitOf(field: number, bounds: number[], only: number): Split {
    if (only !== SEVERAL) {
      const set = this.#sets[only] as Intervals;
      if (set.length === 2 && set[0] === set[1]) return { field, test: "is", value: set[0] as number };
      const most = this.#mosts[field] as number;
      const hole = set[0] === 0 ? (set[1] as number) + 1 : 0;
      if (allBut(set, hole, most)) return { field, test: "is", value: hole };
    }
    bounds.sort((a, b) => a - b);
    return { field, test: "below", value: bounds[bounds.length >> 1] as number };
  }
}

interface Known {
  readonly nodes: Map<number, { readonly states: readonly State[]; readonly node: Decision }[]>;
  /** By rule, and what follows. */
  readonly matches: Map<number, Decision>;
}

/** Boxes from which on those that ask for unlike fields have graphs of their own at once; and kinds of them, at most. */
const MANY = 300;
const MOST_GROUPS = 6;
/** No set, and more than one. */
const NO_SET = -1;
const SEVERAL = -2;
/** States whose bounds are looked at for the middle of a split. */
const SAMPLE = 48;

interface Split {
  readonly field: number;
  readonly test: "below" | "is";
  readonly value: number;
}

function indexOfAsk(asks: readonly number[], field: number): number {
  for (let i = 0; i < asks.length; i += 2) if (asks[i] === field) return i;
  return -1;
}

function hasPoint(set: Intervals, value: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (value <= (set[i + 1] as number)) return value >= (set[i] as number);
  return false;
}

/** Is the set all values but this one? */
function allBut(set: Intervals, value: number, most: number): boolean {
  if (set.length === 4) return set[0] === 0 && set[1] === value - 1 && set[2] === value + 1 && set[3] === most;
  if (set.length !== 2) return false;
  return value === 0 ? set[0] === 1 && set[1] === most : value === most && set[0] === 0 && set[1] === most - 1;
}

function withoutPoint(set: Intervals, value: number): Intervals {
  const rest: number[] = [];
  for (let i = 0; i < set.length; i += 2) {
    const [low, high] = [set[i] as number, set[i + 1] as number];
    if (value < low || value > high) rest.push(low, high);
    else {
      if (low < value) rest.push(low, value - 1);
      if (high > value) rest.push(value + 1, high);
    }
  }
  return rest;
}

function sameStates(a: readonly State[], b: readonly State[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Bounds of a box's intervals, one at least: what a graph of it alone asks. */
function sumOfBounds(sum: number, { fields }: Box): number {
  let bounds = 1;
  for (const set of fields.values()) bounds += set.length / 2;
  return sum + bounds;
}

/** Boxes by the fields that they ask for. */
function alike(boxes: readonly Box[]): Map<string, Box[]> {
  const groups = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = [...box.fields.keys()].sort().join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [box]);
    else group.push(box);
  }
  return groups;
}
