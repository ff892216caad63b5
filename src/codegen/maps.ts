// Maps of a script: reading, writing, adding to, deleting; the same for each way in which a map can be stored (see
// schema/storage.ts).

import { INT, type Value, type Variable } from "../compiler/index.ts";
import { GLOBALS, isAggregate, isScalar, type ScriptMap, sizeOf, type Type, UINT64 } from "../schema/index.ts";
import { readAggregate } from "./aggregate-values.ts";
import { either, eitherNumber } from "./choice.ts";
import { tellHelperError, tellIfNegative } from "./helper-errors.ts";
import type { Lengths } from "./long-strings.ts";
import { entryOffset, type KeyedStorage, type KeySource, lookup, update, withEntry, withPlace } from "./map-entries.ts";
import { loadSize, type Operand } from "./memory.ts";
import { cpuPart, emptyCallback, fail, here, type ProgramState } from "./state.ts";

export function scriptMap(p: ProgramState, name: string): ScriptMap {
  return p.object.plan.maps.get(name) ?? fail(p, "SCRY1205", `Undefined map: ${name}`, here(p));
}

// --- reading ---------------------------------------------------------------------------------------------------------

/** The number that a map holds; 0 where it holds none. */
export function mapNumber(p: ProgramState, map: ScriptMap, key: KeySource | undefined): Value {
  const b = p.b;
  const storage = map.storage;
  if (isAggregate(map.valueType)) {
    if (storage.kind === "cpu") return readAggregate(p, map, undefined);
    return withPlace(p, map, key, (place) => readAggregate(p, map, place));
  }
  if (storage.kind === "global") return b.load(scalarLoad(map.valueType), b.mapValue(GLOBALS, storage.offset), 0);
  if (!isScalar(map.valueType)) {
    const op = mapMemory(p, map, key);
    return b.add(op.pointer, op.offset);
  }
  return withPlace(p, map, key, (place) => {
    const pointer = lookup(p, place);
    return either(
      p,
      (yes, no) => b.branch("ne", pointer, 0, yes, no),
      () => b.load(scalarLoad(map.valueType), pointer, entryOffset(storage as KeyedStorage)),
      () => {
        tellHelperError(p, "map_lookup_elem", b.const(0));
        return b.const(0);
      },
    );
  });
}

/** Numbers in maps are kept in 64 bits. */
const scalarLoad = (type: Type): ReturnType<typeof loadSize> =>
  type.kind === "int" && type.enum === undefined ? "u64" : loadSize(type);

/** What a map holds: a number, or where the value lies (a place of zeros where there is none). */
export function mapOperandAt(p: ProgramState, map: ScriptMap, key: KeySource | undefined): Operand {
  if (isScalar(map.valueType) || isAggregate(map.valueType))
    return {
      kind: "value",
      type: isAggregate(map.valueType) ? UINT64 : map.valueType,
      value: mapNumber(p, map, key),
    };
  return mapMemory(p, map, key);
}

function mapMemory(p: ProgramState, map: ScriptMap, key: KeySource | undefined): Operand & { readonly kind: "memory" } {
  const b = p.b;
  const pointer = withPlace(p, map, key, (place) => {
    const found = lookup(p, place);
    const result: Variable = { name: "value", type: { kind: "map-value", map: place.map, nullable: false } };
    const absent = b.block("absent");
    const after = b.block("after");
    b.write(result, found);
    b.branch("ne", found, 0, after, absent, { unlikely: "else" });
    b.enter(absent);
    tellHelperError(p, "map_lookup_elem", b.const(0));
    b.write(result, b.mapValue(GLOBALS, p.object.plan.zerosOffset));
    b.jump(after);
    b.enter(after);
    return b.read(result);
  });
  return { kind: "memory", type: map.valueType, pointer, offset: 0, space: "own" };
}

/** Not 0 where the map has the key. */
export function hasKey(p: ProgramState, map: ScriptMap, key: KeySource | undefined): Value {
  const b = p.b;
  const storage = map.storage;
  if (storage.kind === "global") return b.load("u64", b.mapValue(GLOBALS, storage.offset), 8);
  if (storage.kind === "cpu") return fail(p, "SCRY1304", `${map.name} has no keys`, here(p));
  return withPlace(p, map, key, (place) => {
    const found = lookup(p, place);
    return either(
      p,
      (yes, no) => b.branch("ne", found, 0, yes, no),
      () => (storage.kind === "hash" && storage.tombstones ? b.load("u64", found, 0) : b.const(1)),
      () => b.const(0),
    );
  });
}

/** Counts by walking: the kernel tells a program how many entries a map has in no other way that all kernels know. */
export function countEntries(p: ProgramState, map: ScriptMap): Value {
  const storage = map.storage;
  const b = p.b;
  if (storage.kind !== "hash" && storage.kind !== "percpu") return b.const(0);
  let total = b.const(0);
  for (const each of [storage.map, ...(storage.long === undefined ? [] : [storage.long])]) {
    const fn = emptyCallback(p);
    // The helper answers how many entries it has called the function for.
    total = b.add(
      total,
      b.helper("for_each_map_elem", [b.map(each), b.functionAddress(fn), b.const(0), b.const(0)], INT),
    );
  }
  return total;
}

// --- writing ---------------------------------------------------------------------------------------------------------

/** Changes an aggregate: `change` gets the place of its words. */
export function changeAggregate(
  p: ProgramState,
  map: ScriptMap,
  key: KeySource | undefined,
  change: (pointer: Value, offset: number) => void,
): void {
  const storage = map.storage;
  if (storage.kind === "cpu") change(cpuPart(p), storage.offset);
  else
    withPlace(p, map, key, (place) =>
      withEntry(p, storage as KeyedStorage, place, (entry) => {
        change(entry, 0);
        return p.b.const(0);
      }),
    );
}

/** Stores a number; `number` makes it before the map is touched. */
export function storeNumber(p: ProgramState, map: ScriptMap, key: KeySource | undefined, number: () => Value): void {
  const b = p.b;
  const storage = map.storage;
  const v = number();
  if (storage.kind === "global") {
    const pointer = b.mapValue(GLOBALS, storage.offset);
    b.store(64, pointer, 0, v);
    b.store(64, pointer, 8, 1);
    return;
  }
  const keyed = storage as KeyedStorage & { kind: "hash" };
  // In place where there is an entry: no lock, no allocation.
  withPlace(p, map, key, (place) => {
    const found = lookup(p, place);
    return either(
      p,
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
        update(p, keyed, place, slot);
        return b.const(0);
      },
    );
  });
}

/** Stores a value that is no number; `write` puts it into memory of our own. */
export function storeMemory(
  p: ProgramState,
  map: ScriptMap,
  key: KeySource | undefined,
  write: (to: Value) => Lengths,
): void {
  const b = p.b;
  const keyed = map.storage as KeyedStorage & { kind: "hash" };
  const slot = b.slot(keyed.valueSize);
  // What the value does not fill of its last word is no business of the map's.
  if (sizeOf(map.valueType) < keyed.valueSize) b.store(64, slot, keyed.valueSize - 8, 0);
  write(slot);
  withPlace(p, map, key, (place) => {
    update(p, keyed, place, slot);
    return b.const(0);
  });
}

/** `@x++`, `@x[k] += n`: in one step, whatever other CPUs do. Gives the value before or after. */
export function addToNumber(
  p: ProgramState,
  map: ScriptMap,
  key: KeySource | undefined,
  by: Value,
  after: boolean,
  unused: boolean,
): Value {
  const b = p.b;
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
  return withPlace(p, map, key, (place) =>
    withEntry(p, storage as KeyedStorage, place, (entry) => {
      const at = entryOffset(storage as KeyedStorage);
      if (at > 0) b.store(64, entry, 0, 1);
      return change(entry, at);
    }),
  );
}

/** Removes the entry; not 0 where there was one. */
export function deleteKey(p: ProgramState, map: ScriptMap, key: KeySource | undefined): Value {
  const b = p.b;
  const storage = map.storage;
  if (storage.kind === "global") {
    const pointer = b.mapValue(GLOBALS, storage.offset);
    const had = b.load("u64", pointer, 8);
    b.store(64, pointer, 0, 0);
    b.store(64, pointer, 8, 0);
    return had;
  }
  if (storage.kind === "cpu") return fail(p, "SCRY1304", `${map.name} has no key to delete`, here(p));
  return withPlace(p, map, key, (place) => {
    if (storage.kind === "hash" && storage.tombstones) {
      const found = lookup(p, place);
      return either(
        p,
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
    tellIfNegative(p, "map_delete_elem", result);
    return eitherNumber(p, (yes, no) => b.branch("eq", result, 0, yes, no));
  });
}
