// Go's tables made by hand, in each of the layouts that there have been.

import { type ElfFile, type NewSection, parseElf, SectionType, writeElf } from "../../src/elf/index.ts";

/** Where the code is. */
export const TEXT = 0x401000;

/** main.one at 0 to 0x40 (a.go, lines 5 and 7), main.two at 0x40 to 0x60 (b.go, line 9). */
export function goTable(layout: "1.2" | "1.16" | "1.18" | "1.20", textStart: number): Uint8Array {
  const out = new Uint8Array(1024);
  const view = new DataView(out.buffer);
  const word = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  const text = (at: number, value: string): void => out.set(new TextEncoder().encode(`${value}\0`), at);
  const magic = { "1.2": 0xfffffffb, "1.16": 0xfffffffa, "1.18": 0xfffffff0, "1.20": 0xfffffff1 }[layout];
  view.setUint32(0, magic, true);
  out[6] = 1;
  out[7] = 8;
  const late = layout === "1.18" || layout === "1.20";
  const old = layout === "1.2";
  const [names, units, files, steps, functions] = [0x100, 0x140, 0x160, 0x200, 0x280];
  word(8, 2);
  if (!old) {
    word(16, 2);
    if (late) word(24, textStart);
    [names, units, files, steps, functions].forEach((at, i) => {
      word((late ? 32 : 24) + i * 8, at);
    });
  }
  text(names, "main.one");
  text(names + 16, "main.two");
  text(files + 8, "/a.go");
  text(files + 16, "/b.go");
  // Old: a count, then offsets from the start; later offsets from the file names, by unit.
  view.setUint32(files, 2, true);
  view.setUint32(files + 4, files + 8, true);
  if (old) {
    text(files + 12, "/a.go");
    text(files + 24, "/b.go");
    view.setUint32(files + 4, files + 12, true);
    view.setUint32(files + 8, files + 24, true);
  } else {
    view.setUint32(units, 8, true);
    view.setUint32(units + 4, 16, true);
  }
  // Steps from -1, zigzag: to 5 for 0x20 bytes, to 7 for 0x20; to 9 for 0x20; files 0 (old: 1) and 1 (old: 2).
  const first = old ? [4, 0x40, 0] : [2, 0x40, 0];
  const second = old ? [6, 0x20, 0] : [4, 0x20, 0];
  out.set([0, ...first, ...second, 12, 0x20, 4, 0x20, 0, 20, 0x20, 0], steps);
  const [fileOne, fileTwo, lineOne, lineTwo] = [1, 4, 7, 12];
  const base = old ? steps : 0;
  const at = old ? 16 : functions;
  const records = old ? 0x300 : 0x80;
  const recordBase = old ? 0 : functions;
  const entries = [0, 0x40, 0x60];
  entries.forEach((entry, i) => {
    if (late) view.setUint32(at + i * 8, entry, true);
    else word(at + i * 16, TEXT + entry);
    if (i === 2) return;
    const record = records + i * 0x40;
    if (late) view.setUint32(at + i * 8 + 4, record, true);
    else word(at + i * 16 + 8, record);
    const place = recordBase + record;
    if (late) view.setUint32(place, entry, true);
    else word(place, TEXT + entry);
    const rest = place + (late ? 4 : 8);
    view.setInt32(rest, (old ? names : 0) + i * 16, true);
    view.setUint32(rest + 16, base + (i === 0 ? fileOne : fileTwo), true);
    view.setUint32(rest + 20, base + (i === 0 ? lineOne : lineTwo), true);
    view.setUint32(rest + 28, 0, true);
  });
  if (old) view.setUint32(at + 2 * 16 + 8, files, true);
  return out;
}

const text: NewSection = {
  name: ".text",
  type: SectionType.PROGBITS,
  flags: 6,
  address: TEXT,
  data: new Uint8Array(0x60),
};
/** An executable with these sections beside its code. */
export const goElf = (...sections: NewSection[]): ElfFile => parseElf(goElfBytes(...sections));
export const goElfBytes = (...sections: NewSection[]): Uint8Array => writeElf(2, 62, [text, ...sections]);
