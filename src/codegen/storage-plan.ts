// Gives each map of a script its place (the ways of storing one are drawn in storage.ts).

import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, type MapSpec } from "../object/index.ts";
import {
  aggregateWords,
  GLOBALS,
  HEADER,
  hasLongString,
  isAggregate,
  isScalar,
  keySize,
  type MapStorage,
  powerOfTwo,
  type ScriptMap,
  type StoragePlan,
  shortType,
  sizeOf,
  type Type,
} from "../schema/index.ts";

export interface MapUse {
  readonly name: string;
  keyType?: Type;
  valueType?: Type;
  /** Deleted with a key somewhere. */
  deleted: boolean;
  /** Walked, counted or asked for keys in the kernel: what is there must be what is alive. */
  walked: boolean;
  /** Every key is the expression `tid`. */
  keyedByTid: boolean;
  /** Removed or written from user space while running (clear, zero). */
  cleared: boolean;
  declared?: { readonly mapType: string; readonly entries: number };
}

/** Bytes of a map whose entries are all made beforehand. */
const MOST_READY = 64 << 20;

export interface StorageOptions {
  readonly cpus: number;
  readonly maxKeys: number;
  /** Bytes of each CPU's part that the programs need for variables that a callback shares. */
  readonly frameBytes: number;
  /** Tables that the programs read: they follow the shared words, in order. */
  readonly tables: readonly Uint8Array[];
}

/** Puts every map in its place. The spec of the global data is the last one added, by `globalsSpec`. */
export function planStorage(uses: Iterable<MapUse>, options: StorageOptions): StoragePlan {
  const maps = new Map<string, ScriptMap>();
  const specs: MapSpec[] = [];
  const list = [...uses].filter((u) => u.valueType !== undefined && u.valueType.kind !== "none");
  let zerosSize = 64;
  for (const use of list) {
    const type = use.valueType as Type;
    zerosSize = Math.max(
      zerosSize,
      isAggregate(type) ? (use.keyType === undefined ? 0 : aggregateWords(type) * 8) : Math.ceil(sizeOf(type) / 8) * 8,
    );
  }
  let shared = HEADER.size + zerosSize;
  let perCpu = options.frameBytes;
  let ordinal = 0;
  for (const use of list) {
    const valueType = use.valueType as Type;
    const words = aggregateWords(valueType);
    const name = `${use.name.replace(/^@/, "AT_")}`;
    ordinal++;
    let storage: MapStorage;
    if (use.keyType === undefined && isAggregate(valueType)) {
      storage = { kind: "cpu", offset: perCpu, words };
      perCpu += words * 8;
    } else if (use.keyType === undefined && isScalar(valueType) && use.declared === undefined) {
      storage = { kind: "global", offset: shared };
      shared += 16;
    } else {
      const keyType: Type = use.keyType ?? { kind: "int", bits: 64, signed: false };
      const long = hasLongString(keyType);
      const tombstones =
        use.keyedByTid &&
        use.deleted &&
        !use.walked &&
        !use.cleared &&
        use.declared === undefined &&
        isScalar(valueType);
      const mapName = `${name}${ordinal > 1 && specs.some((s) => s.name === name) ? ordinal : ""}`;
      const size = keySize(shortType(keyType));
      const full = keySize(keyType);
      const maxEntries = use.declared?.entries ?? options.maxKeys;
      const aggregate = isAggregate(valueType);
      const lru = use.declared?.mapType.includes("lru") === true;
      const type: MapSpec["type"] = aggregate ? (lru ? "lru_percpu_hash" : "percpu_hash") : lru ? "lru_hash" : "hash";
      const valueSize = aggregate
        ? words * 8
        : (tombstones ? 8 : 0) + Math.ceil(Math.max(1, sizeOf(valueType)) / 8) * 8;
      // Threads that are gone leave no dead entry behind (see the reaper), so there are as many as there are threads.
      const entries = tombstones ? Math.max(maxEntries, 32768) : maxEntries;
      const spec = (keyBytes: number): Pick<MapSpec, "type" | "valueSize" | "maxEntries" | "flags"> => {
        // Memory that is there beforehand can always be had; memory asked for during an event sometimes cannot (with
        // interrupts off the kernel has only a few entries at hand). Only what is too large to be kept ready is asked for.
        const bytes = entries * (keyBytes + valueSize * (aggregate ? options.cpus : 1) + 64);
        return { type, valueSize, maxEntries: entries, flags: lru || bytes <= MOST_READY ? 0 : BPF_F_NO_PREALLOC };
      };
      specs.push({ name: mapName, keySize: size, ...spec(size) });
      if (long) specs.push({ name: `${mapName}.long`, keySize: full, ...spec(full) });
      const places = { map: mapName, keySize: size, ...(long ? { long: `${mapName}.long`, longKeySize: full } : {}) };
      storage = aggregate
        ? { kind: "percpu", ...places, words, refused: shared }
        : { kind: "hash", ...places, valueSize, tombstones, refused: shared };
      shared += 8;
    }
    maps.set(use.name, {
      name: use.name,
      valueType,
      storage,
      ...(use.keyType === undefined ? {} : { keyType: use.keyType, shortKeyType: shortType(use.keyType) }),
    });
  }
  const stride = perCpu === 0 ? 0 : Math.max(64, powerOfTwo(perCpu));
  const tableOffsets = options.tables.map((t) => {
    const here = shared;
    shared += Math.ceil(t.length / 8) * 8;
    return here;
  });
  const cpuOffset = Math.ceil(shared / 64) * 64;
  const initial = new Uint8Array(options.tables.length === 0 ? 0 : cpuOffset);
  for (const [i, t] of options.tables.entries()) initial.set(t, tableOffsets[i]);
  return {
    maps,
    specs,
    zerosOffset: HEADER.size,
    zerosSize,
    tableOffsets,
    initial,
    cpuOffset,
    stride,
    lossesOffset: cpuOffset + stride * powerOfTwo(options.cpus),
    frameBytes: options.frameBytes,
  };
}

/** The map that holds the global data, of a script with so many kinds of records. */
export function globalsSpec(plan: StoragePlan, sites: number): MapSpec {
  return {
    name: GLOBALS,
    type: "array",
    keySize: 4,
    valueSize: plan.lossesOffset + sites * 8,
    maxEntries: 1,
    flags: BPF_F_MMAPABLE,
    initial: plan.initial,
  };
}
