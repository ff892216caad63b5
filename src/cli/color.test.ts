// When output has colours, and what has which: escapes as ␛ here.

import { describe, expect, it } from "vitest";
import type { TraceValue, Type } from "../schema/index.ts";
import { formatDiagnostic } from "../source/index.ts";
import { ByteSink, escapeControls, jsonView, type MapSnapshot, textView } from "../views/index.ts";
import { looksOf, type Place } from "./color.ts";

describe("output has colours", () => {
  it.each<[place: Place, color: string | undefined, env: NodeJS.ProcessEnv, wanted: boolean]>([
    ["terminal", undefined, {}, true],
    ["data", undefined, {}, false],
    ["messages", undefined, {}, false],
    ["data", "always", {}, true],
    ["messages", "always", {}, true],
    ["terminal", "never", {}, false],
    ["terminal", undefined, { NO_COLOR: "1" }, false],
    ["terminal", undefined, { NO_COLOR: "" }, true],
    ["terminal", "always", { NO_COLOR: "1" }, true],
    ["terminal", "auto", { NO_COLOR: "1" }, false],
    ["terminal", undefined, { TERM: "dumb" }, false],
    ["terminal", undefined, { CLICOLOR: "0" }, false],
    ["messages", undefined, { FORCE_COLOR: "1" }, true],
    ["messages", undefined, { CLICOLOR_FORCE: "1" }, true],
    ["data", undefined, { FORCE_COLOR: "1", BPFTRACE_COLOR: "always" }, false],
    ["terminal", undefined, { FORCE_COLOR: "1", TERM: "dumb" }, true],
    ["terminal", undefined, { FORCE_COLOR: "0" }, false],
    ["messages", undefined, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
    ["messages", "never", { FORCE_COLOR: "1" }, false],
    ["messages", undefined, { BPFTRACE_COLOR: "always", NO_COLOR: "1" }, true],
    ["terminal", undefined, { BPFTRACE_COLOR: "never" }, false],
    ["terminal", "auto", { BPFTRACE_COLOR: "never" }, true],
    ["terminal", "always", { BPFTRACE_COLOR: "never" }, true],
  ])("%s, --color %s, %j: %s", (place, color, env, wanted) => {
    expect(looksOf(place, color, env) !== undefined).toBe(wanted);
  });
});

const looks = looksOf("terminal", "always");
const seen = (text: string): string => text.replaceAll("\x1b", "␛");
const plain = (text: string): string => text.replace(/␛\[[\d;]*m/g, "");

/** What a terminal gets of what a view writes. */
function shown(make: typeof textView, map: MapSnapshot, color = true): string {
  let text = "";
  const decoder = new TextDecoder();
  const sink = new ByteSink(
    (bytes, own) => void (text += decoder.decode(escapeControls(bytes, own))),
    undefined,
    color ? looks : undefined,
  );
  const view = make({ out: sink, messages: sink, resolver: {} as never });
  view.map(map);
  view.flush();
  return seen(text);
}

const map = (keyType: Type | undefined, valueType: Type, ...entries: [TraceValue, TraceValue][]): MapSnapshot => ({
  map: { name: "@m", valueType, ...(keyType === undefined ? {} : { keyType }) },
  entries: entries.map(([key, value]) => ({ key, value })),
});
const STRING: Type = { kind: "string", size: 16 };
const TUPLE: Type = { kind: "tuple", elements: [STRING, STRING] };
const HIST: Type = { kind: "hist", bits: 0 };

describe("maps", () => {
  it.each<[name: string, map: MapSnapshot, wanted: string]>([
    ["a number", map(undefined, { kind: "count" }, [0, 3]), "␛[36m@m␛[0m: 3\n"],
    ["keys", map(STRING, { kind: "count" }, ["a", 1]), "␛[36m@m␛[0m[␛[33ma␛[0m]: 1\n"],
    [
      "a key of two, whose parentheses go",
      map(TUPLE, { kind: "count" }, [["a", "b"], 1]),
      "␛[36m@m␛[0m[␛[33ma, b␛[0m]: 1\n",
    ],
    [
      "escapes of what is traced, which stay text",
      map(STRING, STRING, ["\x1b[2J", "\x1b]0;x\x07"]),
      "␛[36m@m␛[0m[␛[33m\\x1b[2J␛[0m]: \\x1b]0;x\\x07\n",
    ],
    [
      "bars",
      map(undefined, HIST, [0, [0, 2, 0, 1]]),
      [
        "␛[36m@m␛[0m:",
        `[0]                    2 |␛[32m${"@".repeat(52)}␛[0m|`,
        `[1]                    0 |${" ".repeat(52)}|`,
        `[2, 4)                 1 |␛[32m${"@".repeat(26)}␛[0m${" ".repeat(26)}|`,
        "\n",
      ].join("\n"),
    ],
  ])("%s", (_name, snapshot, wanted) => {
    expect(shown(textView, snapshot)).toBe(wanted);
    expect(plain(wanted)).toBe(shown(textView, snapshot, false));
    expect(shown(jsonView, snapshot)).toBe(shown(jsonView, snapshot, false));
  });
});

describe("diagnostics", () => {
  const source = { name: "s.bt", text: "begin { prin(1); }" };
  const span = { start: 8, end: 12 };
  const diagnostic = { code: "SCRY1900", severity: "error", message: "no \x1b[1m", span, hints: ["print"] } as const;
  const wanted =
    "␛[1ms.bt:1:9-13:␛[0m ␛[1;31mERROR␛[0m: no \\x1b[1m ␛[2m(SCRY1900)␛[0m\nbegin { prin(1); }\n        ␛[1;31m~~~~␛[0m\n␛[1;36mHINT␛[0m: print";

  it("severity, place, code, marks and hints", () => {
    expect(seen(formatDiagnostic(diagnostic, source, undefined, looks))).toBe(wanted);
    expect(formatDiagnostic(diagnostic, source)).toBe(plain(wanted));
  });

  it.each([20, 24, 40, 500])("and columns %i are counted without them", (width) => {
    const long = { name: "s.bt", text: `begin { ${"x + ".repeat(20)}prin(1); }` };
    const at = { ...diagnostic, span: { start: 88, end: 92 } };
    expect(plain(seen(formatDiagnostic(at, long, width, looks)))).toBe(formatDiagnostic(at, long, width));
  });
});
