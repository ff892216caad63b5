// What programs and the reader agree on for unwinding by tables (see lower-unwind.ts): the maps, and how their values lie.
//
//   processes   process id → which of the mappings are its own
//   mappings    executable mappings, those of a process together and by ascending address: which rows are its file's
//   rows        the tables of all files (src/dwarf/unwind-table.ts)
//   cache       addresses that were looked up before → the second word of their row
//   wanted      ring: addresses for which nothing is known yet

import { BPF_F_MMAPABLE, type MapSpec } from "../object/index.ts";

export const UNWIND = {
  processes: "unwind.processes",
  mappings: "unwind.mappings",
  rows: "unwind.rows",
  cache: "unwind.cache",
  wanted: "unwind.wanted",
} as const;

/** A value of `processes`, in bytes. */
export const ProcessEntry = {
  /** u32: number of its first mapping */
  first: 0,
  /** u32: how many there are */
  count: 4,
  /** u64: until then (CLOCK_MONOTONIC, nanoseconds) nothing more is asked for this process */
  quiet: 8,
  /** u32: a number that no other process and no earlier state of this one has had; 0 where nothing is known */
  generation: 16,
  size: 24,
} as const;

/** A value of `cache`, in bytes. */
export const CacheEntry = {
  /** u64: the address, xor the other word: halves of two entries that were written at once do not pass for one */
  check: 0,
  /** u64: the generation, and in the low 32 bits a row's second word */
  rule: 8,
  size: 16,
} as const;

/** A value of `mappings`, in bytes. */
export const MappingEntry = {
  /** u64 */
  start: 0,
  /** u64 */
  end: 8,
  /** u64: what an address is less in its file's rows */
  shift: 16,
  /** u32: number of its file's first row */
  first: 24,
  /** u32: how many there are; 0: the code has no table */
  count: 28,
  size: 32,
} as const;

/** A record of `wanted`, in bytes. */
export const WantedRecord = {
  /** u64 */
  process: 0,
  /** u64: the address that no mapping is known for; 0 where the process itself said that its mappings have changed, and waits */
  address: 8,
  size: 16,
} as const;

/** A power of two. */
export const UNWIND_CACHE: number = 1 << 14;
export const UNWIND_PROCESSES = 4096;
export const UNWIND_MAPPINGS: number = 1 << 14;
/** Rows that there is room for at the least: a browser's fit. */
export const UNWIND_ROWS: number = 1 << 21;

export const unwindMaps = (): MapSpec[] => [
  { name: UNWIND.processes, type: "hash", keySize: 4, valueSize: ProcessEntry.size, maxEntries: UNWIND_PROCESSES },
  {
    name: UNWIND.mappings,
    type: "array",
    keySize: 4,
    valueSize: MappingEntry.size,
    maxEntries: UNWIND_MAPPINGS,
    flags: BPF_F_MMAPABLE,
  },
  { name: UNWIND.rows, type: "array", keySize: 4, valueSize: 8, maxEntries: UNWIND_ROWS, flags: BPF_F_MMAPABLE },
  { name: UNWIND.cache, type: "array", keySize: 4, valueSize: CacheEntry.size, maxEntries: UNWIND_CACHE },
  { name: UNWIND.wanted, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
];
