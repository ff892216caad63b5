// The writing end of a BPF_MAP_TYPE_USER_RINGBUF: what is put in here a program takes out (`bpf_user_ringbuf_drain`).
// A record is laid out as in ring-buffer.ts.

import type { KernelMap } from "./maps.ts";
import { mapRing, type RingPages } from "./ring-pages.ts";

const HEADER = 8;

/** One writer at a time: two of the same ring would overwrite each other. */
export class UserRingBuffer {
  readonly map: KernelMap;
  readonly #pages: RingPages;
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #open = true;

  /** Throws a SystemCallError. */
  constructor(map: KernelMap) {
    this.map = map;
    this.#pages = mapRing(map, "producer");
    const { consumer, producer, memory, start } = this.#pages;
    const size = map.spec.maxEntries;
    this.#consumer = consumer;
    this.#producer = producer;
    this.#bytes = new Uint8Array(memory, start, 2 * size);
    this.#words = new Int32Array(memory, start, (2 * size) / 4);
  }

  /** Bytes that are free, headers of records included. */
  get room(): number {
    return this.map.spec.maxEntries - Number(Atomics.load(this.#producer, 0) - Atomics.load(this.#consumer, 0));
  }

  /** Puts a record in; false where there is no room for it (then the program has to take some out first). */
  write(record: Uint8Array): boolean {
    const taken = (record.length + HEADER + 7) & ~7;
    if (taken > this.map.spec.maxEntries)
      throw new RangeError(`a record of ${record.length} bytes does not fit into the ring "${this.map.spec.name}"`);
    if (taken > this.room) return false;
    const position = Atomics.load(this.#producer, 0);
    const at = Number(position) & (this.map.spec.maxEntries - 1);
    this.#bytes.set(record, at + HEADER);
    this.#words[(at + 4) >> 2] = 0;
    Atomics.store(this.#words, at >> 2, record.length);
    // Release: the record is whole before the kernel sees that it is there.
    Atomics.store(this.#producer, 0, position + BigInt(taken));
    return true;
  }

  /** Unmaps the pages; the map itself stays open. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pages.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
