// Debug information that stands apart from its program says the same as when it is within.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasTool, lacking } from "../../test/support/skips.ts";
import { parseElf } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";
import { type DwarfProgram, NoCodeError, openDwarf, type SplitFiles } from "./index.ts";
import { DwarfTypes } from "./types.ts";

const tools = Object.fromEntries(["gcc", "clang", "dwp", "llvm-dwp"].map((name) => [name, hasTool(name)]));
const source = new URL("../../test/support/variables.c", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "scry-split-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const elf = (path: string) => parseElf(readFileSync(path));

/** All that can be asked at every line of the file: places, variables with types and locations, inlined calls. */
function all(program: DwarfProgram): string[] {
  const types = new DwarfTypes(undefined);
  const said: string[] = [];
  for (let line = 1; line < 60; line++) {
    try {
      for (const place of program.places("variables.c", line)) {
        said.push(`${line}: ${place.function} ${JSON.stringify(program.inlinedAt(place.address))}`);
        for (const [name, v] of program.variables(place.address, line))
          said.push(
            `${line}: ${name} ${types.name(types.idOf(v.units, v.type))} ${types.sizeof(types.idOf(v.units, v.type))} ` +
              `${v.why ?? ""}${show(v.location)} ${v.lines}`,
          );
        said.push(`${line}: ${program.parameters(place.address)?.map((p) => p.name)}`);
      }
    } catch (error) {
      if (!(error instanceof NoCodeError)) throw error;
    }
  }
  for (const name of ["buffer", "point"]) {
    const found = program.typeNamed("struct", name);
    said.push(`${name}: ${found === undefined ? "none" : types.sizeof(types.idOf(found.units, found.type))}`);
  }
  return said;
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v)) ?? "nowhere";

describe.skipIf(lacking("split debug information", tools))("split debug information", () => {
  for (const [name, compiler, ...flags] of [
    ["gcc 5", "gcc", "-O2", "-gdwarf-5"],
    ["gcc 5 plain", "gcc", "-O0", "-gdwarf-5"],
    ["gcc 4", "gcc", "-O2", "-gdwarf-4"],
    ["clang 5", "clang", "-O2", "-gdwarf-5"],
    ["clang 4", "clang", "-O2", "-gdwarf-4"],
  ] as const)
    it(`${name}: in a file of its own, and in a package`, () => {
      const base = name.replaceAll(" ", "-");
      const other = join(folder, "other.c");
      writeFileSync(other, "int other(int a) { int b = a * 3; return b + 1; }\n");
      // Compiled and linked apart, as builds are, so that the addresses are the same with the information and without.
      const build = (to: string, ...more: string[]): string => {
        const objects = [source, other].map((file, i) => {
          const object = join(folder, `${to}-${i}.o`);
          execFileSync(compiler, [...flags, ...more, "-c", file, "-o", object], { cwd: folder });
          return object;
        });
        execFileSync(compiler, [...objects, "-no-pie", "-o", join(folder, to)]);
        return join(folder, to);
      };
      const whole = openDwarf(elf(build(`${base}-whole`)));
      const path = build(`${base}-split`, "-gsplit-dwarf");
      expect(existsSync(join(folder, `${base}-split-0.dwo`))).toBe(true);
      // binutils' own (of 2.40) ends by a signal at version 5.
      execFileSync(name.includes("5") ? "llvm-dwp" : "dwp", ["-e", path, "-o", `${path}.dwp`], { cwd: folder });
      if (whole === undefined) throw new Error("no debug information");
      const wanted = all(whole);
      expect(wanted.length).toBeGreaterThan(40);
      const opened: string[] = [];
      const loose: SplitFiles = {
        unit: (file) => {
          opened.push(basename(file));
          return elf(join(folder, basename(file)));
        },
        package: () => undefined,
      };
      const apart = openDwarf(elf(path), { split: loose, name: path });
      expect(apart && all(apart)).toEqual(wanted);
      expect(opened).toEqual([`${base}-split-0.dwo`]);
      const packed = openDwarf(elf(path), { split: { unit: () => undefined, package: () => elf(`${path}.dwp`) } });
      expect(packed && all(packed)).toEqual(wanted);

      const absent = openDwarf(elf(path), { split: { unit: () => undefined, package: () => undefined } });
      expect(() => absent?.places("variables.c", 27)).toThrow(/is in .*-split-0\.dwo, which cannot be found/);
      // Lines are in the program itself.
      const address = whole.places("variables.c", 27)[0]?.address ?? 0;
      expect(absent?.lineAt(address)?.line).toBe(whole.lineAt(address)?.line);
      // One that another compilation has written since.
      const stale = openDwarf(elf(path), {
        split: { unit: () => elf(join(folder, `${base}-split-1.dwo`)), package: () => undefined },
      });
      expect(() => stale?.places("variables.c", 27)).toThrow(NoCodeError);

      let seed = Number(process.env["SCRY_SEED"] ?? Date.now() % 1_000_000);
      console.log(`seed ${seed}`);
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        return Math.floor((seed / 2 ** 32) * below);
      };
      const good = readFileSync(`${path}.dwp`);
      for (let run = 0; run < 60; run++) {
        const bytes = Uint8Array.from(good);
        for (let i = 0; i < 6; i++) bytes[64 + random(bytes.length - 64)] = random(256);
        try {
          const program = openDwarf(elf(path), { split: { unit: () => undefined, package: () => parseElf(bytes) } });
          if (program !== undefined) all(program);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }
    });
});
