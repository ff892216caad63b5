// Watches what every process maps as code while a script runs that takes users' stacks, so that the addresses of a
// process that has ended still have names. The kernel writes a record of each such mapping, fork and exec into a buffer
// of each CPU (perf_event_open(2), with an event that counts nothing), which is emptied a few times a second.

import { readdirSync, readFileSync } from "node:fs";
import { type Mapping, onlineCpus, systemCalls } from "../kernel/index.ts";
import { MappingHistory, type TaskRecord, taskRecord } from "./mapping-history.ts";
import { useHistory } from "./user-symbols.ts";

/** struct perf_event_attr */
const ATTRIBUTE_SIZE = 112;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_DUMMY = 9;
const SAMPLE_TIME = 1n << 2n;
/** mmap, comm, task, sample_id_all, mmap2, comm_exec */
const FLAGS = (1n << 8n) | (1n << 9n) | (1n << 13n) | (1n << 18n) | (1n << 23n) | (1n << 24n);
const PERF_FLAG_FD_CLOEXEC = 8;
/** struct perf_event_mmap_page */
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const PAGE = 4096;

/** Some 250 starts of programs between two looks. */
const BUFFER_BYTES = 64 * PAGE;
const LOOK_MILLISECONDS = 200;

class MappingWatch {
  readonly #history = new MappingHistory(readMaps);
  readonly #buffers: { readonly fd: number; readonly pages: ArrayBuffer }[] = [];
  readonly #timer: NodeJS.Timeout;
  #looked = false;

  /** Begins to watch; where the kernel does not let us, only maps files are read. */
  constructor() {
    for (const cpu of onlineCpus()) {
      const buffer = open(cpu);
      if (buffer !== undefined) this.#buffers.push(buffer);
    }
    this.#timer = setInterval(() => this.look(), LOOK_MILLISECONDS);
    this.#timer.unref();
  }

  /** The mapping that an address of a process was last seen in. */
  find(pid: number, address: bigint): Mapping | undefined {
    this.look();
    return this.#history.find(pid, address);
  }

  /** Takes what the kernel has written since the last time. */
  look(): void {
    const records: TaskRecord[] = [];
    for (const { pages } of this.#buffers) read(pages, records);
    // The buffers of several CPUs hold the life of one process.
    records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    // Those that were there before us have no records; theirs come first.
    if (!this.#looked) {
      this.#looked = true;
      const fresh = new Set(records.map((record) => record.pid));
      for (const name of readdirSync("/proc")) {
        const pid = Number(name);
        if (pid > 0 && !fresh.has(pid)) this.#history.remember(pid);
      }
    }
    for (const record of records) this.#history.add(record);
  }

  /** Ends it; what is known stays known. */
  close(): void {
    clearInterval(this.#timer);
    this.look();
    const calls = systemCalls();
    for (const { fd, pages } of this.#buffers.splice(0)) {
      calls.munmap(pages);
      calls.close(fd);
    }
  }
}

let watch: MappingWatch | undefined;
let watchers = 0;

/** Begins to watch, until what it gives is disposed of; several who ask share one watch. */
export function watchMappings(): Disposable {
  if (watchers++ === 0) {
    watch = new MappingWatch();
    useHistory(watch);
  }
  let over = false;
  return {
    [Symbol.dispose]() {
      if (over) return;
      over = true;
      if (--watchers === 0) watch?.close();
    },
  };
}

function readMaps(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/maps`, "utf8");
  } catch {
    // It has ended, or is not ours to see.
    return undefined;
  }
}

function open(cpu: number): { readonly fd: number; readonly pages: ArrayBuffer } | undefined {
  const calls = systemCalls();
  const attribute = new DataView(new ArrayBuffer(ATTRIBUTE_SIZE));
  attribute.setUint32(0, PERF_TYPE_SOFTWARE, true);
  attribute.setUint32(4, ATTRIBUTE_SIZE, true);
  attribute.setBigUint64(8, BigInt(PERF_COUNT_SW_DUMMY), true);
  attribute.setBigUint64(24, SAMPLE_TIME, true);
  attribute.setBigUint64(40, FLAGS, true);
  const fd = calls.perfEventOpen(new Uint8Array(attribute.buffer), -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return undefined;
  const pages = calls.mmap(PAGE + BUFFER_BYTES, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (typeof pages !== "number") return { fd, pages };
  calls.close(fd);
  return undefined;
}

/** Reads all records of a buffer, and gives their room back to the kernel. */
function read(pages: ArrayBuffer, records: TaskRecord[]): void {
  const words = new BigInt64Array(pages, 0, PAGE / 8);
  const head = Atomics.load(words, DATA_HEAD / 8);
  let tail = Atomics.load(words, DATA_TAIL / 8);
  const data = new Uint8Array(pages, PAGE, BUFFER_BYTES);
  if (tail === head) return;
  const copy = new Uint8Array(1 << 16);
  while (tail < head) {
    const at = Number(tail % BigInt(BUFFER_BYTES));
    // A header is 8 bytes, and everything is a multiple of that: only what follows it can go round the end.
    const size = new DataView(pages, PAGE + at, 8).getUint16(6, true);
    if (size < 8) break;
    const first = Math.min(size, BUFFER_BYTES - at);
    copy.set(data.subarray(at, at + first));
    copy.set(data.subarray(0, size - first), first);
    const record = taskRecord(new DataView(copy.buffer, 0, size));
    if (record !== undefined) records.push(record);
    tail += BigInt(size);
  }
  Atomics.store(words, DATA_TAIL / 8, head);
}
