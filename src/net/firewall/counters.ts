// What each rule has counted: packets, bytes, and when the last one came.

import type { FunctionBuilder, Value } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";

export const COUNTERS = "counters";
/** For each rule and, behind them, the default: packets, bytes, and when the last one came (nanoseconds of CLOCK_MONOTONIC). */
export const COUNTER_BYTES = 24;

export const counterMap = (rules: number): MapSpec => ({
  name: COUNTERS,
  type: "percpu_array",
  keySize: 4,
  valueSize: COUNTER_BYTES,
  maxEntries: rules + 1,
});

/** `coarse`: the kernel has a coarse clock (Linux 5.11), which is asked sooner than the exact one. */
export function countPacket(b: FunctionBuilder, rule: Value, length: Value, coarse: boolean): void {
  const key = b.slot(8);
  b.store(32, key, 0, rule);
  const place = b.helper("map_lookup_elem", [b.map(COUNTERS), key], {
    kind: "map-value",
    map: COUNTERS,
    nullable: true,
  });
  b.when("ne", place, 0, () => {
    b.store(64, place, 0, b.add(b.load("u64", place, 0), 1));
    b.store(64, place, 8, b.add(b.load("u64", place, 8), length));
    b.store(64, place, 16, b.helper(coarse ? "ktime_get_coarse_ns" : "ktime_get_ns", []));
  });
}
