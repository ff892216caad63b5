// Everything that can be written has documentation and an example, and each example compiles. `scry help` and
// docs/language.md show them.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { topicList, topicPage, wrapped } from "../../src/cli/help-page.ts";
import { common, parseCommandLine } from "../../src/cli/options.ts";
import { GROUPS, type Topic, topics, topicsCalled } from "../../src/cli/topics.ts";
import { splitCommand } from "../../src/kernel/index.ts";
import { EditedScript, hover } from "../../src/lang/trace/editor/index.ts";
import { library } from "../../src/lang/trace/index.ts";
import { repository } from "../support/commands.ts";
import { complaints, documentedWorld, label, NEEDS_TYPES, WARNED } from "../support/documented-world.ts";

const all = topics(commands);
const programs = all.flatMap((t) =>
  t.program === undefined ? [] : [{ label: label(t), topic: t, program: t.program }],
);

describe("every topic", () => {
  it("has forms, documentation and an example, and its name alone in its group", () => {
    expect(all.filter((t) => t.forms.length === 0 || !/[.?]$/.test(t.doc) || t.example === "").map(label)).toEqual([]);
    expect(new Set(all.map(label)).size).toBe(all.length - all.filter((t) => label(t) === "statements let").length + 1);
    expect(new Set(all.map((t) => t.group))).toEqual(new Set(Object.keys(GROUPS)));
  });

  it.each(programs.filter((p) => !NEEDS_TYPES.has(p.label)))("$label: its example compiles", ({ label, program }) => {
    expect(complaints(program, documentedWorld())).toBe(WARNED[label] ?? "");
  });

  it(`needs types of a kernel for ${NEEDS_TYPES.size}, which test/kernel/help.test.ts compiles`, () => {
    for (const name of NEEDS_TYPES)
      expect([name, complaints(programs.find((p) => p.label === name)?.program ?? "", documentedWorld())]).not.toEqual([
        name,
        "",
      ]);
  });

  it.each(all.filter((t) => t.example.includes("scry")))("$group $names.0: its command line is one", ({ example }) => {
    const [line = ""] = example.replace(/^(?:\w+=\S* )+/, "").split(" | ");
    if (line.startsWith("source ")) return;
    const [scry, first, ...rest] = splitCommand(line);
    const row = commands.find((c) => c.name !== "" && c.name === first) ?? commands[0];
    const words = row.name === "" ? [first as string, ...rest] : rest;
    expect(scry).toBe("scry");
    expect(() => parseCommandLine(words, [...row.options, ...common])).not.toThrow();
  });
});

describe("types", () => {
  /** As the table says it: without sizes, and one name for what has a sign or not. */
  const plain = (type: string): string =>
    type
      .replace(/^(string|buffer)\[\d+\]$/, "$1")
      .replace(/^u((?:sum|min|max|avg|stats)_t)$/, "$1")
      .replace(/^(kstack|ustack)_.*$/, "$1")
      .replace(/^(?:\{.*\}|args)$/, "record")
      .replace(/^\w+ \*$/, "pointer");
  const known = programs.filter(
    ({ label, topic }) =>
      topic.types !== undefined &&
      !NEEDS_TYPES.has(label) &&
      !topic.types.endsWith("its type") &&
      // What is written in the language itself has a type where it is used only.
      !Object.hasOwn(library, topic.names[0]),
  );

  it.each(known)("$label: what it gives is what its example has", ({ topic, program }) => {
    const [name] = topic.names;
    const wanted = (topic.types as string)
      .split("→")
      .at(-1)
      ?.trim()
      .split(/, | or /) as string[];
    const written = name.replace(/argN$/, "arg[0-9]");
    const at = [...program.matchAll(new RegExp(`(?<![.@$])\\b${written}\\b(?!:)`, "g"))].at(-1)?.index ?? -1;
    const said = hover(new EditedScript({ name: "example", text: program }, documentedWorld()), at)?.code ?? "";
    const type = /^.*?\)?(?:\.NAME)?: ([^:]*)$/.exec(said)?.[1] ?? "none";
    expect(wanted.map(plain)).toContain(plain(type));
  });
});

describe("scry help", () => {
  it.each([
    ["kprobe", ["probes kprobe"]],
    ["k", ["probes kprobe"]],
    ["BEGIN", ["probes begin"]],
    ["arg3", ["variables argN"]],
    ["printf()", ["functions printf"]],
    ["count", ["options --count", "aggregations count"]],
    ["hash", ["maps hash"]],
    ["max_strlen", ["config max_strlen"]],
    ["BPFTRACE_MAX_STRLEN", ["environment BPFTRACE_MAX_STRLEN"]],
    ["no_color", ["environment NO_COLOR"]],
    ["--fmt", ["options --fmt"]],
    ["fmt", ["options --fmt"]],
    ["-k", ["options --warnings"]],
    ["%d", ["formats %d"]],
    ["let", ["statements let", "statements let"]],
    ["pid", ["options --pid", "variables pid"]],
    ["config", ["statements config", "variables config"]],
    ["record", ["commands record"]],
    ["nothing", []],
  ])("%s", (word, wanted) => {
    expect(topicsCalled(word, all).map(label)).toEqual(wanted);
  });

  it("shows forms, types, documentation, where it is, and an example", () => {
    expect(topicPage(topicsCalled("signal", all)[0] as Topic)).toBe(`signal, a function

  signal(number)
  signal("SIGUSR1")
  int or string literal → none

  Sends a signal to the current process, by its number or its name.

  Only with --unsafe.

  scry --unsafe -e 'tracepoint:syscalls:sys_enter_openat /comm == "runaway"/ { signal("SIGSTOP"); }'
`);
  });

  it("lists every topic", () => {
    const list = topicList(all).split(/\s+/);
    for (const t of all) expect(list).toContain(t.names[0]);
  });

  it.each([
    ["a bc def", "> ", 6, "> a bc\n> def\n"],
    ["abcdefghi a", "", 4, "abcdefghi\na\n"],
  ])("wraps %j", (text, indent, width, wanted) => expect(wrapped(text, indent, width)).toBe(wanted));
});

it("docs/kernel-typescript-reference.md is what `npm run docs` makes", () => {
  const made = execFileSync("node", [join(repository, "scripts/kernel-reference.mjs"), "--print"], {
    encoding: "utf8",
  });
  expect(readFileSync(join(repository, "docs/kernel-typescript-reference.md"), "utf8")).toBe(made);
});

it("docs/language.md is what `npm run docs` makes", () => {
  const made = execFileSync("node", [join(repository, "scripts/docs.mjs"), "--print"], { encoding: "utf8" });
  expect(readFileSync(join(repository, "docs/language.md"), "utf8")).toBe(made);
});
