// Go's tables as each of its layouts has them, made by hand: the toolchain at hand makes one of them only (the kernel
// tests read that one).

import { describe, expect, it } from "vitest";
import { goElf as program, TEXT, goTable as table } from "../../test/data/go.ts";
import { SectionType } from "./file.ts";
import { crc32, goFunctions, goidOffset, goUsesRegisters, goVersion, isGo } from "./index.ts";
import type { NewSection } from "./write.ts";

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
