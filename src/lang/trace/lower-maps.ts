// Maps: reading, writing, adding to, deleting; the same for each way in which a map can be stored (see storage.ts).

import { INT, type Value, type Variable } from "../../compiler/index.ts";
import type { AssignOperator, Expression, MapExpression } from "./ast.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { sizeOf } from "./layout.ts";
import { either, eitherNumber } from "./lower-choice.ts";
import { value } from "./lower-expressions.ts";
import { branchIfLong, into, loadSize, type Operand } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { GLOBALS, type MapStorage, type ScriptMap } from "./storage.ts";
import { type AggregateType, isAggregate, isScalar, type Type, UINT64 } from "./types.ts";

/** linux/bpf.h */
const BPF_ANY = 0;
const BPF_NOEXIST = 1;

/** A key that has been put into memory, and the kernel's map that it belongs to. */
export interface Place {
  readonly map: string;
  readonly key: Value;
}

type Keyed = MapStorage & { kind: "hash" | "percpu" };

export function scriptMap(l: Lowering, name: string): ScriptMap {
  return l.script.plan.maps.get(name) ?? l.fail("SCRY1205", `Undefined map: ${name}`, l.b.span ?? l.unit.probe.span);
}

/** Numbers that are the same in the whole run: keys made of them are written once. */
function pureKey(l: Lowering, e: Expression | undefined): string | undefined {
  if (e === undefined) return "none";
  const known = l.script.checker.constant(e);
  if (known !== undefined) return String(known);
  if (e.kind === "identifier" && ["tid", "pid", "uid", "gid", "cpu", "curtask", "comm"].includes(e.name)) return e.name;
  if (e.kind === "tuple") {
    const parts = e.elements.map((x) => pureKey(l, x));
    return parts.includes(undefined) ? undefined : `(${parts.join()})`;
  }
  return undefined;
}

/**
 * Runs `act` with the key in its place: on the short map, or, where a string of the key may be long, twice, on a branch
 * each. Gives the value that `act` gave.
 */
export function withPlace(
  l: Lowering,
  map: ScriptMap,
  key: Expression | undefined,
  act: (place: Place) => Value,
): Value {
  const b = l.b;
  const storage = map.storage as Keyed;
  const pure = pureKey(l, key);
  const write = (size: number, type: Type | undefined, short: boolean): { slot: Value; lengths: readonly Value[] } => {
    const slot = b.slot(size);
    if (key === undefined || type === undefined) {
      b.store(64, slot, 0, 0);
      return { slot, lengths: [] };
    }
    if (isScalar(type)) {
      // A key is a word of its own width, or all of eight bytes.
      const v = value(l, key);
      b.store((size * 8) as 32, slot, 0, v);
      return { slot, lengths: [] };
    }
    const filled = sizeOf(type);
    // The key is whole words; what the value leaves of them counts as well.
    if (size > filled) b.zero(slot, filled, size - filled);
    return { slot, lengths: into(l, key, type, slot, 0, { pad: true, short }) };
  };
  if (pure !== undefined && storage.long === undefined) {
    const slot = l.once(
      `key ${storage.keySize} ${map.keyType === undefined ? "" : JSON.stringify(map.keyType)} ${pure}`,
      () => write(storage.keySize, map.shortKeyType, false).slot,
    );
    return act({ map: storage.map, key: slot });
  }
  const first = write(storage.keySize, map.shortKeyType, storage.long !== undefined);
  if (storage.long === undefined || first.lengths.length === 0) return act({ map: storage.map, key: first.slot });
  const short = b.block("short");
  const long = b.block("long");
  const after = b.block("after");
  const result: Variable = { name: "result", type: INT };
  branchIfLong(l, first.lengths, long, short);
  b.seal(short);
  b.at(short);
  b.write(
    result,
    l.scoped(() => act({ map: storage.map, key: first.slot })),
  );
  b.jump(after);
  b.seal(long);
  b.at(long);
  const full = storage.long;
  const fullSize = storage.longKeySize as number;
  b.write(
    result,
    l.scoped(() => act({ map: full, key: write(fullSize, map.keyType, false).slot })),
  );
  b.jump(after);
  b.seal(after);
  b.at(after);
  return b.read(result);
}

export function lookup(l: Lowering, place: Place): Value {
  return l.b.helper("map_lookup_elem", [l.b.map(place.map), place.key], {
    kind: "map-value",
    map: place.map,
    nullable: true,
  });
}

/** Does something with an entry, which is made with zeros where there is none yet. What a full map refuses is counted. */
function withEntry(l: Lowering, storage: Keyed, place: Place, act: (entry: Value) => Value): Value {
  const b = l.b;
  const { zerosOffset } = l.script.plan;
  const entry: Variable = { name: "entry", type: { kind: "map-value", map: place.map, nullable: true } };
  const make = b.block("make");
  const use = b.block("use");
  const refused = b.block("refused");
  const after = b.block("after");
  const result: Variable = { name: "result", type: INT };
  const first = lookup(l, place);
  b.write(entry, first);
  b.branch("ne", first, 0, use, make, { unlikely: "else" });
  b.seal(make);
  b.at(make);
  // Another CPU may be first: then there is an entry all the same.
  b.helper("map_update_elem", [b.map(place.map), place.key, b.mapValue(GLOBALS, zerosOffset), b.const(BPF_NOEXIST)]);
  const second = lookup(l, place);
  b.write(entry, second);
  b.branch("ne", second, 0, use, refused, { unlikely: "else" });
  b.seal(use);
  b.at(use);
  b.write(
    result,
    l.scoped(() => act(b.read(entry))),
  );
  b.jump(after);
  b.seal(refused);
  b.at(refused);
  l.count(storage.refused);
  b.write(result, b.const(0));
  b.jump(after);
  b.seal(after);
  b.at(after);
  return b.read(result);
}

const entryOffset = (storage: Keyed): number => (storage.kind === "hash" && storage.tombstones ? 8 : 0);

// --- reading ---------------------------------------------------------------------------------------------------------

/** The number that a map holds; 0 where it holds none. */
export function mapValue(l: Lowering, e: MapExpression): Value {
  const b = l.b;
  const map = scriptMap(l, e.name);
  const storage = map.storage;
  if (isAggregate(map.valueType)) {
    if (storage.kind === "cpu") return readAggregate(l, map, undefined);
    return withPlace(l, map, e.key, (place) => readAggregate(l, map, place));
  }
  if (storage.kind === "global") return b.load(scalarLoad(map.valueType), b.mapValue(GLOBALS, storage.offset), 0);
  if (!isScalar(map.valueType)) {
    const op = mapOperand(l, e);
    return op.kind === "memory" ? b.add(op.pointer, op.offset) : b.const(0);
  }
  return withPlace(l, map, e.key, (place) => {
    const pointer = lookup(l, place);
    return either(
      l,
      (yes, no) => b.branch("ne", pointer, 0, yes, no),
      () => b.load(scalarLoad(map.valueType), pointer, entryOffset(storage as Keyed)),
      () => b.const(0),
    );
  });
}

/** Numbers in maps are kept in 64 bits. */
const scalarLoad = (type: Type): ReturnType<typeof loadSize> =>
  type.kind === "int" && type.enum === undefined ? "u64" : loadSize(type);

/** A value that is no number: where it lies, or a place of zeros. */
export function mapOperand(l: Lowering, e: MapExpression): Operand {
  const b = l.b;
  const map = scriptMap(l, e.name);
  if (isScalar(map.valueType) || isAggregate(map.valueType))
    return { kind: "value", type: isAggregate(map.valueType) ? UINT64 : map.valueType, value: mapValue(l, e) };
  const pointer = withPlace(l, map, e.key, (place) => {
    const found = lookup(l, place);
    const result: Variable = { name: "value", type: { kind: "map-value", map: place.map, nullable: false } };
    const absent = b.block("absent");
    const after = b.block("after");
    b.write(result, found);
    b.branch("ne", found, 0, after, absent, { unlikely: "else" });
    b.seal(absent);
    b.at(absent);
    b.write(result, b.mapValue(GLOBALS, l.script.plan.zerosOffset));
    b.jump(after);
    b.seal(after);
    b.at(after);
    return b.read(result);
  });
  return { kind: "memory", type: map.valueType, pointer, offset: 0, space: "own" };
}

/** The sum (or least, greatest, average) over all CPUs. */
export function readAggregate(l: Lowering, map: ScriptMap, place: Place | undefined): Value {
  const b = l.b;
  const type = map.valueType as AggregateType;
  const storage = map.storage;
  const { cpuOffset, stride } = l.script.plan;
  const cpus = l.script.checker.env.cpus;
  const total: Variable = { name: "total", type: INT };
  const count: Variable = { name: "count", type: INT };
  b.write(total, b.const(0));
  b.write(count, b.const(0));
  const add = (pointer: Value, offset: number): void => {
    const first = b.load("u64", pointer, offset);
    if (type.kind === "count") {
      b.write(total, b.add(b.read(total), first));
      return;
    }
    const second = b.load("u64", pointer, offset + 8);
    if (type.kind === "sum") b.write(total, b.add(b.read(total), first));
    else if (type.kind === "avg" || type.kind === "stats") {
      b.write(count, b.add(b.read(count), first));
      b.write(total, b.add(b.read(total), second));
    } else if (type.kind === "min" || type.kind === "max") {
      // The first CPU that has a value, then any better one.
      const seen = b.block("seen");
      const better = b.block("better");
      const after = b.block("after");
      const compare = b.block("compare");
      b.branch("ne", second, 0, seen, after);
      b.seal(seen);
      b.at(seen);
      b.branch("eq", b.read(count), 0, better, compare);
      b.seal(compare);
      b.at(compare);
      const less = type.signed ? "slt" : "ult";
      const greater = type.signed ? "sgt" : "ugt";
      b.branch(type.kind === "min" ? less : greater, first, b.read(total), better, after);
      b.seal(better);
      b.at(better);
      b.write(total, first);
      b.write(count, b.const(1));
      b.jump(after);
      b.seal(after);
      b.at(after);
    }
  };
  const index: Variable = { name: "cpu", type: INT };
  const head = b.block("head");
  const check = b.block("check");
  const body = b.block("body");
  const next = b.block("next");
  const done = b.block("done");
  b.write(index, b.const(0));
  b.jump(head);
  b.at(head);
  b.mayGoto(check, done);
  b.seal(check);
  b.at(check);
  const cpu = b.read(index);
  b.branch("ult", cpu, cpus, body, done);
  b.seal(body);
  b.at(body);
  if (storage.kind === "cpu") {
    add(b.add(b.mapValue(GLOBALS, cpuOffset), b.binary("mul", cpu, stride)), storage.offset);
    b.jump(next);
  } else if (place !== undefined) {
    const pointer = b.helper("map_lookup_percpu_elem", [b.map(place.map), place.key, cpu], {
      kind: "map-value",
      map: place.map,
      nullable: true,
    });
    const found = b.block("found");
    b.branch("ne", pointer, 0, found, next);
    b.seal(found);
    b.at(found);
    add(pointer, 0);
    b.jump(next);
  }
  b.seal(next);
  b.at(next);
  b.write(index, b.add(cpu, 1));
  b.jump(head);
  b.seal(head);
  b.seal(done);
  b.at(done);
  if (type.kind !== "avg" && type.kind !== "stats") return b.read(total);
  const n = b.read(count);
  const sum = b.read(total);
  const average: Variable = { name: "average", type: INT };
  const some = b.block("some");
  const after = b.block("after");
  b.write(average, b.const(0));
  b.branch("ne", n, 0, some, after);
  b.seal(some);
  b.at(some);
  b.write(average, b.binary(type.signed ? "sdiv" : "div", sum, n));
  b.jump(after);
  b.seal(after);
  b.at(after);
  return b.read(average);
}

// --- writing ---------------------------------------------------------------------------------------------------------

export function assignMap(l: Lowering, target: MapExpression, operator: AssignOperator, e: Expression): void {
  const b = l.b;
  const map = scriptMap(l, target.name);
  const storage = map.storage;
  const type = map.valueType;
  if (isAggregate(type)) {
    const aggregate = e.kind === "call" ? builtinFunctions[e.name]?.aggregate : undefined;
    if (e.kind !== "call" || aggregate === undefined) return;
    const prepared = aggregate.prepare(l, e, type);
    const update = (pointer: Value, offset: number): void => aggregate.update(l, type, prepared, pointer, offset);
    if (storage.kind === "cpu") update(l.cpuPart(), storage.offset);
    else
      withPlace(l, map, target.key, (place) =>
        withEntry(l, storage as Keyed, place, (entry) => {
          update(entry, 0);
          return b.const(0);
        }),
      );
    return;
  }
  if (operator === "+=" || operator === "-=") {
    const by = value(l, e);
    changeMap(l, target, operator === "+=" ? by : b.neg(by), true, true);
    return;
  }
  const combined: Expression =
    operator === "="
      ? e
      : {
          kind: "binary",
          operator: operator.slice(0, -1) as "*",
          left: target,
          right: e,
          span: e.span,
          ...(target.type === undefined ? {} : { type: target.type }),
        };
  if (storage.kind === "global") {
    const v = value(l, combined);
    const pointer = b.mapValue(GLOBALS, storage.offset);
    b.store(64, pointer, 0, v);
    b.store(64, pointer, 8, 1);
    return;
  }
  const keyed = storage as Keyed & { kind: "hash" };
  if (isScalar(type)) {
    // In place where there is an entry: no lock, no allocation.
    const v = value(l, combined);
    withPlace(l, map, target.key, (place) => {
      const found = lookup(l, place);
      return either(
        l,
        (yes, no) => b.branch("ne", found, 0, yes, no),
        () => {
          const at = entryOffset(keyed);
          b.store(64, found, at, v);
          if (at > 0) b.store(64, found, 0, 1);
          return b.const(0);
        },
        () => {
          const slot = b.slot(keyed.valueSize);
          const at = entryOffset(keyed);
          if (at > 0) b.store(64, slot, 0, 1);
          b.store(64, slot, at, v);
          update(l, keyed, place, slot);
          return b.const(0);
        },
      );
    });
    return;
  }
  const slot = b.slot(keyed.valueSize);
  // What the value does not fill of its last word is no business of the map's.
  if (sizeOf(type) < keyed.valueSize) b.store(64, slot, keyed.valueSize - 8, 0);
  into(l, combined, type, slot, 0, { pad: true });
  withPlace(l, map, target.key, (place) => {
    update(l, keyed, place, slot);
    return b.const(0);
  });
}

function update(l: Lowering, storage: Keyed, place: Place, from: Value): void {
  const b = l.b;
  const result = b.helper("map_update_elem", [b.map(place.map), place.key, from, b.const(BPF_ANY)]);
  const refused = b.block("refused");
  const after = b.block("after");
  b.branch("ne", result, 0, refused, after, { unlikely: "then" });
  b.seal(refused);
  b.at(refused);
  l.count(storage.refused);
  b.jump(after);
  b.seal(after);
  b.at(after);
}

/** `@x++`, `@x[k] += n`: in one step, whatever other CPUs do. Gives the value before or after. */
export function changeMap(l: Lowering, target: MapExpression, by: Value, after: boolean, unused: boolean): Value {
  const b = l.b;
  const map = scriptMap(l, target.name);
  const storage = map.storage;
  const change = (pointer: Value, offset: number): Value => {
    if (unused) {
      b.atomic("add", 64, pointer, offset, by);
      return b.const(0);
    }
    const before = b.atomic("add", 64, pointer, offset, by, true);
    return after ? b.add(before, by) : before;
  };
  if (storage.kind === "global") {
    const pointer = b.mapValue(GLOBALS, storage.offset);
    b.store(64, pointer, 8, 1);
    return change(pointer, 0);
  }
  return withPlace(l, map, target.key, (place) =>
    withEntry(l, storage as Keyed, place, (entry) => {
      const at = entryOffset(storage as Keyed);
      if (at > 0) b.store(64, entry, 0, 1);
      return change(entry, at);
    }),
  );
}

/** Removes the entry; 1 where there was one. */
export function deleteKey(l: Lowering, name: string, key: Expression | undefined): Value {
  const b = l.b;
  const map = scriptMap(l, name);
  const storage = map.storage;
  if (storage.kind === "global") {
    const pointer = b.mapValue(GLOBALS, storage.offset);
    const had = b.load("u64", pointer, 8);
    b.store(64, pointer, 0, 0);
    b.store(64, pointer, 8, 0);
    return had;
  }
  if (storage.kind === "cpu") return l.fail("SCRY1304", `${name} has no key to delete`, l.b.span ?? l.unit.probe.span);
  return withPlace(l, map, key, (place) => {
    if (storage.kind === "hash" && storage.tombstones) {
      const found = lookup(l, place);
      return either(
        l,
        (yes, no) => b.branch("ne", found, 0, yes, no),
        () => {
          const alive = b.load("u64", found, 0);
          b.store(64, found, 0, 0);
          b.store(64, found, 8, 0);
          return alive;
        },
        () => b.const(0),
      );
    }
    const result = b.helper("map_delete_elem", [b.map(place.map), place.key]);
    return eitherNumber(l, (yes, no) => b.branch("eq", result, 0, yes, no));
  });
}

export function hasKey(l: Lowering, name: string, key: Expression | undefined): Value {
  const b = l.b;
  const map = scriptMap(l, name);
  const storage = map.storage;
  if (storage.kind === "global") return b.load("u64", b.mapValue(GLOBALS, storage.offset), 8);
  if (storage.kind === "cpu") return l.fail("SCRY1304", `${name} has no keys`, l.b.span ?? l.unit.probe.span);
  return withPlace(l, map, key, (place) => {
    const found = lookup(l, place);
    return either(
      l,
      (yes, no) => b.branch("ne", found, 0, yes, no),
      () => (storage.kind === "hash" && storage.tombstones ? b.load("u64", found, 0) : b.const(1)),
      () => b.const(0),
    );
  });
}
