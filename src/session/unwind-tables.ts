// Feeds the programs that unwind stacks by tables (codegen/unwind-programs.ts): which code a process has mapped, and the
// tables of the files that it comes from.

import { closeSync, openSync, readSync } from "node:fs";
import { type UnwindTable, unwindTable } from "../dwarf/index.ts";
import { type ElfFile, parseElf } from "../elf/index.ts";
import {
  type KernelMap,
  type Mapping,
  processExists,
  processMaps,
  RingBuffer,
  SystemCallError,
} from "../kernel/index.ts";
import { MappingEntry, ProcessEntry, UNWIND, UNWIND_MAPPINGS, WantedRecord } from "../schema/index.ts";
import { FormatError } from "../source/index.ts";
import { Recent, tryFileSymbols, userSymbols } from "../symbols/index.ts";

/** A file's rows within the map of all rows. */
interface Placed {
  readonly base: number;
  readonly first: number;
  readonly count: number;
  readonly segments: ElfFile["segments"];
}

/** What a process was last found to have. */
interface Known {
  readonly text: string;
  readonly first: number;
  readonly generation: number;
  /** How long it is left alone where that has not changed (nanoseconds). */
  patience: bigint;
}

/** After a look that found nothing new, the process is not looked at again for so long, doubled each time. */
const PATIENCE = { least: 10_000_000n, most: 2_000_000_000n } as const;
/** Processes that are remembered; another is looked at as if for the first time. */
const MOST_PROCESSES = 1024;
/** The vdso is a page or two; nothing larger is read from a process's memory. */
const MOST_VDSO = 1n << 16n;

export class UnwindTables {
  /** Becomes readable when a program wants something. */
  readonly ring: RingBuffer;
  readonly #processes: KernelMap;
  readonly #mappings: BigUint64Array;
  readonly #rows: Uint32Array;
  readonly #child: number | undefined;
  readonly #warn: (message: string) => void;
  readonly #files = new Map<string, Placed | undefined>();
  readonly #known = new Recent<number, Known>(MOST_PROCESSES);
  #rowCount = 0;
  #mappingCount = 0;
  #generation = 0;
  #full = false;

  /** `child` is the process that its programs stop (`-c`). */
  constructor(
    map: (name: string) => KernelMap | undefined,
    child: number | undefined,
    warn: (message: string) => void,
  ) {
    this.ring = new RingBuffer(map(UNWIND.wanted) as KernelMap);
    this.#processes = map(UNWIND.processes) as KernelMap;
    this.#mappings = new BigUint64Array((map(UNWIND.mappings) as KernelMap).mapped());
    this.#rows = new Uint32Array((map(UNWIND.rows) as KernelMap).mapped());
    this.#child = child;
    this.#warn = warn;
  }

  /** Answers what programs have asked for since the last time. */
  serve(): void {
    const wanted = new Set<number>();
    let held = false;
    const { view } = this.ring;
    this.ring.drain((offset) => {
      wanted.add(Number(view.getBigUint64(offset + WantedRecord.process, true)));
      if (view.getBigUint64(offset + WantedRecord.address, true) === 0n) held = true;
    });
    for (const pid of wanted) this.add(pid);
    if (held && this.#child !== undefined) resume(this.#child);
  }

  /** Makes the tables of all code that a process has mapped now. */
  add(pid: number): void {
    const maps = executable(pid);
    if (maps.length === 0 && !processExists(pid)) {
      this.#known.delete(pid);
      return;
    }
    const text = maps.map((m) => `${m.start}-${m.end}:${m.offset}:${m.inode}`).join();
    let known = this.#known.get(pid);
    let quietUntil = 0n;
    if (known?.text === text) {
      known.patience = known.patience < PATIENCE.most / 2n ? known.patience * 2n : PATIENCE.most;
      // Programs count by the same clock (CLOCK_MONOTONIC).
      quietUntil = process.hrtime.bigint() + known.patience;
    } else {
      if (maps.length > 0) userSymbols(pid).remember();
      known = { text, first: this.#place(pid, maps), generation: ++this.#generation, patience: PATIENCE.least };
      this.#known.set(pid, known);
    }
    const value = new DataView(new ArrayBuffer(ProcessEntry.size));
    value.setUint32(ProcessEntry.first, known.first, true);
    value.setUint32(ProcessEntry.count, maps.length, true);
    value.setBigUint64(ProcessEntry.quiet, quietUntil, true);
    value.setUint32(ProcessEntry.generation, known.generation, true);
    const key = new Uint8Array(Uint32Array.of(pid).buffer);
    try {
      this.#processes.update(key, new Uint8Array(value.buffer));
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#say("there is no room for more processes to unwind stacks of");
    }
  }

  /** Lets a command run on that waits for its tables. */
  close(): void {
    this.serve();
    this.ring.close();
  }

  /** Writes the mappings to a place of their own, so that who still looks at the old ones finds them whole. */
  #place(pid: number, maps: readonly Mapping[]): number {
    if (this.#mappingCount + maps.length > UNWIND_MAPPINGS) {
      // From the start again: whoever had a place there is looked at anew when it is seen.
      this.#processes.clear();
      this.#known.clear();
      this.#mappingCount = 0;
    }
    const first = this.#mappingCount;
    for (const mapping of maps) {
      const file = this.#file(pid, mapping);
      const at = (this.#mappingCount++ * MappingEntry.size) / 8;
      this.#mappings[at + MappingEntry.start / 8] = mapping.start;
      this.#mappings[at + MappingEntry.end / 8] = mapping.end;
      const linked = file === undefined ? undefined : linkedAddress(file.segments, mapping);
      const usable = file !== undefined && linked !== undefined;
      this.#mappings[at + MappingEntry.shift / 8] = usable ? mapping.start - BigInt(linked - file.base) : 0n;
      this.#mappings[at + MappingEntry.first / 8] = usable ? BigInt(file.first) | (BigInt(file.count) << 32n) : 0n;
    }
    return first;
  }

  #file(pid: number, mapping: Mapping): Placed | undefined {
    const vdso = mapping.path === "[vdso]";
    if (!vdso && !mapping.path.startsWith("/")) return undefined;
    // One kernel has one vdso for all 64-bit processes.
    const key = vdso ? mapping.path : `${mapping.device}:${mapping.inode}`;
    let placed = this.#files.get(key);
    if (placed === undefined && !this.#files.has(key)) {
      const elf = vdso ? imageInMemory(pid, mapping) : mappedFile(pid, mapping);
      placed = elf === undefined ? undefined : this.#append(elf, mapping.path);
      this.#files.set(key, placed);
    }
    return placed;
  }

  #append(elf: ElfFile, path: string): Placed | undefined {
    let table: UnwindTable;
    try {
      table = unwindTable(elf);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#warn(`${path}: its tables for unwinding cannot be read: ${error.message}`);
      return undefined;
    }
    const count = table.rows.length / 2;
    if (count === 0) return undefined;
    if (this.#rowCount + count > this.#rows.length / 2) {
      this.#say(`there is no room for the tables of ${path}: its frames are followed by frame pointers`);
      return undefined;
    }
    this.#rows.set(table.rows, this.#rowCount * 2);
    const placed = { base: table.base, first: this.#rowCount, count, segments: elf.segments };
    this.#rowCount += count;
    return placed;
  }

  #say(message: string): void {
    if (!this.#full) this.#warn(message);
    this.#full = true;
  }
}

function executable(pid: number): readonly Mapping[] {
  try {
    return processMaps(pid).filter(
      (m) => m.permissions[2] === "x" && m.path !== "[vsyscall]" && m.path !== "[uprobes]",
    );
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    return [];
  }
}

function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It has been killed meanwhile.
  }
}

/** The address that the first byte of a mapping has in its file. */
function linkedAddress(segments: ElfFile["segments"], mapping: Mapping): number | undefined {
  const PAGE = 4096;
  for (const s of segments) {
    if (s.type !== 1 || (s.flags & 1) === 0) continue;
    // A segment is mapped from the page that it begins in.
    const before = s.offset % PAGE;
    const from = s.offset - before;
    if (mapping.offset >= from && mapping.offset < s.offset + s.fileSize)
      return s.address - before + (mapping.offset - from);
  }
  return undefined;
}

function mappedFile(pid: number, mapping: Mapping): ElfFile | undefined {
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const places = mapping.deleted
    ? [`/proc/${pid}/map_files/${range}`]
    : [`/proc/${pid}/root${mapping.path}`, mapping.path];
  for (const place of places) {
    const found = tryFileSymbols(place);
    if (found !== undefined) return found.elf;
  }
  return undefined;
}

/** The kernel's own library is in memory only. */
function imageInMemory(pid: number, mapping: Mapping): ElfFile | undefined {
  if (mapping.end - mapping.start > MOST_VDSO) return undefined;
  const bytes = new Uint8Array(Number(mapping.end - mapping.start));
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/mem`, "r");
    readSync(fd, bytes, 0, bytes.length, mapping.start);
    return parseElf(bytes);
  } catch (error) {
    if (error instanceof FormatError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
