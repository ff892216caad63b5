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

import type { MapSpec } from "../object/index.ts";
import type { Type } from "./types.ts";

/** Names of the kernel's maps that every script may use. */
export const GLOBALS = "scry.globals";
export const EVENTS = "scry.events";
export const CONTROL = "scry.control";
/** Rings of packets, one for each CPU. */
export const PACKETS = "scry.packets";

/** What stands before a packet in its ring (byte offsets): whose it is, how long, when (nanoseconds since boot). */
export const PACKET_HEADER = { site: 0, length: 4, time: 8, size: 16 } as const;

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
  /** Where the counters of records that found no room begin: a word for each site, behind the parts of the CPUs. */
  readonly lossesOffset: number;
  /** Bytes at the start of each part that are for variables that a callback shares. */
  readonly frameBytes: number;
  /** Where each of `StorageOptions.tables` begins. */
  readonly tableOffsets: readonly number[];
  /** What the global data starts with. */
  readonly initial: Uint8Array;
}

/** The smallest power of two that is not below n. */
export const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** The mask that keeps a CPU number within the global data. */
export const cpuMask = (cpus: number): number => powerOfTwo(cpus) - 1;
