// The function table that Go's linker puts into every binary, stripped or not, for its own stack traces (.gopclntab):
// names, and for each address a file and a line. Source: src/debug/gosym/pclntab.go and src/runtime/symtab.go of Go.
//
//     u32 magic, u16 0, u8 instruction quantum, u8 pointer size, then words, of which some are:
//     Go 1.2:   functions | function table…                       every offset counts from the section's start
//     Go 1.16:  functions, files, names, units, file names, pc tables, function table
//     Go 1.18:  functions, files, text start, names, units, file names, pc tables, function table
//     function table: pairs of entry and offset of the function's record; in 1.18 as 32 bits, entries from text start

import { ByteReader, FormatError } from "../source/index.ts";
import { type ElfFile, SectionFlag } from "./file.ts";
import { goVersion, isGoTable, varint } from "./go-build-info.ts";

export interface GoFunctionSymbol {
  readonly name: string;
  /** Address as linked. */
  readonly address: number;
  /** Bytes up to the next function, padding included. */
  readonly size: number;
}

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** The layouts, by the first four bytes. */
const LAYOUTS: { readonly [magic: number]: "1.2" | "1.16" | "1.18" } = {
  4294967291: "1.2",
  4294967290: "1.16",
  4294967280: "1.18",
  // 1.20: as 1.18, with a field more in the functions' records.
  4294967281: "1.18",
};

const WHAT = "Go's table of functions";

export class GoFunctions {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  readonly #layout: "1.2" | "1.16" | "1.18";
  readonly #quantum: number;
  readonly #wordSize: number;
  readonly #textStart: number;
  readonly #names: number;
  readonly #units: number;
  readonly #files: number;
  readonly #lines: number;
  readonly #table: number;
  /** Where the records' offsets count from. */
  readonly #records: number;
  readonly count: number;

  constructor(bytes: Uint8Array, textStart: number) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes, WHAT);
    this.#layout = LAYOUTS[this.#u32(0)] as "1.2";
    this.#quantum = bytes[6] as number;
    this.#wordSize = bytes[7] as number;
    this.#textStart = textStart;
    const header = (index: number): number => this.#word(8 + index * this.#wordSize);
    this.count = header(0);
    if (this.#layout === "1.2") {
      this.#table = 8 + this.#wordSize;
      this.#records = this.#names = this.#units = this.#lines = 0;
      this.#files = this.#u32(this.#table + (this.count * 2 + 1) * this.#wordSize);
    } else {
      const first = this.#layout === "1.18" ? 3 : 2;
      [this.#names, this.#units, this.#files, this.#lines, this.#table] = [0, 1, 2, 3, 4].map((i) =>
        header(first + i),
      ) as [number, number, number, number, number];
      this.#records = this.#table;
    }
  }

  #word(at: number): number {
    return this.#reader.seek(at).word(this.#wordSize);
  }

  #u32(at: number): number {
    return this.#reader.seek(at).u32();
  }

  #i32(at: number): number {
    return this.#reader.seek(at).s32();
  }

  /** The entry of a function, or with `count` the end of the last one. */
  #entry(index: number): number {
    return this.#layout === "1.18"
      ? this.#textStart + this.#u32(this.#table + index * 8)
      : this.#word(this.#table + index * 2 * this.#wordSize);
  }

  #record(index: number): number {
    const offset =
      this.#layout === "1.18"
        ? this.#u32(this.#table + index * 8 + 4)
        : this.#word(this.#table + (index * 2 + 1) * this.#wordSize);
    return this.#records + offset;
  }

  #text(at: number): string {
    return this.#reader.seek(at).text();
  }

  #name(index: number): string {
    const entrySize = this.#layout === "1.18" ? 4 : this.#wordSize;
    return this.#text(this.#names + this.#i32(this.#record(index) + entrySize));
  }

  #symbol(index: number): GoFunctionSymbol {
    const address = this.#entry(index);
    return { name: this.#name(index), address, size: this.#entry(index + 1) - address };
  }

  /** Every function, by ascending address. */
  *[Symbol.iterator](): IterableIterator<GoFunctionSymbol> {
    for (let index = 0; index < this.count; index++) yield this.#symbol(index);
  }

  find(name: string): GoFunctionSymbol | undefined {
    const wanted = new TextEncoder().encode(name);
    const entrySize = this.#layout === "1.18" ? 4 : this.#wordSize;
    for (let index = 0; index < this.count; index++) {
      const at = this.#names + this.#i32(this.#record(index) + entrySize);
      let i = 0;
      while (i < wanted.length && this.#bytes[at + i] === wanted[i]) i++;
      if (i === wanted.length && this.#bytes[at + i] === 0) return this.#symbol(index);
    }
    return undefined;
  }

  #covering(address: number): number {
    if (this.count === 0 || address < this.#entry(0) || address >= this.#entry(this.count)) return -1;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entry(middle) <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The function that an address lies in. */
  covering(address: number): GoFunctionSymbol | undefined {
    const index = this.#covering(address);
    return index < 0 ? undefined : this.#symbol(index);
  }

  /** The place in the source that the instruction at an address came from; inlined code has the place it was taken from. */
  line(address: number): SourceLine | undefined {
    const index = this.#covering(address);
    if (index < 0) return undefined;
    // entry, name i32, argument bytes i32, deferreturn u32, then tables: stack u32, files u32, lines u32, count u32, unit u32
    const tables = this.#record(index) + (this.#layout === "1.18" ? 4 : this.#wordSize) + 12;
    const distance = address - this.#entry(index);
    const file = this.#at(this.#u32(tables + 4), distance);
    const line = this.#at(this.#u32(tables + 8), distance);
    if (file === undefined || line === undefined || file < 0) return undefined;
    if (this.#layout === "1.2") return { file: this.#text(this.#u32(this.#files + file * 4)), line };
    const unit = this.#u32(tables + 16);
    const name = this.#u32(this.#units + (unit + file) * 4);
    return name === 0xffff_ffff ? undefined : { file: this.#text(this.#files + name), line };
  }

  /** A value of a pc table: pairs of a step of the value (zigzag) and how many quanta it holds for. */
  #at(table: number, distance: number): number | undefined {
    if (table === 0) return undefined;
    let at = this.#lines + table;
    let value = -1;
    let end = 0;
    for (let first = true; at < this.#bytes.length; first = false) {
      const step = varint(this.#bytes, at);
      if (step.value === 0 && !first) return undefined;
      value += step.value % 2 === 1 ? -(step.value + 1) / 2 : step.value / 2;
      const length = varint(this.#bytes, step.next);
      end += length.value * this.#quantum;
      if (distance < end) return value;
      at = length.next;
    }
    return undefined;
  }
}

/** The function table of a Go binary; undefined where it has none, or one that we cannot read. */
export function goFunctions(file: ElfFile): GoFunctions | undefined {
  const found = tableBytes(file);
  if (found === undefined) return undefined;
  const { bytes, address } = found;
  if (bytes.length < 80) return undefined;
  const reader = new ByteReader(bytes, WHAT);
  const layout = LAYOUTS[reader.u32()];
  if (layout === undefined || reader.u16() !== 0 || (bytes[7] !== 8 && bytes[7] !== 4)) return undefined;
  const start = layout === "1.18" ? textStart(file, reader, address) : 0;
  try {
    const functions = new GoFunctions(bytes, start);
    const first = functions[Symbol.iterator]().next();
    // Where the loader was to fill the entries in, they are not in the file.
    if (first.done === true || !isCode(file, first.value.address)) return undefined;
    return functions;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

function tableBytes(file: ElfFile): { readonly bytes: Uint8Array; readonly address: number } | undefined {
  const section = file.sections.find(isGoTable);
  if (section !== undefined) return { bytes: file.data(section), address: section.address };
  // The C linker puts the table of a position-independent executable in with other data: it begins at a multiple of 32.
  const mixed = file.section(".data.rel.ro");
  if (mixed === undefined || goVersion(file) === undefined) return undefined;
  const bytes = file.data(mixed);
  const reader = new ByteReader(bytes, WHAT);
  for (let at = (32 - (mixed.address % 32)) % 32; at + 16 <= bytes.length; at += 32) {
    const magic = reader.seek(at).u32();
    if (LAYOUTS[magic] !== undefined && reader.u16() === 0 && (bytes[at + 7] === 8 || bytes[at + 7] === 4))
      return { bytes: bytes.subarray(at), address: mixed.address + at };
  }
  return undefined;
}

const R_RELATIVE = { x86_64: 8, aarch64: 1027 } as const;

/** The third word of the header; in a position-independent file what the loader will put there; since Go 1.26 absent. */
function textStart(file: ElfFile, reader: ByteReader, address: number): number {
  const at = 24;
  const written = reader.seek(at).u64();
  if (written !== 0 && isCode(file, written)) return written;
  const type = R_RELATIVE[file.machine as "x86_64"];
  for (const section of file.sections) {
    if (section.type !== 4 || file.bits !== 64) continue;
    const bytes = file.data(section);
    const relocations = new ByteReader(bytes, section.name);
    const low = (address + at) % 2 ** 32;
    for (let place = 0; place + 24 <= bytes.length; place += 24) {
      if (relocations.seek(place).u32() !== low || relocations.seek(place + 8).u32() !== type) continue;
      return relocations.seek(place + 16).u64();
    }
  }
  return file.symbols().find("runtime.text")?.value ?? file.section(".text")?.address ?? 0;
}

function isCode(file: ElfFile, address: number): boolean {
  return file.sections.some(
    (s) => (s.flags & SectionFlag.EXEC) !== 0 && address >= s.address && address < s.address + s.size,
  );
}
