// A text in its items, whatever it is.

import { describe, expect, it } from "vitest";
import { scan } from "./scan.ts";

const items: readonly (readonly [text: string, parts: readonly string[]])[] = [
  ["", []],
  ["  \n\t", []],
  ["begin { }", ["probe begin { }"]],
  ["begin { } end { }", ["probe begin { }", "probe end { }"]],
  ["begin { if 1 { } }end{}", ["probe begin { if 1 { } }", "probe end{}"]],
  ['begin { print("}"); /* } */ } end { }', ['probe begin { print("}"); /* } */ }', "probe end { }"]],
  ["config = { a = 1; }; begin { }", ["config config = { a = 1; };", "probe begin { }"]],
  [
    "struct a { struct b { int c; } d; } __attribute__((packed));\nbegin { }",
    ["struct struct a { struct b { int c; } d; } __attribute__((packed));", "probe begin { }"],
  ],
  [
    "typedef struct { int a; } b;\nenum c { D };\nbegin { }",
    ["typedef typedef struct { int a; } b;", "enum enum c { D };", "probe begin { }"],
  ],
  [
    "let @a = hash(1)\nlet @b = hash(2);begin { }",
    ["let let @a = hash(1)", "let let @b = hash(2);", "probe begin { }"],
  ],
  ['import "a"\nimport "b";begin { }', ['import import "a"', 'import import "b";', "probe begin { }"]],
  ['import "a\nbegin { }', ['import import "a', "probe begin { }"]],
  ["macro m(a) { { a } } begin { }", ["macro macro m(a) { { a } }", "probe begin { }"]],
  ["config:x { }", ["probe config:x { }"]],
  ["begin { { \nend { }", ["probe begin { { \n", "probe end { }"]],
  ["begin { str(\ninterval:s:1 { }", ["probe begin { str(\n", "probe interval:s:1 { }"]],
  ["let @a\nbegin { }", ["let let @a\n", "probe begin { }"]],
  ["begin,\nend { }", ["probe begin,\nend { }"]],
  ["} begin { }", ["probe }", "probe begin { }"]],
  ["begin { ", ["probe begin { "]],
  ['begin { "', ['probe begin { "']],
  ["/* begin { }", []],
];

describe("scan", () => {
  it.each(items)("parts %j", (text, parts) => {
    const found = scan({ name: "x", text }).items.map((i) => `${i.kind} ${text.slice(i.start, i.end)}`);
    expect(found).toEqual(parts);
  });
});
