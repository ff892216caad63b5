// count, sum, min, max, avg, stats, hist, lhist: what they keep in a map, and how an event changes it.

import { INT, type Value, type Variable } from "../../compiler/index.ts";
import type { CallExpression, Expression } from "./ast.ts";
import type { BuiltinFunction } from "./builtin-functions.ts";
import type { Checker } from "./checker.ts";
import { histBuckets, lhistBuckets } from "./layout.ts";
import { value } from "./lower-expressions.ts";
import type { Lowering } from "./lowering.ts";
import { type AggregateType, isNumeric, type Type } from "./types.ts";

const isSigned = (type: Type): boolean =>
  type.kind === "int" ? type.signed : type.kind === "bool" ? false : "signed" in type && type.signed;

function numberArgument(c: Checker, call: CallExpression): Type {
  const e = call.args[0] as Expression;
  const type = c.check(e);
  if (type.kind !== "none" && !isNumeric(type))
    c.error("SCRY1250", `${call.name}() only supports integer arguments (${type.kind} provided)`, e.span);
  return type;
}

/** Adds to a word of one CPU; in one step where another task may come between. */
function add(l: Lowering, pointer: Value, offset: number, by: Value | number): void {
  const b = l.b;
  if (l.preemptible) b.atomic("add", 64, pointer, offset, typeof by === "number" ? b.const(by) : by);
  else b.store(64, pointer, offset, b.add(b.load("u64", pointer, offset), by));
}

function simple(
  name: string,
  doc: string,
  type: (c: Checker, call: CallExpression) => AggregateType,
  update: (l: Lowering, type: AggregateType, v: Value, pointer: Value, offset: number) => void,
): BuiltinFunction {
  return {
    doc,
    signature: `${name}(n)`,
    arity: [1, 1],
    check: type,
    aggregate: {
      prepare: (l, call) => value(l, call.args[0] as Expression),
      update: (l, t, v, pointer, offset) => update(l, t, v as Value, pointer, offset),
    },
  };
}

/** Least or greatest: [value, seen]. */
function extreme(l: Lowering, type: AggregateType, v: Value, pointer: Value, offset: number): void {
  const b = l.b;
  const signed = "signed" in type && type.signed;
  const compare = b.block("compare");
  const better = b.block("better");
  const after = b.block("after");
  b.branch("eq", b.load("u64", pointer, offset + 8), 0, better, compare, { unlikely: "then" });
  b.seal(compare);
  b.at(compare);
  const less = type.kind === "min";
  b.branch(less ? (signed ? "slt" : "ult") : signed ? "sgt" : "ugt", v, b.load("u64", pointer, offset), better, after);
  b.seal(better);
  b.at(better);
  b.store(64, pointer, offset, v);
  b.store(64, pointer, offset + 8, 1);
  b.jump(after);
  b.seal(after);
  b.at(after);
}

const signedKind =
  (kind: "sum" | "min" | "max" | "avg" | "stats") =>
  (c: Checker, call: CallExpression): AggregateType => ({ kind, signed: isSigned(numberArgument(c, call)) });

/** [count, total] */
function countAndTotal(l: Lowering, _type: AggregateType, v: Value, pointer: Value, offset: number): void {
  add(l, pointer, offset, 1);
  add(l, pointer, offset + 8, v);
}

export const aggregateFunctions: Readonly<Record<string, BuiltinFunction>> = {
  count: {
    doc: "Counts how often it is called.",
    signature: "count()",
    arity: [0, 0],
    check: () => ({ kind: "count" }),
    aggregate: {
      prepare: () => undefined,
      update: (l, _type, _v, pointer, offset) => add(l, pointer, offset, 1),
    },
  },
  sum: simple("sum", "Adds up.", signedKind("sum"), (l, _t, v, pointer, offset) => {
    add(l, pointer, offset, v);
    l.b.store(64, pointer, offset + 8, 1);
  }),
  min: simple("min", "Keeps the least.", signedKind("min"), extreme),
  max: simple("max", "Keeps the greatest.", signedKind("max"), extreme),
  avg: simple("avg", "Averages.", signedKind("avg"), countAndTotal),
  stats: simple("stats", "Count, average and total.", signedKind("stats"), countAndTotal),
  hist: {
    doc: "Histogram with a bucket for each power of two, or 2^k for each (k from 0 to 5).",
    signature: "hist(n[, k])",
    arity: [1, 2],
    check: (c, call) => {
      numberArgument(c, call);
      let bits = 0n;
      const k = call.args[1];
      if (k !== undefined) {
        c.check(k);
        bits = c.constant(k) ?? -1n;
        if (bits < 0n || bits > 5n)
          c.error(
            "SCRY1251",
            bits < 0n ? "hist() requires a literal for its second argument" : `hist: bits ${bits} must be 0..5`,
            k.span,
          );
      }
      return { kind: "hist", bits: Number(bits < 0n || bits > 5n ? 0n : bits) };
    },
    aggregate: {
      prepare: (l, call, type) =>
        histIndex(l, value(l, call.args[0] as Expression), type.kind === "hist" ? type.bits : 0),
      update: (l, type, index, pointer, offset) =>
        addToBucket(l, pointer, offset, index as Value, histBuckets(type.kind === "hist" ? type.bits : 0)),
    },
  },
  lhist: {
    doc: "Histogram with buckets of one size.",
    signature: "lhist(n, min, max, step)",
    arity: [4, 4],
    check: (c, call) => {
      numberArgument(c, call);
      const [min, max, step] = call.args.slice(1).map((e) => {
        c.check(e);
        const n = c.constant(e);
        if (n === undefined) c.error("SCRY1252", "lhist() requires literals for min, max and step", e.span);
        return Number(n ?? 0n);
      }) as [number, number, number];
      const span = call.span;
      if (step <= 0) c.error("SCRY1253", `lhist() step must be >= 1 (${step} provided)`, span);
      else if (max <= min)
        c.error("SCRY1253", `lhist() min must be less than max (provided min ${min} and max ${max})`, span);
      else if (Math.ceil((max - min) / step) > 1000)
        c.error(
          "SCRY1253",
          `lhist() too many buckets, must be <= 1000 (would need ${Math.ceil((max - min) / step)})`,
          span,
        );
      else return { kind: "lhist", min, max, step };
      return { kind: "lhist", min: 0, max: 1, step: 1 };
    },
    aggregate: {
      prepare: (l, call, type) =>
        lhistIndex(l, value(l, call.args[0] as Expression), type as AggregateType & { kind: "lhist" }),
      update: (l, type, index, pointer, offset) => {
        const t = type as AggregateType & { kind: "lhist" };
        addToBucket(l, pointer, offset, index as Value, lhistBuckets(t.min, t.max, t.step));
      },
    },
  },
};

/** Adds one to the bucket; the comparison is for the kernel's verifier, the index is always within. */
function addToBucket(l: Lowering, pointer: Value, offset: number, index: Value, buckets: number): void {
  const b = l.b;
  const inside = b.block("bucket");
  const after = b.block("counted");
  b.branch("ult", index, buckets, inside, after, { unlikely: "else" });
  b.seal(inside);
  b.at(inside);
  add(l, b.add(pointer, b.binary("shl", index, 3)), offset, 1);
  b.jump(after);
  b.seal(after);
  b.at(after);
}

/**
 * The bucket of a number: 0 for negative ones, n + 1 up to 2^bits - 1, then 2^bits buckets for each power of two.
 * The logarithm is found by halving.
 */
function histIndex(l: Lowering, n: Value, bits: number): Value {
  const b = l.b;
  const result: Variable = { name: "bucket", type: INT };
  const rest: Variable = { name: "rest", type: INT };
  const log: Variable = { name: "log", type: INT };
  const done = b.block("indexed");
  const positive = b.block("positive");
  const small = b.block("small");
  const large = b.block("large");
  b.write(result, b.const(0));
  b.branch("slt", n, 0, done, positive, { unlikely: "then" });
  b.seal(positive);
  b.at(positive);
  b.branch("ult", n, 1 << bits, small, large);
  b.seal(small);
  b.at(small);
  b.write(result, b.add(n, 1));
  b.jump(done);
  b.seal(large);
  b.at(large);
  b.write(rest, n);
  b.write(log, b.const(0));
  for (const width of [32, 16, 8, 4, 2, 1]) {
    const more = b.block("shift");
    const next = b.block("halve");
    b.branch("ugt", b.read(rest), (1n << BigInt(width)) - 1n, more, next);
    b.seal(more);
    b.at(more);
    b.write(rest, b.binary("shr", b.read(rest), width));
    b.write(log, b.add(b.read(log), width));
    b.jump(next);
    b.seal(next);
    b.at(next);
  }
  const l2 = b.read(log);
  if (bits === 0) b.write(result, b.add(l2, 2));
  else {
    const shift = b.binary("sub", l2, bits);
    const low = b.and(b.binary("shr", n, shift), (1 << bits) - 1);
    const group = b.binary("shl", b.add(shift, 1), bits);
    b.write(result, b.add(b.add(group, low), 1));
  }
  b.jump(done);
  b.seal(done);
  b.at(done);
  return b.read(result);
}

function lhistIndex(l: Lowering, n: Value, type: AggregateType & { kind: "lhist" }): Value {
  const b = l.b;
  const result: Variable = { name: "bucket", type: INT };
  const notBelow = b.block("not-below");
  const within = b.block("within");
  const above = b.block("above");
  const done = b.block("indexed");
  b.write(result, b.const(0));
  b.branch("slt", n, type.min, done, notBelow);
  b.seal(notBelow);
  b.at(notBelow);
  b.branch("sge", n, type.max, above, within);
  b.seal(above);
  b.at(above);
  b.write(result, b.const(lhistBuckets(type.min, type.max, type.step) - 1));
  b.jump(done);
  b.seal(within);
  b.at(within);
  b.write(result, b.add(b.binary("div", b.binary("sub", n, type.min), type.step), 1));
  b.jump(done);
  b.seal(done);
  b.at(done);
  return b.read(result);
}
