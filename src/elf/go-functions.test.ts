// Go's tables as each of its layouts has them, made by hand: the toolchain at hand makes one of them only (the kernel
// tests read that one).

import { describe, expect, it } from "vitest";
import { SectionType } from "./file.ts";
import { crc32, goFunctions, goidOffset, goUsesRegisters, goVersion, isGo, parseElf } from "./index.ts";
import { type NewSection, writeElf } from "./write.ts";

const TEXT = 0x401000;

/** main.one at 0 to 0x40 (a.go, lines 5 and 7), main.two at 0x40 to 0x60 (b.go, line 9). */
function table(layout: "1.2" | "1.16" | "1.18" | "1.20", textStart: number): Uint8Array {
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
const program = (...sections: NewSection[]) => parseElf(writeElf(2, 62, [text, ...sections]));

describe("goFunctions", () => {
  for (const [layout, start] of [
    ["1.2", TEXT],
    ["1.16", TEXT],
    ["1.18", TEXT],
    ["1.20", TEXT],
    // Since Go 1.26 the start is not written down.
    ["1.20", 0],
  ] as const)
    it(`reads the layout of Go ${layout}${start === 0 ? " without a start" : ""}`, () => {
      const functions = goFunctions(
        program({ name: ".gopclntab", type: SectionType.PROGBITS, data: table(layout, start) }),
      )!;
      expect([...functions]).toEqual([
        { name: "main.one", address: TEXT, size: 0x40 },
        { name: "main.two", address: TEXT + 0x40, size: 0x20 },
      ]);
      expect(functions.find("main.two")?.address).toBe(TEXT + 0x40);
      expect(functions.find("main.tw")).toBeUndefined();
      expect(functions.covering(TEXT + 0x5f)?.name).toBe("main.two");
      expect(functions.covering(TEXT + 0x60)).toBeUndefined();
      expect(functions.line(TEXT)).toEqual({ file: "/a.go", line: 5 });
      expect(functions.line(TEXT + 0x20)).toEqual({ file: "/a.go", line: 7 });
      expect(functions.line(TEXT + 0x40)).toEqual({ file: "/b.go", line: 9 });
    });

  it("takes a table that is cut short for none", () => {
    const whole = table("1.20", TEXT);
    for (const end of [0, 7, 60, 100, 0x290])
      expect(() =>
        goFunctions(program({ name: ".gopclntab", type: SectionType.PROGBITS, data: whole.slice(0, end) })),
      ).not.toThrow();
  });
});

describe("goVersion", () => {
  const info = (data: number[]): NewSection => ({
    name: ".go.buildinfo",
    type: SectionType.PROGBITS,
    data: Uint8Array.from([0xff, ...new TextEncoder().encode(" Go buildinf:"), ...data]),
  });
  const inline = (version: string): NewSection =>
    info([8, 2, ...new Array<number>(16).fill(0), version.length, ...new TextEncoder().encode(version), 0]);

  it("is read where it is written out", () => {
    expect(goVersion(program(inline("go1.19.8")))).toEqual({ text: "go1.19.8", major: 1, minor: 19 });
    expect(goVersion(program(inline("devel go1.23-0c1ab2e")))?.minor).toBe(23);
    expect(goVersion(program(inline("")))).toBeUndefined();
    expect(goVersion(program())).toBeUndefined();
    expect(isGo(program())).toBe(false);
    expect(isGo(program(inline("go1.19.8")))).toBe(true);
  });

  it("says where arguments and the goroutine's id are", () => {
    const version = (minor: number) => ({ text: "", major: 1, minor });
    expect([16, 17, 18].map((n) => goUsesRegisters(version(n), "x86_64"))).toEqual([false, true, true]);
    expect([16, 17, 18].map((n) => goUsesRegisters(version(n), "aarch64"))).toEqual([false, false, true]);
    expect([8, 15, 22, 23, 24, 25, 27, 99].map((n) => goidOffset(version(n)))).toEqual([
      undefined,
      152,
      152,
      160,
      160,
      152,
      152,
      undefined,
    ]);
  });
});

it("crc32 is that of zlib", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});
