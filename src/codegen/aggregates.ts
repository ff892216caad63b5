// count, sum, min, max, avg, stats, hist, lhist: how an event changes what a map keeps of them.

import { INT, type Value, type Variable } from "../compiler/index.ts";
import { type AggregateType, histBuckets, lhistBuckets } from "../schema/index.ts";
import { compareBest } from "./aggregate-values.ts";
import { type ProgramState, preemptible } from "./state.ts";
import { updateTimeSeries } from "./time-series.ts";

/** What one kind of aggregate does with a number. */
export interface Aggregate {
  /** What is worked out once, before the map is touched; absent: the number itself. */
  prepare?(p: ProgramState, type: AggregateType, n: Value): Value;
  /** Changes the words at a place by what `prepare` gave (`count`: by nothing). */
  update(p: ProgramState, type: AggregateType, prepared: Value | undefined, pointer: Value, offset: number): void;
}

const number =
  (update: (p: ProgramState, type: AggregateType, n: Value, pointer: Value, offset: number) => void) =>
  (p: ProgramState, type: AggregateType, n: Value | undefined, pointer: Value, offset: number): void =>
    update(p, type, n as Value, pointer, offset);

/** One entry a kind; what the words mean is said in schema/layout.ts. */
export const aggregates: Readonly<Record<AggregateType["kind"], Aggregate>> = {
  count: { update: (p, _type, _n, pointer, offset) => add(p, pointer, offset, 1) },
  sum: {
    update: number((p, _type, n, pointer, offset) => {
      add(p, pointer, offset, n);
      p.b.store(64, pointer, offset + 8, 1);
    }),
  },
  min: { update: number(extreme) },
  max: { update: number(extreme) },
  avg: { update: number(countAndTotal) },
  stats: { update: number(countAndTotal) },
  hist: {
    prepare: (p, type, n) => histIndex(p, n, bitsOf(type)),
    update: number((p, type, index, pointer, offset) =>
      addToBucket(p, pointer, offset, index, histBuckets(bitsOf(type))),
    ),
  },
  lhist: {
    prepare: (p, type, n) => lhistIndex(p, n, type as LinearHistogram),
    update: number((p, type, index, pointer, offset) => {
      const { min, max, step } = type as LinearHistogram;
      addToBucket(p, pointer, offset, index, lhistBuckets(min, max, step));
    }),
  },
  tseries: { update: number(updateTimeSeries) },
};

type LinearHistogram = AggregateType & { readonly kind: "lhist" };
type Extreme = AggregateType & { readonly kind: "sum" | "min" | "max" };
const bitsOf = (type: AggregateType): number => (type.kind === "hist" ? type.bits : 0);

/** Adds to a word of one CPU; in one step where another task may come between. */
function add(p: ProgramState, pointer: Value, offset: number, by: Value | number): void {
  const b = p.b;
  if (preemptible(p.variant)) b.atomic("add", 64, pointer, offset, typeof by === "number" ? b.const(by) : by);
  else b.store(64, pointer, offset, b.add(b.load("u64", pointer, offset), by));
}

/** Least or greatest: [value, seen]. */
function extreme(p: ProgramState, type: AggregateType, v: Value, pointer: Value, offset: number): void {
  const b = p.b;
  const compare = b.block("compare");
  const better = b.block("better");
  const after = b.block("after");
  b.branch("eq", b.load("u64", pointer, offset + 8), 0, better, compare, { unlikely: "then" });
  b.enter(compare);
  compareBest(p, type as Extreme, v, b.load("u64", pointer, offset), better, after);
  b.enter(better);
  b.store(64, pointer, offset, v);
  b.store(64, pointer, offset + 8, 1);
  b.jump(after);
  b.enter(after);
}

/** [count, total] */
function countAndTotal(p: ProgramState, _type: AggregateType, v: Value, pointer: Value, offset: number): void {
  add(p, pointer, offset, 1);
  add(p, pointer, offset + 8, v);
}

/** Adds one to the bucket; the comparison is for the kernel's verifier, the index is always within. */
function addToBucket(p: ProgramState, pointer: Value, offset: number, index: Value, buckets: number): void {
  const b = p.b;
  b.when(
    "ult",
    index,
    buckets,
    () => {
      add(p, b.add(pointer, b.binary("shl", index, 3)), offset, 1);
    },
    { unlikely: "else" },
  );
}

/**
 * The bucket of a number: 0 for negative ones, n + 1 up to 2^bits - 1, then 2^bits buckets for each power of two.
 * The logarithm is found by halving.
 */
function histIndex(p: ProgramState, n: Value, bits: number): Value {
  const b = p.b;
  const result: Variable = { name: "bucket", type: INT };
  const rest: Variable = { name: "rest", type: INT };
  const log: Variable = { name: "log", type: INT };
  const done = b.block("indexed");
  const positive = b.block("positive");
  const large = b.block("large");
  b.write(result, b.const(0));
  b.branch("slt", n, 0, done, positive, { unlikely: "then" });
  b.enter(positive);
  b.must("ult", n, 1 << bits, large);
  b.write(result, b.add(n, 1));
  b.jump(done);
  b.enter(large);
  b.write(rest, n);
  b.write(log, b.const(0));
  for (const width of [32, 16, 8, 4, 2, 1]) {
    b.when("ugt", b.read(rest), (1n << BigInt(width)) - 1n, () => {
      b.write(rest, b.binary("shr", b.read(rest), width));
      b.write(log, b.add(b.read(log), width));
    });
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
  b.enter(done);
  return b.read(result);
}

function lhistIndex(p: ProgramState, n: Value, type: LinearHistogram): Value {
  const b = p.b;
  const result: Variable = { name: "bucket", type: INT };
  const notBelow = b.block("not-below");
  const within = b.block("within");
  const done = b.block("indexed");
  b.write(result, b.const(0));
  b.branch("slt", n, type.min, done, notBelow);
  b.enter(notBelow);
  b.must("sge", n, type.max, within);
  b.write(result, b.const(lhistBuckets(type.min, type.max, type.step) - 1));
  b.jump(done);
  b.enter(within);
  b.write(result, b.add(b.binary("div", b.binary("sub", n, type.min), type.step), 1));
  b.jump(done);
  b.enter(done);
  return b.read(result);
}
