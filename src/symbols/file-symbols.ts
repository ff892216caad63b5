// Functions of a program or library, by name for uprobes and by address for stacks.

import { readFileSync } from "node:fs";
import {
  type ElfFile,
  type ElfSymbol,
  type GoFunctionSymbol,
  type GoFunctions,
  goFunctions,
  isGo,
  parseElf,
  type SourceLine,
} from "../elf/index.ts";
import { archivedFile, systemCalls } from "../kernel/index.ts";
import { FormatError } from "../source/index.ts";
import { findDebugFile } from "./debug-files.ts";
import { type ForeignFile, openForeign } from "./foreign-file.ts";
import { Recent } from "./recent.ts";

export interface FileSymbol {
  readonly name: string;
  /** As linked. */
  readonly address: number;
  /** Bytes; 0 where it is not known. */
  readonly size: number;
  /** Bytes from the start of the file: where a uprobe goes. Absent for what is not in the file (`.bss`). */
  readonly fileOffset?: number;
  readonly type: ElfSymbol["type"];
}

/** A function that an address of a file lies in. */
export interface CoveringSymbol {
  readonly name: string;
  /** Bytes from the start of the function. */
  readonly offset: number;
}

export class FileSymbols {
  readonly path: string;
  readonly elf: ElfFile;
  #debug: ElfFile | null | undefined;
  #go: GoFunctions | null | undefined;

  constructor(path: string, elf: ElfFile) {
    this.path = path;
    this.elf = elf;
  }

  /** The file has a symbol table of its own: `.dynsym` alone has what others may call, not what there is. */
  get #stripped(): boolean {
    return this.elf.section(".symtab") === undefined;
  }

  /** Go's own table of functions; undefined for what Go did not make. Read on the first question. */
  get go(): GoFunctions | undefined {
    if (this.#go === undefined) this.#go = isGo(this.elf) ? (goFunctions(this.elf) ?? null) : null;
    return this.#go ?? undefined;
  }

  /** A symbol by its exact name, without building any table. Looks in a separate debug file where the file has none. */
  find(name: string): FileSymbol | undefined {
    const symbol = this.elf.symbols().find(name) ?? this.#debugFile()?.symbols().find(name);
    if (symbol !== undefined) return this.#located(symbol);
    const go = this.#stripped ? this.go?.find(name) : undefined;
    return go === undefined ? undefined : this.#located(fromGo(go));
  }

  /** Functions that have code in the file and whose name matches, by ascending address. */
  functions(pattern: RegExp = /./): FileSymbol[] {
    const found: Symbolic[] = this.elf.symbols().functions(pattern);
    const seen = new Set(found.map((symbol) => symbol.name));
    for (const symbol of this.#debugFile()?.symbols().functions(pattern) ?? [])
      if (!seen.has(symbol.name)) found.push(symbol);
    if (this.#stripped) {
      for (const symbol of this.go ?? [])
        if (pattern.test(symbol.name) && !seen.has(symbol.name)) found.push(fromGo(symbol));
    }
    return found
      .map((symbol) => this.#located(symbol))
      .filter((symbol) => symbol.fileOffset !== undefined)
      .sort((a, b) => a.address - b.address);
  }

  /** The names of these functions, each once. */
  functionNames(pattern: RegExp): Set<string> {
    if (this.#stripped) return new Set(this.functions(pattern).map((f) => f.name));
    return this.elf.symbols().functionNames(pattern, (address) => this.elf.fileOffset(address) !== undefined);
  }

  /** The function that a byte of the file belongs to. */
  at(fileOffset: number): CoveringSymbol | undefined {
    const address = this.elf.address(fileOffset);
    if (address === undefined) return undefined;
    // What few names a stripped Go program exports say nothing of the functions between them.
    const go = this.#stripped ? this.go?.covering(address) : undefined;
    if (go !== undefined) return { name: go.name, offset: address - go.address };
    const symbol = this.elf.symbols().covering(address) ?? this.#debugFile()?.symbols().covering(address);
    return symbol === undefined ? undefined : { name: symbol.name, offset: address - symbol.value };
  }

  /** The line of source that a byte of the file was made from, where Go's table says it. */
  line(fileOffset: number): SourceLine | undefined {
    const go = this.go;
    if (go === undefined) return undefined;
    // What is returned to stands behind the call, which may be the last instruction of its line.
    const address = this.elf.address(this.elf.bytes[fileOffset - 5] === CALL ? fileOffset - 1 : fileOffset);
    return address === undefined ? undefined : go.line(address);
  }

  #located(symbol: Symbolic): FileSymbol {
    const fileOffset = this.elf.fileOffset(symbol.value);
    const { name, size, type } = symbol;
    const base = { name, address: symbol.value, size, type };
    return fileOffset === undefined ? base : { ...base, fileOffset };
  }

  /** The symbols that a distribution keeps apart, where .symtab was stripped. */
  #debugFile(): ElfFile | undefined {
    if (this.#debug === undefined)
      this.#debug = this.#stripped ? (findDebugFile(this.path, this.elf, openElf) ?? null) : null;
    return this.#debug ?? undefined;
  }
}

/** `call rel32` of x86-64 */
const CALL = 0xe8;

type Symbolic = Pick<ElfSymbol, "name" | "value" | "size" | "type">;

const fromGo = (symbol: GoFunctionSymbol): Symbolic => ({
  name: symbol.name,
  value: symbol.address,
  size: symbol.size,
  type: "func",
});

/** Above this many bytes a file is mapped rather than read: 100 MB of a browser cost nothing until they are looked at. */
const MAP_FROM = 8 << 20;
const PROT_READ = 1;
const MAP_PRIVATE = 2;

/** Opens an ELF file. Throws a FormatError for one that is none, a system error for one that cannot be read. */
export function openElf(path: string): ElfFile {
  const { file, part } = openPart(path);
  try {
    return readElf(path, file, part);
  } finally {
    file.close();
  }
}

/** The file of a path, and which bytes of it are meant: not all where it is within an archive. */
function openPart(path: string): { readonly file: ForeignFile; readonly part?: Part } {
  const inside = archivedFile(path);
  return inside === undefined ? { file: openForeign(path) } : { file: openForeign(inside.archive), part: inside };
}

interface Part {
  readonly offset: number;
  readonly size: number;
}

function readElf(path: string, { fd, stat }: ForeignFile, part?: Part): ElfFile {
  const cut = (bytes: Uint8Array): ElfFile =>
    parseElf(part === undefined ? bytes : bytes.subarray(part.offset, part.offset + part.size));
  if (stat.size > MAP_FROM) {
    const pages = systemCalls().mmap(stat.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (typeof pages !== "number") return cut(new Uint8Array(pages));
  }
  if (stat.size > MOST_READ)
    throw new FormatError(path, `it is too large to be read: ${Math.floor(stat.size / 2 ** 20)} MiB`);
  return cut(readFileSync(fd));
}

/** A file that cannot be mapped is read up to this size. */
const MOST_READ = 256 << 20;

/** Bytes of files that are kept in memory; those that are mapped count as the least. */
const KEPT_BYTES = 64 << 20;
const LEAST_BYTES = 64 << 10;
const files = new Recent<string, FileSymbols>(KEPT_BYTES, ({ elf }) =>
  Math.max(LEAST_BYTES, elf.bytes.length > MAP_FROM ? 0 : elf.bytes.length),
);

/**
 * The symbols of a file; kept, by its inode and time, for the next who asks. `path` may lead through /proc/PID/root.
 * Throws as `openElf` does.
 */
export function fileSymbols(path: string): FileSymbols {
  const { file, part } = openPart(path);
  try {
    const { dev, ino, mtimeMs } = file.stat;
    const key = `${dev}:${ino}:${mtimeMs}${part === undefined ? "" : `:${part.offset}`}`;
    let symbols = files.get(key);
    if (symbols === undefined) files.set(key, (symbols = new FileSymbols(path, readElf(path, file, part))));
    return symbols;
  } finally {
    file.close();
  }
}

/** The same, or undefined where the file is gone, closed to us, or no ELF file. */
export function tryFileSymbols(path: string): FileSymbols | undefined {
  try {
    return fileSymbols(path);
  } catch (error) {
    if (error instanceof FormatError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}
