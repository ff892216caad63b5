// Watches what every process maps as code while a script runs that takes users' stacks, so that the addresses of a
// process that has ended still have names. The kernel writes a record of each such mapping, fork and exec into a buffer
// of each CPU (perf_event_open(2), with an event that counts nothing), which is emptied a few times a second.

import { readdirSync, readFileSync } from "node:fs";
import { type Mapping, onlineCpus, TaskRecords } from "../kernel/index.ts";
import { MappingHistory, type TaskRecord, taskRecord } from "./mapping-history.ts";
import { useHistory } from "./user-symbols.ts";

/** Some 250 starts of programs between two looks. */
const BUFFER_BYTES = 64 * 4096;
const LOOK_MILLISECONDS = 200;

class MappingWatch {
  readonly #history = new MappingHistory(readMaps);
  readonly #buffers: TaskRecords[] = [];
  readonly #timer: NodeJS.Timeout;
  #looked = false;

  /** Begins to watch; where the kernel does not let us, only maps files are read. */
  constructor() {
    for (const cpu of onlineCpus()) {
      const buffer = TaskRecords.open(cpu, BUFFER_BYTES);
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
    for (const buffer of this.#buffers) {
      buffer.read((view) => {
        const record = taskRecord(view);
        if (record !== undefined) records.push(record);
      });
    }
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
    for (const buffer of this.#buffers.splice(0)) buffer.close();
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
