// A hand-made ELF file for tests: a code and a data segment, a build id, USDT notes.
import { SectionType, writeElf } from "../../src/elf/index.ts";

export interface SampleProbe {
  readonly pc: bigint;
  readonly base: bigint;
  readonly semaphore: bigint;
  readonly provider: string;
  readonly name: string;
  readonly args: string;
}

function note(name: string, type: number, descriptor: Uint8Array): Uint8Array {
  const owner = new TextEncoder().encode(`${name}\0`);
  const start = 12 + ((owner.length + 3) & ~3);
  const out = new Uint8Array(start + ((descriptor.length + 3) & ~3));
  const view = new DataView(out.buffer);
  view.setUint32(0, owner.length, true);
  view.setUint32(4, descriptor.length, true);
  view.setUint32(8, type, true);
  out.set(owner, 12);
  out.set(descriptor, start);
  return out;
}

/** Code at 0x1000 (file 0x200), data at 0x2000 (file 0x1200), .stapsdt.base at 0x3000. */
export function elfWithNotes(probes: readonly SampleProbe[]): Uint8Array {
  const notes = probes.map(({ pc, base, semaphore, provider, name, args }) => {
    const text = new TextEncoder().encode(`${provider}\0${name}\0${args}\0`);
    const bytes = new Uint8Array(24 + text.length);
    const view = new DataView(bytes.buffer);
    [pc, base, semaphore].forEach((value, i) => {
      view.setBigUint64(i * 8, value, true);
    });
    bytes.set(text, 24);
    return note("stapsdt", 3, bytes);
  });
  const joined = new Uint8Array(notes.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of notes) {
    joined.set(one, at);
    at += one.length;
  }
  const segments = new Uint8Array(112);
  const view = new DataView(segments.buffer);
  [
    [0x200, 0x1000],
    [0x1200, 0x2000],
  ].forEach(([offset, address], i) => {
    view.setUint32(i * 56, 1, true);
    view.setBigUint64(i * 56 + 8, BigInt(offset as number), true);
    view.setBigUint64(i * 56 + 16, BigInt(address as number), true);
    view.setBigUint64(i * 56 + 32, 0x1000n, true);
    view.setBigUint64(i * 56 + 40, 0x1000n, true);
  });
  const file = writeElf(3, 62, [
    { name: ".segments", type: SectionType.PROGBITS, data: segments },
    { name: ".note.gnu.build-id", type: SectionType.NOTE, data: note("GNU", 3, Uint8Array.of(0, 0x11, 0x22, 0x33)) },
    { name: ".note.stapsdt", type: SectionType.NOTE, data: joined },
    { name: ".stapsdt.base", type: SectionType.PROGBITS, address: 0x3000, data: new Uint8Array(1) },
  ]);
  const header = new DataView(file.buffer);
  header.setBigUint64(32, 64n, true);
  header.setUint16(56, 2, true);
  return file;
}
