// The reading end of a BPF_MAP_TYPE_RINGBUF: a single consumer over pages shared with the kernel (kernel/bpf/ringbuf.c).
//
//     record: ┌ u32 length | busy(bit 31) | discard(bit 30) ┬ u32 page offset ┬ payload, padded to 8 ┐

import type { KernelMap } from "./maps.ts";
import { mapRing, type RingPages } from "./ring-pages.ts";

const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const LENGTH = 0x3fffffff;
const HEADER = 8;

/** Called for each record: its payload is `length` bytes from `offset` of the ring's `bytes` (and `view`). */
export type RecordReader = (offset: number, length: number) => void;

export class RingBuffer {
  readonly map: KernelMap;
  /** The data pages twice in a row; a payload never runs past the end. Valid during a `drain` callback only. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of the ring. */
  readonly size: number;
  /** Discarded records that were skipped. */
  discarded = 0;
  readonly #words: Int32Array;
  readonly #pages: RingPages;
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  /** Position as far as we have read; exact as a number up to 2^53 bytes, that is 28 years at 10 MB a second. */
  #position: number;
  #open = true;

  constructor(map: KernelMap) {
    this.map = map;
    this.size = map.spec.maxEntries;
    this.#pages = mapRing(map, "consumer");
    const { consumer, producer, memory, start } = this.#pages;
    this.#consumer = consumer;
    this.#producer = producer;
    this.#words = new Int32Array(memory, start, (2 * this.size) / 4);
    this.bytes = new Uint8Array(memory, start, 2 * this.size);
    this.view = new DataView(memory, start, 2 * this.size);
    this.#position = Number(Atomics.load(this.#consumer, 0));
  }

  get fd(): number {
    return this.map.fd;
  }

  /** How far we have read, in bytes since the ring was made. */
  get position(): number {
    return this.#position;
  }

  /** How far the kernel has filled the ring, records still being written included. */
  produced(): number {
    return Number(Atomics.load(this.#producer, 0));
  }

  /** Bytes that wait to be read, headers and records still being written included. */
  available(): number {
    return Number(Atomics.load(this.#producer, 0)) - this.#position;
  }

  /**
   * Reads up to `limit` records in the order in which they were reserved, and gives their room back to the kernel at the
   * end (and every quarter of the ring). Stops at a record that is still being written. Answers how many were read. If
   * the reader throws, that record counts as read. With `until`, only records that were reserved before this position
   * (see `position`, and BPF_RB_PROD_POS of `bpf_ringbuf_query`).
   */
  drain(
    read: RecordReader,
    limit: number = Number.POSITIVE_INFINITY,
    until: number = Number.POSITIVE_INFINITY,
  ): number {
    const words = this.#words;
    const mask = this.size - 1;
    const quarter = this.size >> 2;
    let count = 0;
    let position = this.#position;
    let published = position;
    try {
      let end = Number(Atomics.load(this.#producer, 0));
      while (count < limit && position < until) {
        if (position >= end) {
          end = Number(Atomics.load(this.#producer, 0));
          if (position >= end) break;
        }
        const at = position & mask;
        // Acquire: the payload is read after the busy bit was seen cleared.
        const header = Atomics.load(words, at >> 2);
        if (header & BUSY) break;
        const length = header & LENGTH;
        position += (length + HEADER + 7) & ~7;
        if (header & DISCARD) this.discarded++;
        else {
          count++;
          read(at + HEADER, length);
        }
        if (position - published >= quarter) {
          Atomics.store(this.#consumer, 0, BigInt(position));
          published = position;
        }
      }
    } finally {
      this.#position = position;
      if (position !== published) Atomics.store(this.#consumer, 0, BigInt(position));
    }
    return count;
  }

  /** Unmaps the pages; the map itself stays open. Nothing of this ring must be touched afterwards. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pages.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
