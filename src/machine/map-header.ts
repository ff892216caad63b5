// How a map lies in the machine's memory: a header that its handle points to, and storage that the header describes.
// Helpers written in TypeScript, the functions compiled to Wasm and the API all work on the same bytes.
//
//     hash entry      ┌──────┬──────┬──────┬──────┬─────────────┬──────────────────────────┐
//                     │ next │ hash │ used │  0   │ key (8·n)   │ value, one for each CPU  │
//                     └──────┴──────┴──────┴──────┴─────────────┴──────────────────────────┘
//     ring record     ┌────────────┬──────┬───────────────┐
//                     │ len | bits │  0   │ data (8·n)    │     bit 31: busy, bit 30: discarded, as the kernel's
//                     └────────────┴──────┴───────────────┘

import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, MAP_TYPES, type MapSpec, type MapType } from "../object/index.ts";
import type { Memory, MemoryPlan } from "./memory.ts";

/** Byte offsets in a header; every field is a 32-bit word. */
export const Header = {
  /** A number of MAP_TYPES. */
  TYPE: 0,
  KEY_SIZE: 4,
  VALUE_SIZE: 8,
  /** From one CPU's value to the next: the value size, rounded up to 8. */
  STRIDE: 12,
  MAX_ENTRIES: 16,
  /** CPUs that have a value of their own; 1 for maps that are not per CPU. */
  CPUS: 20,
  /** Bytes from one entry to the next. */
  ENTRY_BYTES: 24,
  /** Of the value in an entry. */
  VALUE_OFFSET: 28,
  /** First entry, element, record or slot. */
  DATA: 32,
  /** Entries in use. */
  COUNT: 36,
  /** Of a hash: addresses of first entries, a power of two of them. */
  BUCKETS: 40,
  BUCKET_MASK: 44,
  /** A list of entries that were deleted, by their `next`. */
  FREE: 48,
  /** Entries that were never used start with this one. */
  FRESH: 52,
  /** Where the search for an entry to evict goes on. */
  HAND: 56,
  /**
   * Where a queue or a ring has its next element, and where its oldest, counted without end (ring: bytes). Of a trie, HEAD
   * is the address of its scratch key.
   */
  HEAD: 60,
  TAIL: 64,
  /** Records that found no room. */
  LOST: 68,
  /** Its place in the object. */
  INDEX: 72,
  FLAGS: 76,
} as const;

/** Bytes of a hash's key. The kernel takes what it can allocate; a page of 16 KiB is more than programs have room for. */
export const MOST_KEY_BYTES = 16_384;
export const HEADER_BYTES = 128;
export const ENTRY_KEY = 16;
export const RING_BUSY = 0x80000000;
export const RING_DISCARD = 0x40000000;
export const RING_HEADER = 8;

/** How a type of map keeps its entries. */
export type MapShape = "array" | "hash" | "trie" | "queue" | "bloom" | "ring" | "events" | "handles" | "none";

export interface MapKind {
  readonly shape: MapShape;
  readonly perCpu: boolean;
  /** Evicts what was not used lately when it is full. */
  readonly lru: boolean;
  /** Values are handles of maps. */
  readonly ofMaps: boolean;
  /** Keyed by a pointer to a kernel object rather than by the map's own key. */
  readonly storage: boolean;
}

const kind = (shape: MapShape, extra: Partial<MapKind> = {}): MapKind => ({
  shape,
  perCpu: false,
  lru: false,
  ofMaps: false,
  storage: false,
  ...extra,
});

/** What this machine makes of each type of map; absent: it has none of that type. */
export const MAP_KINDS: { readonly [type in MapType]?: MapKind } = {
  array: kind("array"),
  percpu_array: kind("array", { perCpu: true }),
  hash: kind("hash"),
  percpu_hash: kind("hash", { perCpu: true }),
  lru_hash: kind("hash", { lru: true }),
  lru_percpu_hash: kind("hash", { perCpu: true, lru: true }),
  lpm_trie: kind("trie"),
  array_of_maps: kind("array", { ofMaps: true }),
  hash_of_maps: kind("hash", { ofMaps: true }),
  prog_array: kind("handles"),
  cgroup_array: kind("handles"),
  devmap: kind("array"),
  devmap_hash: kind("hash"),
  cpumap: kind("array"),
  xskmap: kind("array"),
  sockmap: kind("array"),
  sockhash: kind("hash"),
  queue: kind("queue"),
  stack: kind("queue"),
  bloom_filter: kind("bloom"),
  ringbuf: kind("ring"),
  perf_event_array: kind("events"),
  stack_trace: kind("hash"),
  task_storage: kind("hash", { storage: true }),
  sk_storage: kind("hash", { storage: true }),
  inode_storage: kind("hash", { storage: true }),
  cgrp_storage: kind("hash", { storage: true }),
};

/** Storages say nothing of how many objects there are. */
const STORAGE_ENTRIES = 4096;

const up8 = (n: number): number => Math.ceil(n / 8) * 8;

/** Where one map lies. */
export interface MapLayout {
  readonly spec: MapSpec;
  readonly kind: MapKind;
  readonly header: number;
  readonly keySize: number;
  readonly maxEntries: number;
  readonly cpus: number;
  readonly stride: number;
  readonly entryBytes: number;
  readonly valueOffset: number;
  readonly data: number;
  readonly buckets: number;
  readonly bucketCount: number;
  /** Of a trie: room for the key that is looked for. */
  readonly scratch: number;
}

/** Takes room for a map's storage. Throws RangeError when there is not enough, or for sizes that no map can have. */
export function planMap(plan: MemoryPlan, spec: MapSpec, header: number, possibleCpus: number): MapLayout | undefined {
  const kind = MAP_KINDS[spec.type];
  if (kind === undefined) return undefined;
  const keySize = kind.storage ? 8 : kind.ofMaps && kind.shape === "array" ? 4 : spec.keySize;
  const maxEntries = kind.storage ? STORAGE_ENTRIES : spec.maxEntries;
  for (const size of [spec.keySize, spec.valueSize, maxEntries]) {
    if (!Number.isInteger(size) || size < 0 || size > 0xffffffff) throw new RangeError(`${size} is no size`);
  }
  if (maxEntries === 0 && kind.shape !== "events") throw new RangeError("it has no entries");
  if (kind.shape === "hash" && (keySize === 0 || keySize > MOST_KEY_BYTES))
    throw new RangeError(`a key of ${keySize} bytes`);
  if (kind.shape === "array" && keySize !== 4) throw new RangeError("the key of an array has 4 bytes");
  if (kind.shape === "ring" && ((maxEntries & (maxEntries - 1)) !== 0 || maxEntries < 4096)) {
    throw new RangeError("a ring has a power of two of bytes, at least 4096");
  }
  if (kind.shape === "trie" && (keySize < 5 || keySize > 260)) throw new RangeError(`a key of ${keySize} bytes`);
  const cpus = kind.perCpu ? possibleCpus : 1;
  const stride = kind.ofMaps ? 8 : up8(spec.valueSize);
  const hashed = kind.shape === "hash" || kind.shape === "trie";
  const valueOffset = hashed ? ENTRY_KEY + up8(keySize) : 0;
  const entryBytes = kind.shape === "queue" ? stride : kind.shape === "handles" ? 4 : valueOffset + stride * cpus;
  const bucketCount = hashed ? 2 ** Math.ceil(Math.log2(Math.max(1, maxEntries))) : 0;
  const bytes =
    kind.shape === "ring"
      ? // Room behind the end for a record that starts before it: such a record is not cut in two.
        maxEntries * 2 + RING_HEADER
      : kind.shape === "bloom"
        ? bloomBits(maxEntries, spec.flags ?? 0) / 8
        : kind.shape === "events"
          ? 0
          : entryBytes * maxEntries;
  return {
    spec,
    kind,
    header,
    keySize,
    maxEntries,
    cpus,
    stride,
    entryBytes,
    valueOffset,
    data: plan.reserve(bytes),
    buckets: plan.reserve(bucketCount * 4),
    bucketCount,
    scratch: kind.shape === "trie" ? plan.reserve(keySize) : 0,
  };
}

/** About 1.4 bits an entry and hash function, as the kernel sizes it (kernel/bpf/bloom_filter.c). */
export function bloomBits(maxEntries: number, _flags: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2((maxEntries * 5 * 7) / 5)));
}

/** Writes the header, and lets programs at what is theirs. */
export function installMap(memory: Memory, layout: MapLayout, index: number): void {
  const { spec, kind, header } = layout;
  const word = (field: number, value: number): void => {
    memory.u32[(header + field) >>> 2] = value;
  };
  word(Header.TYPE, MAP_TYPES[spec.type].number);
  word(Header.KEY_SIZE, layout.keySize);
  word(Header.VALUE_SIZE, spec.valueSize);
  word(Header.STRIDE, layout.stride);
  word(Header.MAX_ENTRIES, layout.maxEntries);
  word(Header.CPUS, layout.cpus);
  word(Header.ENTRY_BYTES, layout.entryBytes);
  word(Header.VALUE_OFFSET, layout.valueOffset);
  word(Header.DATA, layout.data);
  word(Header.BUCKETS, layout.buckets);
  word(Header.BUCKET_MASK, Math.max(0, layout.bucketCount - 1));
  word(Header.FRESH, 0);
  if (kind.shape === "trie") word(Header.HEAD, layout.scratch);
  word(Header.INDEX, index);
  word(Header.FLAGS, spec.flags ?? 0);
  const flags = spec.flags ?? 0;
  const access = flags & BPF_F_RDONLY_PROG ? "read" : flags & BPF_F_WRONLY_PROG ? "none" : "write";
  // An array is there from the start; the values of a hash are let at when their entry is first used.
  if (kind.shape === "array" && !kind.ofMaps) {
    if (spec.valueSize % 8 === 0) memory.allow(layout.data, layout.entryBytes * layout.maxEntries, access);
    else if (spec.valueSize < 8) memory.allowEach(layout.data, layout.maxEntries * layout.cpus, spec.valueSize, access);
    else {
      for (let i = 0; i < layout.maxEntries * layout.cpus; i++) {
        memory.allow(layout.data + i * layout.stride, spec.valueSize, access);
      }
    }
  }
  if (spec.initial !== undefined) {
    for (let cpu = 0; cpu < layout.cpus; cpu++) {
      memory.u8.set(spec.initial.subarray(0, spec.valueSize), layout.data + cpu * layout.stride);
    }
  }
}
