// Notes and links to debug information: build id, .gnu_debuglink, USDT probes.
//
//     note: u32 name size, u32 descriptor size, u32 type, name padded to 4, descriptor padded to 4

import { ByteReader } from "../source/index.ts";
import { type ElfFile, SectionType, textAt } from "./file.ts";

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

/** The notes in a section's or segment's bytes; a note that is cut short ends the list. */
export function readNotes(bytes: Uint8Array): ElfNote[] {
  const reader = new ByteReader(bytes, "notes");
  const notes: ElfNote[] = [];
  while (reader.at + 12 <= bytes.length) {
    const nameSize = reader.u32();
    const size = reader.u32();
    const type = reader.u32();
    const { at } = reader;
    // Sizes of a damaged file may be beyond what bit operations hold.
    const start = at + Math.ceil(nameSize / 4) * 4;
    if (start + size > bytes.length) break;
    notes.push({
      name: textAt(bytes.subarray(at, at + nameSize), 0),
      type,
      descriptor: bytes.subarray(start, start + size),
    });
    reader.seek(start + Math.ceil(size / 4) * 4);
  }
  return notes;
}

/** The build id as lower-case hex; undefined where the linker gave none. */
export function buildId(file: ElfFile): string | undefined {
  const places = [
    ...file.sections.filter((section) => section.type === SectionType.NOTE).map((section) => file.data(section)),
    // A stripped file may have no sections.
    ...file.segments
      .filter((segment) => segment.type === 4)
      .map((segment) => file.bytes.subarray(segment.offset, segment.offset + segment.fileSize)),
  ];
  for (const bytes of places) {
    const note = readNotes(bytes).find((one) => one.name === "GNU" && one.type === 3);
    if (note !== undefined) return Array.from(note.descriptor, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return undefined;
}

/** The name of the file with this one's debug information, and the CRC-32 that it must have. */
export function debugLink(file: ElfFile): { readonly name: string; readonly crc: number } | undefined {
  const section = file.section(".gnu_debuglink");
  if (section === undefined) return undefined;
  const bytes = file.data(section);
  const end = bytes.indexOf(0);
  // The name's end, and the next multiple of 4.
  const at = (end + 4) & ~3;
  if (end < 0 || at + 4 > bytes.length) return undefined;
  return { name: textAt(bytes, 0), crc: new ByteReader(bytes, ".gnu_debuglink", at).u32() };
}

/** A USDT probe, as <sys/sdt.h> of SystemTap writes it down. */
export interface UsdtNote {
  readonly provider: string;
  readonly name: string;
  /** Address of the probe's nop, corrected for prelink by .stapsdt.base. */
  readonly address: number;
  /** Bytes from the start of the file: what a uprobe takes. */
  readonly offset: number;
  readonly semaphore?: {
    readonly address: number;
    /** Bytes from the start of the file: the uprobe's reference counter. */
    readonly offset: number;
  };
  /** To be read by `parseUsdtArguments`. */
  readonly arguments: string;
}

/** The USDT probes of a file, in the order of its notes; those at an address outside of the file are left out. */
export function usdtNotes(file: ElfFile): UsdtNote[] {
  const section = file.section(".note.stapsdt");
  if (section === undefined) return [];
  const base = file.section(".stapsdt.base")?.address;
  const probes: UsdtNote[] = [];
  for (const { name: owner, type, descriptor } of readNotes(file.data(section))) {
    const step = file.bits / 8;
    if (owner !== "stapsdt" || type !== 3 || descriptor.length < 3 * step) continue;
    const reader = new ByteReader(descriptor, "a note of a USDT probe");
    const word = (at: number): number => reader.seek(at).word(step);
    const noted = word(step);
    const shift = base === undefined || noted === 0 ? 0 : base - noted;
    const address = word(0) + shift;
    const offset = file.fileOffset(address);
    if (offset === undefined) continue;
    const provider = textAt(descriptor, 3 * step);
    const name = textAt(descriptor, 3 * step + provider.length + 1);
    const args = textAt(descriptor, 3 * step + provider.length + name.length + 2);
    const semaphoreAddress = word(2 * step) === 0 ? 0 : word(2 * step) + shift;
    const semaphoreOffset = semaphoreAddress === 0 ? undefined : file.fileOffset(semaphoreAddress);
    probes.push({
      provider,
      name,
      address,
      offset,
      arguments: args,
      ...(semaphoreOffset === undefined ? {} : { semaphore: { address: semaphoreAddress, offset: semaphoreOffset } }),
    });
  }
  return probes;
}
