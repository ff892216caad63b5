// What a filter asks, before it is a graph: tests, joined by and, or, not.

import type { Condition, Relation, Value } from "./expression.ts";

export const always = (holds: boolean): Condition => ({ kind: "always", holds });

export function not(of: Condition): Condition {
  if (of.kind === "not") return of.of;
  return of.kind === "always" ? always(!of.holds) : { kind: "not", of };
}

function joined(kind: "and" | "or", conditions: readonly Condition[]): Condition {
  const decides = kind === "or";
  let all: Condition | undefined;
  for (const one of conditions) {
    if (one.kind === "always" && one.holds !== decides) continue;
    all = all === undefined ? one : { kind, left: all, right: one };
  }
  return all ?? always(!decides);
}

/** Holds where all hold; they are asked in this order. */
export const and = (...conditions: Condition[]): Condition => joined("and", conditions);

/** Holds where one holds; they are asked in this order. */
export const or = (...conditions: Condition[]): Condition => joined("or", conditions);

export const test = (left: Value, relation: Relation, right: number | Value): Condition =>
  typeof right === "number" || right.kind !== "constant"
    ? { kind: "test", left, relation, right: typeof right === "number" ? right >>> 0 : right }
    : { kind: "test", left, relation, right: right.number };
