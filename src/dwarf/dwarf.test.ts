// Debug information against binutils: every line row, every call frame of real files; and bytes that are none.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type ElfFile, parseElf } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";
import { type FrameRow, frameEntries } from "./frames.ts";
import { NoCodeError, openDwarf } from "./index.ts";
import { lineHeader, lineRows } from "./lines.ts";
import { debugSections } from "./sections.ts";
import { DwarfTypes } from "./types.ts";
import { Units } from "./units.ts";

const tools = spawnSync("gcc", ["--version"]).status === 0 && spawnSync("readelf", ["--version"]).status === 0;
const needed = process.env["CI"] !== undefined || tools;
const source = new URL("../../test/support/variables.c", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "scry-dwarf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const build = (name: string, ...flags: string[]): string => {
  const to = join(folder, name);
  if (!existsSync(to)) execFileSync("gcc", [...flags, source, "-o", to]);
  return to;
};
const elf = (path: string): ElfFile => parseElf(readFileSync(path));

if (!needed) console.warn("\n*** not tested: debug information, for want of gcc and binutils ***\n");

describe.skipIf(!needed)("debug information", () => {
  for (const [name, ...flags] of [
    ["v5", "-O2", "-g"],
    ["v4", "-O2", "-gdwarf-4"],
    ["v3", "-O1", "-gdwarf-3", "-gstrict-dwarf"],
    ["plain", "-O0", "-g"],
  ] as const)
    it(`${name}: every row of the line table as objdump shows it`, () => {
      const path = build(name, ...flags);
      const units = new Units(debugSections(elf(path), {}));
      const ours = new Set<string>();
      for (const unit of units.all()) {
        const header = lineHeader(units, unit);
        if (header === undefined) continue;
        for (const row of lineRows(header))
          ours.add(
            `${(header.files[row.file] ?? "").split("/").at(-1)} ${row.end ? "-" : row.line} 0x${row.address.toString(16)}`,
          );
      }
      const text = execFileSync("objdump", ["--dwarf=decodedline", path], { encoding: "utf8", maxBuffer: 1 << 28 });
      const theirs = [...text.matchAll(/^(\S+\.[ch])\s+(\d+|-)\s+(0x[0-9a-f]+|0)\b/gm)].map(
        (m) => `${m[1]} ${m[2]} ${m[3]}`,
      );
      expect(theirs.length).toBeGreaterThan(30);
      expect(theirs.filter((row) => !ours.has(row))).toEqual([]);
    });

  for (const path of ["/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6", "built"])
    it.skipIf(path.startsWith("/") && !existsSync(path))(`call frames of ${path} as readelf shows them`, () => {
      const file = path === "built" ? build("v5", "-O2", "-g") : path;
      const entries = frameEntries(elf(file));
      const rows = new Map<number, FrameRow>();
      const wanted = entries.filter((_, i) => i % Math.ceil(entries.length / 800) === 0);
      for (const entry of wanted) for (const row of entry.rows()) rows.set(row.address, row);
      // It complains where a file's debug file is not installed, and shows the frames all the same.
      const text = spawnSync("readelf", ["--debug-dump=frames-interp", file], {
        encoding: "utf8",
        maxBuffer: 1 << 28,
      }).stdout;
      let compared = 0;
      const names = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 ra".split(" ");
      for (const table of text.split(/\n(?=[0-9a-f]{8} )/)) {
        const columns = /^\s+LOC\s+CFA\s+(.*)$/m.exec(table)?.[1]?.trim().split(/\s+/) ?? [];
        for (const m of table.matchAll(/^([0-9a-f]{16}) (\S+)\s+(.*)$/gm)) {
          const row = rows.get(Number.parseInt(m[1] as string, 16));
          if (row === undefined) continue;
          compared++;
          const frame = row.frame.kind === "expression" ? "exp" : `${names[row.frame.number]}+${row.frame.offset}`;
          expect(`${m[1]} ${frame}`).toBe(`${m[1]} ${m[2]}`);
          (m[3] as string)
            .trim()
            .split(/\s+/)
            .forEach((shown, i) => {
              const rule = row.registers.get(names.indexOf(columns[i] as string));
              if (/^c[+-]\d+$/.test(shown)) expect(rule).toEqual({ kind: "offset", offset: Number(shown.slice(1)) });
            });
        }
      }
      expect(compared).toBeGreaterThan(20);
    });

  it("types as the languages know them: members, bit fields, arrays of arrays, enumerators", () => {
    const program = openDwarf(elf(build("v5", "-O2", "-g")));
    const [place] = program?.places("variables.c", lineOf("loop")) ?? [];
    const buf = program?.variables(place?.address ?? 0).get("buf");
    expect(place?.function).toBe("work");
    if (buf === undefined) throw new Error("no variable");
    const types = new DwarfTypes(undefined);
    const pointer = types.resolve(types.idOf(buf.units, buf.type));
    const struct = pointer.kind === "ptr" ? pointer.type : 0;
    expect([types.name(struct), types.sizeof(struct), types.kind(struct)]).toEqual(["buffer", 56, "struct"]);
    expect(types.members(struct).map((m) => [m.name, m.bitOffset, m.bitfieldSize])).toEqual([
      ["name", 0, 0],
      ["len", 128, 0],
      ["at", 192, 0],
      ["flags", 256, 3],
      ["mode", 259, 5],
      ["next", 320, 0],
      ["color", 384, 0],
    ]);
    expect(types.field(struct, "at.y")?.bitOffset).toBe(224);
    expect(types.field(struct, ["name", "3"])?.bitOffset).toBe(24);
    expect(types.field(struct, "nothing")).toBeUndefined();
    const color = types.resolve(types.field(struct, "color")?.type ?? 0);
    expect(color.kind === "enum" && color.values).toEqual([
      { name: "RED", value: 0n },
      { name: "GREEN", value: 5n },
    ]);
  });

  it("broken bytes are refused, never followed for ever", () => {
    const whole = readFileSync(build("v5", "-O2", "-g"));
    const sections = ["info", "abbrev", "line", "loclists", "rnglists", "str", "line_str"].map((name) =>
      parseElf(whole).section(`.debug_${name}`),
    );
    let seed = Number(process.env["SCRY_SEED"] ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}`);
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let run = 0; run < 150; run++) {
      const bytes = Uint8Array.from(whole);
      for (let i = 0; i < 6; i++) {
        const section = sections[random(sections.length)];
        if (section !== undefined && section.size > 0) bytes[section.offset + random(section.size)] = random(256);
      }
      try {
        const program = openDwarf(parseElf(bytes));
        for (const place of program?.places("variables.c", lineOf("loop")) ?? []) program?.variables(place.address);
      } catch (error) {
        if (!(error instanceof NoCodeError)) expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});

function lineOf(mark: string): number {
  return (
    readFileSync(source, "utf8")
      .split("\n")
      .findIndex((text) => text.includes(`at: ${mark}`)) + 1
  );
}
