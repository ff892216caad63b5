// The pages that a ring buffer shares with the kernel (kernel/bpf/ringbuf.c), for either end of either kind of ring.
//
//     page 0: consumer position      page 1: producer position
//     pages 2…: the data, mapped twice in a row, so that a record which wraps around is still one piece
//
// Who reads writes the first of these, who writes all the others; the kernel lets nobody map more.

import { SystemCallError } from "./errors.ts";
import type { KernelMap } from "./maps.ts";
import { PAGE_SIZE } from "./numbers.ts";
import { MAP_SHARED, PROT_READ, PROT_WRITE } from "./system-calls.ts";

export interface RingPages {
  /** One position each, in bytes since the ring was made. */
  readonly consumer: BigUint64Array;
  readonly producer: BigUint64Array;
  /** The memory of the data, twice the ring's bytes, from `start`. */
  readonly memory: ArrayBuffer;
  readonly start: number;
  /** Nothing of it must be touched afterwards. The map stays open. */
  unmap(): void;
}

/** `writes`: what we are. Throws a SystemCallError. */
export function mapRing(map: KernelMap, writes: "consumer" | "producer"): RingPages {
  const { calls } = map.kernel;
  const pages = (of: typeof writes, bytes: number, offset: number): ArrayBuffer | number =>
    calls.mmap(bytes, of === writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, map.fd, offset);
  const failed = (errno: number): SystemCallError =>
    new SystemCallError("mmap", errno, `${map.spec.type === "ringbuf" ? "" : "user "}ring buffer "${map.spec.name}"`);
  const consumer = pages("consumer", PAGE_SIZE, 0);
  if (typeof consumer === "number") throw failed(-consumer);
  const producer = pages("producer", PAGE_SIZE + 2 * map.spec.maxEntries, PAGE_SIZE);
  if (typeof producer === "number") {
    calls.munmap(consumer);
    throw failed(-producer);
  }
  return {
    consumer: new BigUint64Array(consumer, 0, 1),
    producer: new BigUint64Array(producer, 0, 1),
    memory: producer,
    start: PAGE_SIZE,
    unmap: () => {
      calls.munmap(consumer);
      calls.munmap(producer);
    },
  };
}
