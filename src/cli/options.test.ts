// The command line: options before, within and after each other; mistakes; help and completion from the same table.

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { completion, shells } from "./completion.ts";
import { helpText, options, parseCommandLine, UsageError } from "./options.ts";

const parse = (line: string): { given: Record<string, string>; rest: readonly string[] } => {
  const { given, rest } = parseCommandLine(line.split(" ").filter((w) => w !== ""));
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
    ["-f xml", "-f takes text, json, not 'xml'"],
    ["--quiet=1", "--quiet takes no value"],
  ])("%s is refused", (line, message) => {
    expect(() => parse(line)).toThrow(new UsageError(message));
  });

  it("has every option in help and in each shell's completion", () => {
    for (const o of options) {
      expect(helpText("1")).toContain(`--${o.long}`);
      for (const shell of shells)
        expect(completion(shell)).toContain(shell === "fish" ? `-l ${o.long}` : `--${o.long}`);
    }
    expect(completion("tcsh")).toBeUndefined();
  });

  it("completes in bash", () => {
    const script = `${completion("bash")}\nCOMP_WORDS=(scry --fo); COMP_CWORD=1; _scry; echo "\${COMPREPLY[@]}"; COMP_WORDS=(scry -f j); COMP_CWORD=2; _scry; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync("bash", ["-c", script], { encoding: "utf8" })).toBe("--format\njson\n");
  });
});
