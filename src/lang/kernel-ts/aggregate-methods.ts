// What programs do with aggregates: `latency.record(key, value)`. Their words lie as those of the trace language
// (schema/layout.ts), so that the same readers and views show them; each CPU has its own.

import type { CExpression, CVariable } from "../../c/index.ts";
import { aggregateWords, lhistBuckets, type SummedAggregate } from "../../schema/index.ts";
import { counted, plain } from "./arguments.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { addressed, asBoolean, found, onMap, succeeded, where } from "./map-access.ts";
import type { MethodRow, Reader } from "./reader.ts";
import type { MapValue } from "./values.ts";

/** Words of one entry on this CPU. */
class Words {
  readonly #r: Reader;
  readonly #pointer: CExpression;
  readonly #at: Node;

  constructor(r: Reader, pointer: CExpression, at: Node) {
    this.#r = r;
    this.#pointer = r.types.typing.cast(pointer, r.types.c.pointer(r.types.u64));
    this.#at = at;
  }

  at(index: CExpression | number): CExpression {
    const { typing, u64 } = this.#r.types;
    const span = spanOf(this.#at);
    const place = typeof index === "number" ? this.#r.constant(index, u64, span) : index;
    return typing.index(this.#pointer, place, span);
  }

  set(index: number, value: CExpression): void {
    const type = this.#r.types.u64;
    const span = spanOf(this.#at);
    this.#r.do({ kind: "assign", target: this.at(index), value: this.#r.types.typing.cast(value, type), type, span });
  }

  /** In one step where another program may come between on this CPU. */
  add(index: CExpression | number, by: CExpression): void {
    const { typing, u64: type } = this.#r.types;
    const span = spanOf(this.#at);
    const place = this.at(index);
    const amount = typing.cast(by, type);
    if (this.#r.undisturbed)
      this.#r.do({ kind: "assign", target: place, value: typing.binary("+", place, amount, span), type, span });
    else
      this.#r.do({
        kind: "builtin",
        name: "__sync_fetch_and_add",
        args: [typing.address(place, span), amount],
        type,
        span,
      });
  }
}

/** What is worked out of the number before the map is asked: the bucket, or the number itself. */
function prepared(r: Reader, aggregate: SummedAggregate, value: CExpression, at: Node): CExpression {
  switch (aggregate.kind) {
    case "hist":
      return aggregate.bits === 0 ? log2Bucket(r, value, at) : histBucket(r, value, aggregate.bits, at);
    case "lhist":
      return lhistBucket(r, value, aggregate, at);
    default:
      return r.read(r.held(value, r.types.u64, spanOf(at)));
  }
}

function update(r: Reader, aggregate: SummedAggregate, words: Words, value: CExpression, at: Node): void {
  const { typing, u64, i64 } = r.types;
  const span = spanOf(at);
  const one = r.constant(1, u64, span);
  switch (aggregate.kind) {
    case "count":
      words.add(0, one);
      return;
    case "sum":
      words.add(0, value);
      words.set(1, one);
      return;
    case "avg":
    case "stats":
      words.add(0, one);
      words.add(1, value);
      return;
    case "min":
    case "max": {
      const as = aggregate.signed ? i64 : u64;
      const seen = words.at(1);
      const best = typing.cast(words.at(0), as);
      const better = typing.compare(aggregate.kind === "min" ? "<" : ">", typing.cast(value, as), best, span);
      const first = typing.compare("==", seen, r.constant(0, u64, span), span);
      where(r, typing.logical("||", first, better, span), () => {
        words.set(0, value);
        words.set(1, one);
      });
      return;
    }
    case "hist":
    case "lhist": {
      // For the kernel's verifier: the bucket is always within.
      const within = typing.compare("<", value, r.constant(aggregateWords(aggregate), u64, span), span);
      where(r, within, () => words.add(value, one));
    }
  }
}

/** Sets a variable where a condition holds. */
function when(r: Reader, condition: CExpression, ...changes: readonly (readonly [CVariable, CExpression])[]): void {
  where(r, condition, () => {
    for (const [variable, value] of changes) assign(r, variable, value);
  });
}
function assign(r: Reader, variable: CVariable, value: CExpression): void {
  const { span } = value;
  const { type } = variable;
  r.do({ kind: "assign", target: r.read(variable), value: r.types.typing.cast(value, type), type, span });
}

/**
 * Halves what is left of a number until fewer than `until` bits are; `log` grows by what was cut. Without a branch: one goes wrong
 * half of the time, and the verifier would follow each of their combinations.
 */
function halved(r: Reader, value: CExpression, until: number, at: Node): { rest: CVariable; log: CVariable } {
  const { typing, u64 } = r.types;
  const span = spanOf(at);
  const rest = r.held(value, u64, span);
  const log = r.held(r.constant(0, u64, span), u64, span);
  const bits = typing.isInteger(value.type) ? typing.size(value.type) * 8 : 64;
  for (let width = bits / 2; width >= until; width /= 2) {
    const n = (of: bigint | number): CExpression => r.constant(of, u64, span);
    // Its highest bit says whether more than so many bits are left: of 64 that would not hold for the highest itself.
    const less =
      width === 32
        ? typing.binary("-", n(0), typing.binary(">>", r.read(rest), n(32), span), span)
        : typing.binary("-", n((1n << BigInt(width)) - 1n), r.read(rest), span);
    const more = typing.binary(">>", less, n(63), span);
    const by = r.read(r.held(typing.binary("<<", more, n(Math.log2(width)), span), u64, span));
    assign(r, rest, typing.binary(">>", r.read(rest), by, span));
    assign(r, log, typing.binary("+", r.read(log), by, span));
  }
  return { rest, log };
}

/** Is it below zero? undefined: it never is. */
function negative(r: Reader, value: CExpression, at: Node): CExpression | undefined {
  const { typing, i64 } = r.types;
  if (!typing.isInteger(value.type) || !typing.signed(value.type)) return undefined;
  return typing.compare("<", typing.cast(value, i64), r.constant(0, i64, spanOf(at)), spanOf(at));
}

/** Buckets of powers of two: 1 for 0, 2 for 1, 3 for 2 and 3, 4 for 4 to 7. The last two steps need no branch. */
function log2Bucket(r: Reader, value: CExpression, at: Node): CExpression {
  const { typing, u64 } = r.types;
  const span = spanOf(at);
  const { rest, log } = halved(r, value, 2, at);
  // What is left is 0 to 3, which are buckets 1, 2, 3, 3.
  const one = r.constant(1, u64, span);
  const three = typing.binary("&", r.read(rest), typing.binary(">>", r.read(rest), one, span), span);
  const left = typing.binary("-", typing.binary("+", r.read(rest), one, span), three, span);
  return settled(r, value, typing.binary("+", r.read(log), left, span), at);
}

/** Negative numbers are in bucket 0. */
function settled(r: Reader, value: CExpression, bucket: CExpression, at: Node): CExpression {
  const index = r.held(bucket, r.types.u64, spanOf(at));
  const below = negative(r, value, at);
  if (below !== undefined) when(r, below, [index, r.constant(0, r.types.u64, spanOf(at))]);
  return r.read(index);
}

function histBucket(r: Reader, value: CExpression, bits: number, at: Node): CExpression {
  const { typing, u64 } = r.types;
  const span = spanOf(at);
  const n = (x: number): CExpression => r.constant(x, u64, span);
  const whole = r.read(r.held(value, u64, span));
  const { log } = halved(r, value, 1, at);
  const shift = typing.binary("-", r.read(log), n(bits), span);
  const low = typing.binary("&", typing.binary(">>", whole, shift, span), n((1 << bits) - 1), span);
  const group = typing.binary("<<", typing.binary("+", shift, n(1), span), n(bits), span);
  const large = typing.binary("+", typing.binary("+", group, low, span), n(1), span);
  const small = typing.binary("+", whole, n(1), span);
  const bucket = typing.conditional(typing.compare("<", whole, n(1 << bits), span), small, large, span);
  return settled(r, value, bucket, at);
}

function lhistBucket(
  r: Reader,
  value: CExpression,
  { min, max, step }: SummedAggregate & { readonly kind: "lhist" },
  at: Node,
): CExpression {
  const { typing, u64, i64 } = r.types;
  const span = spanOf(at);
  const signed = typing.isInteger(value.type) && typing.signed(value.type);
  const type = signed || min < 0 ? i64 : u64;
  const n = (x: number): CExpression => r.constant(x, type, span);
  const whole = r.read(r.held(value, type, span));
  const index = r.held(r.constant(0, u64, span), u64, span);
  const steps = typing.binary(
    "/",
    typing.cast(typing.binary("-", whole, n(min), span), u64),
    typing.cast(n(step), u64),
    span,
  );
  when(r, typing.compare(">=", whole, n(min), span), [
    index,
    typing.binary("+", steps, r.constant(1, u64, span), span),
  ]);
  when(r, typing.compare(">=", whole, n(max), span), [index, r.constant(lhistBuckets(min, max, step) - 1, u64, span)]);
  return r.read(index);
}

/** What entries begin with. Few words lie on the stack, more in a constant of the module. */
function zeros(r: Reader, map: MapValue, at: Node): CExpression {
  const { typing, c } = r.types;
  const span = spanOf(at);
  const size = typing.size(map.value);
  const variable = size <= MOST_STACK ? r.zeroed(map.value, span) : r.types.zeros(size);
  return typing.cast(typing.address({ kind: "variable", variable, type: variable.type, span }, span), c.pointer(0));
}

const MOST_STACK = 16;
/** BPF_NOEXIST */
const CREATE = 1;

/** Adds one value to what a key has; it begins with nothing. */
const record: MethodRow = (r, map, args, at) => {
  const aggregate = map.aggregate as SummedAggregate;
  const values = aggregate.kind === "count" ? 0 : 1;
  counted(args, 1 + values, 1 + values, at, "record");
  const { typing, c, u64 } = r.types;
  const span = spanOf(at);
  const [keyNode, node] = args as [Expression, Expression | undefined];
  const value = node === undefined ? r.constant(1, u64, span) : numberOf(r, node);
  const bucket = prepared(r, aggregate, value, at);
  const key = addressed(r, keyNode, map.key);
  const pointer = r.held(found(r, map, key, at), c.pointer(map.value), span);
  if (!map.indexed)
    where(r, typing.unary("!", typing.truth(r.read(pointer)), span), () => {
      r.do(onMap(r, map, "bpf_map_update_elem", [key, zeros(r, map, at), r.constant(CREATE, u64, span)], "status", at));
      assign(r, pointer, found(r, map, key, at));
    });
  where(r, r.read(pointer), () => update(r, aggregate, new Words(r, r.read(pointer), at), bucket, at));
  return plain(r.constant(0, typing.int, span));
};

function numberOf(r: Reader, node: Expression): CExpression {
  const value = r.plain(node);
  if (!r.types.typing.isInteger(value.type))
    return refuse("SCRY1403", `numbers are recorded, not ${r.types.name(value.type)}`, node);
  return value;
}

const OF_ENTRIES: Readonly<Record<string, MethodRow>> = {
  record,
  has: (r, map, args, at) => {
    counted(args, 1, 1, at, "has");
    return plain(asBoolean(r, found(r, map, addressed(r, args[0] as Expression, map.key), at), at));
  },
};

/** Methods of maps whose values are aggregates: those of arrays, and of hashes. */
export const OF_AGGREGATES: Readonly<Record<"array" | "hash", Readonly<Record<string, MethodRow>>>> = {
  array: OF_ENTRIES,
  hash: {
    ...OF_ENTRIES,
    delete: (r, map, args, at) => {
      counted(args, 1, 1, at, "delete");
      const key = addressed(r, args[0] as Expression, map.key);
      return plain(succeeded(r, onMap(r, map, "bpf_map_delete_elem", [key], "status", at), at));
    },
  },
};
