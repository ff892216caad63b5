// Where names are defined and used, and what renaming them makes of the text.

import { describe, expect, it } from "vitest";
import { cursor, LIBRARY, marked } from "../../../../test/support/editor-world.ts";
import { definition, newText, references, renamable, rename } from "./places.ts";

const definitions: readonly (readonly [text: string, at: string])[] = [
  ["begin { $x = 1; print($|x); }", "begin { «$x» = 1; print($x); }"],
  ["begin { let $x; $x = 1; print($|x); }", "begin { let «$x»; $x = 1; print($x); }"],
  ["begin { for $i : 0..3 { print($|i); } }", "begin { for «$i» : 0..3 { print($i); } }"],
  ["begin { for ($kv : @a) { print($|kv); } }", "begin { for («$kv» : @a) { print($kv); } }"],
  ["begin { print($|x); $x = 1; }", "begin { print($x); «$x» = 1; }"],
  ["begin { $x = 1; } end { print($|x); $x = 2; }", "begin { $x = 1; } end { print($x); «$x» = 2; }"],
  ["begin { print(@|a); @a[1, @b[2]] = 1; }", "begin { print(@a); «@a»[1, @b[2]] = 1; }"],
  ["end { print(@|a); } begin { @a++; }", "end { print(@a); } begin { «@a»++; }"],
  ["let @a = hash(5);\nbegin { @|a[1] = 1; }", "let «@a» = hash(5);\nbegin { @a[1] = 1; }"],
  ["begin { print(@|a); }", "begin { print(«@a»); }"],
  ["macro add($a, e) { $a + e }\nbegin { a|dd($x, 1); }", "macro «add»($a, e) { $a + e }\nbegin { add($x, 1); }"],
  ["begin { a|dd($x, 1); }\nmacro add($a, e) { $a + e }", "begin { add($x, 1); }\nmacro «add»($a, e) { $a + e }"],
  ["macro m(macro_m) { 1 }\nbegin { m|(1); }", "macro «m»(macro_m) { 1 }\nbegin { m(1); }"],
  ["macro add($a, e) { $a = 1; $|a + e }", "macro add(«$a», e) { $a = 1; $a + e }"],
  ["macro add($a, e) { $a + e| }", "macro add($a, «e») { $a + e }"],
  ["macro m(@b) { @|b[1] = 1 }\nbegin { @b = 1; }", "macro m(«@b») { @b[1] = 1 }\nbegin { @b = 1; }"],
  [
    "struct own { int a; };\nbegin { print(sizeof(struct o|wn)); }",
    "struct «own» { int a; };\nbegin { print(sizeof(struct own)); }",
  ],
  ["begin { $x = 1; print($|x", "begin { «$x» = 1; print($x"],
  ["begin { print(pi|d); }", "begin { print(pid); }"],
  ["begin { print(args.ad|d); }\nmacro add() { 1 }", "begin { print(args.add); }\nmacro add() { 1 }"],
  ["begin { // $|x\n $x = 1; }", "begin { // $x\n $x = 1; }"],
];

describe("definition", () => {
  it.each(definitions)("%s", (text, at) => {
    const [script, offset] = cursor(text);
    expect(marked(script.source.text, definition(script, offset))).toBe(at);
  });
  it("goes into what is imported", () => {
    const [script, offset] = cursor('import "tools.bt";\nbegin { sha|red($x); }');
    const [place] = definition(script, offset);
    expect(place?.file).toBe(LIBRARY);
    expect(LIBRARY.text.slice(place?.start, place?.end)).toBe("shared");
    expect(definition(...cursor('import "too|ls.bt";'))).toEqual([{ start: 0, end: 0, file: LIBRARY }]);
    expect(definition(...cursor('import "no|ne.bt";'))).toEqual([]);
  });
});

const renamings: readonly (readonly [text: string, name: string, after: string])[] = [
  ["begin { $x = 1; print($|x); } end { $x = 2; }", "y", "begin { $y = 1; print($y); } end { $x = 2; }"],
  ["begin { $x = 1; print($|x); }", "$y", "begin { $y = 1; print($y); }"],
  ["begin { @a = 1; } end { clear(@|a); }", "@b", "begin { @b = 1; } end { clear(@b); }"],
  ["begin { @a = 1; } end { clear(@|a); }", "@", "begin { @ = 1; } end { clear(@); }"],
  ["begin { @| = 1; } end { clear(@); }", "b", "begin { @b = 1; } end { clear(@b); }"],
  ["macro m(@a) { @a = 1 } begin { @|a = 1; m(@a); }", "b", "macro m(@a) { @a = 1 } begin { @b = 1; m(@b); }"],
  ["macro m(@a) { @|a = 1 } begin { @a = 1; m(@a); }", "b", "macro m(@b) { @b = 1 } begin { @a = 1; m(@a); }"],
  ["macro m($a, e) { e + args.e + $a + e| }", "f", "macro m($a, f) { f + args.e + $a + f }"],
  [
    "macro add($a) { $a + 1 } begin { print(add($x) + args.add); $r = (add = 1, b = 2); } end { a|dd($y); }",
    "plus",
    "macro plus($a) { $a + 1 } begin { print(plus($x) + args.add); $r = (add = 1, b = 2); } end { plus($y); }",
  ],
  ["begin { $x = 1; print($|x", "y", "begin { $y = 1; print($y"],
  ["begin { $x = 1; print($|x); }", "x", "begin { $x = 1; print($x); }"],
  ["begin { $x = 1; print($|x); $y = 2; }", "y", "$y is in use already"],
  ["begin { $x = 1; print($|x); } end { $y = 2; }", "y", "begin { $y = 1; print($y); } end { $y = 2; }"],
  ["begin { @a = 1; } end { @b = @|a; }", "b", "@b is in use already"],
  ["begin { $x| = 1; }", "1y", "'1y' is no name"],
  ["begin { $x| = 1; }", "a b", "'a b' is no name"],
  ["begin { $x| = 1; }", "", "'' is no name"],
  ["begin { @x| = 1; }", "a-b", "'a-b' is no name"],
  ["macro a|dd() { 1 }", "pid", "pid is a word of the language"],
  ["macro a|dd() { 1 }", "while", "while is a word of the language"],
  ["macro a|dd() { 1 } macro sub() { 2 }", "sub", "sub is in use already"],
  ['import "tools.bt";\nbegin { sha|red($x); }', "mine", "shared is a macro of /lib/tools.bt"],
  ["begin { pi|d; }", "x", "Only variables, maps and macros of the script can be renamed"],
  ["begin { // $|x\n }", "y", "Only variables, maps and macros of the script can be renamed"],
  ['begin { print("$|x"); }', "y", "Only variables, maps and macros of the script can be renamed"],
  ["begin { print($|1); }", "y", "Only variables, maps and macros of the script can be renamed"],
];

describe("rename", () => {
  it.each(renamings)("%s as %s", (text, name, after) => {
    const [script, offset] = cursor(text);
    const places = rename(script, offset, name);
    const changed = (spans: readonly { readonly start: number; readonly end: number }[]): string =>
      [...spans]
        .sort((a, b) => b.start - a.start)
        .reduce((t, s) => t.slice(0, s.start) + newText(script, offset, name) + t.slice(s.end), script.source.text);
    expect(typeof places === "string" ? places : changed(places)).toBe(after);
    const no = "Only variables, maps and macros of the script can be renamed";
    expect(renamable(script, offset) === undefined).toBe(after === no || /is a macro of/.test(after));
    // References are what a new name changes.
    if (typeof places !== "string") expect(references(script, offset)).toEqual(places);
  });
});
