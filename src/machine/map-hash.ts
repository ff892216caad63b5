// Hash tables: buckets of chained entries, which are all taken at the start and handed out in order. `wasm-maps.ts` has
// the same search and insertion as Wasm; a change here is a change there.

import { ENTRY_KEY, Header } from "./map-header.ts";
import type { Memory } from "./memory.ts";

const IN_USE = 1;
const MULTIPLIER = 0x9e3779b1;
const FINISH = 0x85ebca6b;

const word = (memory: Memory, map: number, field: number): number => memory.u32[(map + field) >>> 2] as number;
const setWord = (memory: Memory, map: number, field: number, value: number): void => {
  memory.u32[(map + field) >>> 2] = value;
};

/** Word by word: rotate, mix, multiply; the bytes that are left one by one; then a last stir. */
export function hashKey(memory: Memory, key: number, size: number): number {
  let h = size;
  let at = 0;
  for (; at + 4 <= size; at += 4) {
    h = Math.imul(((h << 5) | (h >>> 27)) ^ memory.view.getInt32(key + at, true), MULTIPLIER);
  }
  for (; at < size; at++) h = Math.imul(((h << 5) | (h >>> 27)) ^ (memory.u8[key + at] as number), MULTIPLIER);
  h = Math.imul(h ^ (h >>> 15), FINISH);
  return h ^ (h >>> 13);
}

function sameKey(memory: Memory, a: number, b: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (memory.u8[a + i] !== memory.u8[b + i]) return false;
  return true;
}

/** The entry of a key, 0 where there is none. */
export function findEntry(memory: Memory, map: number, key: number): number {
  const size = word(memory, map, Header.KEY_SIZE);
  const hash = hashKey(memory, key, size) >>> 0;
  let entry = memory.u32[bucketOf(memory, map, hash) >>> 2] as number;
  while (entry !== 0) {
    if (memory.u32[(entry + 4) >>> 2] === hash && sameKey(memory, entry + ENTRY_KEY, key, size)) return entry;
    entry = memory.u32[entry >>> 2] as number;
  }
  return 0;
}

const bucketOf = (memory: Memory, map: number, hash: number): number =>
  word(memory, map, Header.BUCKETS) + ((hash & word(memory, map, Header.BUCKET_MASK)) >>> 0) * 4;

/** A new entry for a key that has none, its value all zero; 0 when the map is full and evicts nothing. */
export function insertEntry(memory: Memory, map: number, key: number): number {
  let entry = takeEntry(memory, map);
  if (entry === 0 && evict(memory, map)) entry = takeEntry(memory, map);
  if (entry === 0) return 0;
  const size = word(memory, map, Header.KEY_SIZE);
  const hash = hashKey(memory, key, size) >>> 0;
  const bucket = bucketOf(memory, map, hash);
  memory.u8.copyWithin(entry + ENTRY_KEY, key, key + size);
  memory.u8.fill(0, entry + word(memory, map, Header.VALUE_OFFSET), entry + word(memory, map, Header.ENTRY_BYTES));
  memory.u32[entry >>> 2] = memory.u32[bucket >>> 2] as number;
  memory.u32[(entry + 4) >>> 2] = hash;
  memory.u32[(entry + 8) >>> 2] = 1;
  memory.u32[(entry + 12) >>> 2] = IN_USE;
  memory.u32[bucket >>> 2] = entry;
  setWord(memory, map, Header.COUNT, word(memory, map, Header.COUNT) + 1);
  return entry;
}

/** From the list of freed ones, or the next that was never used. The first use lets programs at the value. */
function takeEntry(memory: Memory, map: number): number {
  const freed = word(memory, map, Header.FREE);
  if (freed !== 0) {
    setWord(memory, map, Header.FREE, memory.u32[freed >>> 2] as number);
    return freed;
  }
  const fresh = word(memory, map, Header.FRESH);
  if (fresh >= word(memory, map, Header.MAX_ENTRIES)) return 0;
  setWord(memory, map, Header.FRESH, fresh + 1);
  const entry = word(memory, map, Header.DATA) + fresh * word(memory, map, Header.ENTRY_BYTES);
  const stride = word(memory, map, Header.STRIDE);
  for (let cpu = 0; cpu < word(memory, map, Header.CPUS); cpu++) {
    memory.allow(
      entry + word(memory, map, Header.VALUE_OFFSET) + cpu * stride,
      word(memory, map, Header.VALUE_SIZE),
      "write",
    );
  }
  return entry;
}

export function removeEntry(memory: Memory, map: number, key: number): boolean {
  const entry = findEntry(memory, map, key);
  if (entry === 0) return false;
  unlink(memory, map, entry);
  return true;
}

function unlink(memory: Memory, map: number, entry: number): void {
  let link = bucketOf(memory, map, memory.u32[(entry + 4) >>> 2] as number);
  while (memory.u32[link >>> 2] !== entry) link = memory.u32[link >>> 2] as number;
  memory.u32[link >>> 2] = memory.u32[entry >>> 2] as number;
  memory.u32[entry >>> 2] = word(memory, map, Header.FREE);
  memory.u32[(entry + 12) >>> 2] = 0;
  setWord(memory, map, Header.FREE, entry);
  setWord(memory, map, Header.COUNT, word(memory, map, Header.COUNT) - 1);
}

const LRU_HASH = 9;
const LRU_PERCPU_HASH = 10;

/** The clock algorithm: entries that were looked up since the hand last passed get another round. */
function evict(memory: Memory, map: number): boolean {
  const type = word(memory, map, Header.TYPE);
  if (type !== LRU_HASH && type !== LRU_PERCPU_HASH) return false;
  const max = word(memory, map, Header.MAX_ENTRIES);
  let hand = word(memory, map, Header.HAND);
  for (let i = 0; i < 2 * max; i++) {
    const entry = word(memory, map, Header.DATA) + hand * word(memory, map, Header.ENTRY_BYTES);
    hand = hand + 1 === max ? 0 : hand + 1;
    if (memory.u32[(entry + 12) >>> 2] !== IN_USE) continue;
    if (memory.u32[(entry + 8) >>> 2] !== 0) memory.u32[(entry + 8) >>> 2] = 0;
    else {
      setWord(memory, map, Header.HAND, hand);
      unlink(memory, map, entry);
      return true;
    }
  }
  return false;
}

/** The place of the next entry in use after place `at` (-1: the first), in the order of storage; -1 at the end. */
export function nextEntry(memory: Memory, map: number, at: number): number {
  const fresh = word(memory, map, Header.FRESH);
  for (let i = at + 1; i < fresh; i++) {
    const entry = word(memory, map, Header.DATA) + i * word(memory, map, Header.ENTRY_BYTES);
    if (memory.u32[(entry + 12) >>> 2] === IN_USE) return i;
  }
  return -1;
}
