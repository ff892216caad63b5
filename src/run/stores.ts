// What a run leaves behind for its reader, wherever the programs run: maps, rings and the global data.

import type { MapSpec } from "../object/index.ts";

export interface StoredMap {
  readonly spec: MapSpec;
  /** Bytes that one entry's value takes, all CPUs' together. */
  readonly valueBytes: number;
  /** Bytes from one CPU's value to the next. */
  readonly valueStride: number;
  /** All entries, flat: entry i has its key at `i * keySize` and its value at `i * valueBytes`. */
  dump(): { readonly count: number; readonly keys: Uint8Array; readonly values: Uint8Array };
  lookup(key: Uint8Array): Uint8Array | undefined;
  update(key: Uint8Array, value: Uint8Array, mode: "exist"): void;
  clear(): unknown;
}

export interface StoredRing {
  /** What the records' offsets refer to; valid during a `drain` callback only. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** How far the ring has been filled, in bytes since it was made. */
  produced(): number;
  /** Bytes that wait to be read. */
  available(): number;
  /** Reads records in order, those only that begin before `until`; answers how many. */
  drain(read: (offset: number, length: number) => void, limit?: number, until?: number): number;
}

export interface Stores {
  map(name: string): StoredMap | undefined;
  ring(name: string): StoredRing | undefined;
  /** Element 0 of the array of global data. */
  readonly globals: DataView;
}
