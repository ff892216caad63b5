// What processes have mapped as code, kept for when they are gone: told by the kernel's records of each new mapping,
// fork and exec (include/uapi/linux/perf_event.h, enum perf_event_type), and by maps files read while processes lived.

import { type Mapping, parseMaps } from "../kernel/index.ts";

/** One of the kernel's records, in a form of ours. */
export type TaskRecord =
  | { readonly kind: "map"; readonly time: bigint; readonly pid: number; readonly mapping: Mapping }
  | { readonly kind: "fork"; readonly time: bigint; readonly pid: number; readonly parent: number }
  | { readonly kind: "exec"; readonly time: bigint; readonly pid: number }
  | { readonly kind: "exit"; readonly time: bigint; readonly pid: number };

/** enum perf_event_type, and PERF_RECORD_MISC_COMM_EXEC */
const COMM = 3;
const EXIT = 4;
const FORK = 7;
const MMAP2 = 10;
const MISC_COMM_EXEC = 1 << 13;

/**
 * Reads the record at the start of these bytes, of an event with mmap2, comm_exec, task and, at the end of each record,
 * its time; undefined for what says nothing of mappings.
 *
 *     header:  u32 type, u16 misc, u16 size
 *     mmap2:   u32 pid, tid, u64 address, length, file offset, u32 major, minor, u64 inode, generation, u32 protection, flags, name
 *     fork, exit: u32 pid, parent, tid, parent tid, u64 time
 *     comm:    u32 pid, tid, name
 */
export function taskRecord(record: DataView): TaskRecord | undefined {
  const size = record.getUint16(6, true);
  const u32 = (at: number): number => record.getUint32(at, true);
  const u64 = (at: number): bigint => record.getBigUint64(at, true);
  const time = u64(size - 8);
  const pid = u32(8);
  switch (u32(0)) {
    case MMAP2: {
      const start = u64(16);
      const bytes = new Uint8Array(record.buffer, record.byteOffset + 72, size - 80);
      const end = bytes.indexOf(0);
      const name = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
      const deleted = name.endsWith(" (deleted)");
      const protection = u32(64);
      const hex = (n: number): string => n.toString(16).padStart(2, "0");
      return {
        kind: "map",
        time,
        pid,
        mapping: {
          start,
          end: start + u64(24),
          permissions: `${protection & 1 ? "r" : "-"}${protection & 2 ? "w" : "-"}${protection & 4 ? "x" : "-"}p`,
          offset: Number(u64(32)),
          device: `${hex(u32(40))}:${hex(u32(44))}`,
          inode: Number(u64(48)),
          path: name.startsWith("//") ? "" : deleted ? name.slice(0, -10) : name,
          deleted,
        },
      };
    }
    case FORK:
      // A new thread has its own process for a parent.
      return pid === u32(12) ? undefined : { kind: "fork", time, pid, parent: u32(12) };
    case EXIT:
      // One for each thread; the first one's is taken for the process's.
      return pid === u32(16) ? { kind: "exit", time, pid } : undefined;
    case COMM:
      return (record.getUint16(4, true) & MISC_COMM_EXEC) === 0 ? undefined : { kind: "exec", time, pid };
    default:
      return undefined;
  }
}

/** Mappings of one process, the newest last, and those of the program that it was before. */
interface Memory {
  readonly mappings: readonly Mapping[];
  readonly before: readonly Mapping[];
}

/** Of so many processes that have ended it is known what they had mapped: some kilobytes each. */
const MOST_ENDED = 4096;
/** Of so many processes at all, should the kernel's records have been lost. */
const MOST_PROCESSES = 32_768;

export class MappingHistory {
  readonly #known = new Map<number, Memory | string>();
  /** Those that have ended, the one that did so first at the head. */
  readonly #ended = new Set<number>();
  readonly #read: (pid: number) => string | undefined;

  /** `read` gives the text of a process's maps file, as long as the process lives. */
  constructor(read: (pid: number) => string | undefined) {
    this.#read = read;
  }

  /** Keeps what a process has mapped now, where nothing of it is known yet. */
  remember(pid: number): void {
    if (this.#known.has(pid)) return;
    const text = this.#read(pid);
    // Most are never asked for: the text is taken apart when one is.
    if (text !== undefined && text !== "") this.#known.set(pid, text);
  }

  add(record: TaskRecord): void {
    const { pid } = record;
    if (record.kind === "exit") {
      if (!this.#known.has(pid)) return;
      this.#ended.delete(pid);
      this.#ended.add(pid);
      if (this.#ended.size > MOST_ENDED) this.#forgetFirst(this.#ended);
      return;
    }
    // The kernel has given the number to another process.
    this.#ended.delete(pid);
    if (this.#known.size > MOST_PROCESSES) this.#forgetFirst(this.#known.keys());
    if (record.kind === "fork") {
      this.remember(record.parent);
      const parent = this.#memory(record.parent);
      if (parent !== undefined) this.#known.set(pid, { mappings: parent.mappings, before: [] });
      return;
    }
    const memory = this.#memory(pid) ?? { mappings: [], before: [] };
    this.#known.set(
      pid,
      record.kind === "exec"
        ? { mappings: [], before: memory.mappings }
        : { ...memory, mappings: [...memory.mappings, record.mapping] },
    );
  }

  /** The mapping that an address of a process was last seen in. */
  find(pid: number, address: bigint): Mapping | undefined {
    const memory = this.#memory(pid);
    const covers = (mapping: Mapping): boolean => mapping.start <= address && address < mapping.end;
    return memory?.mappings.findLast(covers) ?? memory?.before.findLast(covers);
  }

  /** Of how many processes something is known. */
  get size(): number {
    return this.#known.size;
  }

  #forgetFirst(pids: Iterable<number>): void {
    for (const pid of pids) {
      this.#known.delete(pid);
      this.#ended.delete(pid);
      return;
    }
  }

  #memory(pid: number): Memory | undefined {
    const known = this.#known.get(pid);
    if (typeof known !== "string") return known;
    const memory = { mappings: parseMaps(known).filter((m) => m.permissions[2] === "x"), before: [] };
    this.#known.set(pid, memory);
    return memory;
  }
}
