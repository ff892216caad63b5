// Aggregates as types: values of maps that count, add up, or sort what is recorded: `hash(u32, hist())`. One row each.

import { aggregateStructName, aggregateWords, lhistBuckets, type SummedAggregate } from "../../schema/index.ts";
import { type CallExpression, type Expression, type Node, refuse } from "./ast.ts";
import type { Types } from "./types.ts";
import type { DeclarationScope } from "./values.ts";

/** The struct of an aggregate's words. */
function structOf(types: Types, aggregate: SummedAggregate, at: Node): number {
  const words = types.c.array(types.u64, aggregateWords(aggregate));
  const id = types.struct(aggregateStructName(aggregate), [["words", words]], at);
  types.aggregates.set(id, aggregate);
  return id;
}

function numbers(m: DeclarationScope, args: readonly Expression[], most: number, at: CallExpression): number[] {
  if (args.length > most) refuse("SCRY1405", `it takes ${most} numbers at most`, at);
  return args.map((node) => {
    const value = m.evaluate(node);
    if (value.kind !== "static" || value.what.kind !== "number")
      return refuse("SCRY1405", "this is a number that is known when the module is compiled", node);
    return Number(value.what.value);
  });
}

type AggregateRow = (m: DeclarationScope, args: readonly Expression[], at: CallExpression) => SummedAggregate;

/** Of numbers of a type, which says whether they have a sign: `sum()`, `sum(i64)`. */
const ofNumbers =
  (kind: "sum" | "min" | "max" | "avg" | "stats"): AggregateRow =>
  (m, args, at) => {
    if (args.length > 1) refuse("SCRY1405", `${kind}(type)`, at);
    const [node] = args;
    const type = node === undefined ? m.types.u64 : m.typeArgument(node);
    if (!m.types.typing.isInteger(type)) refuse("SCRY1405", `${kind} is of numbers: ${kind}(i64)`, at);
    return { kind, signed: m.types.typing.signed(type) };
  };

const ROWS: Readonly<Record<string, AggregateRow>> = {
  count: (m, args, at) => {
    numbers(m, args, 0, at);
    return { kind: "count" };
  },
  sum: ofNumbers("sum"),
  min: ofNumbers("min"),
  max: ofNumbers("max"),
  avg: ofNumbers("avg"),
  stats: ofNumbers("stats"),
  hist: (m, args, at) => {
    const [bits = 0] = numbers(m, args, 1, at);
    if (bits < 0 || bits > 5) refuse("SCRY1405", "hist(bits): bits of a power of two, 0 to 5", at);
    return { kind: "hist", bits };
  },
  lhist: (m, args, at) => {
    const [min = 0, max = 0, step = 0] = numbers(m, args, 3, at);
    const fits = [min, max, step].every((n) => Math.abs(n) < 2 ** 31);
    if (!fits || step < 1 || max <= min || lhistBuckets(min, max, step) > 1002)
      refuse("SCRY1405", "lhist(min, max, step): from min below max by steps, 1,000 of them at most", at);
    return { kind: "lhist", min, max, step };
  },
};

/** As rows of TYPES. */
export const AGGREGATES: Readonly<
  Record<string, (m: DeclarationScope, name: string, args: readonly Expression[], at: CallExpression) => number>
> = Object.fromEntries(
  Object.entries(ROWS).map(([name, row]) => [name, (m, _name, args, at) => structOf(m.types, row(m, args, at), at)]),
);
