// Writes a 64-bit little-endian ELF file from its sections: the section names and headers are added here.
//
//     ┌────────┬─────────────────────────────┬──────────────────┐
//     │ header │ sections' bytes, aligned    │ section headers  │
//     └────────┴─────────────────────────────┴──────────────────┘

import { SectionType } from "./file.ts";

export interface NewSection {
  readonly name: string;
  /** `SHT_*` */
  readonly type: number;
  readonly flags?: number;
  readonly address?: number;
  /** Nothing for NOBITS. */
  readonly data: Uint8Array;
  /** What the section has in memory (bytes), where that is not the data's length. */
  readonly size?: number;
  /** Index of a section, counting from 1 as the file does. */
  readonly link?: number;
  readonly info?: number;
  readonly entrySize?: number;
  /** Bytes, a power of two; 8 by default. */
  readonly alignment?: number;
}

/** `type`: `ET_*`, 1 for a relocatable file; `machine`: `EM_*`. */
export function writeElf(type: number, machine: number, sections: readonly NewSection[]): Uint8Array {
  const encoder = new TextEncoder();
  const names = [...sections.map((section) => section.name), ".shstrtab"];
  const nameOffsets: number[] = [];
  let text = "\0";
  for (const name of names) {
    nameOffsets.push(encoder.encode(text).length);
    text += `${name}\0`;
  }
  const all: NewSection[] = [
    ...sections,
    { name: ".shstrtab", type: SectionType.STRTAB, data: encoder.encode(text), alignment: 1 },
  ];
  const offsets: number[] = [];
  let at = 64;
  for (const { data, alignment = 8 } of all) {
    at = Math.ceil(at / alignment) * alignment;
    offsets.push(at);
    at += data.length;
  }
  const table = Math.ceil(at / 8) * 8;
  const out = new Uint8Array(table + 64 * (all.length + 1));
  const view = new DataView(out.buffer);
  const u64 = (place: number, value: number): void => view.setBigUint64(place, BigInt(value), true);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  u64(40, table);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, all.length + 1, true);
  view.setUint16(62, all.length, true);
  all.forEach((section, i) => {
    out.set(section.data, offsets[i] as number);
    const place = table + 64 * (i + 1);
    view.setUint32(place, nameOffsets[i] as number, true);
    view.setUint32(place + 4, section.type, true);
    u64(place + 8, section.flags ?? 0);
    u64(place + 16, section.address ?? 0);
    u64(place + 24, offsets[i] as number);
    u64(place + 32, section.size ?? section.data.length);
    view.setUint32(place + 40, section.link ?? 0, true);
    view.setUint32(place + 44, section.info ?? 0, true);
    u64(place + 48, section.alignment ?? 8);
    u64(place + 56, section.entrySize ?? 0);
  });
  return out;
}
