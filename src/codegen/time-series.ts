// tseries: an integer over time, in as many intervals as the map says, kept in a ring of buckets on each CPU.

import type { Value } from "../compiler/index.ts";
import { type AggregateType, TIME_BUCKET_WORDS } from "../schema/index.ts";
import type { ProgramState } from "./state.ts";

type TimeSeries = AggregateType & { readonly kind: "tseries" };

/** Puts a number into the bucket of the present interval; one that is left over from a past round is taken anew. */
export function updateTimeSeries(p: ProgramState, type: AggregateType, n: Value, pointer: Value, offset: number): void {
  const b = p.b;
  const { interval, count, agg, signed } = type as TimeSeries;
  const now = p.object.clock?.(p) ?? b.helper("ktime_get_boot_ns", []);
  const epoch = b.binary("div", now, BigInt(interval));
  // No bucket has ever the epoch 0: that is an empty one.
  const stamp = b.add(epoch, 1);
  const index = b.binary("mod", epoch, count);
  b.when(
    "ult",
    index,
    count,
    () => {
      const bucket = b.add(pointer, b.binary("mul", index, TIME_BUCKET_WORDS * 8));
      const [same, anew, after] = [b.block("same"), b.block("anew"), b.block("kept")];
      b.branch("eq", b.load("u64", bucket, offset), stamp, same, anew);
      b.enter(anew);
      b.store(64, bucket, offset, stamp);
      b.store(64, bucket, offset + 8, n);
      b.store(64, bucket, offset + 16, agg === "last" ? now : 1);
      b.jump(after);
      b.enter(same);
      const held = b.load("u64", bucket, offset + 8);
      if (agg === "min" || agg === "max") {
        const better = b.block("better");
        const less = signed ? "slt" : "ult";
        b.branch(less, agg === "min" ? n : held, agg === "min" ? held : n, better, after);
        b.enter(better);
        b.store(64, bucket, offset + 8, n);
      } else if (agg === "last") {
        b.store(64, bucket, offset + 8, n);
        b.store(64, bucket, offset + 16, now);
      } else {
        b.store(64, bucket, offset + 8, b.add(held, n));
        b.store(64, bucket, offset + 16, b.add(b.load("u64", bucket, offset + 16), 1));
      }
      b.jump(after);
      b.enter(after);
    },
    { unlikely: "else" },
  );
}
