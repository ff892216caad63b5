// An ELF file over its bytes: header, sections, program headers (System V gABI, chapters 4 and 5; man 5 elf).
//
// Little endian, 32 and 64 bits. Addresses are numbers, exact below 2^53: every user-space file is far below, the
// addresses of a kernel image are not and must come from elsewhere (kallsyms).

import { ByteReader, FormatError } from "../source/index.ts";
import { ElfSymbols, type SymbolSource } from "./symbols.ts";

const WHAT = "ELF file";

/** `e_machine` by name; one that we have no name for is its number. */
export type ElfMachine = "x86_64" | "aarch64" | "i386" | "arm" | "riscv" | "s390" | "ppc64" | "bpf" | number;

const MACHINES: { readonly [number: number]: ElfMachine } = {
  3: "i386",
  21: "ppc64",
  22: "s390",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  247: "bpf",
};

/** `e_type`: relocatable, executable, shared (and position-independent executables), core dump. */
export type ElfType = "none" | "rel" | "exec" | "dyn" | "core" | "other";
const TYPES: readonly ElfType[] = ["none", "rel", "exec", "dyn", "core"];

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** `SHT_*`: a value of `SectionType`, or another. */
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

/** `SHT_*` */
export const SectionType = {
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  DYNSYM: 11,
} as const;

/** `SHF_*` */
export const SectionFlag = { WRITE: 1, ALLOC: 2, EXEC: 4, COMPRESSED: 0x800 } as const;

/** A program header: what is mapped where. */
export interface ElfSegment {
  /** `PT_*`: 1 is LOAD, 2 DYNAMIC, 3 INTERP, 4 NOTE. */
  readonly type: number;
  /** Bits: 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly bits: 32 | 64;
  readonly machine: ElfMachine;
  readonly type: ElfType;
  readonly entry: number;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  /** The first section with this name. */
  section(name: string): ElfSection | undefined;
  /** A section's bytes, as they stand in the file (compressed ones stay so); empty for NOBITS. */
  data(section: ElfSection): Uint8Array;
  /** The symbols of .symtab, then those of .dynsym; read on first use. */
  symbols(): ElfSymbols;
  /** Where an address lies in the file, by the LOAD segments; undefined where no byte of the file is mapped there. */
  fileOffset(address: number): number | undefined;
  /** The address that a byte of the file is mapped at; undefined where it is not. */
  address(fileOffset: number): number | undefined;
}

/** Opens an ELF file; throws FormatError for what is none, is big endian, or is cut short. */
export function parseElf(bytes: Uint8Array): ElfFile {
  if (bytes.length < 52 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new FormatError(WHAT, "not an ELF file");
  }
  if (bytes[5] !== 1) throw new FormatError(WHAT, "big endian is not supported");
  const reader = new ByteReader(bytes, WHAT);
  if (bytes[4] !== 1 && bytes[4] !== 2) throw reader.damage(`ELF class ${bytes[4]} does not exist`, 4);
  const wide = bytes[4] === 2;
  const u16 = (at: number): number => reader.seek(at).u16();
  const u32 = (at: number): number => reader.seek(at).u32();
  const word = (at: number): number => reader.seek(at).word(wide ? 8 : 4);

  const entry = word(24);
  const programStart = word(wide ? 32 : 28);
  const sectionStart = word(wide ? 40 : 32);
  const tail = wide ? 54 : 42;
  const programSize = u16(tail);
  let programCount = u16(tail + 2);
  const sectionSize = u16(tail + 4);
  let sectionCount = u16(tail + 6);
  let namesIndex = u16(tail + 8);

  const rawSection = (index: number) => {
    const at = sectionStart + index * sectionSize;
    if (at + (wide ? 64 : 40) > bytes.length)
      throw reader.damage("the section headers go beyond the end of the file", at);
    const step = wide ? 8 : 4;
    const after = at + 8 + 4 * step;
    return {
      name: u32(at),
      type: u32(at + 4),
      flags: word(at + 8),
      address: word(at + 8 + step),
      offset: word(at + 8 + 2 * step),
      size: word(at + 8 + 3 * step),
      link: u32(after),
      info: u32(after + 4),
      alignment: word(after + 8),
      entrySize: word(after + 8 + step),
    };
  };
  // Counts that do not fit in 16 bits stand in section 0 (gABI, "Extended numbering").
  if (sectionStart !== 0 && (sectionCount === 0 || namesIndex === 0xffff || programCount === 0xffff)) {
    const first = rawSection(0);
    if (sectionCount === 0) sectionCount = first.size;
    if (namesIndex === 0xffff) namesIndex = first.link;
    if (programCount === 0xffff) programCount = first.info;
  }
  // Headers may not lie over one another: a count that is too large is seen before room is made for it.
  if (sectionStart !== 0 && sectionCount > 1 && sectionSize < (wide ? 64 : 40))
    throw reader.damage(`section headers of ${sectionSize} bytes`, tail + 4);
  if (programStart !== 0 && programCount > 1 && programSize < (wide ? 56 : 32))
    throw reader.damage(`program headers of ${programSize} bytes`, tail);
  if (sectionStart !== 0 && sectionStart + sectionCount * sectionSize > bytes.length)
    throw reader.damage("the section headers go beyond the end of the file", sectionStart);

  const sections: ElfSection[] = [];
  if (sectionStart !== 0 && sectionCount > 0) {
    const raw = Array.from({ length: sectionCount }, (_, index) => rawSection(index));
    const names = raw[namesIndex];
    for (let index = 0; index < raw.length; index++) {
      const one = raw[index] as (typeof raw)[number];
      sections.push({ ...one, index, name: names === undefined ? "" : textAt(bytes, names.offset + one.name) });
    }
  }
  const segments: ElfSegment[] = [];
  for (let index = 0; index < programCount && programStart !== 0; index++) {
    const at = programStart + index * programSize;
    if (at + (wide ? 56 : 32) > bytes.length)
      throw reader.damage("the program headers go beyond the end of the file", at);
    segments.push(
      wide
        ? {
            type: u32(at),
            flags: u32(at + 4),
            offset: word(at + 8),
            address: word(at + 16),
            fileSize: word(at + 32),
            memorySize: word(at + 40),
            alignment: word(at + 48),
          }
        : {
            type: u32(at),
            offset: u32(at + 4),
            address: u32(at + 8),
            fileSize: u32(at + 16),
            memorySize: u32(at + 20),
            flags: u32(at + 24),
            alignment: u32(at + 28),
          },
    );
  }

  const data = (section: ElfSection): Uint8Array => {
    if (section.type === SectionType.NOBITS) return new Uint8Array(0);
    if (section.offset + section.size > bytes.length)
      throw reader.damage(`section ${section.name} goes beyond the end of the file`, section.offset);
    return bytes.subarray(section.offset, section.offset + section.size);
  };
  let symbols: ElfSymbols | undefined;
  const file: ElfFile = {
    bytes,
    bits: wide ? 64 : 32,
    machine: MACHINES[u16(18)] ?? u16(18),
    type: TYPES[u16(16)] ?? "other",
    entry,
    sections,
    segments,
    section: (name) => sections.find((section) => section.name === name),
    data,
    symbols: () => {
      if (symbols === undefined) {
        const sources: SymbolSource[] = [];
        for (const type of [SectionType.SYMTAB, SectionType.DYNSYM]) {
          const table = sections.find((section) => section.type === type);
          const strings = table && sections[table.link];
          if (table === undefined || strings === undefined) continue;
          sources.push({ table: data(table), strings: data(strings), wide, dynamic: type === SectionType.DYNSYM });
        }
        symbols = new ElfSymbols(sources);
      }
      return symbols;
    },
    fileOffset: (address) => {
      const segment = segments.find(
        (one) => one.type === 1 && address >= one.address && address < one.address + one.fileSize,
      );
      return segment === undefined ? undefined : address - segment.address + segment.offset;
    },
    address: (offset) => {
      const segment = segments.find(
        (one) => one.type === 1 && offset >= one.offset && offset < one.offset + one.fileSize,
      );
      return segment === undefined ? undefined : offset - segment.offset + segment.address;
    },
  };
  return file;
}

/** Bytes of a name: C++ has mangled ones of 300 KB. */
const MOST_NAME = 1 << 20;

/** The NUL-terminated text at an offset; empty beyond the end, and cut after a MiB. */
export function textAt(bytes: Uint8Array, offset: number): string {
  if (!(offset < bytes.length)) return "";
  const most = Math.min(bytes.length, offset + MOST_NAME);
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, end < 0 || end > most ? most : end));
}
