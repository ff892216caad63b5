// The reading ends of a BPF_MAP_TYPE_PERF_EVENT_ARRAY: for each CPU a ring of its own, that of a perf event which counts
// what programs send (`bpf_perf_event_output`). Records of one CPU are in order, those of several are not.
//
//     page 0: struct perf_event_mmap_page, with data_head (the kernel's, byte 1024) and data_tail (ours, byte 1032)
//     pages 1…2^n: the data; a record that wraps around is in two pieces
//
//     record: u32 type, u16 misc, u16 size; PERF_RECORD_SAMPLE: u32 length, bytes; PERF_RECORD_LOST: u64 id, u64 count

import { onlineCpus } from "./cpus.ts";
import { SystemCallError } from "./errors.ts";
import type { KernelMap } from "./maps.ts";
import { PAGE_SIZE, PERF_EVENT_IOC_ENABLE, PERF_TYPE_SOFTWARE } from "./numbers.ts";
import { openPerfEvent } from "./perf-events.ts";
import { checked, MAP_SHARED, PROT_READ, PROT_WRITE } from "./system-calls.ts";

const PERF_COUNT_SW_BPF_OUTPUT = 10;
const PERF_SAMPLE_RAW = 1 << 10;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
const HEAD = 1024 / 8;
const TAIL = 1032 / 8;
const RECORD_HEADER = 8;
/** The length before a sample's bytes. */
const LENGTH = 4;

export interface PerfBufferOptions {
  /** Pages of each CPU's ring, a power of two. 64 (256 KiB) unless said otherwise. */
  readonly pages?: number;
}

/**
 * Called for each record: its payload is `length` bytes from `offset` of `view`, valid during the call. Up to 7 bytes at
 * its end may be padding: what was sent is filled up so that it ends, 4 bytes in, at a multiple of 8.
 */
export type PerfRecordReader = (view: DataView, offset: number, length: number, cpu: number) => void;

interface CpuRing {
  readonly cpu: number;
  readonly fd: number;
  readonly pages: ArrayBuffer;
  readonly positions: BigUint64Array;
  readonly data: Uint8Array;
  readonly view: DataView;
}

export class PerfBuffer {
  readonly map: KernelMap;
  /** Records that the kernel could not write, since a ring was full. */
  lost = 0;
  readonly #rings: CpuRing[] = [];
  /** A record that wraps around is put together here. */
  readonly #whole = new Uint8Array(1 << 16);
  readonly #wholeView = new DataView(this.#whole.buffer);
  #open = true;

  /** Opens a ring for each CPU that is online, and puts it into the map. Throws a SystemCallError. */
  constructor(map: KernelMap, options: PerfBufferOptions = {}) {
    this.map = map;
    const pages = options.pages ?? 64;
    if (!Number.isInteger(Math.log2(pages)))
      throw new RangeError(`a perf buffer has a power of two of pages, not ${pages}`);
    try {
      // CPUs beyond the map's entries cannot send anything.
      for (const cpu of onlineCpus(map.kernel)) if (cpu < map.spec.maxEntries) this.#openRing(cpu, pages);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #openRing(cpu: number, pages: number): void {
    const { map } = this;
    const { calls } = map.kernel;
    const purpose = `perf buffer "${map.spec.name}" of CPU ${cpu}`;
    const event = {
      type: PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW_BPF_OUTPUT,
      sample: 1,
      sampleType: PERF_SAMPLE_RAW,
    };
    const fd = openPerfEvent(map.kernel, event, -1, cpu, purpose);
    const mapped = calls.mmap((pages + 1) * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (typeof mapped === "number") {
      calls.close(fd);
      throw new SystemCallError(
        "mmap",
        -mapped,
        purpose,
        mapped === -EPERM
          ? "too much memory is locked: raise kernel.perf_event_mlock_kb, or take fewer pages"
          : undefined,
      );
    }
    this.#rings.push({
      cpu,
      fd,
      pages: mapped,
      positions: new BigUint64Array(mapped, 0, PAGE_SIZE / 8),
      data: new Uint8Array(mapped, PAGE_SIZE, pages * PAGE_SIZE),
      view: new DataView(mapped, PAGE_SIZE, pages * PAGE_SIZE),
    });
    const word = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
    map.update(word(cpu), word(fd));
    checked(calls.ioctl(fd, PERF_EVENT_IOC_ENABLE, 0), "ioctl(PERF_EVENT_IOC_ENABLE)", purpose);
  }

  /** Descriptors that become readable when there is something to read. */
  get fds(): readonly number[] {
    return this.#rings.map((ring) => ring.fd);
  }

  /**
   * Reads what there is, of one CPU after the other, and gives the room back. Answers how many records were read. If the
   * reader throws, that record counts as read.
   */
  drain(read: PerfRecordReader): number {
    let count = 0;
    for (const ring of this.#rings) count += this.#drainRing(ring, read);
    return count;
  }

  #drainRing(ring: CpuRing, read: PerfRecordReader): number {
    const { data, view, positions, cpu } = ring;
    const mask = data.length - 1;
    // Acquire: records are read after the position that says that they are there.
    const head = Number(Atomics.load(positions, HEAD));
    let tail = Number(Atomics.load(positions, TAIL));
    let count = 0;
    try {
      while (tail < head) {
        const at = tail & mask;
        // Records begin at multiples of 8, so that a header is always in one piece.
        const type = view.getUint32(at, true);
        const size = view.getUint16(at + 6, true);
        if (size < RECORD_HEADER) break;
        tail += size;
        let words = view;
        let from = at;
        if (at + size > data.length) {
          words = this.#wholeView;
          from = 0;
          const first = data.length - at;
          this.#whole.set(data.subarray(at));
          this.#whole.set(data.subarray(0, size - first), first);
        }
        if (type === PERF_RECORD_SAMPLE) {
          count++;
          const length = words.getUint32(from + RECORD_HEADER, true);
          read(words, from + RECORD_HEADER + LENGTH, Math.min(length, size - RECORD_HEADER - LENGTH), cpu);
        } else if (type === PERF_RECORD_LOST) this.lost += Number(words.getBigUint64(from + RECORD_HEADER + 8, true));
      }
    } finally {
      Atomics.store(positions, TAIL, BigInt(tail));
    }
    return count;
  }

  /** Takes the rings out of the map and unmaps them; the map itself stays open. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const { calls } = this.map.kernel;
    for (const { cpu, fd, pages } of this.#rings) {
      this.map.delete(new Uint8Array(Uint32Array.of(cpu).buffer));
      calls.munmap(pages);
      calls.close(fd);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const EPERM = 1;
