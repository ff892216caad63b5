// Aggregates of kernel modules as the user's side reads them: those of all CPUs as one.

import type { Histogram, HistogramBucket, Statistics } from "../bpf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import {
  aggregateOfStruct,
  bucketBounds,
  type StatsValue,
  type SummedAggregate,
  type TraceValue,
} from "../schema/index.ts";

/** What the values of a map are aggregates of, by the object's types. */
export function aggregateOf({ valueType }: MapSpec, btf: Btf | undefined): SummedAggregate | undefined {
  const type = valueType === undefined ? undefined : btf?.resolve(valueType);
  return type?.kind === "struct" ? aggregateOfStruct(type.name, type.size) : undefined;
}

/** An aggregate as a value of JavaScript. */
export function aggregateValue(type: SummedAggregate, value: TraceValue): number | bigint | Statistics | Histogram {
  switch (type.kind) {
    case "count":
      return Number(value);
    case "avg":
    case "stats": {
      const { count, total, average } = value as StatsValue;
      return { count, total: BigInt(total), average: BigInt(average) };
    }
    case "hist":
    case "lhist":
      return histogram(type, value as readonly number[]);
    default:
      return BigInt(value as number | bigint);
  }
}

function histogram(type: SummedAggregate & { readonly kind: "hist" | "lhist" }, counts: readonly number[]): Histogram {
  const first = counts.findIndex((n) => n > 0);
  const last = counts.findLastIndex((n) => n > 0);
  const buckets: HistogramBucket[] = [];
  for (let i = Math.max(0, first); i <= last; i++)
    buckets.push({ ...bucketBounds(type, i), count: counts[i] as number });
  return { count: buckets.reduce((sum, { count }) => sum + count, 0), buckets };
}
