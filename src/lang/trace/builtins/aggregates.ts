// count, sum, min, max, avg, stats, hist, lhist: what they ask of their arguments. How an event changes what a map keeps is
// in codegen/aggregates.ts.

import { isNumeric, NONE, type Type } from "../../../schema/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  constant,
  constantText,
  error,
  refuseFloats,
} from "../check/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";

const isSigned = (type: Type): boolean =>
  type.kind === "int" ? type.signed : type.kind === "bool" ? false : "signed" in type && type.signed;

function numberArgument(c: CheckState, call: BuiltinUse): Type {
  const e = call.args[0] as Expression;
  const type = check(c, e);
  const refused = refuseFloats(c, `${call.name}()`, [type], e.span);
  if (refused !== undefined) return refused;
  if (type.kind !== "none" && !isNumeric(type))
    error(c, "SCRY1250", `${call.name}() only supports integer arguments (${type.kind} provided)`, e.span);
  return type;
}

function simple(name: "sum" | "min" | "max" | "avg" | "stats", said: Said): Builtin {
  return {
    ...said,
    signature: `${name}(n)`,
    types: `int → ${name}_t`,
    arity: [1, 1],
    check: (c, use) => ({ kind: name, signed: isSigned(numberArgument(c, use)) }),
  };
}

const MOST_INTERVALS = 1_000_000;

type SeriesAggregation = "last" | "avg" | "min" | "max" | "sum";
const isSeriesAggregation = (text: string): text is SeriesAggregation =>
  ["last", "avg", "min", "max", "sum"].includes(text);

export const aggregateBuiltins: Builtins = {
  count: {
    doc: "Counts how often it is called. Each CPU counts for itself; the sum is made when the map is read.",
    signature: "count()",
    types: "→ count_t",
    example: "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }",
    arity: [0, 0],
    check: () => ({ kind: "count" }),
  },
  sum: simple("sum", {
    doc: "Adds up.",
    example: "tracepoint:syscalls:sys_exit_read /args.ret > 0/ { @bytes[comm] = sum(args.ret); }",
  }),
  min: simple("min", {
    doc: "Keeps the least.",
    example: "tracepoint:syscalls:sys_exit_read { @least[comm] = min(args.ret); }",
  }),
  max: simple("max", {
    doc: "Keeps the greatest.",
    example: "tracepoint:syscalls:sys_exit_read { @most[comm] = max(args.ret); }",
  }),
  avg: simple("avg", {
    doc: "The average, in whole numbers.",
    example: "tracepoint:syscalls:sys_exit_read { @bytes[comm] = avg(args.ret); }",
  }),
  stats: simple("stats", {
    doc: "Count, average and total in one.",
    example: "tracepoint:syscalls:sys_exit_read { @bytes[comm] = stats(args.ret); }",
  }),
  hist: {
    doc: "Histogram with a bucket for each power of two, or 2^k for each (k from 0 to 5).",
    signature: "hist(n[, k])",
    types: "int, int → hist_t",
    example: "tracepoint:syscalls:sys_exit_read { @bytes = hist(args.ret); }",
    arity: [1, 2],
    check: (c, call) => {
      numberArgument(c, call);
      let bits = 0n;
      const k = call.args[1];
      if (k !== undefined) {
        check(c, k);
        bits = constant(c, k) ?? -1n;
        if (bits < 0n || bits > 5n)
          error(
            c,
            "SCRY1251",
            bits < 0n ? "hist() requires a literal for its second argument" : `hist: bits ${bits} must be 0..5`,
            k.span,
          );
      }
      return { kind: "hist", bits: Number(bits < 0n || bits > 5n ? 0n : bits) };
    },
  },
  tseries: {
    doc: "A number over time: the last value of each interval, or the average, least, greatest or sum of them; so many intervals are kept.",
    signature: 'tseries(n, interval, count[, "avg" | "min" | "max" | "sum"])',
    types: "int, int (nanoseconds), int, string → tseries_t",
    example: 'tracepoint:syscalls:sys_exit_read { @ = tseries(args.ret, 1s, 20, "avg"); }',
    arity: [3, 4],
    check: (c, call) => {
      const signed = isSigned(numberArgument(c, call));
      const literal = (index: number, name: string): number | undefined => {
        const e = call.args[index] as Expression;
        check(c, e);
        const n = constant(c, e);
        if (n !== undefined && n >= 0n) return Number(n);
        error(c, "SCRY1259", `tseries: invalid ${name} value (must be non-negative literal)`, call.span);
        return undefined;
      };
      const interval = literal(1, "interval_ns");
      const count = literal(2, "num_intervals");
      const e = call.args[3];
      if (e !== undefined) check(c, e);
      const agg = e === undefined ? "last" : constantText(c, e);
      const wrong = (text: string): Type => error(c, "SCRY1259", text, call.span);
      if (agg === undefined) return wrong("tseries() requires a string literal for its aggregation function");
      if (!isSeriesAggregation(agg) || (agg === "last" && e !== undefined))
        return wrong(
          `tseries() expects one of the following aggregation functions: avg, max, min, sum ("${agg}" provided)`,
        );
      if (interval === undefined || count === undefined) return NONE;
      if (interval < 1) return wrong(`tseries() interval_ns must be >= 1 (${interval} provided)`);
      if (count < 1) return wrong(`tseries() num_intervals must be >= 1 (${count} provided)`);
      if (count >= MOST_INTERVALS)
        return wrong(`tseries() num_intervals must be < ${MOST_INTERVALS} (${count} provided)`);
      return { kind: "tseries", interval, count, agg, signed };
    },
  },
  lhist: {
    doc: "Histogram with buckets of one size, from min up to max; what lies outside is counted in one more on either side.",
    signature: "lhist(n, min, max, step)",
    types: "int, int, int, int → lhist_t",
    example: "tracepoint:syscalls:sys_exit_read { @bytes = lhist(args.ret, 0, 1000, 100); }",
    arity: [4, 4],
    check: (c, call) => {
      numberArgument(c, call);
      const [min, max, step] = call.args.slice(1).map((e) => {
        check(c, e);
        const n = constant(c, e);
        if (n === undefined) error(c, "SCRY1252", "lhist() requires literals for min, max and step", e.span);
        return Number(n ?? 0n);
      }) as [number, number, number];
      const span = call.span;
      if (step <= 0) error(c, "SCRY1253", `lhist() step must be >= 1 (${step} provided)`, span);
      else if (max <= min)
        error(c, "SCRY1253", `lhist() min must be less than max (provided min ${min} and max ${max})`, span);
      else if (Math.ceil((max - min) / step) > 1000)
        error(
          c,
          "SCRY1253",
          `lhist() too many buckets, must be <= 1000 (would need ${Math.ceil((max - min) / step)})`,
          span,
        );
      else return { kind: "lhist", min, max, step };
      return { kind: "lhist", min: 0, max: 1, step: 1 };
    },
  },
};
