// Where each map of a script lives. A map of the language is not one map of the kernel:
//
//   @x = 5            a word of the global data, shared by all CPUs
//   @x = count()      words of the global data, one set for each CPU: no look-up, no lock
//   @x[k] = 5         a hash; with a second one for keys whose strings are long
//   @x[tid] = nsecs   the same, but what is deleted stays in its place as dead until its thread ends
//   @x[k] = hist(n)   a per-CPU hash whose value is all the buckets
//
// The global data is one array map that user space has mapped:
//
//   0        64        zeros      shared words          CPU 0          CPU 1
//   ┌────────┬─────────┬──────────┬─────────────────────┬──────────────┬───────
//   │ header │ zeros: what a new aggregate starts as … │ stride bytes │  …

import type { MapSpec } from "../../object/index.ts";
import { aggregateWords, hasLongString, keySize, shortType, sizeOf } from "./layout.ts";
import { isAggregate, isScalar, type Type } from "./types.ts";

/** Names of the kernel's maps that every script may use. */
export const GLOBALS = "scry.globals";
export const EVENTS = "scry.events";
export const CONTROL = "scry.control";

/** Words of the header of the global data (byte offsets). */
export const HEADER = {
  /** Set by the reader before it sleeps: the next record shall wake it. */
  armed: 0,
  /** The same for the control ring. */
  controlArmed: 8,
  /** Records that found the event ring full. */
  lost: 16,
  /** Control records that found their ring full. */
  controlLost: 24,
  /** Stacks that end before their outermost frame: code that no table was there for, memory that could not be read. */
  stackCut: 32,
  /** Stacks that could not be taken. */
  stackLost: 40,
  /** `bpf_ktime_get_boot_ns` when the script began. */
  startTime: 48,
  /** Runs that were given up because the CPU's scratch memory was taken. */
  missed: 56,
  /** Divisions by zero. */
  divisions: 64,
  /** Loops that were ended because they used up their budget. */
  loops: 72,
  size: 80,
} as const;

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

export type MapStorage =
  /** `offset`: the value; `offset + 8`: nonzero once it is set. */
  | { readonly kind: "global"; readonly offset: number }
  /** `offset` from the start of each CPU's part. */
  | { readonly kind: "cpu"; readonly offset: number; readonly words: number }
  | {
      readonly kind: "hash";
      readonly map: string;
      /** For keys with long strings; its keys have the full type. */
      readonly long?: string;
      readonly keySize: number;
      readonly longKeySize?: number;
      readonly valueSize: number;
      /** Values begin with a word that is nonzero while the entry is alive. */
      readonly tombstones: boolean;
      /** Offset in the global data of the number of updates that the map refused. */
      readonly refused: number;
    }
  | {
      readonly kind: "percpu";
      readonly map: string;
      readonly long?: string;
      readonly keySize: number;
      readonly longKeySize?: number;
      readonly words: number;
      readonly refused: number;
    };

/** A map of the script, as the reader needs it. */
export interface ScriptMap {
  readonly name: string;
  /** Absent: a scalar map. */
  readonly keyType?: Type;
  /** How keys lie in the map for short keys. */
  readonly shortKeyType?: Type;
  readonly valueType: Type;
  readonly storage: MapStorage;
}

export interface StoragePlan {
  readonly maps: ReadonlyMap<string, ScriptMap>;
  readonly specs: MapSpec[];
  /** Where the zeros begin, and how many bytes of them there are. */
  readonly zerosOffset: number;
  readonly zerosSize: number;
  /** Where CPU 0's part begins, and how far apart the parts are (a power of two). */
  readonly cpuOffset: number;
  readonly stride: number;
  /** Where each of `StorageOptions.tables` begins. */
  readonly tableOffsets: readonly number[];
  /** What the global data starts with. */
  readonly initial: Uint8Array;
}

/** Bytes of a map whose entries are all made beforehand. */
const MOST_READY = 64 << 20;

const BPF_F_NO_PREALLOC = 1;
const BPF_F_MMAPABLE = 1 << 10;

/** The smallest power of two that is not below n. */
export const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

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
  return { maps, specs, zerosOffset: HEADER.size, zerosSize, tableOffsets, initial, cpuOffset, stride };
}

/** The map that holds the global data. */
export function globalsSpec(plan: StoragePlan, cpus: number): MapSpec {
  return {
    name: GLOBALS,
    type: "array",
    keySize: 4,
    valueSize: plan.cpuOffset + plan.stride * powerOfTwo(cpus),
    maxEntries: 1,
    flags: BPF_F_MMAPABLE,
    initial: plan.initial,
  };
}

/** The mask that keeps a CPU number within the global data. */
export const cpuMask = (cpus: number): number => powerOfTwo(cpus) - 1;
