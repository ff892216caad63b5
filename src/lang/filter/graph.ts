// A filter as a graph of decisions: each node tests one value and goes one of two ways, without circles, to yes or no. Equal
// nodes are the same object. From it code is made, whichever kind.

import type { Span } from "../../source/index.ts";
import type { Condition, Relation, Value, Values } from "./expression.ts";
import { fail } from "./problems.ts";

export interface Test {
  readonly left: Value;
  readonly relation: Relation;
  readonly right: number | Value;
}

export type Node =
  | { readonly kind: "end"; readonly matches: boolean; readonly id: number }
  | (Test & { readonly kind: "test"; readonly yes: Node; readonly no: Node; readonly id: number });

export type TestNode = Extract<Node, { kind: "test" }>;

export const YES: Node = { kind: "end", matches: true, id: 0 };
export const NO: Node = { kind: "end", matches: false, id: 1 };

/** Nodes of a filter, at most: far beyond what a filter of classic BPF can hold. */
const MOST = 100_000;
/** How often a filter's rest may be lowered twice: tunnels in tunnels would do so without end. */
const MOST_SPLITS = 32;

type Joined = Extract<Condition, { kind: "and" | "or" }>;

const testKey = ({ left, relation, right }: Test): string =>
  `${left.id}${relation}${typeof right === "number" ? right : `v${right.id}`}`;

/** Makes nodes, each once, and tests in their simplest form. */
export class Nodes {
  readonly #values: Values;
  readonly #known = new Map<string, Node>();
  readonly #said: ReadonlyMap<Condition, Span>;
  readonly #terms = new Map<string, Set<Span>>();
  #splits = 0;
  /** Conditions that values depend on, as far as they are known where a term is lowered. */
  readonly #held = new Map<Condition, boolean>();
  /** The place of the term that is lowered. */
  #term: Span | undefined;

  /** `said`: places of terms, by the tests that ask what they mean. */
  constructor(values: Values, said: ReadonlyMap<Condition, Span> = new Map()) {
    this.#values = values;
    this.#said = said;
  }

  /** The places of the terms that ask this. */
  termsOf(test: Test): readonly Span[] {
    return [...(this.#terms.get(testKey(test)) ?? [])];
  }

  /** The graph of a condition that goes on to two others. */
  lower(condition: Condition, yes: Node, no: Node): Node {
    const known = this.#held.get(this.#values.deciding.get(condition) ?? condition);
    if (known !== undefined) return known ? yes : no;
    const first = this.#firstDeciding(condition);
    if (first !== undefined && this.#splits < MOST_SPLITS) {
      // All that follows, once for each answer.
      this.#splits++;
      const one = this.#given(first, true, () => this.lower(condition, yes, no));
      const other = this.#given(first, false, () => this.lower(condition, yes, no));
      return this.lower(first, one, other);
    }
    switch (condition.kind) {
      case "always":
        return condition.holds ? yes : no;
      case "not":
        return this.lower(condition.of, no, yes);
      case "test": {
        const before = this.#term;
        this.#term = this.#said.get(condition) ?? before;
        const node = this.test(condition, yes, no);
        this.#term = before;
        return node;
      }
      case "and":
      case "or": {
        // Long filters are long chains to the left: those are no recursion.
        let [first, t, f]: [Condition, Node, Node] = [condition, yes, no];
        while (first.kind === "and" || first.kind === "or") {
          const { left, right: next, kind }: Joined = first;
          const right = this.#given(left, kind === "and", () => this.lower(next, t, f));
          if (first.kind === "and") t = right;
          else f = right;
          first = first.left;
        }
        return this.lower(first, t, f);
      }
    }
  }

  /** What is asked first, where values of what follows depend on it. */
  #firstDeciding(condition: Condition): Condition | undefined {
    const { deciding } = this.#values;
    if (deciding.size === 0) return undefined;
    for (let at = condition; ; at = at.kind === "not" ? at.of : at.left) {
      if (at !== condition && deciding.has(at)) return this.#held.has(deciding.get(at) ?? at) ? undefined : at;
      if (at.kind !== "not" && at.kind !== "and" && at.kind !== "or") return undefined;
    }
  }

  /** Does `work` for a place that is reached only where a condition holds, or does not: what values depend on may be known there. */
  #given<T>(condition: Condition, holds: boolean, work: () => T): T {
    const { deciding } = this.#values;
    if (deciding.size === 0) return work();
    const learned: Condition[] = [];
    const stack = [{ condition, holds }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const decided = deciding.get(top.condition);
      if (decided !== undefined && !this.#held.has(decided)) {
        this.#held.set(decided, top.holds);
        learned.push(decided);
      }
      const { kind } = top.condition;
      if (kind === "not") stack.push({ condition: top.condition.of, holds: !top.holds });
      // Both hold, or neither does.
      else if ((kind === "and" || kind === "or") && top.holds === (kind === "and"))
        stack.push(
          { condition: top.condition.left, holds: top.holds },
          { condition: top.condition.right, holds: top.holds },
        );
    }
    try {
      return work();
    } finally {
      for (const one of learned) this.#held.delete(one);
    }
  }

  test({ left, relation, right }: Test, yes: Node, no: Node): Node {
    if (yes === no) return yes;
    for (const [side, value] of [
      ["left", left],
      ["right", right],
    ] as const) {
      const known = typeof value === "object" && value.kind === "select" ? this.#held.get(value.condition) : undefined;
      if (known === undefined || typeof value === "number" || value.kind !== "select") continue;
      const of = known ? value.yes : value.no;
      return this.test(side === "left" ? { left: of, relation, right } : { left, relation, right: of }, yes, no);
    }
    if (left.kind === "select") {
      const one = this.test({ left: left.yes, relation, right }, yes, no);
      const other = this.test({ left: left.no, relation, right }, yes, no);
      return this.lower(left.condition, one, other);
    }
    if (typeof right === "number") return this.#withNumber(left, relation, right, yes, no);
    if (right.kind === "select") {
      const one = this.test({ left, relation, right: right.yes }, yes, no);
      const other = this.test({ left, relation, right: right.no }, yes, no);
      return this.lower(right.condition, one, other);
    }
    if (right.kind === "constant") return this.test({ left, relation, right: right.number }, yes, no);
    // A number is compared from the right.
    if (left.kind === "constant" && relation !== "=" && relation !== "&") {
      return this.test({ left: right, relation: relation === ">" ? ">=" : ">", right: left.number }, no, yes);
    }
    if (left.kind === "constant") return this.test({ left: right, relation, right: left.number }, yes, no);
    if (left === right && relation !== "&") return relation === ">" ? no : yes;
    return this.#node(left, relation, right, yes, no);
  }

  #withNumber(left: Value, relation: Relation, number: number, yes: Node, no: Node): Node {
    if (left.kind === "constant") {
      const a = left.number;
      const holds =
        relation === "="
          ? a === number
          : relation === ">"
            ? a > number
            : relation === ">="
              ? a >= number
              : (a & number) !== 0;
      return holds ? yes : no;
    }
    if (relation === "&" && number === 0) return no;
    if (relation === ">=" && number === 0) return yes;
    if (relation === ">" && number === 0xffffffff) return no;
    if (left.kind === "binary") {
      const { operator, right } = left;
      if (operator === "-" && relation === "=" && number === 0)
        return this.test({ left: left.left, relation, right }, yes, no);
      if (operator === "+" && relation === "=" && right.kind === "constant")
        return this.#withNumber(left.left, "=", (number - right.number) >>> 0, yes, no);
      if (operator === "&" && right.kind === "constant") {
        const mask = right.number;
        const single = mask !== 0 && (mask & (mask - 1)) === 0;
        const some = relation === "&" ? mask & number : mask;
        if (relation === "&") return this.#withNumber(left.left, "&", some >>> 0, yes, no);
        if ((relation === "=" && number === 0) || (relation === ">" && number === 0))
          return this.#withNumber(
            left.left,
            "&",
            mask,
            ...(relation === ">" ? ([yes, no] as const) : ([no, yes] as const)),
          );
        if (relation === "=" && single && number === mask) return this.#withNumber(left.left, "&", mask, yes, no);
        const narrow = this.#narrowed(left.left, mask);
        if (narrow !== undefined) return this.#withNumber(narrow, relation, number, yes, no);
      }
    }
    return this.#node(left, relation, number, yes, no);
  }

  /** The last bytes of a load, where the others are masked away. */
  #narrowed(load: Value, mask: number): Value | undefined {
    if (load.kind !== "load") return undefined;
    const size = mask === 0xffff && load.size === 4 ? 2 : mask === 0xff && load.size > 1 ? 1 : undefined;
    return size === undefined ? undefined : this.#values.load(size, load.offset + load.size - size, load.base);
  }

  #node(left: Value, relation: Relation, right: number | Value, yes: Node, no: Node): Node {
    const asked = testKey({ left, relation, right });
    if (this.#term !== undefined) {
      const terms = this.#terms.get(asked) ?? new Set();
      this.#terms.set(asked, terms.add(this.#term));
    }
    const key = `${asked} ${yes.id} ${no.id}`;
    let node = this.#known.get(key);
    if (node === undefined) {
      if (this.#known.size > MOST) fail("SCRY1508", { start: 0, end: 0 }, "The filter is too large");
      node = { kind: "test", left, relation, right, yes, no, id: this.#known.size + 2 };
      this.#known.set(key, node);
    }
    return node;
  }
}

/** All tests that are reached, each before those that it leads to. */
export function inOrder(root: Node): TestNode[] {
  const seen = new Set<Node>();
  const after: TestNode[] = [];
  const stack: { node: Node; entered: boolean }[] = [{ node: root, entered: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, entered } = top;
    if (node.kind === "end") continue;
    if (entered) {
      after.push(node);
      continue;
    }
    if (seen.has(node)) continue;
    seen.add(node);
    stack.push({ node, entered: true }, { node: node.yes, entered: false }, { node: node.no, entered: false });
  }
  return after.reverse();
}
