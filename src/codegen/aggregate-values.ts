// An aggregate as one number: the sum (or least, greatest, average) over all CPUs.

import { type Block, INT, type Value, type Variable } from "../compiler/index.ts";
import { type AggregateType, GLOBALS, type ScriptMap } from "../schema/index.ts";
import type { Place } from "./map-entries.ts";
import type { ProgramState } from "./state.ts";

/** `place` is the key's, of a map that has keys. */
export function readAggregate(p: ProgramState, map: ScriptMap, place: Place | undefined): Value {
  const b = p.b;
  const type = map.valueType as AggregateType;
  const storage = map.storage;
  const { cpuOffset, stride } = p.object.plan;
  const total: Variable = { name: "total", type: INT };
  const seen: Variable = { name: "count", type: INT };
  b.write(total, b.const(0));
  b.write(seen, b.const(0));
  b.loop(p.object.target.cpus, (cpu, _leave, next) => {
    if (storage.kind === "cpu") {
      const part = b.add(b.mapValue(GLOBALS, cpuOffset), b.binary("mul", cpu, stride));
      addPart(p, type, part, storage.offset, total, seen);
    } else if (place !== undefined) {
      const entry = b.helper("map_lookup_percpu_elem", [b.map(place.map), place.key, cpu], {
        kind: "map-value",
        map: place.map,
        nullable: true,
      });
      b.must("ne", entry, 0, next);
      addPart(p, type, entry, 0, total, seen);
    }
  });
  if (type.kind !== "avg" && type.kind !== "stats") return b.read(total);
  const n = b.read(seen);
  const sum = b.read(total);
  const average: Variable = { name: "average", type: INT };
  b.write(average, b.const(0));
  b.when("ne", n, 0, () => b.write(average, b.binary(type.signed ? "sdiv" : "div", sum, n)));
  return b.read(average);
}

/** Adds one CPU's part. */
function addPart(
  p: ProgramState,
  type: AggregateType,
  pointer: Value,
  offset: number,
  total: Variable,
  seen: Variable,
): void {
  const b = p.b;
  const first = b.load("u64", pointer, offset);
  if (type.kind === "count") {
    b.write(total, b.add(b.read(total), first));
    return;
  }
  const second = b.load("u64", pointer, offset + 8);
  switch (type.kind) {
    case "sum":
      b.write(total, b.add(b.read(total), first));
      return;
    case "avg":
    case "stats":
      b.write(seen, b.add(b.read(seen), first));
      b.write(total, b.add(b.read(total), second));
      return;
    case "min":
    case "max":
      // The first CPU that has a value, then any better one.
      b.when("ne", second, 0, () => {
        const better = b.block("better");
        const after = b.block("after");
        const compare = b.block("compare");
        b.branch("eq", b.read(seen), 0, better, compare);
        b.enter(compare);
        compareBest(p, type, first, b.read(total), better, after);
        b.enter(better);
        b.write(total, first);
        b.write(seen, b.const(1));
        b.jump(after);
        b.enter(after);
      });
  }
}

/** Goes to `better` where the number is less than the least so far, or greater than the greatest. */
export function compareBest(
  p: ProgramState,
  type: { readonly kind: AggregateType["kind"]; readonly signed: boolean },
  n: Value,
  best: Value,
  better: Block,
  otherwise: Block,
): void {
  const less = type.signed ? "slt" : "ult";
  const greater = type.signed ? "sgt" : "ugt";
  p.b.branch(type.kind === "min" ? less : greater, n, best, better, otherwise);
}
