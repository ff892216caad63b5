// The command line: options before, within and after each other; mistakes; help, completion and the manual page of all
// commands from the same tables.

import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { shells } from "./commands/completion.ts";
import { script } from "./commands/script.ts";
import { commands } from "./commands.ts";
import { helpText } from "./help.ts";
import { manualPage } from "./man.ts";
import { common, parseCommandLine, UsageError } from "./options.ts";

const parse = (line: string): { given: Record<string, string>; rest: readonly string[] } => {
  const words = line.split(" ").filter((w) => w !== "");
  const { given, rest } = parseCommandLine(words, [...script.options, ...common]);
  return { given: Object.fromEntries(given), rest };
};

describe("command line", () => {
  it.each([
    ["-e begin{}", { execute: "begin{}" }, []],
    ["-e begin{} 1 abc", { execute: "begin{}" }, ["1", "abc"]],
    ["x.bt 1 -2", {}, ["x.bt", "1", "-2"]],
    ["-lv tracepoint:*", { list: "", verbose: "" }, ["tracepoint:*"]],
    ["-p42 -fjson -e x", { pid: "42", format: "json", execute: "x" }, []],
    ["--pid=42 --dry-run -e x", { pid: "42", "dry-run": "", execute: "x" }, []],
    ["-e first -e last", { execute: "last" }, []],
    ["-q x.bt -- -e", { quiet: "" }, ["x.bt", "-e"]],
    ["-", {}, ["-"]],
  ])("%s", (line, given, rest) => {
    expect(parse(line)).toEqual({ given, rest });
  });

  it.each([
    ["--nothing", "unknown option: --nothing"],
    ["-x", "unknown option: -x"],
    ["-p", "-p needs a value: PID"],
    ["--machine x", "--machine takes kernel, embedded, not 'x'"],
    ["--quiet=1", "--quiet takes no value"],
  ])("%s is refused", (line, message) => {
    expect(() => parse(line)).toThrow(new UsageError(message));
  });

  it.each([
    ["-f xml", 'Invalid output format "xml"'],
    ["-B x", "USAGE: -B must be either 'line', 'full', or 'none'."],
  ])("%s is refused as bpftrace does", (line, message) => expect(() => parse(line)).toThrow(message));
});

describe("what is made from the commands", () => {
  it("has every command in help, the manual page and each shell's completion", () => {
    const texts = [
      helpText(commands),
      manualPage(commands, "1"),
      ...Object.values(shells).map((s) => s.words(commands)),
    ];
    for (const { name } of commands) for (const text of texts) expect(text).toContain(name);
  });

  it.each(commands.map((c) => [c.name === "" ? "a script" : c.name, c] as const))(
    "has every option of %s",
    (_name, command) => {
      const help = helpText(commands, command.name);
      const page = manualPage(commands, "1").replaceAll("\\-", "-");
      for (const o of [...command.options, ...common]) {
        expect(help).toContain(`--${o.long}`);
        expect(page).toContain(`--${o.long}`);
        for (const [shell, { words }] of Object.entries(shells))
          expect(words(commands)).toContain(shell === "fish" ? `-l ${o.long}` : `--${o.long}`);
      }
      for (const line of command.examples) expect(help).toContain(line);
    },
  );

  it.each([
    ["scry --fo", "--follow --format"],
    ["scry -f j", "json json-strict"],
    ["scry rec", "record"],
    ["scry record --st", "--stacks"],
    ["scry completion z", "zsh"],
    ["scry help doc", "doctor"],
    ["scry help lh", "lhist"],
    ["scry -l tracep", "tracepoint:"],
    ["scry record -e watch", "watchpoint:"],
  ])("bash completes %s", (line, wanted) => {
    const words = line.split(" ");
    const run = `${shells["bash"]?.words(commands)}\nCOMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _scry; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync("bash", ["-c", run], { encoding: "utf8" })).toBe(`${wanted}\n`);
  });

  it.skipIf(spawnSync("man", ["--version"]).error !== undefined)("is a page that man(1) shows", () => {
    const shown = spawnSync("man", ["-l", "-"], {
      input: manualPage(commands, "1"),
      encoding: "utf8",
      env: { ...process.env, MANPAGER: "cat" },
    });
    expect(shown.stderr).toBe("");
    expect(shown.stdout).toContain("scry record -e PROBES");
  });
});
