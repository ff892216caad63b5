// Entries of the kernel's maps: keys put into memory, look-ups, updates, and what is made where there is nothing yet.

import { INT, type Value, type Variable } from "../compiler/index.ts";
import { GLOBALS, isScalar, type MapStorage, type ScriptMap, sizeOf, type Type } from "../schema/index.ts";
import { branchIfLong, type IntoOptions, type Lengths } from "./long-strings.ts";
import { increment, once, type ProgramState, scoped } from "./state.ts";

/** linux/bpf.h */
const BPF_ANY = 0;
const BPF_NOEXIST = 1;

/** A key that has been put into memory, and the kernel's map that it belongs to. */
export interface Place {
  readonly map: string;
  readonly key: Value;
}

/** A key that is still to be put into memory. */
export interface KeySource {
  /** The key in words, where it is the same in the whole run of a program: then it is written once. */
  readonly constant?: string;
  /** The number, of a key that fits a register. */
  number(): Value;
  /** Writes the key, as a value of this type, to a place of our own. */
  write(to: Value, type: Type, options: IntoOptions): Lengths;
}

export type KeyedStorage = MapStorage & { readonly kind: "hash" | "percpu" };

/** Puts the key into a slot of its own; no key means the only entry of a map that has but one. */
function writeKey(
  p: ProgramState,
  size: number,
  key: KeySource | undefined,
  type: Type | undefined,
  short: boolean,
): { readonly slot: Value; readonly lengths: Lengths } {
  const b = p.b;
  const slot = b.slot(size);
  if (key === undefined || type === undefined) {
    b.store(64, slot, 0, 0);
    return { slot, lengths: [] };
  }
  if (isScalar(type)) {
    // A key is a word of its own width, or all of eight bytes.
    const v = key.number();
    b.store((size * 8) as 32, slot, 0, v);
    return { slot, lengths: [] };
  }
  const filled = sizeOf(type);
  // The key is whole words; what the value leaves of them counts as well.
  if (size > filled) b.zero(slot, filled, size - filled);
  return { slot, lengths: key.write(slot, type, { pad: true, short }) };
}

/**
 * Runs `act` with the key in its place: on the short map, or, where a string of the key may be long, twice, on a branch
 * each. Gives the value that `act` gave.
 */
export function withPlace(
  p: ProgramState,
  map: ScriptMap,
  key: KeySource | undefined,
  act: (place: Place) => Value,
): Value {
  const b = p.b;
  const storage = map.storage as KeyedStorage;
  const constant = key === undefined ? "none" : key.constant;
  if (constant !== undefined && storage.long === undefined) {
    const type = map.keyType === undefined ? "" : JSON.stringify(map.keyType);
    const slot = once(
      p,
      `key ${storage.keySize} ${type} ${constant}`,
      () => writeKey(p, storage.keySize, key, map.shortKeyType, false).slot,
    );
    return act({ map: storage.map, key: slot });
  }
  const first = writeKey(p, storage.keySize, key, map.shortKeyType, storage.long !== undefined);
  if (storage.long === undefined || first.lengths.length === 0) return act({ map: storage.map, key: first.slot });
  const full = storage.long;
  const fullSize = storage.longKeySize as number;
  const short = b.block("short");
  const long = b.block("long");
  const after = b.block("after");
  const result: Variable = { name: "result", type: INT };
  branchIfLong(p, first.lengths, long, short);
  b.enter(short);
  b.write(
    result,
    scoped(p, () => act({ map: storage.map, key: first.slot })),
  );
  b.jump(after);
  b.enter(long);
  b.write(
    result,
    scoped(p, () => act({ map: full, key: writeKey(p, fullSize, key, map.keyType, false).slot })),
  );
  b.jump(after);
  b.enter(after);
  return b.read(result);
}

/** The entry's value, or a null pointer. */
export function lookup(p: ProgramState, place: Place): Value {
  return p.b.helper("map_lookup_elem", [p.b.map(place.map), place.key], {
    kind: "map-value",
    map: place.map,
    nullable: true,
  });
}

/** Does something with an entry, which is made with zeros where there is none yet. What a full map refuses is counted. */
export function withEntry(p: ProgramState, storage: KeyedStorage, place: Place, act: (entry: Value) => Value): Value {
  const b = p.b;
  const { zerosOffset } = p.object.plan;
  const entry: Variable = { name: "entry", type: { kind: "map-value", map: place.map, nullable: true } };
  const make = b.block("make");
  const use = b.block("use");
  const refused = b.block("refused");
  const after = b.block("after");
  const result: Variable = { name: "result", type: INT };
  const first = lookup(p, place);
  b.write(entry, first);
  b.branch("ne", first, 0, use, make, { unlikely: "else" });
  b.enter(make);
  // Another CPU may be first: then there is an entry all the same.
  b.helper("map_update_elem", [b.map(place.map), place.key, b.mapValue(GLOBALS, zerosOffset), b.const(BPF_NOEXIST)]);
  const second = lookup(p, place);
  b.write(entry, second);
  b.branch("ne", second, 0, use, refused, { unlikely: "else" });
  b.enter(use);
  b.write(
    result,
    scoped(p, () => act(b.read(entry))),
  );
  b.jump(after);
  b.enter(refused);
  increment(p, storage.refused);
  b.write(result, b.const(0));
  b.jump(after);
  b.enter(after);
  return b.read(result);
}

/** Writes a whole value; what a full map refuses is counted. */
export function update(p: ProgramState, storage: KeyedStorage, place: Place, from: Value): void {
  const b = p.b;
  const result = b.helper("map_update_elem", [b.map(place.map), place.key, from, b.const(BPF_ANY)]);
  b.when("ne", result, 0, () => increment(p, storage.refused), { unlikely: "then" });
}

/** Bytes from the start of an entry to its value. */
export const entryOffset = (storage: KeyedStorage): number => (storage.kind === "hash" && storage.tombstones ? 8 : 0);
