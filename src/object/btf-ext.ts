// The `.BTF.ext` section of a `.o` file: per code section which functions begin where, which lines the instructions come
// from, and which fields of kernel types are to be found at load time (Documentation/bpf/btf.rst section 4.2).
//
//     header: u16 magic, u8 version, u8 flags, u32 length, then offset and length of each of three parts
//     part:   u32 record size, then for each code section: u32 its name, u32 count, records

import { ByteReader } from "../source/index.ts";

export interface ExtFunction {
  /** Bytes from the start of the code section. */
  readonly offset: number;
  readonly type: number;
}
export interface ExtLine {
  readonly offset: number;
  /** String offsets. */
  readonly file: number;
  readonly text: number;
  readonly line: number;
  readonly column: number;
}
/** `struct bpf_core_relo` */
export interface ExtRelocation {
  readonly offset: number;
  readonly type: number;
  /** String offset of the access path, such as `0:1:2`. */
  readonly access: number;
  /** `enum bpf_core_relo_kind`: 0 a field's byte offset, 7 the id of a kernel type. */
  readonly kind: number;
}
export interface ExtSection {
  /** String offset of the code section's name. */
  readonly name: number;
  readonly functions: readonly ExtFunction[];
  readonly lines: readonly ExtLine[];
  readonly relocations: readonly ExtRelocation[];
}

const MAGIC = 0xeb9f;
const HEADER = 32;

/** The bytes of the section. */
export function encodeBtfExt(sections: readonly ExtSection[]): Uint8Array {
  const part = (size: number, rows: (section: ExtSection) => readonly (readonly number[])[]): number[] => {
    const words = [size];
    for (const section of sections) {
      const records = rows(section);
      if (records.length === 0) continue;
      words.push(section.name, records.length);
      for (const record of records) for (const word of record) words.push(word);
    }
    return words.length === 1 ? [] : words;
  };
  const parts = [
    part(8, (section) => section.functions.map((one) => [one.offset, one.type])),
    part(16, (section) =>
      section.lines.map((one) => [
        one.offset,
        one.file,
        one.text,
        ((one.line << 10) | Math.min(one.column, 1023)) >>> 0,
      ]),
    ),
    part(16, (section) => section.relocations.map((one) => [one.offset, one.type, one.access, one.kind])),
  ];
  const header = [MAGIC | (1 << 16), HEADER];
  let at = 0;
  for (const words of parts) {
    header.push(at, words.length * 4);
    at += words.length * 4;
  }
  return new Uint8Array(Uint32Array.from([...header, ...parts.flat()]).buffer);
}

/** Reads the section; parts that are cut short end where they do. Throws FormatError. */
export function decodeBtfExt(bytes: Uint8Array): ExtSection[] {
  if (bytes.length < 24) return [];
  const reader = new ByteReader(bytes, ".BTF.ext");
  const word = (at: number): number => reader.seek(at).u32();
  if (reader.u16() !== MAGIC) return [];
  const header = word(4);
  const found = new Map<
    number,
    { name: number; functions: ExtFunction[]; lines: ExtLine[]; relocations: ExtRelocation[] }
  >();
  const of = (name: number) => {
    let section = found.get(name);
    if (section === undefined) found.set(name, (section = { name, functions: [], lines: [], relocations: [] }));
    return section;
  };
  const read = (field: number, take: (section: ReturnType<typeof of>, at: number) => void): void => {
    if (field + 8 > header) return;
    let at = header + word(field);
    const end = Math.min(at + word(field + 4), bytes.length);
    if (at + 4 > end) return;
    const size = word(at);
    at += 4;
    while (at + 8 <= end) {
      const section = of(word(at));
      let count = word(at + 4);
      at += 8;
      for (; count > 0 && at + size <= end && size >= 8; count--, at += size) take(section, at);
    }
  };
  read(8, (section, at) => section.functions.push({ offset: word(at), type: word(at + 4) }));
  read(16, (section, at) => {
    const place = word(at + 12);
    section.lines.push({
      offset: word(at),
      file: word(at + 4),
      text: word(at + 8),
      line: place >>> 10,
      column: place & 1023,
    });
  });
  read(24, (section, at) =>
    section.relocations.push({ offset: word(at), type: word(at + 4), access: word(at + 8), kind: word(at + 12) }),
  );
  return [...found.values()];
}
