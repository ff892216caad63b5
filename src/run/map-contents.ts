// What a map of the script holds: read from wherever it is stored (see storage.ts), merged over CPUs, decoded.

import {
  type AggregateType,
  aggregateDecoder,
  type CompiledScript,
  INT64,
  isAggregate,
  type Resolver,
  type ScriptMap,
  type TraceValue,
  type Type,
  UINT64,
  valueDecoder,
} from "../schema/index.ts";
import type { StoredMap, Stores } from "./stores.ts";

export interface MapContents {
  readonly map: ScriptMap;
  readonly entries: readonly { readonly key: TraceValue; readonly value: TraceValue }[];
}

/** Numbers are kept in 64 bits, whatever they were. */
function storedAs(type: Type): Type {
  if (type.kind === "int" && type.enum === undefined) return type.signed ? INT64 : UINT64;
  return type;
}

export function readMap(script: CompiledScript, stores: Stores, map: ScriptMap, resolver: Resolver): MapContents {
  const storage = map.storage;
  const type = map.valueType;
  const { globals } = stores;
  if (storage.kind === "global") {
    const set = globals.getUint32(storage.offset + 8, true) !== 0;
    return {
      map,
      entries: set ? [{ key: null, value: valueDecoder(storedAs(type), resolver)(globals, storage.offset) }] : [],
    };
  }
  if (storage.kind === "cpu") {
    const { cpuOffset, stride, lossesOffset } = script.plan;
    const start = cpuOffset + storage.offset;
    const cpus = stride === 0 ? 1 : (lossesOffset - cpuOffset) / stride;
    if (
      !touched(type as AggregateType, globals, start, cpus, stride, storage.words) &&
      !zeroed.get(globals)?.has(map.name)
    )
      return { map, entries: [] };
    return {
      map,
      entries: [{ key: null, value: aggregateDecoder(type as AggregateType, cpus, stride, resolver)(globals, start) }],
    };
  }
  const entries: { key: TraceValue; value: TraceValue }[] = [];
  const places: readonly (readonly [string | undefined, Type | undefined])[] = [
    [storage.map, map.shortKeyType],
    [storage.long, map.keyType],
  ];
  for (const [name, keyType] of places) {
    const stored = name === undefined ? undefined : stores.map(name);
    if (stored === undefined) continue;
    const { count, keys, values } = stored.dump();
    const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    const valueView = new DataView(values.buffer, values.byteOffset, values.byteLength);
    const keySize = stored.spec.keySize;
    const valueBytes = stored.valueBytes;
    const readKey = keyType === undefined ? (): TraceValue => null : valueDecoder(keyType, resolver);
    const alive = storage.kind === "hash" && storage.tombstones;
    const at = alive ? 8 : 0;
    const readValue = isAggregate(type)
      ? aggregateDecoder(type, valueBytes / stored.valueStride, stored.valueStride, resolver)
      : valueDecoder(storedAs(type), resolver);
    for (let i = 0; i < count; i++) {
      if (alive && valueView.getUint32(i * valueBytes, true) === 0) continue;
      entries.push({ key: readKey(keyView, i * keySize), value: readValue(valueView, i * valueBytes + at) });
    }
  }
  return { map, entries };
}

/** Has any CPU put something into the aggregate? */
function touched(
  type: AggregateType,
  view: DataView,
  start: number,
  cpus: number,
  stride: number,
  words: number,
): boolean {
  // sum, min and max say so in their second word.
  const from = type.kind === "sum" || type.kind === "min" || type.kind === "max" ? 8 : 0;
  const to = type.kind === "hist" || type.kind === "lhist" || type.kind === "tseries" ? words * 8 : from + 8;
  for (let cpu = 0; cpu < cpus; cpu++) {
    for (let at = start + cpu * stride + from; at < start + cpu * stride + to; at += 8)
      if (view.getUint32(at, true) !== 0 || view.getUint32(at + 4, true) !== 0) return true;
  }
  return false;
}

/** Scalar aggregates that `zero()` has set to zero print as zero; ones that were never used do not print. */
const zeroed = new WeakMap<DataView, Set<string>>();

function storedMaps(stores: Stores, map: ScriptMap): StoredMap[] {
  const storage = map.storage;
  if (storage.kind !== "hash" && storage.kind !== "percpu") return [];
  return [storage.map, storage.long].flatMap((name) => {
    const found = name === undefined ? undefined : stores.map(name);
    return found === undefined ? [] : [found];
  });
}

/** Words of the global data that the map is kept in. */
function eachWord(script: CompiledScript, map: ScriptMap, write: (offset: number) => void): void {
  const storage = map.storage;
  if (storage.kind !== "cpu") return;
  const { cpuOffset, stride, lossesOffset } = script.plan;
  const cpus = stride === 0 ? 1 : (lossesOffset - cpuOffset) / stride;
  for (let cpu = 0; cpu < cpus; cpu++)
    for (let i = 0; i < storage.words; i++) write(cpuOffset + cpu * stride + storage.offset + i * 8);
}

/** `clear(@map)` */
export function clearMap(script: CompiledScript, stores: Stores, map: ScriptMap): void {
  const storage = map.storage;
  const { globals } = stores;
  if (storage.kind === "global") {
    globals.setBigUint64(storage.offset, 0n, true);
    globals.setBigUint64(storage.offset + 8, 0n, true);
  }
  eachWord(script, map, (offset) => globals.setBigUint64(offset, 0n, true));
  zeroed.get(globals)?.delete(map.name);
  for (const m of storedMaps(stores, map)) m.clear();
}

/** `zero(@map)` */
export function zeroMap(script: CompiledScript, stores: Stores, map: ScriptMap): void {
  const storage = map.storage;
  const { globals } = stores;
  if (storage.kind === "global") {
    globals.setBigUint64(storage.offset, 0n, true);
    return;
  }
  if (storage.kind === "cpu") {
    eachWord(script, map, (offset) => globals.setBigUint64(offset, 0n, true));
    let names = zeroed.get(globals);
    if (names === undefined) zeroed.set(globals, (names = new Set()));
    names.add(map.name);
    return;
  }
  for (const m of storedMaps(stores, map)) {
    const { count, keys } = m.dump();
    const zeros = new Uint8Array(m.valueBytes);
    for (let i = 0; i < count; i++) zeroEntry(m, keys.subarray(i * m.spec.keySize, (i + 1) * m.spec.keySize), zeros);
  }
}

const ENOENT = 2;

/** Programs go on deleting meanwhile: an entry that is gone needs no zero, and none is made for it. */
function zeroEntry(m: StoredMap, key: Uint8Array, zeros: Uint8Array): void {
  try {
    m.update(key, zeros, "exist");
  } catch (e) {
    if (!(e instanceof Error && "errno" in e && e.errno === ENOENT)) throw e;
  }
}
