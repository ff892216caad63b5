// `for $kv : @map { … }`: the kernel walks a map only by calling a function back for each entry, so the body becomes
// a function of its own; variables that it shares with the code around it live in memory (see Checker, `captured`).

import { FunctionBuilder, type Value } from "../../compiler/index.ts";
import type { Statement } from "./ast.ts";
import { readAggregate } from "./lower-maps.ts";
import type { Operand } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import type { ScriptMap } from "./storage.ts";
import { INT64, isAggregate, type Type } from "./types.ts";

/** After a jump: what follows cannot be reached, but must stand in a block. */
export function deadEnd(l: Lowering): void {
  const dead = l.b.block("dead");
  l.b.seal(dead);
  l.b.at(dead);
}

export function forMapBody(l: Lowering, s: Statement & { kind: "for-map" }): void {
  const map = l.script.plan.maps.get(s.map.name) as ScriptMap;
  const storage = map.storage;
  if (storage.kind !== "hash" && storage.kind !== "percpu") return;
  const outer = l.b;
  const info = l.info(s.variable);
  // A word that says whether the body left the whole probe.
  const gone = l.script.frameBytes;
  l.script.frameBytes += 8;
  const part = l.cpuPart();
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
      { kind: "int" },
    ]);
    const saved = {
      b: l.b,
      context: l.context,
      known: l.known,
      loops: l.loops,
      leave: l.leaveFunction,
      homes: l.homes,
    };
    l.b = b;
    l.context = undefined;
    l.homes = new Map([...l.homes].filter(([, home]) => home.kind === "frame"));
    l.known = [new Map()];
    l.loops = [{ next: () => b.return(0), leave: () => b.return(1) }];
    l.leaveFunction = () => {
      b.store(64, l.cpuPart(), gone, 1);
      b.return(1);
    };
    const keyType = (long ? map.keyType : map.shortKeyType) as Type;
    const key: Operand = { kind: "memory", type: keyType, pointer: b.param(1), offset: 0, space: "own", padded: true };
    const valueType = map.valueType;
    const valueNow = (): Operand => {
      if (isAggregate(valueType))
        return { kind: "value", type: INT64, value: readAggregate(l, map, { map: name, key: b.param(1) }) };
      return { kind: "memory", type: valueType, pointer: b.param(2) as Value, offset: 0, space: "own", padded: true };
    };
    l.pairs.set(info, { key, value: valueNow });
    l.block(s.body);
    b.return(0);
    l.functions.push(b.finish());
    l.b = saved.b;
    l.context = saved.context;
    l.known = saved.known;
    l.loops = saved.loops;
    l.leaveFunction = saved.leave;
    // Memory of the callback's own stack means nothing outside of it, nor in the next callback.
    const shared = [...l.homes].filter(([, home]) => home.kind === "frame");
    l.homes = new Map([...saved.homes, ...shared]);
    outer.helper("for_each_map_elem", [outer.map(name), outer.functionAddress(fn), outer.const(0), outer.const(0)]);
  }
  const left = outer.load("u64", l.cpuPart(), gone);
  const leave = outer.block("left");
  const after = outer.block("after");
  outer.branch("ne", left, 0, leave, after, { unlikely: "then" });
  outer.seal(leave);
  outer.at(leave);
  if (l.leaveFunction !== undefined) l.leaveFunction();
  else l.leave(0);
  outer.seal(after);
  outer.at(after);
}
