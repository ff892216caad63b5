// What each word is, as a letter below it.

import { describe, expect, it } from "vitest";
import { cursor } from "../../../../test/support/editor-world.ts";
import { semanticTokens } from "./semantic-tokens.ts";

const LETTERS: Readonly<Record<string, string>> = {
  keyword: "k",
  comment: "c",
  string: "s",
  number: "n",
  event: "e",
  type: "t",
  function: "f",
  variable: "v",
  parameter: "a",
  property: "p",
  macro: "m",
};

/** Below each letter of the text what colour it has; capital where it belongs to the language. */
function colours(text: string): string {
  const [script] = cursor(`${text}¦`);
  const line: string[] = [...text].map((c) => (c === "\n" ? "\n" : " "));
  for (const { start, end, kind, builtin } of semanticTokens(script))
    for (let i = start; i < end; i++)
      line[i] = builtin ? (LETTERS[kind]?.toUpperCase() as string) : (LETTERS[kind] as string);
  return line.join("").replace(/ +$/gm, "");
}

const coloured: readonly (readonly [text: string, below: string])[] = [
  ["begin { print(1); }", "eeeee   FFFFF n"],
  ["BEGIN, interval:s:1 { }", "eeeee  eeeeeeeeeeee"],
  ["t:a:b /pid == 1/ { }", "eeeee  VVV    n"],
  ["begin /f(1, pid)/ { }", "eeeee    n  VVV"],
  ["begin { $a = $1; }", "eeeee   vv   aa"],
  ['begin { @a["x"]++; }', "eeeee   pp sss"],
  ["begin { if pid { } }", "eeeee   kk VVV"],
  ["begin { (uint8)arg0.pid }", "eeeee    TTTTT VVVV ppp"],
  ["begin { (struct x *)0 }", "eeeee    kkkkkk t   n"],
  ["// pid\nbegin /* x */ { }", "cccccc\neeeee ccccccc"],
  ["macro m($a, e) { m }", "kkkkk m vv       m"],
  ["config = { max_strlen = 5 }", "kkkkkk                  n"],
  ["struct a { int x; };\nbegin { }", "kkkkkk t   TTT\neeeee"],
  ["typedef struct { int x; } y;\nbegin { }", "kkkkkkk kkkkkk   TTT\neeeee"],
  ['import "a"\nbegin { }', "kkkkkk sss\neeeee"],
  ["let @a = hash(5)\nbegin { }", "kkk pp        n\neeeee"],
  ["#!/bin/scry\n#include <x.h>\nbegin { }", "mmmmmmmmmmm\nmmmmmmmmmmmmmm\neeeee"],
  ['begin { print("a', "eeeee   FFFFF ss"],
  ["begin { find(@a) }", "eeeee   mmmm pp"],
];

describe("semanticTokens", () => {
  it.each(coloured)("%s", (text, below) => {
    expect(colours(text)).toBe(below);
  });
});
