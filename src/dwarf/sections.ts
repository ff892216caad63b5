// The sections that debug information lies in, from an ELF file: uncompressed where they are compressed.

import { type ElfFile, SectionFlag } from "../elf/index.ts";
import { DwarfError } from "./cursor.ts";

export interface DwarfOptions {
  /** Undoes zlib (RFC 1950), for compressed sections; without it they are refused. */
  readonly inflate?: (bytes: Uint8Array, size: number) => Uint8Array;
}

/** Sections by their names without `.debug_`; one that is not there is empty. */
export type Sections = (name: string) => Uint8Array;

const EMPTY = new Uint8Array(0);
/** `ch_type` of Elf64_Chdr */
const ELFCOMPRESS_ZLIB = 1;

export function debugSections(file: ElfFile, options: DwarfOptions): Sections {
  const known = new Map<string, Uint8Array>();
  return (name) => {
    let bytes = known.get(name);
    if (bytes === undefined) known.set(name, (bytes = read(file, `.debug_${name}`, options)));
    return bytes;
  };
}

function read(file: ElfFile, name: string, options: DwarfOptions): Uint8Array {
  const section = file.section(name);
  if (section === undefined) return EMPTY;
  const bytes = file.data(section);
  if ((section.flags & SectionFlag.COMPRESSED) === 0) return bytes;
  const header = file.bits === 64 ? 24 : 12;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < header || view.getUint32(0, true) !== ELFCOMPRESS_ZLIB)
    throw new DwarfError(`${name} is compressed in a way that is not known (only zlib is)`);
  if (options.inflate === undefined) throw new DwarfError(`${name} is compressed`);
  const size = file.bits === 64 ? Number(view.getBigUint64(8, true)) : view.getUint32(4, true);
  return options.inflate(bytes.subarray(header), size);
}
