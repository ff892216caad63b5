// Bytes in and out: the conformance suite's programs, its malformed encodings, and random instructions.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryInstruction } from "./arbitrary.test-data.ts";
import { decode, decodeStrict, EncodingError, encode, validate } from "./encode.ts";

const folder = new URL("../../../shared/fixtures/bpf_conformance/", import.meta.url);
const present = existsSync(folder);
if (!present) console.warn("skipped: the fixtures of bpf_conformance are not here");

interface Case {
  readonly file: string;
  readonly kind?: string;
  readonly code?: string;
}
const cases = (name: string): Case[] => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Case[];
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

describe.skipIf(!present)("bpf_conformance", () => {
  it("decodes, accepts and encodes every program to the same bytes", () => {
    const list = cases("index.json");
    expect(list.length).toBeGreaterThan(300);
    for (const { file, code } of list) {
      const bytes = bytesOf(code as string);
      const instructions = decode(bytes);
      expect(encode(instructions), file).toEqual(bytes);
      expect(() => validate(instructions), file).not.toThrow();
    }
  });
  it("refuses the 45 malformed encodings, naming the slot", () => {
    const list = cases("negative-index.json").filter((one) => one.kind === "loader-must-reject");
    expect(list.length).toBe(45);
    for (const { file, code } of list) {
      const bytes = bytesOf(code as string);
      expect(() => decodeStrict(bytes), file).toThrow(EncodingError);
      expect(() => decodeStrict(bytes), file).toThrow(/^slot 0: /);
    }
  });
});

describe("decode", () => {
  it("names the slot where the bytes end too early", () => {
    expect(() => decode(new Uint8Array(12))).toThrow("slot 1: the program ends within a slot");
    expect(() => decode(Uint8Array.of(0x18, 0, 0, 0, 1, 0, 0, 0))).toThrow("slot 0: the second slot of a wide");
    expect(() => decode(Uint8Array.of(0x18, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0))).toThrow("slot 1:");
  });
  it("gives what was encoded", () => {
    fc.assert(
      fc.property(fc.array(arbitraryInstruction), (list) => {
        expect(decode(encode(list))).toEqual(list);
      }),
    );
  });
});

describe("encode", () => {
  it("refuses what does not fit", () => {
    expect(() => encode([{ op: 5, dst: 0, src: 0, off: 40000, imm: 0 }])).toThrow("offset 40000");
    expect(() => encode([{ op: 0xb7, dst: 0, src: 0, off: 0, imm: 2 ** 31 }])).toThrow("immediate 2147483648");
  });
});

describe("validate", () => {
  it("refuses jumps out of the program and into a wide instruction", () => {
    const exit = { op: 0x95, dst: 0, src: 0, off: 0, imm: 0 };
    expect(() => validate([{ op: 5, dst: 0, src: 0, off: 1, imm: 0 }, exit])).toThrow("slot 0: jumps to slot 2");
    const wide = { op: 0x18, dst: 1, src: 0, off: 0, imm: 0, imm64: 0n };
    expect(() => validate([{ op: 5, dst: 0, src: 0, off: 1, imm: 0 }, wide, exit])).toThrow("middle of a wide");
    expect(() => validate([{ op: 5, dst: 0, src: 0, off: 2, imm: 0 }, wide, exit])).not.toThrow();
  });
});
