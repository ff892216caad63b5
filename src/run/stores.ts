// What a run leaves behind for its reader, wherever the programs run: maps, rings and the global data.

import type { BpfMap } from "../object/index.ts";

/** What a run asks of a map. */
export type StoredMap = Pick<BpfMap, "spec" | "valueBytes" | "valueStride" | "dump" | "lookup" | "update" | "clear">;

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
