// A map as whoever reads and writes it from outside of programs has it, on whichever machine it lies.

import type { MapSpec } from "./object.ts";

/** `flags` of an update: create or replace; only create; only replace (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export type UpdateMode = "any" | "no_exist" | "exist";

export const UPDATE_FLAGS: Readonly<Record<UpdateMode, number>> = { any: 0, no_exist: 1, exist: 2 };

/** All entries at once, flat: entry i has its key at `i * keySize` and its value at `i * valueBytes`. */
export interface MapDump {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

export interface BpfMap {
  readonly spec: MapSpec;
  /** True: every value holds one for each possible CPU. */
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; for other maps the size of the value. */
  readonly valueStride: number;
  /** Bytes that one entry's value takes in `lookup`, `update` and `dump`. */
  readonly valueBytes: number;
  /** The value of a key, or undefined where there is none. */
  lookup(key: Uint8Array): Uint8Array | undefined;
  /** Throws RangeError for sizes that do not fit, an error with the kernel's `errno` for what it refuses. */
  update(key: Uint8Array, value: Uint8Array, mode?: UpdateMode): void;
  /** True when there was such a key. Throws as `update` does. */
  delete(key: Uint8Array): boolean;
  /** Every entry. While programs write it is no snapshot, and none is in it twice. */
  dump(): MapDump;
  /** Deletes every entry of a hash; fills an array with zeros. Answers how many entries were deleted or zeroed. */
  clear(): number;
}
