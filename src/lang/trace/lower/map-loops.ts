// `for $kv : @map { … }`: the kernel walks a map only by calling a function back for each entry, so the body becomes
// a function of its own.

import { contextOf, cpuPart, type Operand, readAggregate } from "../../../codegen/index.ts";
import { FunctionBuilder, type Value } from "../../../compiler/index.ts";
import { INT64, isAggregate, type ScriptMap, type Type } from "../../../schema/index.ts";
import type { Statement } from "../parse/index.ts";
import { lowerApart } from "./apart.ts";
import { type LowerState, leaveProbe, lowerBlock } from "./state.ts";
import { infoOf } from "./variables.ts";

export function lowerMapLoop(l: LowerState, s: Statement & { kind: "for-map" }): void {
  const map = l.object.plan.maps.get(s.map.name) as ScriptMap;
  const storage = map.storage;
  if (storage.kind !== "hash" && storage.kind !== "percpu") return;
  const outer = l.b;
  const info = infoOf(l, s.variable);
  // A word that says whether the body left the whole probe.
  const gone = l.object.frameBytes;
  l.object.frameBytes += 8;
  const part = cpuPart(l);
  outer.store(64, part, gone, 0);
  // Where the callback finds the program's context, if it asks for it.
  let lent: Value | undefined;
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
    const keyType = (long ? map.keyType : map.shortKeyType) as Type;
    const key: Operand = { kind: "memory", type: keyType, pointer: b.param(1), offset: 0, space: "own", padded: true };
    const valueType = map.valueType;
    const valueNow = (): Operand => {
      if (isAggregate(valueType))
        return { kind: "value", type: INT64, value: readAggregate(l, map, { map: name, key: b.param(1) }) };
      return { kind: "memory", type: valueType, pointer: b.param(2) as Value, offset: 0, space: "own", padded: true };
    };
    l.pairs.set(info, { key, value: valueNow });
    let asked = false;
    const apart = {
      loop: { next: () => b.return(0), leave: () => b.return(1) },
      leave: () => {
        b.store(64, cpuPart(l), gone, 1);
        b.return(1);
      },
      context: () => {
        asked = true;
        return b.emit({ op: "load", size: "u64", offset: 0 }, [b.param(3)], { kind: "ctx" });
      },
    };
    lowerApart(l, b, apart, () => {
      lowerBlock(l, s.body);
      b.return(0);
    });
    if (asked && lent === undefined) {
      lent = outer.slot(8, true);
      outer.store(64, lent, 0, contextOf(l));
    }
    outer.helper("for_each_map_elem", [
      outer.map(name),
      outer.functionAddress(fn),
      asked && lent !== undefined ? lent : outer.const(0),
      outer.const(0),
    ]);
  }
  const left = outer.load("u64", cpuPart(l), gone);
  outer.when("ne", left, 0, () => leaveProbe(l, 0), { unlikely: "then" });
}
