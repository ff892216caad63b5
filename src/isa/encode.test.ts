// Bytes in and out: the conformance suite's programs, its malformed encodings, and random instructions.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryInstruction } from "../../test/data/arbitrary-instructions.ts";
import { decode, decodeStrict, EncodingError, encode, validate } from "./encode.ts";
import { Alu, Class, Jmp, Mode, Opcode, Operand, Size } from "./opcodes.ts";
import { operations } from "./operations.ts";

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

describe("opcodes by name", () => {
  const sources = { IMM: Operand.K, REG: Operand.X };
  /** What the parts of a name add up to: class and width, then operation or mode, then operand or size. */
  const expected = (name: string): number | undefined => {
    const [, code, width, source] = /^([A-Z]+)(32|64)_(IMM|REG)$/.exec(name) ?? [];
    if (code !== undefined) {
      const operand = sources[source as keyof typeof sources];
      if (code in Jmp) return Jmp[code as keyof typeof Jmp] | (width === "32" ? Class.JMP32 : Class.JMP) | operand;
      return Alu[code as keyof typeof Alu] | (width === "32" ? Class.ALU : Class.ALU64) | operand;
    }
    const [, kind, size] = /^(LD_ABS|LD_IND|LDX|LDXSX|ST|STX)_(B|H|W|DW)$/.exec(name) ?? [];
    if (kind === undefined) return undefined;
    const modes = {
      LD_ABS: Class.LD | Mode.ABS,
      LD_IND: Class.LD | Mode.IND,
      LDX: Class.LDX | Mode.MEM,
      LDXSX: Class.LDX | Mode.MEMSX,
      ST: Class.ST | Mode.MEM,
      STX: Class.STX | Mode.MEM,
    };
    return modes[kind as keyof typeof modes] | Size[size as keyof typeof Size];
  };

  it("are the sums of their parts, and operations that there are", () => {
    const known = new Set(operations().map(({ op }) => op));
    let checked = 0;
    for (const [name, op] of Object.entries(Opcode)) {
      const sum = expected(name);
      if (sum !== undefined) {
        expect(op, name).toBe(sum);
        checked++;
      }
      // Jumps through registers are in the assembler of no one yet.
      if (op !== Opcode.GOTOX) expect(known.has(op), name).toBe(true);
    }
    expect(checked).toBeGreaterThan(90);
  });
});
