// Tables for unwinding against the rows of the call frames that they are made of, and bytes that are none.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseElf } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";
import { type FrameRow, frameEntries } from "./frames.ts";
import { DISPLACEMENT_ZERO, SavedFrame, UnwindBits, UnwindKind } from "./unwind-rules.ts";
import { unwindTable } from "./unwind-table.ts";

const tools = process.arch === "x64" && spawnSync("gcc", ["--version"]).status === 0;
const needed = process.env["CI"] !== undefined || tools;
const folder = mkdtempSync(join(tmpdir(), "scry-unwind-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bits = (rule: number, name: keyof typeof UnwindBits): number =>
  (rule >>> UnwindBits[name].shift) & (2 ** UnwindBits[name].bits - 1);

/** A row's second word as text. */
function shown(rule: number): string {
  const saved =
    bits(rule, "savedKind") === SavedFrame.BELOW
      ? ` rbp=c-${bits(rule, "saved") * 8}`
      : bits(rule, "savedKind") === SavedFrame.AT_FRAME
        ? " rbp=*rbp"
        : "";
  const offset = bits(rule, "offset") * 8;
  const deref = `${(bits(rule, "displacement") - DISPLACEMENT_ZERO) * 8})+${bits(rule, "addend") * 8}${saved}`;
  switch (bits(rule, "kind")) {
    case UnwindKind.STACK:
      return `rsp+${offset}${saved}`;
    case UnwindKind.FRAME:
      return `rbp+${offset}${saved}`;
    case UnwindKind.LINKAGE:
      return `plt ${offset} ${bits(rule, "saved")}`;
    case UnwindKind.AT_STACK:
      return `*(rsp+${deref}`;
    case UnwindKind.AT_FRAME:
      return `*(rbp+${deref}`;
    case UnwindKind.SIGNAL:
      return "signal";
    case UnwindKind.END:
      return "end";
    default:
      return "none";
  }
}

/** The same of a row as `frameEntries` has it; undefined for expressions, which are looked at apart. */
function expected(row: FrameRow): string | undefined {
  const returns = row.registers.get(16);
  if (returns?.kind === "undefined") return "end";
  const rbp = row.registers.get(6);
  if (row.frame.kind === "expression" || rbp?.kind === "expression") return undefined;
  // Where it is not as a call leaves it (longjmp, contexts) nothing is said.
  if (returns !== undefined && !(returns.kind === "offset" && returns.offset === -8)) return "none";
  if (row.frame.number !== 7 && row.frame.number !== 6) return "none";
  const saved = rbp?.kind === "offset" ? ` rbp=c-${-rbp.offset}` : "";
  return `${row.frame.number === 7 ? "rsp" : "rbp"}+${row.frame.offset}${saved}`;
}

function build(name: string, text: string, ...flags: string[]): string {
  const to = join(folder, name);
  execFileSync("gcc", ["-x", "c", "-", ...flags, "-o", to], { input: text });
  return to;
}

function lookup(table: ReturnType<typeof unwindTable>, address: number): string {
  let found = "none";
  for (let i = 0; i < table.rows.length; i += 2) {
    if ((table.rows[i] as number) > address - table.base) break;
    found = shown(table.rows[i + 1] as number);
  }
  return found;
}

const source = `
#include <stdio.h>
#include <string.h>
#include <alloca.h>
__attribute__((noipa)) int f(char *p, int n) { return strlen(p) + n; }
__attribute__((noipa)) int g(int n) { char *p = alloca(n); memset(p, 0, n); return f(p, n) + p[3]; }
__attribute__((noipa)) int h(int n) { char p[128] __attribute__((aligned(64))); memset(p, n, 128); char *q = alloca(n); return f(p, n) + f(q, n) + p[3]; }
int main(int n, char **v) { for (int i = 0; i < n; i++) printf("%d", g(i) + h(i)); return 0; }`;

if (!needed) console.warn("\n*** not tested: tables for unwinding, for want of gcc and binutils ***\n");

describe.skipIf(!needed)("tables for unwinding", () => {
  for (const [name, ...flags] of [
    ["O2", "-O2", "-fomit-frame-pointer"],
    ["O0", "-O0"],
    ["static", "-O2", "-static"],
    ["cet", "-O2", "-fcf-protection=full", "-no-pie"],
  ] as const)
    it(`${name}: at every row of every call frame they say the same`, () => {
      const elf = parseElf(readFileSync(build(name, source, ...flags)));
      const table = unwindTable(elf);
      const at = new Map<number, string>();
      let rule = "none";
      const starts = Array.from({ length: table.rows.length / 2 }, (_, i) => table.rows[i * 2] as number);
      expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
      for (let i = 0; i < table.rows.length; i += 2)
        at.set((table.rows[i] as number) + table.base, shown(table.rows[i + 1] as number));
      const wrong: string[] = [];
      let compared = 0;
      let high = 0;
      for (const entry of frameEntries(elf)) {
        if (entry.low < high) continue;
        high = entry.high;
        for (const row of entry.rows()) {
          if (row.address >= entry.high) continue;
          const want = expected(row);
          // Rows that change nothing are left out: what holds is what was said last.
          rule = at.get(row.address) ?? rule;
          if (want === undefined) continue;
          compared++;
          if (rule !== want) wrong.push(`0x${row.address.toString(16)}: ${rule}, not ${want}`);
        }
      }
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(compared).toBeGreaterThan(15);
    });

  it("what expressions say: linkage tables, signal frames, aligned stacks", () => {
    const elf = parseElf(readFileSync(build("expressions", source, "-O2", "-static", "-mstackrealign")));
    const table = unwindTable(elf);
    const symbol = (name: string): number => elf.symbols().find(name)?.value as number;
    expect(lookup(table, symbol("__restore_rt"))).toBe("signal");
    expect(lookup(table, symbol("_start") + 4)).toBe("end");
    const dynamic = parseElf(readFileSync(build("dynamic", source, "-O2", "-Wl,-z,lazy")));
    const plt = dynamic.section(".plt");
    expect(lookup(unwindTable(dynamic), (plt?.address ?? 0) + 16)).toBe("plt 8 11");
    // h() aligns its stack and has one of a size that is not known before: gcc saves the CFA itself.
    const rules = new Set(
      Array.from({ length: table.rows.length / 2 }, (_, i) => shown(table.rows[i * 2 + 1] as number)),
    );
    expect([...rules].some((r) => /^\*\(rbp\+-\d+\)\+0 rbp=\*rbp$/.test(r))).toBe(true);
  });

  it("is empty where there is nothing, and refuses what is damaged", () => {
    const path = build("plain", source, "-O1");
    execFileSync("objcopy", ["-R", ".eh_frame", "-R", ".eh_frame_hdr", path, `${path}.without`]);
    expect(unwindTable(parseElf(readFileSync(`${path}.without`))).rows.length).toBe(0);
    const bytes = new Uint8Array(readFileSync(path));
    const section = parseElf(bytes).section(".eh_frame");
    let seed = 20261122;
    for (let i = 0; i < 400; i++) {
      const damaged = bytes.slice();
      for (let k = 0; k < 4; k++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        const place = (section?.offset ?? 0) + (seed % (section?.size ?? 1));
        damaged[place] = (seed >> 8) & 255;
      }
      try {
        unwindTable(parseElf(damaged));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});
