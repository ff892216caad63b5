// ELF: Node's own binary as a real file, hand-made notes, every form of a USDT argument, entries of functions.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elfWithNotes } from "../../test/data/elf.ts";
import { FormatError } from "../source/index.ts";
import {
  buildId,
  parseElf,
  parseUsdtArguments,
  readNotes,
  register,
  UsdtArgumentError,
  uprobeEntry,
  usdtNotes,
} from "./index.ts";

const onLinux = process.platform === "linux";
if (!onLinux) console.warn("skipped: Node's own binary is no ELF file here");

describe.skipIf(!onLinux)("Node's own binary", () => {
  const file = parseElf(onLinux ? readFileSync(process.execPath) : new Uint8Array());
  it("has sections, segments and symbols", () => {
    expect(file.section(".text")?.size).toBeGreaterThan(100_000);
    expect(file.segments.some((segment) => segment.type === 1)).toBe(true);
    expect(file.symbols().count).toBeGreaterThan(100);
    const main = file.symbols().find("uv_run");
    expect(main).toMatchObject({ type: "func", name: "uv_run" });
    const address = main?.value as number;
    expect(file.address(file.fileOffset(address) as number)).toBe(address);
    expect(file.symbols().covering(address + 1)?.value).toBe(address);
    expect(file.symbols().functions(/^uv_run$/)).toHaveLength(1);
    expect(file.symbols().find("no such function")).toBeUndefined();
  });
  it("finds any function by the address that its name gives", () => {
    for (const symbol of file
      .symbols()
      .functions(/^uv_(?:tcp|udp|fs)_/)
      .filter((one) => one.size > 0)) {
      expect(file.symbols().find(symbol.name)?.value, symbol.name).toBe(symbol.value);
      expect(file.symbols().covering(symbol.value + symbol.size - 1)?.value, symbol.name).toBe(symbol.value);
    }
  });
});

describe("parseElf", () => {
  it("refuses what is no ELF file, and fails cleanly on a broken one", () => {
    expect(() => parseElf(new Uint8Array(100))).toThrow(FormatError);
    const good = elfWithNotes([]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        try {
          const file = parseElf(bytes);
          usdtNotes(file);
          buildId(file);
          for (const symbol of file.symbols()) expect(typeof symbol.name).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 300, examples: [[179, 128]] },
    );
  });
});

describe("notes", () => {
  it("give the build id", () => {
    expect(buildId(parseElf(elfWithNotes([])))).toBe("00112233");
  });
  it("give USDT probes with their place in the file, corrected by the base", () => {
    const file = parseElf(
      elfWithNotes([
        { pc: 0x1010n, base: 0x3000n, semaphore: 0n, provider: "app", name: "start", args: "-4@%edi 8@$5" },
        { pc: 0x0f20n, base: 0x2f00n, semaphore: 0x1f08n, provider: "app", name: "end", args: "" },
      ]),
    );
    expect(usdtNotes(file)).toEqual([
      { provider: "app", name: "start", address: 0x1010, offset: 0x210, arguments: "-4@%edi 8@$5" },
      {
        provider: "app",
        name: "end",
        address: 0x1020,
        offset: 0x220,
        arguments: "",
        semaphore: { address: 0x2008, offset: 0x1208 },
      },
    ]);
  });
  it("end at a note that is cut short", () => {
    expect(readNotes(Uint8Array.of(4, 0, 0, 0, 99, 0, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0))).toEqual([]);
  });
});

describe("USDT arguments", () => {
  const x86 = (text: string) => parseUsdtArguments(text, "x86_64");
  const arm = (text: string) => parseUsdtArguments(text, "aarch64");
  const reg = (name: string, machine: "x86_64" | "aarch64" = "x86_64") => register(name, machine);

  it.each([
    ["-4@%edi", { size: 4, signed: true, kind: "register", register: reg("edi") }],
    ["1@%ah", { size: 1, signed: false, kind: "register", register: { name: "rax", bits: 8, shift: 8, offset: 80 } }],
    ["2@%r9w", { size: 2, kind: "register", register: { name: "r9", bits: 16, shift: 0, offset: 64 } }],
    ["8@$5", { size: 8, kind: "constant", value: 5n }],
    ["-4@$-9", { size: 4, signed: true, kind: "constant", value: -9n }],
    ["8@$0x10", { kind: "constant", value: 16n }],
    ["-4@-20(%rbp)", { kind: "memory", base: reg("rbp"), offset: -20, scale: 1 }],
    ["8@(%rsp)", { kind: "memory", base: reg("rsp"), offset: 0 }],
    ["4@(%rax,%rbx,8)", { kind: "memory", base: reg("rax"), index: reg("rbx"), scale: 8, offset: 0 }],
    ["4@16(%rax,%rbx)", { kind: "memory", base: reg("rax"), index: reg("rbx"), scale: 1, offset: 16 }],
    ["8@8(,%rcx,4)", { kind: "memory", index: reg("rcx"), scale: 4, offset: 8 }],
    ["8@%fs:-8(%rax)", { kind: "memory", segment: "fs", base: reg("rax"), offset: -8 }],
    ["8@%fs:40", { kind: "memory", segment: "fs", offset: 40 }],
    ["8@sym(%rip)", { kind: "symbol", symbol: "sym", offset: 0 }],
    ["4@table.0+12(%rip)", { kind: "symbol", symbol: "table.0", offset: 12 }],
    ["8f@%xmm0", { size: 8, float: true, kind: "unreadable", text: "%xmm0" }],
    ["4f@-4(%rbp)", { size: 4, float: true, kind: "memory", base: reg("rbp"), offset: -4 }],
    ["%rdi", { size: 8, kind: "register", register: reg("rdi") }],
    ["%esi", { size: 4, kind: "register", register: reg("esi") }],
  ])("x86-64: %s", (text, wanted) => {
    expect(x86(text)).toHaveLength(1);
    expect(x86(text)[0]).toMatchObject(wanted);
  });
  it.each([
    ["8@x0", { size: 8, kind: "register", register: { name: "x0", bits: 64, shift: 0, offset: 0 } }],
    ["-4@w19", { size: 4, signed: true, kind: "register", register: { name: "x19", bits: 32, shift: 0, offset: 152 } }],
    ["-4@[sp, 60]", { kind: "memory", base: { name: "sp", bits: 64, shift: 0, offset: 248 }, offset: 60 }],
    ["8@[x29]", { kind: "memory", base: reg("x29", "aarch64"), offset: 0 }],
    ["4@[x1, -8]", { kind: "memory", base: reg("x1", "aarch64"), offset: -8 }],
    ["8@[x1, x2, lsl 3]", { kind: "memory", base: reg("x1", "aarch64"), index: reg("x2", "aarch64"), scale: 8 }],
    ["-4@5", { kind: "constant", value: 5n, signed: true }],
    ["8f@d0", { kind: "unreadable", float: true }],
  ])("arm64: %s", (text, wanted) => {
    expect(arm(text)).toHaveLength(1);
    expect(arm(text)[0]).toMatchObject(wanted);
  });
  it("are as many as the note lists", () => {
    expect(x86("8@%rdi -4@%esi 8@$0 4@8(%rax, %rbx, 4)")).toHaveLength(4);
    expect(arm("8@x0 -4@[sp, 60] 4@w1")).toHaveLength(3);
    expect(x86("")).toEqual([]);
  });
  it.each(["8@%nope", "8@", "3@%rdi", "8@(%rax", "-x@%rdi"])("refuse '%s'", (text) => {
    expect(() => x86(text)).toThrow(UsdtArgumentError);
  });
});

describe("uprobeEntry", () => {
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  it.each([
    ["push %rbp", "55", { skip: 0, kind: "push", emulated: true }],
    ["push %r15", "4157", { skip: 0, kind: "push", emulated: true }],
    ["endbr64; push %rbp", "f30f1efa55", { skip: 4, kind: "push", emulated: true }],
    ["endbr64; push %r12", "f30f1efa4154", { skip: 4, kind: "push", emulated: true }],
    ["endbr64; mov %rdi,%rax", "f30f1efa4889f8", { skip: 0, kind: "stepped", emulated: false }],
    ["nop", "90", { skip: 0, kind: "nop", emulated: true }],
    ["xchg %ax,%ax", "6690", { skip: 0, kind: "nop", emulated: true }],
    ["nopl 0(%rax,%rax,1)", "0f1f440000", { skip: 0, kind: "nop", emulated: true }],
    ["jmp", "e900000000", { skip: 0, kind: "branch", emulated: true }],
    ["jne near", "0f8500000000", { skip: 0, kind: "branch", emulated: true }],
    ["data16 call", "66e800000000", { skip: 0, kind: "stepped", emulated: false }],
    ["sub $8,%rsp", "4883ec08", { skip: 0, kind: "stepped", emulated: false }],
    ["rex.w push", "4855", { skip: 0, kind: "stepped", emulated: false }],
    ["nothing", "", { skip: 0, kind: "stepped", emulated: false }],
  ])("%s", (_name, hex, wanted) => {
    expect(uprobeEntry(bytes(hex))).toEqual(wanted);
  });
});
