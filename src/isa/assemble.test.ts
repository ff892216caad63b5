// Text and instructions: every form by example, random programs there and back, and what bad text is told.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryInstruction } from "../../test/data/arbitrary-instructions.ts";
import { DiagnosticError, formatDiagnostic } from "../source/index.ts";
import { assemble, assembleSymbolic } from "./assemble.ts";
import { disassemble } from "./disassemble.ts";
import { decode, encode } from "./encode.ts";
import type { Instruction } from "./instruction.ts";

/** Text and its bytes, worked out by RFC 9669; those of Linux alone by its headers. */
const FORMS: readonly (readonly [text: string, hex: string])[] = [
  ["r0 = *(u32 *)(r1 + 16)", "6110100000000000"],
  ["r0 = *(s8 *)(r1 - 16)", "9110f0ff00000000"],
  ["w1 += w2", "0c21000000000000"],
  ["r1 s>>= 3", "c701000003000000"],
  ["r1 s/= r2", "3f21010000000000"],
  ["w1 s%= 7", "9401010007000000"],
  ["if r1 s> 5 goto +3", "6501030005000000"],
  ["if w1 & 2 goto -2", "4601feff02000000"],
  ["goto +2", "0500020000000000"],
  ["gotol +70000", "0600000070110100"],
  ["r0 = be16 r0", "dc00000010000000"],
  ["r0 = le64 r0", "d400000040000000"],
  ["r0 = bswap32 r0", "d700000020000000"],
  ["r1 = (s8)r2", "bf21080000000000"],
  ["w1 = (s16)w2", "bc21100000000000"],
  ["r0 = -r0", "8700000000000000"],
  ["*(u8 *)(r10 - 1) = 7", "720affff07000000"],
  ["*(u64 *)(r10 - 8) = r1", "7b1af8ff00000000"],
  ["lock *(u64 *)(r1 + 0) += r2", "db21000000000000"],
  ["lock *(u32 *)(r1 + 4) ^= w2", "c3210400a0000000"],
  ["r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)", "db21000001000000"],
  ["r0 = cmpxchg_64(r1 + 0, r0, r2)", "db210000f1000000"],
  ["w2 = xchg32_32(r1 + 8, w2)", "c3210800e1000000"],
  ["r2 = xchg_64(r1 + 0, r2)", "db210000e1000000"],
  ["r1 = 0x1122334455667788 ll", "18010000887766550000000044332211"],
  ["r1 = map[5] ll", "18110000050000000000000000000000"],
  ["r1 = map_value[5] + 8 ll", "18210000050000000000000008000000"],
  ["call 5", "8500000005000000"],
  ["call pc+5", "8510000005000000"],
  ["call kfunc[1234]", "85200000d2040000"],
  ["callx r2", "8d02000000000000"],
  ["exit", "9500000000000000"],
  ["r0 = *(u32 *)skb[12]", "200000000c000000"],
  ["r0 = *(u16 *)skb[r1 + 12]", "481000000c000000"],
  ["w0 = load_acquire((u8 *)(r1 + 0))", "d310000000010000"],
  ["store_release((u64 *)(r1 + 8), r2)", "db21080010010000"],
  ["may_goto +3", "e500030000000000"],
  ["r1 = addr_space_cast(r2, 0, 1)", "bf21010001000000"],
  ["gotox r3", "0d03000000000000"],
];
const hexOf = (list: readonly Instruction[]): string => Buffer.from(encode(list)).toString("hex");

describe("every form", () => {
  it.each(FORMS)("%s", (text, hex) => {
    expect(hexOf(assemble(text))).toBe(hex);
    expect(disassemble(decode(Buffer.from(hex, "hex")))).toBe(text);
  });
});

describe("assemble", () => {
  it("reads back any program that disassemble prints", () => {
    fc.assert(
      fc.property(fc.array(arbitraryInstruction, { maxLength: 20 }), (list) => {
        expect(assemble(disassemble(list))).toEqual(list);
      }),
      { numRuns: 1000 },
    );
  });
  it("reads back raw slots that are no instruction", () => {
    const bits = (n: number) => fc.integer({ min: 0, max: 2 ** n - 1 });
    const slot = fc.record({
      op: bits(8).filter((op) => op !== 0x18),
      dst: bits(4),
      src: bits(4),
      off: bits(16).map((n) => (n << 16) >> 16),
      imm: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    });
    fc.assert(fc.property(fc.array(slot), (list) => void expect(assemble(disassemble(list))).toEqual(list)));
  });
  it("knows labels, comments, local calls and pasted logs", () => {
    const text = `
      r1 = 5            ; five
    loop: r1 -= 1
      if r1 != 0 goto loop
      r2 = 1 ll         // two slots
      call twice
      goto end
    end:
      5: (95) exit
    twice: r0 = r1
      exit`;
    expect(disassemble(assemble(text))).toBe(
      "r1 = 5\nr1 -= 1\nif r1 != 0 goto -2\nr2 = 0x1 ll\ncall pc+2\ngoto +0\nexit\nr0 = r1\nexit",
    );
  });
  it("keeps names that only a machine knows", () => {
    const list = assembleSymbolic("r1 = map[counts] ll\ncall map_lookup_elem\ncall helper_of_mine", {
      helper: (name) => (name === "map_lookup_elem" ? 1 : undefined),
    });
    expect(list.map((one) => one.symbol?.name)).toEqual(["counts", undefined, "helper_of_mine"]);
    expect(list[1]).toMatchObject({ src: 0, imm: 1 });
  });
  it.each([
    ["r1 = 5\nr1 =* 3", "asm:2:1-8: ERROR: 'r1 =* 3' is not an instruction"],
    ["r11 = 5", "ERROR: There is no register r11"],
    ["r1 = 2147483648", "ERROR: 2147483648 does not fit in 32 bits"],
    ["r1 = 0x100000000", "ERROR: 0x100000000 does not fit in 32 bits"],
    ["r0 = *(u32 *)(r1 + 0x10000)", "ERROR: + 0x10000 does not fit in 16 bits"],
    ["goto nowhere", "ERROR: There is no label 'nowhere'"],
    ["r1 += w2", "is not an instruction"],
    ["a: exit\na: exit", "ERROR: The label 'a' stands twice"],
    ["call nothing", "ERROR: Nothing here defines the helper or function 'nothing'"],
  ])("says what is wrong with %s", (text, message) => {
    try {
      assemble(text);
      expect.fail("it was accepted");
    } catch (error) {
      expect(error).toBeInstanceOf(DiagnosticError);
      const { diagnostics, source } = error as DiagnosticError;
      expect(diagnostics.map((one) => formatDiagnostic(one, source)).join("\n")).toContain(message);
    }
  });
});

const index = new URL("../../../shared/fixtures/bpf_conformance/index.json", import.meta.url);
const present = existsSync(index);
if (!present) console.warn("skipped: the fixtures of bpf_conformance are not here");
describe.skipIf(!present)("bpf_conformance", () => {
  it("prints and reads back every program", () => {
    for (const { file, code } of JSON.parse(readFileSync(index, "utf8")) as { file: string; code: string }[]) {
      const list = decode(Buffer.from(code, "hex"));
      const text = disassemble(list);
      expect(text, file).not.toContain(".insn");
      expect(hexOf(assemble(text)), file).toBe(code);
    }
  });
});
