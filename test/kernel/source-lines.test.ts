// Variables in the middle of a function, by debug information: the same program by two compilers, with and without
// optimisation, in two versions of DWARF, stripped with its debug file apart; all must show the same.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository, scryCommand } from "../support/commands.ts";

const source = join(repository, "test/support/variables.c");
const folder = mkdtempSync(join(tmpdir(), "scry-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The line that has this mark. */
const line = (mark: string): number =>
  readFileSync(source, "utf8")
    .split("\n")
    .findIndex((text) => text.includes(`at: ${mark}`)) + 1;

const builds: readonly (readonly [name: string, compiler: string, ...flags: string[]])[] = [
  ["gcc-O2", "gcc", "-O2", "-g"],
  ["gcc-O0", "gcc", "-O0", "-g"],
  ["gcc-O2-dwarf4", "gcc", "-O2", "-gdwarf-4"],
  ["gcc-O1-no-pie", "gcc", "-O1", "-g", "-no-pie"],
  ["gcc-O2-compressed", "gcc", "-O2", "-g", "-gz=zlib"],
  ["gcc-O2-split", "gcc", "-O2", "-g", "-gsplit-dwarf"],
  ["clang-O2", "clang", "-O2", "-g"],
  ["clang-O0-dwarf4", "clang", "-O0", "-gdwarf-4"],
];

beforeAll(() => {
  for (const [name, compiler, ...flags] of builds) execFileSync(compiler, [...flags, source, "-o", join(folder, name)]);
  const apart = join(folder, "apart");
  execFileSync("gcc", ["-O2", "-g", source, "-o", apart]);
  execFileSync("objcopy", ["--only-keep-debug", apart, `${apart}.debug`]);
  execFileSync("objcopy", ["--strip-all", `--add-gnu-debuglink=${apart}.debug`, apart]);
}, 120_000);

function scry(program: string, script: string): { status: number | null; stdout: string; stderr: string } {
  const out = join(folder, "out");
  const run = spawnSync(
    process.execPath,
    [
      scryCommand(),
      "-q",
      "-o",
      out,
      "-c",
      `${join(folder, program)} 3`,
      "-e",
      script.replaceAll("BIN", join(folder, program)),
    ],
    { encoding: "utf8" },
  );
  return { ...run, stdout: run.status === 0 ? readFileSync(out, "utf8").trim() : "" };
}

const names = [...builds.map(([name]) => name), "apart"];

describe("variables at a line", () => {
  for (const name of names)
    it(`${name}: locals, members through pointers, arrays, bit fields, enumerators, globals`, () => {
      const { stdout, stderr } = scry(
        name,
        `uprobe:BIN@variables.c:${line("loop")} {
           printf("%s %d %d %d %d %s %d %d|", vars.buf->name, vars.sum, vars.buf->len, vars.buf->flags, vars.buf->mode, vars.buf->color, vars.buf->at.x, vars.counter);
           @len[func] = hist(vars.buf->len); @totals[vars.total] = count(); }`,
      );
      expect(stderr).toBe("");
      expect(stdout.split("\n")[0]).toBe(
        [
          "first 0 11 5 17 GREEN -3 7",
          "first 11 11 5 17 GREEN -3 7",
          "first 24 11 5 17 GREEN -3 7",
          "second 0 5 1 9 RED 1 8",
          "second 5 5 1 9 RED 1 8",
          "second 12 5 1 9 RED 1 8",
          "second 21 5 1 9 RED 1 8",
          "second 32 5 1 9 RED 1 8",
          "second 45 5 1 9 RED 1 8",
          "",
        ].join("|"),
      );
      expect(stdout).toContain("@len[work]:");
      // What twice() has added up by each turn: 0 + 2·i.
      expect(stdout).toContain("@totals[2]: 1");
      expect(stdout).toContain("@totals[36]: 1");
    });

  for (const name of names)
    it(`${name}: named parameters at a function's entry`, () => {
      const { stdout, stderr } = scry(
        name,
        'uprobe:BIN:work { printf("%s %d %s|", args.buf->name, args.n, args.buf->next->name); } uprobe:BIN:main { printf("main %d|", args.argc); }',
      );
      expect([stdout, stderr]).toEqual(["main 2|first 3 second|second 6 |", ""]);
    });

  it("a variable of an inner block", () => {
    const script = `uprobe:BIN@variables.c:${line("block")} { printf("%s", vars.text); }`;
    const { stderr } = scry("gcc-O0", script);
    expect(stderr).toBe("");
  });

  it("the lines of an inlined function, one probe for each of its copies", () => {
    const { stdout, stderr } = scry(
      "gcc-O0",
      `uprobe:BIN@variables.c:${line("inlined")} { @[func, vars.doubled] = count(); }`,
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("@[twice, 4]: 2");
  });

  it("the line of a call that is inlined there is the caller's, with the caller's variables", () => {
    for (const name of ["gcc-O2", "gcc-O1-no-pie", "gcc-O2-dwarf4", "apart"]) {
      const script = `uprobe:BIN@variables.c:${line("call")} { @[func, vars.buf->len] = count(); }`;
      const { stdout, stderr } = scry(name, script);
      expect([name, stderr]).toEqual([name, ""]);
      expect(stdout.split("\n").sort().join(" "), name).toBe("@[work, 11]: 3 @[work, 5]: 6");
    }
  });

  const mistakes: readonly (readonly [script: string, said: RegExp])[] = [
    [
      `uprobe:BIN@variables.c:${line("end")} { print(vars.sum) }`,
      /'sum' cannot be read here: it is optimised out here[\s\S]*HINT: It can be read at lines \d+/,
    ],
    [
      `uprobe:BIN@variables.c:${line("loop")} { print(vars.bug) }`,
      /There is no variable 'bug' at variables\.c:\d+[\s\S]*Did you mean 'buf'/,
    ],
    [
      "uprobe:BIN@variables.c:2 { print(1) }",
      /there is no code of line 2 of variables\.c[\s\S]*There is code of lines/,
    ],
    ["uprobe:BIN@variable.c:2 { print(1) }", /no source file variable\.c/],
    ["uprobe:BIN@variables.c:30 { print(vars.buf->nam) }", /nam/],
    ["uretprobe:BIN@variables.c:30 { print(1) }", /a line of source has no return/],
    ["uprobe:/bin/true@true.c:30 { print(1) }", /has no debug information/],
    ["uprobe:BIN:work { print(vars.n) }", /vars are the variables at a line of source/],
    [
      "uprobe:BIN:work+1 { print(1) }",
      /'work\+1' is in the middle of an instruction[\s\S]*Instructions begin at work\+0 and work\+\d+/,
    ],
    ["begin { print(vars.n) }", /vars are the variables at a line of source/],
    ["uprobe:BIN:work { print(args.m) }", /no field named 'm'/],
  ];
  for (const [script, said] of mistakes)
    it(`says what is wrong with: ${script}`, () => {
      const { status, stderr } = scry("gcc-O2", script);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(said);
    });
});
