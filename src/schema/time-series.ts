// Values of tseries: the buckets of all CPUs as one series.

import { TIME_BUCKET_WORDS } from "./layout.ts";
import type { AggregateType } from "./types.ts";
import type { Integer, TimeSeriesValue, ValueDecoder, WallClock } from "./values.ts";

type Read = (view: DataView, offset: number) => Integer;

export interface TimeSeriesReaders {
  readonly value: Read;
  readonly word: Read;
  divide(n: Integer, by: number): Integer;
  wallClock(nanosecondsSinceBoot: bigint): WallClock;
}

interface Bucket {
  value: Integer;
  /** How many values it has seen; of the last value when that was. */
  weight: Integer;
}

export function timeSeriesDecoder(
  type: AggregateType & { readonly kind: "tseries" },
  cpus: number,
  stride: number,
  read: TimeSeriesReaders,
): ValueDecoder {
  return (view, offset): TimeSeriesValue => {
    const buckets = new Map<number, Bucket>();
    for (let cpu = 0, start = offset; cpu < cpus; cpu++, start += stride)
      for (let i = 0, at = start; i < type.count; i++, at += TIME_BUCKET_WORDS * 8) {
        const stamp = Number(read.word(view, at));
        if (stamp === 0) continue;
        const value = read.value(view, at + 8);
        const weight = read.word(view, at + 16);
        const other = buckets.get(stamp - 1);
        if (other === undefined) buckets.set(stamp - 1, { value, weight });
        else merge(type.agg, other, value, weight);
      }
    const points = [...buckets]
      .sort(([a], [b]) => a - b)
      .map(([epoch, { value, weight }]) => ({
        epoch,
        value: type.agg === "avg" ? read.divide(value, Number(weight)) : value,
      }));
    return { kind: "tseries", points, timeOf: (epoch) => read.wallClock(BigInt(epoch) * BigInt(type.interval)) };
  };
}

function merge(agg: string, into: Bucket, value: Integer, weight: Integer): void {
  if (agg === "last") {
    if (weight > into.weight) Object.assign(into, { value, weight });
  } else if (agg === "min" || agg === "max") {
    if (agg === "min" ? value < into.value : value > into.value) into.value = value;
  } else {
    into.value = plus(into.value, value);
    into.weight = plus(into.weight, weight);
  }
}

function plus(a: Integer, b: Integer): Integer {
  if (typeof a === "number" && typeof b === "number" && Number.isSafeInteger(a + b)) return a + b;
  return BigInt(a) + BigInt(b);
}
