// Longest prefix match: entries of a hash table, keyed by prefix length and the bits that count, the rest zero. A look-up
// tries the lengths that occur, longest first.
//
//     key    ┌───────────────┬──────────────────┐
//            │ u32 prefixlen │ bits, big endian │
//            └───────────────┴──────────────────┘

import { findEntry, insertEntry, nextEntry, removeEntry } from "./map-hash.ts";
import { ENTRY_KEY, Header } from "./map-header.ts";
import type { Memory } from "./memory.ts";

const EINVAL = -22;
const ENOENT = -2;
const EEXIST = -17;
const ENOSPC = -28;

/** Lengths that were ever in a map, by memory and handle: longest first. */
const lengthsOf = new WeakMap<Memory, Map<number, number[]>>();

function lengths(memory: Memory, map: number): number[] {
  let maps = lengthsOf.get(memory);
  if (maps === undefined) lengthsOf.set(memory, (maps = new Map()));
  let list = maps.get(map);
  if (list === undefined) maps.set(map, (list = []));
  return list;
}

/** The key with only its first `length` bits, in the map's scratch key. */
function masked(memory: Memory, map: number, key: number, length: number): number {
  const size = memory.u32[(map + Header.KEY_SIZE) >>> 2] as number;
  const copy = memory.u32[(map + Header.HEAD) >>> 2] as number;
  memory.view.setUint32(copy, length, true);
  for (let i = 0; i < size - 4; i++) {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    memory.u8[copy + 4 + i] = (memory.u8[key + 4 + i] as number) & (0xff00 >>> bits);
  }
  return copy;
}

const bitsOf = (memory: Memory, map: number): number => ((memory.u32[(map + Header.KEY_SIZE) >>> 2] as number) - 4) * 8;

export function trieLookup(memory: Memory, map: number, key: number): number {
  const most = memory.view.getUint32(key, true);
  for (const length of lengths(memory, map)) {
    if (length > most) continue;
    const entry = findEntry(memory, map, masked(memory, map, key, length));
    if (entry !== 0) return entry + (memory.u32[(map + Header.VALUE_OFFSET) >>> 2] as number);
  }
  return 0;
}

export function trieUpdate(memory: Memory, map: number, key: number, value: number, flags: number): number {
  const length = memory.view.getUint32(key, true);
  if (length > bitsOf(memory, map)) return EINVAL;
  const exact = masked(memory, map, key, length);
  const found = findEntry(memory, map, exact);
  if (found !== 0 && flags === 1) return EEXIST;
  if (found === 0 && flags === 2) return ENOENT;
  const entry = found === 0 ? insertEntry(memory, map, exact) : found;
  if (entry === 0) return ENOSPC;
  const size = memory.u32[(map + Header.VALUE_SIZE) >>> 2] as number;
  memory.u8.copyWithin(entry + (memory.u32[(map + Header.VALUE_OFFSET) >>> 2] as number), value, value + size);
  const list = lengths(memory, map);
  if (!list.includes(length)) {
    list.push(length);
    list.sort((a, b) => b - a);
  }
  return 0;
}

export function trieDelete(memory: Memory, map: number, key: number): number {
  const length = memory.view.getUint32(key, true);
  if (length > bitsOf(memory, map)) return EINVAL;
  if (!removeEntry(memory, map, masked(memory, map, key, length))) return ENOENT;
  const entryBytes = memory.u32[(map + Header.ENTRY_BYTES) >>> 2] as number;
  const data = memory.u32[(map + Header.DATA) >>> 2] as number;
  for (let at = nextEntry(memory, map, -1); at >= 0; at = nextEntry(memory, map, at)) {
    if (memory.view.getUint32(data + at * entryBytes + ENTRY_KEY, true) === length) return 0;
  }
  const list = lengths(memory, map);
  list.splice(list.indexOf(length), 1);
  return 0;
}
