// Maps without keys: queues and stacks, bloom filters, ring buffers.

import { hashKey } from "./map-hash.ts";
import { bloomBits, Header, RING_BUSY, RING_DISCARD, RING_HEADER } from "./map-header.ts";
import type { Memory } from "./memory.ts";

const E2BIG = -7;
const ENOENT = -2;
const EINVAL = -22;
const EXIST = 2;
const QUEUE = 22;

const word = (memory: Memory, map: number, field: number): number => memory.u32[(map + field) >>> 2] as number;
const setWord = (memory: Memory, map: number, field: number, value: number): void => {
  memory.u32[(map + field) >>> 2] = value;
};

// ── queues and stacks: HEAD counts what was pushed, TAIL what left at the old end ──

const slotAt = (memory: Memory, map: number, count: number): number =>
  word(memory, map, Header.DATA) +
  (count % word(memory, map, Header.MAX_ENTRIES)) * word(memory, map, Header.ENTRY_BYTES);

/** `BPF_EXIST`: a full one drops its oldest. */
export function push(memory: Memory, map: number, value: number, flags: number): number {
  if (flags !== 0 && flags !== EXIST) return EINVAL;
  let head = word(memory, map, Header.HEAD);
  const tail = word(memory, map, Header.TAIL);
  const max = word(memory, map, Header.MAX_ENTRIES);
  if (head - tail === max) {
    if (flags !== EXIST) return E2BIG;
    setWord(memory, map, Header.TAIL, tail + 1);
  }
  // Counts stay small: both step back by whole rounds.
  if (head >= max * 2 && word(memory, map, Header.TAIL) >= max) {
    head -= max;
    setWord(memory, map, Header.TAIL, word(memory, map, Header.TAIL) - max);
  }
  const size = word(memory, map, Header.VALUE_SIZE);
  memory.u8.copyWithin(slotAt(memory, map, head), value, value + size);
  setWord(memory, map, Header.HEAD, head + 1);
  setWord(memory, map, Header.COUNT, head + 1 - word(memory, map, Header.TAIL));
  return 0;
}

/** Copies the next element to `value`, and takes it out unless it is only peeked at. An empty one gives zeros. */
export function pop(memory: Memory, map: number, value: number, peek: boolean): number {
  const head = word(memory, map, Header.HEAD);
  const tail = word(memory, map, Header.TAIL);
  const size = word(memory, map, Header.VALUE_SIZE);
  if (head === tail) {
    memory.u8.fill(0, value, value + size);
    return ENOENT;
  }
  const queue = word(memory, map, Header.TYPE) === QUEUE;
  const from = slotAt(memory, map, queue ? tail : head - 1);
  memory.u8.copyWithin(value, from, from + size);
  if (peek) return 0;
  if (queue) setWord(memory, map, Header.TAIL, tail + 1);
  else setWord(memory, map, Header.HEAD, head - 1);
  setWord(memory, map, Header.COUNT, head - tail - 1);
  return 0;
}

// ── bloom filters: five bits a value ──

const BLOOM_HASHES = 5;

function* bloomPlaces(memory: Memory, map: number, value: number): Generator<number> {
  const mask = bloomBits(word(memory, map, Header.MAX_ENTRIES), 0) - 1;
  let hash = hashKey(memory, value, word(memory, map, Header.VALUE_SIZE)) >>> 0;
  for (let i = 0; i < BLOOM_HASHES; i++) {
    yield (hash & mask) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 15) ^ (i + 1), 0x85ebca6b) >>> 0;
  }
}

export function bloomAdd(memory: Memory, map: number, value: number): number {
  const data = word(memory, map, Header.DATA);
  for (const bit of bloomPlaces(memory, map, value)) {
    memory.u8[data + (bit >>> 3)] = (memory.u8[data + (bit >>> 3)] as number) | (1 << (bit & 7));
  }
  return 0;
}

/** 0 when the value may have been added, ENOENT when it certainly was not. */
export function bloomHas(memory: Memory, map: number, value: number): number {
  const data = word(memory, map, Header.DATA);
  for (const bit of bloomPlaces(memory, map, value)) {
    if (((memory.u8[data + (bit >>> 3)] as number) & (1 << (bit & 7))) === 0) return ENOENT;
  }
  return 0;
}

// ── ring buffers: HEAD and TAIL count bytes, modulo 2^32 ──

/** The address of a new record's data, 0 when there is no room. Programs may touch it until it is handed in. */
export function ringReserve(memory: Memory, map: number, size: number): number {
  const capacity = word(memory, map, Header.MAX_ENTRIES);
  const head = word(memory, map, Header.HEAD);
  const bytes = Math.ceil((size + RING_HEADER) / 8) * 8;
  const used = (head - word(memory, map, Header.TAIL)) >>> 0;
  if (bytes > capacity || used + bytes > capacity - 1) {
    setWord(memory, map, Header.LOST, word(memory, map, Header.LOST) + 1);
    return 0;
  }
  const record = word(memory, map, Header.DATA) + (head & (capacity - 1));
  memory.u32[record >>> 2] = (size | RING_BUSY) >>> 0;
  setWord(memory, map, Header.HEAD, head + bytes);
  memory.allow(record + RING_HEADER, size, "write");
  return record + RING_HEADER;
}

/** Hands a record in; false where the address is no record's that is still held. */
export function ringCommit(memory: Memory, data: number, discard: boolean): boolean {
  const record = data - RING_HEADER;
  const length = memory.u32[record >>> 2] as number;
  if (length < RING_BUSY) return false;
  const size = length - RING_BUSY;
  memory.u32[record >>> 2] = discard ? (size | RING_DISCARD) >>> 0 : size;
  memory.allow(data, size, "none");
  return true;
}

/**
 * Takes every finished record out, oldest first, as bytes that are good only during the call, with where in the ring it
 * began (bytes since the ring was made, modulo 2^32). Answers how many.
 */
export function ringConsume(memory: Memory, map: number, take: (record: Uint8Array, position: number) => void): number {
  const capacity = word(memory, map, Header.MAX_ENTRIES);
  const data = word(memory, map, Header.DATA);
  let count = 0;
  for (;;) {
    const tail = word(memory, map, Header.TAIL);
    if (tail === word(memory, map, Header.HEAD)) return count;
    const record = data + (tail & (capacity - 1));
    const length = memory.u32[record >>> 2] as number;
    if (length >= RING_BUSY) return count;
    const size = length & ~RING_DISCARD;
    setWord(memory, map, Header.TAIL, tail + Math.ceil((size + RING_HEADER) / 8) * 8);
    if ((length & RING_DISCARD) !== 0) continue;
    count++;
    take(memory.bytes(record + RING_HEADER, size), tail);
  }
}

/** `bpf_ringbuf_query`. */
export function ringQuery(memory: Memory, map: number, what: number): number {
  const head = word(memory, map, Header.HEAD);
  const tail = word(memory, map, Header.TAIL);
  switch (what) {
    case 0:
      return (head - tail) >>> 0;
    case 1:
      return word(memory, map, Header.MAX_ENTRIES);
    case 2:
      return tail;
    case 3:
      return head;
    default:
      return 0;
  }
}
