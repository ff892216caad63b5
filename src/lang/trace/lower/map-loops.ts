// `for $kv : @map { … }`: the kernel walks a map only by calling a function back for each entry, so the body becomes
// a function of its own.

import { cpuPart, type Operand, readAggregate } from "../../../codegen/index.ts";
import { FunctionBuilder, type Value } from "../../../compiler/index.ts";
import { INT64, isAggregate, type ScriptMap, type Type } from "../../../schema/index.ts";
import type { Statement } from "../parse/index.ts";
import { lowerApart } from "./apart.ts";
import { type LowerState, leaveProbe, lowerBlock, type Pair } from "./state.ts";
import { Surroundings } from "./surroundings.ts";
import { infoOf } from "./variables.ts";

const GONE = 1;
const RETURNED = 2;

export function lowerMapLoop(l: LowerState, s: Statement & { kind: "for-map" }): void {
  const map = l.object.plan.maps.get(s.map.name) as ScriptMap;
  const storage = map.storage;
  if (storage.kind !== "hash" && storage.kind !== "percpu") return;
  const outer = l.b;
  const info = infoOf(l, s.variable);
  // A word that says whether the body left the whole probe, or the function of the script that it stands in.
  const gone = l.object.frameBytes;
  l.object.frameBytes += 8;
  const part = cpuPart(l);
  outer.store(64, part, gone, 0);
  for (const [name, long] of [[storage.map, false], ...(storage.long === undefined ? [] : [[storage.long, true]])] as [
    string,
    boolean,
  ][]) {
    const fn = `for_each_${l.callbacks++}`;
    const b = new FunctionBuilder(fn, [
      { kind: "map", map: name },
      { kind: "memory" },
      { kind: "map-value", map: name, nullable: false },
      { kind: "memory" },
    ]);
    const around = new Surroundings(outer, b, () => b.param(3));
    const ends = (how: number): void => {
      b.store(64, cpuPart(l), gone, how);
      b.return(1);
    };
    const apart = {
      loop: { next: () => b.return(0), leave: () => b.return(1) },
      leave: () => ends(GONE),
      returned: () => ends(RETURNED),
      context: around.bring(l.context, { kind: "ctx" }),
      pairs: new Map([...l.pairs].map(([other, pair]) => [other, pair.within(around)] as const)),
    };
    const entry = entryOf(
      l,
      map,
      { map: name, type: (long ? map.keyType : map.shortKeyType) as Type },
      { key: () => b.param(1), value: () => b.param(2) },
    );
    apart.pairs.set(info, entry);
    lowerApart(l, b, apart, () => {
      lowerBlock(l, s.body);
      b.return(0);
    });
    outer.helper("for_each_map_elem", [outer.map(name), outer.functionAddress(fn), around.address(), outer.const(0)]);
  }
  const left = outer.load("u64", cpuPart(l), gone);
  outer.when("eq", left, GONE, () => leaveProbe(l, 0), { unlikely: "then" });
  const { inlined } = l;
  if (inlined !== undefined) outer.when("eq", left, RETURNED, inlined.leave, { unlikely: "then" });
}

/** An entry of one of the kernel's maps, by pointers to its key and its value. */
function entryOf(
  l: LowerState,
  map: ScriptMap,
  at: { readonly map: string; readonly type: Type },
  pointers: { readonly key: () => Value; readonly value: () => Value },
): Pair {
  const own = (type: Type, pointer: Value): Operand => ({
    kind: "memory",
    type,
    pointer,
    offset: 0,
    space: "own",
    padded: true,
  });
  return {
    key: () => own(at.type, pointers.key()),
    value: () =>
      isAggregate(map.valueType)
        ? { kind: "value", type: INT64, value: readAggregate(l, map, { map: at.map, key: pointers.key() }) }
        : own(map.valueType, pointers.value()),
    within: (from) =>
      entryOf(l, map, at, {
        key: from.bring(pointers.key, { kind: "memory" }),
        value: from.bring(pointers.value, { kind: "map-value", map: at.map, nullable: false }),
      }),
  };
}
