// Which parameter the cursor, `|`, is at.

import { describe, expect, it } from "vitest";
import { cursor } from "../../../../test/support/editor-world.ts";
import { signatureHelp } from "./signature.ts";

const signatures: readonly (readonly [marked: string, said: string | undefined])[] = [
  ["begin { str(|", "str(«address»[, length])"],
  ["begin { str(|) }", "str(«address»[, length])"],
  ["begin { str(1, |", "str(address[, «length»])"],
  ["begin { str(1, 2, 3|", "str(address[, «length»])"],
  ["begin { str(f(1, 2), |", "str(address[, «length»])"],
  ["begin { str((1, 2), |", "str(address[, «length»])"],
  ["begin { str(@a[1, 2], |", "str(address[, «length»])"],
  ["begin { @a[str(1, |", "str(address[, «length»])"],
  ["begin { str(1, (2 + |", "str(address[, «length»])"],
  ['begin { printf("%d, %s", |', "printf(format, «…»)"],
  ['begin { printf("%d, %s", 1, 2, |', "printf(format, «…»)"],
  ['begin { printf("%d|', "printf(«format», …)"],
  ["begin { print(1, 2, 3, 4|", "print(@map[, top[, div]][, «word», …]) or print(value)"],
  ["begin { print(str(|)); }", "str(«address»[, length])"],
  ["begin { print(str(1), |); }", "print(@map[, «top»[, div]][, word, …]) or print(value)"],
  ["begin { kstack(perf, |", "kstack([mode, ][«frames»])"],
  ["macro add($a, e) { $a + e }\nbegin { add($x, |", "add($a, «e»)"],
  ["begin { find(@a, |", "find(@map, «key», $out)"],
  ["begin { unknown(|", undefined],
  ["begin { str(1)| }", undefined],
  ["begin { (|", undefined],
  ["begin { str(1; |", undefined],
  ["begin { if (str(1) == 2) { | } }", undefined],
  ["begin /strcontains(comm, |", "strcontains(haystack, «needle»)"],
  ["|", undefined],
];

describe("signatureHelp", () => {
  it.each(signatures)("%s", (marked, said) => {
    const help = signatureHelp(...cursor(marked));
    const [start, end] = help?.parameters[help.active] ?? [0, 0];
    expect(help && `${help.form.slice(0, start)}«${help.form.slice(start, end)}»${help.form.slice(end)}`).toBe(said);
  });
});
