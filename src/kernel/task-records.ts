// Records of what tasks map, fork and execute, which the kernel writes for an event that counts nothing: the ring of
// `struct perf_event_mmap_page` and its data, read by us alone (perf_event_open(2), "MMAP layout").

import type { Kernel } from "./kernel.ts";
import { perfEventAttr } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { PAGE_SIZE, PERF_FLAG_FD_CLOEXEC, PERF_TYPE_SOFTWARE } from "./numbers.ts";
import { sizeOf } from "./struct.ts";
import { MAP_SHARED, PROT_READ, PROT_WRITE } from "./system-calls.ts";

const PERF_COUNT_SW_DUMMY = 9;
const PERF_SAMPLE_TIME = 1 << 2;
/** Bits of `perf_event_attr`: mmap, comm, task, sample_id_all, mmap2, comm_exec. */
const TASK_RECORDS = (1 << 8) | (1 << 9) | (1 << 13) | (1 << 18) | (1 << 23) | (1 << 24);
/** `data_head` and `data_tail` of `struct perf_event_mmap_page`, in words of 64 bits. */
const DATA_HEAD = 1024 / 8;
const DATA_TAIL = 1032 / 8;
/** A record's size has 16 bits. */
const LONGEST_RECORD = 1 << 16;

export class TaskRecords {
  readonly #kernel: Kernel;
  readonly #fd: number;
  readonly #pages: ArrayBuffer;
  readonly #bytes: number;
  readonly #record = new Uint8Array(LONGEST_RECORD);

  private constructor(kernel: Kernel, fd: number, pages: ArrayBuffer, bytes: number) {
    this.#kernel = kernel;
    this.#fd = fd;
    this.#pages = pages;
    this.#bytes = bytes;
  }

  /** Of one CPU, in a ring of so many bytes (a power of two of pages); undefined where the kernel does not let us. */
  static open(cpu: number, bytes: number, kernel: Kernel = liveKernel()): TaskRecords | undefined {
    const attribute = kernel.struct(perfEventAttr, {
      type: PERF_TYPE_SOFTWARE,
      size: sizeOf(perfEventAttr),
      config: PERF_COUNT_SW_DUMMY,
      sample_type: PERF_SAMPLE_TIME,
      bits: TASK_RECORDS,
    });
    const fd = kernel.calls.perfEventOpen(attribute.bytes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) return undefined;
    const pages = kernel.calls.mmap(PAGE_SIZE + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (typeof pages !== "number") return new TaskRecords(kernel, fd, pages, bytes);
    kernel.calls.close(fd);
    return undefined;
  }

  /** Hands out all records there are, each valid during its call only, and gives their room back to the kernel. */
  read(each: (record: DataView) => void): void {
    const words = new BigInt64Array(this.#pages, 0, PAGE_SIZE / 8);
    const head = Atomics.load(words, DATA_HEAD);
    let tail = Atomics.load(words, DATA_TAIL);
    const data = new Uint8Array(this.#pages, PAGE_SIZE, this.#bytes);
    while (tail < head) {
      const at = Number(tail % BigInt(this.#bytes));
      // A header is 8 bytes, and everything is a multiple of that: only what follows it can go round the end.
      const size = new DataView(this.#pages, PAGE_SIZE + at, 8).getUint16(6, true);
      if (size < 8) break;
      const first = Math.min(size, this.#bytes - at);
      this.#record.set(data.subarray(at, at + first));
      this.#record.set(data.subarray(0, size - first), first);
      each(new DataView(this.#record.buffer, 0, size));
      tail += BigInt(size);
    }
    Atomics.store(words, DATA_TAIL, head);
  }

  close(): void {
    this.#kernel.calls.munmap(this.#pages);
    this.#kernel.calls.close(this.#fd);
  }
}
