// Addresses of a process as names: its maps say which file an address lies in, the file's symbols say which function,
// and a JIT's own list says the rest. The process may be gone when its addresses are printed: `remember` early.

import { readFileSync } from "node:fs";
import type { SourceLine } from "../elf/index.ts";
import { type Mapping, membersOf, processMaps, SystemCallError } from "../kernel/index.ts";
import { type FileSymbols, tryFileSymbols } from "./file-symbols.ts";
import { PerfMapFile } from "./perf-map.ts";
import { Recent } from "./recent.ts";

export interface UserSymbol {
  readonly name: string;
  /** Bytes from the start of the function. */
  readonly offset: number;
  /** The file that the function is in; `[jit]` for a function that a JIT made. */
  readonly module: string;
  /** Where the instruction comes from, if the file says so cheaply: Go's programs do. */
  readonly source?: SourceLine;
}

export class UserSymbols {
  readonly pid: number;
  #maps: readonly Mapping[] = [];
  readonly #files = new Map<string, MappedFile | null>();
  readonly #warn: (message: string) => void;
  #jit: PerfMapFile | null | undefined;
  #read = false;
  #gone = false;

  constructor(pid: number, warn: (message: string) => void = () => {}) {
    this.pid = pid;
    this.#warn = warn;
  }

  /** Reads the maps (again), as long as the process lives; opens the files too, so that all is known when it is gone. */
  remember(): void {
    this.#readMaps();
    for (const mapping of this.#maps) if (mapping.permissions[2] === "x") this.#file(mapping);
  }

  /** The function that an address lies in. Maps are read again where the address is in none that we know. */
  lookup(address: bigint): UserSymbol | undefined {
    const mapping = this.#find(address);
    if (mapping === undefined) return undefined;
    const file = mapping.path.startsWith("/") ? this.#file(mapping) : undefined;
    const place = Number(address - mapping.start) + mapping.offset - (file?.base ?? 0);
    const found = file?.symbols.at(place);
    if (found !== undefined) {
      const source = file?.symbols.line(place);
      return { ...found, module: file?.module ?? mapping.path, ...(source === undefined ? {} : { source }) };
    }
    this.#jit ??= jitMap(this.pid, this.#warn);
    const jit = this.#jit?.lookup(Number(address));
    return jit === undefined ? undefined : { ...jit, module: "[jit]" };
  }

  /** The file that an address lies in, and where in it: what is left to say where no function is known. */
  module(address: bigint): { readonly path: string; readonly fileOffset: number } | undefined {
    const mapping = this.#find(address);
    if (mapping === undefined || mapping.path === "") return undefined;
    const file = this.#file(mapping);
    const fileOffset = Number(address - mapping.start) + mapping.offset - (file?.base ?? 0);
    return { path: file?.module ?? mapping.path, fileOffset };
  }

  /** The address of a function or variable of any of the process's files; undefined where there is none. */
  address(name: string): bigint | undefined {
    if (!this.#read) this.#readMaps();
    for (const mapping of this.#maps) {
      if (mapping.permissions[2] !== "x" || !mapping.path.startsWith("/")) continue;
      const file = this.#file(mapping);
      const symbol = file?.symbols.find(name);
      const start = file?.symbols.elf.address(mapping.offset - file.base);
      if (symbol !== undefined && start !== undefined) return mapping.start + BigInt(symbol.address - start);
    }
    return undefined;
  }

  #readMaps(): void {
    this.#read = true;
    try {
      const maps = processMaps(this.pid);
      // A process that is just going away has no maps any more; what we know of it is better.
      if (maps.length > 0) this.#maps = maps;
      else this.#gone = true;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#gone = true;
    }
  }

  /** The mapping of an address: as it is now, or, when the process is gone, as it was. */
  #find(address: bigint): Mapping | undefined {
    if (!this.#read) this.#readMaps();
    let mapping = this.#mapping(address);
    if (mapping === undefined && !this.#gone) {
      this.#readMaps();
      mapping = this.#mapping(address);
    }
    return mapping ?? history?.find(this.pid, address);
  }

  #mapping(address: bigint): Mapping | undefined {
    let low = 0;
    let high = this.#maps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#maps[middle] as Mapping).start <= address) low = middle + 1;
      else high = middle;
    }
    const mapping = this.#maps[low - 1];
    return mapping !== undefined && address < mapping.end ? mapping : undefined;
  }

  #file(mapping: Mapping): MappedFile | undefined {
    if (!mapping.path.startsWith("/")) return undefined;
    const key = `${mapping.device}:${mapping.inode}`;
    let file = this.#files.get(key) ?? this.#files.get(`${key}:${mapping.offset}`);
    if (file === undefined) {
      // A file that was replaced or deleted is still there under map_files; one of another mount namespace under root.
      const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
      const places = [`/proc/${this.pid}/root${mapping.path}`, mapping.path];
      if (mapping.deleted) places.splice(0, 2, `/proc/${this.pid}/map_files/${range}`);
      file = null;
      for (const place of places) if ((file = openMapped(place, mapping) ?? null) !== null) break;
      // Of an archive each mapping may be another file.
      this.#files.set(file !== null && file.base > 0 ? `${key}:${mapping.offset}` : key, file);
    }
    return file ?? undefined;
  }
}

/** The symbols of what is mapped: of the file, or of the member of an archive that the mapping begins in. */
interface MappedFile {
  readonly symbols: FileSymbols;
  /** Where it begins in the file. */
  readonly base: number;
  /** What it is called, where that is not the file's path. */
  readonly module?: string;
}

function openMapped(place: string, mapping: Mapping): MappedFile | undefined {
  const symbols = tryFileSymbols(place);
  if (symbols !== undefined) return { symbols, base: 0 };
  // A library begins at a page of its archive; its first mapping may begin before it only by alignment.
  const member = membersOf(place)?.find((m) => m.offset <= mapping.offset && mapping.offset < m.offset + m.size);
  const inside = member === undefined ? undefined : tryFileSymbols(`${place}!/${member.name}`);
  return member === undefined || inside === undefined
    ? undefined
    : { symbols: inside, base: member.offset, module: `${mapping.path}!/${member.name}` };
}

/** A process's list, named after the process's id as it sees itself, in its own /tmp; null where there can be none. */
function jitMap(pid: number, warn: (message: string) => void): PerfMapFile | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const inside = /^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? String(pid);
    const owner = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1]);
    return new PerfMapFile(`/proc/${pid}/root/tmp/perf-${inside}.map`, owner, warn);
  } catch {
    // It is gone.
    return null;
  }
}

/** What somebody knows of mappings of processes that are gone. */
export interface KnownMappings {
  find(pid: number, address: bigint): Mapping | undefined;
}

let history: KnownMappings | undefined;

/** Who is asked from here on when a process is gone. */
export function useHistory(known: KnownMappings): void {
  history = known;
}

/** Processes whose symbols are kept. */
const MOST_PROCESSES = 256;
const processes = new Recent<number, UserSymbols>(MOST_PROCESSES);

/** The symbols of a process; kept for the next who asks. Nothing is read before the first question. */
export function userSymbols(pid: number, warn?: (message: string) => void): UserSymbols {
  let symbols = processes.get(pid);
  if (symbols === undefined) processes.set(pid, (symbols = new UserSymbols(pid, warn)));
  return symbols;
}
