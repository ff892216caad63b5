// The kernel's map types, a row each. Another one is a row here; how it behaves in the embedded machine stands by its name in
// machine/map-header.ts.

interface MapTypeRow {
  /** BPF_MAP_TYPE_* of `enum bpf_map_type` (include/uapi/linux/bpf.h). */
  readonly number: number;
  /** The smallest map of it; absent where one cannot be made without another map or types. Sizes in bytes. */
  readonly smallest?: { readonly keySize: number; readonly valueSize: number; readonly maxEntries: number };
  /** The kernel takes no types of its keys and values (libbpf: bpf_object__create_map). */
  readonly untyped?: true;
  /** It is read (or written) record by record, not by key: its declaration may say what these are. */
  readonly ring?: true;
  /** Its entries are other maps. */
  readonly ofMaps?: true;
}

const rows = {
  hash: { number: 1, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  array: { number: 2, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  prog_array: { number: 3, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  perf_event_array: { number: 4, ring: true, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  percpu_hash: { number: 5, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  percpu_array: { number: 6, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  stack_trace: { number: 7, untyped: true, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  cgroup_array: { number: 8, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  lru_hash: { number: 9, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  lru_percpu_hash: { number: 10, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  lpm_trie: { number: 11 },
  array_of_maps: { number: 12, untyped: true, ofMaps: true },
  hash_of_maps: { number: 13, untyped: true, ofMaps: true },
  devmap: { number: 14, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  sockmap: { number: 15, untyped: true, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  cpumap: { number: 16, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  xskmap: { number: 17, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  sockhash: { number: 18, untyped: true, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  cgroup_storage: { number: 19 },
  reuseport_sockarray: { number: 20, smallest: { keySize: 4, valueSize: 8, maxEntries: 1 } },
  percpu_cgroup_storage: { number: 21 },
  queue: { number: 22, untyped: true, smallest: { keySize: 0, valueSize: 8, maxEntries: 1 } },
  stack: { number: 23, untyped: true, smallest: { keySize: 0, valueSize: 8, maxEntries: 1 } },
  sk_storage: { number: 24 },
  devmap_hash: { number: 25, untyped: true, smallest: { keySize: 4, valueSize: 4, maxEntries: 1 } },
  struct_ops: { number: 26 },
  ringbuf: { number: 27, ring: true, smallest: { keySize: 0, valueSize: 0, maxEntries: 4096 } },
  inode_storage: { number: 28 },
  task_storage: { number: 29 },
  bloom_filter: { number: 30, smallest: { keySize: 0, valueSize: 8, maxEntries: 1 } },
  user_ringbuf: { number: 31, ring: true, smallest: { keySize: 0, valueSize: 0, maxEntries: 4096 } },
  cgrp_storage: { number: 32 },
  arena: { number: 33, untyped: true },
} as const;

/** A map type by its name in `enum bpf_map_type`: lower case, without `BPF_MAP_TYPE_`. */
export type MapType = keyof typeof rows;

export const MAP_TYPES: Readonly<Record<MapType, MapTypeRow>> = rows;

/** The name of a map type's number, as `bpf_map_info.type` gives it; undefined for one that is newer than this table. */
export function mapTypeName(number: number): MapType | undefined {
  return (Object.keys(MAP_TYPES) as MapType[]).find((type) => MAP_TYPES[type].number === number);
}
