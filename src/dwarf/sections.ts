// The sections that debug information lies in, from an ELF file: uncompressed where they are compressed.

import { type ElfFile, SectionFlag } from "../elf/index.ts";
import { ByteReader, FormatError } from "../source/index.ts";

export interface DwarfOptions {
  /** Undoes zlib (RFC 1950), for compressed sections, whose size is then the second argument; without it they are refused. */
  readonly inflate?: (bytes: Uint8Array, size: number) => Uint8Array;
  /** The file's path, for messages. */
  readonly name?: string;
}

/** Sections by their names without `.debug_`; one that is not there is empty. */
export interface Sections {
  bytes(name: string): Uint8Array;
  /** Reads a section from an offset on. */
  reader(name: string, at?: number, end?: number): ByteReader;
}

const EMPTY = new Uint8Array(0);
/** `ch_type` of Elf64_Chdr */
const ELFCOMPRESS_ZLIB = 1;
/** zlib makes nothing smaller than by this much (RFC 1951: 258 bytes of two bits). */
const MOST_RATIO = 1032;

/**
 * The sections of a file. `suffix` follows their names (".dwo" in split ones); `parts` says which bytes of a section to
 * take, of those that it names.
 */
export function debugSections(
  file: ElfFile,
  options: DwarfOptions,
  suffix = "",
  parts?: ReadonlyMap<string, { readonly offset: number; readonly size: number }>,
): Sections {
  const known = new Map<string, { readonly bytes: Uint8Array; readonly what: string }>();
  const section = (name: string): { readonly bytes: Uint8Array; readonly what: string } => {
    let found = known.get(name);
    if (found === undefined) {
      const what = `${options.name === undefined ? "" : `${options.name}: `}.debug_${name}${suffix}`;
      const whole = read(file, `.debug_${name}${suffix}`, what, options);
      const part = parts?.get(name);
      if (part !== undefined && part.offset + part.size > whole.length)
        throw new FormatError(what, "a part of it goes beyond its end");
      const bytes = part === undefined ? whole : whole.subarray(part.offset, part.offset + part.size);
      known.set(name, (found = { bytes, what }));
    }
    return found;
  };
  return {
    bytes: (name) => section(name).bytes,
    reader: (name, at, end) => {
      const { bytes, what } = section(name);
      return new ByteReader(bytes, what, at, end);
    },
  };
}

function read(file: ElfFile, name: string, what: string, options: DwarfOptions): Uint8Array {
  const section = file.section(name);
  if (section === undefined) return EMPTY;
  const bytes = file.data(section);
  if ((section.flags & SectionFlag.COMPRESSED) === 0) return bytes;
  const header = new ByteReader(bytes, what);
  if (header.u32() !== ELFCOMPRESS_ZLIB)
    throw new FormatError(what, "compressed in a way that is not known (only zlib is)");
  if (options.inflate === undefined) throw new FormatError(what, "it is compressed");
  const wide = file.bits === 64;
  const size = header.seek(wide ? 8 : 4).word(wide ? 8 : 4);
  const packed = bytes.subarray(wide ? 24 : 12);
  if (size > packed.length * MOST_RATIO) throw header.damage("a size that nothing so small unpacks to", wide ? 8 : 4);
  try {
    return options.inflate(packed, size);
  } catch {
    throw header.damage("it cannot be unpacked", wide ? 24 : 12);
  }
}
