// What can be done with a map, by the shape of its storage, on addresses of the machine's memory: the slow but complete
// half of the map helpers, and everything behind `machine.maps`. Results are 0 or a negative errno, as the helpers'.

import { mapTypeName } from "../object/index.ts";
import { findEntry, insertEntry, nextEntry, removeEntry } from "./map-hash.ts";
import { Header, MAP_KINDS, type MapKind } from "./map-header.ts";
import { trieDelete, trieLookup, trieUpdate } from "./map-trie.ts";
import type { Memory } from "./memory.ts";

export const Errno = {
  EPERM: -1,
  ENOENT: -2,
  E2BIG: -7,
  EAGAIN: -11,
  ENOMEM: -12,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  EINVAL: -22,
  ENOSPC: -28,
  EPROTO: -71,
  EOPNOTSUPP: -95,
} as const;

/** `flags` of an update. */
export const Update = { ANY: 0, NO_EXIST: 1, EXIST: 2 } as const;

export const headerWord = (memory: Memory, map: number, field: number): number =>
  memory.u32[(map + field) >>> 2] as number;

/** The kind of the map that a handle points to. */
export function kindOf(memory: Memory, map: number): MapKind {
  const name = mapTypeName(headerWord(memory, map, Header.TYPE));
  return MAP_KINDS[name as keyof typeof MAP_KINDS] as MapKind;
}

/** The address of the value (for per-CPU maps of CPU 0's) of a key; 0 where there is none. */
export function lookup(memory: Memory, map: number, key: number): number {
  switch (kindOf(memory, map).shape) {
    case "array": {
      const index = memory.view.getUint32(key, true);
      if (index >= headerWord(memory, map, Header.MAX_ENTRIES)) return 0;
      return headerWord(memory, map, Header.DATA) + index * headerWord(memory, map, Header.ENTRY_BYTES);
    }
    case "hash": {
      const entry = findEntry(memory, map, key);
      if (entry === 0) return 0;
      memory.u32[(entry + 8) >>> 2] = 1;
      return entry + headerWord(memory, map, Header.VALUE_OFFSET);
    }
    case "trie":
      return trieLookup(memory, map, key);
    default:
      return 0;
  }
}

/**
 * Writes one value. `cpu` is whose of a per-CPU map; the others' become 0 when the entry is new (as the kernel does for
 * an update from a program).
 */
export function update(memory: Memory, map: number, key: number, value: number, flags: number, cpu: number): number {
  const size = headerWord(memory, map, Header.VALUE_SIZE);
  const offset = headerWord(memory, map, Header.CPUS) > 1 ? cpu * headerWord(memory, map, Header.STRIDE) : 0;
  if (flags > Update.EXIST) return Errno.EINVAL;
  switch (kindOf(memory, map).shape) {
    case "array": {
      if (memory.view.getUint32(key, true) >= headerWord(memory, map, Header.MAX_ENTRIES)) return Errno.E2BIG;
      if (flags === Update.NO_EXIST) return Errno.EEXIST;
      memory.u8.copyWithin(lookup(memory, map, key) + offset, value, value + size);
      return 0;
    }
    case "hash": {
      const found = findEntry(memory, map, key);
      if (found !== 0 && flags === Update.NO_EXIST) return Errno.EEXIST;
      if (found === 0 && flags === Update.EXIST) return Errno.ENOENT;
      const entry = found === 0 ? insertEntry(memory, map, key) : found;
      if (entry === 0) return Errno.E2BIG;
      const at = entry + headerWord(memory, map, Header.VALUE_OFFSET);
      memory.u8.copyWithin(at + offset, value, value + size);
      return 0;
    }
    case "trie":
      return trieUpdate(memory, map, key, value, flags);
    default:
      return Errno.EINVAL;
  }
}

export function remove(memory: Memory, map: number, key: number): number {
  switch (kindOf(memory, map).shape) {
    case "hash":
      return removeEntry(memory, map, key) ? 0 : Errno.ENOENT;
    case "trie":
      return trieDelete(memory, map, key);
    default:
      return Errno.EINVAL;
  }
}

/**
 * Every entry, as addresses of key and value. Of an array the key lies at `scratch`, which this writes. Entries that come
 * or go meanwhile are seen or not; none is seen twice.
 */
export function* entries(memory: Memory, map: number, scratch: number): Generator<{ key: number; value: number }> {
  const { shape } = kindOf(memory, map);
  if (shape === "array") {
    const count = headerWord(memory, map, Header.MAX_ENTRIES);
    const data = headerWord(memory, map, Header.DATA);
    const bytes = headerWord(memory, map, Header.ENTRY_BYTES);
    for (let i = 0; i < count; i++) {
      memory.view.setUint32(scratch, i, true);
      yield { key: scratch, value: data + i * bytes };
    }
  } else if (shape === "hash" || shape === "trie") {
    const offset = headerWord(memory, map, Header.VALUE_OFFSET);
    for (let at = nextEntry(memory, map, -1); at >= 0; at = nextEntry(memory, map, at)) {
      const entry = headerWord(memory, map, Header.DATA) + at * headerWord(memory, map, Header.ENTRY_BYTES);
      yield { key: entry + 16, value: entry + offset };
    }
  }
}
