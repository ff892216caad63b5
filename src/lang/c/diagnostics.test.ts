// What is said of C that is wrong: the message, the place, the macros that brought it there, the way out.

import { describe, expect, it } from "vitest";
import { formatDiagnostic } from "../../source/index.ts";
import { compileC } from "./index.ts";

/** All that is said of a text. */
function said(text: string, headers: Readonly<Record<string, string>> = {}): string {
  const source = { name: "t.c", text };
  const { diagnostics } = compileC(source, {
    include: ({ name }) => (headers[name] === undefined ? undefined : { name, text: headers[name] }),
  });
  return diagnostics.map((d) => formatDiagnostic(d, source)).join("\n");
}

describe("C", () => {
  const f = (body: string): string =>
    `struct point { int x, y; struct { long deep; }; } p;\nint f(int a, char *s)\n{\n${body}\n}\n`;
  const cases: readonly (readonly [name: string, text: string, message: string])[] = [
    [
      "an unknown name",
      f("return aa;"),
      "t.c:4:8-10: ERROR: 'aa' is not declared\nreturn aa;\n       ~~\nHINT: Did you mean 'a'?",
    ],
    ["an unknown member", f("return p.z;"), "t.c:4:8-11: ERROR: struct point has no member named 'z'"],
    ["a name that is near", f("return p.deap;"), "HINT: Did you mean 'deep'?"],
    ["a dot for an arrow", f("struct point *q = &p; return q.x;"), "HINT: Did you mean '->'?"],
    [
      "an arrow for a dot",
      f("return p->x;"),
      "t.c:4:8-9: ERROR: * of a value of type struct point, which is no pointer",
    ],
    ["a struct as a number", f("return p + 1;"), "t.c:4:8-9: ERROR: a value of type struct point is no number"],
    ["a struct from a number", f("p = 5;"), "t.c:4:5-6: ERROR: a value of type struct point cannot be made from int"],
    ["too few arguments", f("return f(1);"), "t.c:4:8-12: ERROR: 'f' takes 2 arguments, 1 given"],
    ["a call of a number", f("return a(1);"), "t.c:4:8-9: ERROR: int is called, which is no function"],
    ["an assignment to a value", f("a + 1 = 2;"), "t.c:4:1-6: ERROR: nothing can be assigned to this"],
    ["an address of a value", f("return *&(a + 1);"), "ERROR: an address of what is only a value"],
    ["a float", f("return a * 1.5;"), "t.c:4:12-15: ERROR: BPF has no floating point numbers"],
    ["no semicolon", f("return a"), 't.c:5:1-2: ERROR: expected ";" after return, found }'],
    ["no type", "int f(void) { foo x; return 0; }", "t.c:1:15-18: ERROR: 'foo' is not declared"],
    ["two of a name", f("int b = 1; int b = 2; return b;"), "t.c:4:16-17: ERROR: redefinition of 'b'"],
    ["a length that is no constant", f("int v[a]; return v[0];"), "t.c:4:7-8: ERROR: this is no constant"],
    [
      "a function that calls itself",
      'static __attribute__((noinline)) int f(int n) { return n > 1 ? n * f(n - 1) : 1; }\n__attribute__((section("xdp"))) int p(void *ctx) { return f(3); }',
      "t.c:1:68-76: ERROR: 'f' calls itself: BPF has no recursion",
    ],
    [
      "an assertion",
      '_Static_assert(sizeof(long) == 4, "small");',
      't.c:1:1-15: ERROR: static assertion failed: "small"',
    ],
    [
      "assembly",
      '__attribute__((section("xdp"))) int p(void *c) { asm volatile("r0 = q7"); return 0; }',
      "t.c:1:50-74: ERROR: assembly: 'r0 = q7' is not an instruction",
    ],
    ["too many values", "int v[2] = {1, 2, 3};", "t.c:1:19-20: ERROR: too many values for int [2]"],
    [
      "a result of nothing",
      "void f(void) { return 5; }",
      "t.c:1:23-24: ERROR: a function of type void returns nothing",
    ],
  ];
  it.each(cases)("%s", (_name, text, message) => {
    expect(said(text)).toContain(message);
  });

  it("goes on behind a mistake", () => {
    expect(said(f("return aa;\nif (bb) { a = cc; }\nreturn dd;")).match(/ERROR.*/g)).toEqual([
      "ERROR: 'aa' is not declared",
      "ERROR: 'bb' is not declared",
      "ERROR: 'dd' is not declared",
    ]);
  });

  it("shows the macros that a place came from", () => {
    expect(
      said("#define INNER(x) (x + missing)\n#define OUTER(x) INNER(x * 2)\nint f(int a) { return OUTER(a); }"),
    ).toBe(
      [
        "t.c:3:23-28: ERROR: 'missing' is not declared",
        "int f(int a) { return OUTER(a); }",
        "                      ~~~~~",
        "t.c:1:18-31: ERROR: expanded from macro 'INNER'",
        "#define INNER(x) (x + missing)",
        "                 ~~~~~~~~~~~~~",
        "t.c:2:18-30: ERROR: expanded from macro 'OUTER'",
        "#define OUTER(x) INNER(x * 2)",
        "                 ~~~~~~~~~~~~",
      ].join("\n"),
    );
  });

  it("names the header that is wrong", () => {
    expect(said('#include "own.h"\nint g;', { "own.h": "int f(void) { return q; }" })).toContain(
      "own.h:1:22-23: ERROR: 'q' is not declared",
    );
  });

  const section = (name: string): string => `__attribute__((section("${name}")))`;
  it.each([
    [
      "the stack",
      `${section("xdp")} int f(void *ctx) { char a[600] = {}; return a[0]; }`,
      "'a' has 600 bytes; the stack has 512",
    ],
    [
      "six arguments",
      `__attribute__((noinline)) static int six(int a, int b, int c, int d, int e, int g) { return a; }\n${section("xdp")} int f(void *ctx) { return six(1,2,3,4,5,6); }`,
      "'six' takes more than five numbers or addresses",
    ],
    [
      "a function that is nowhere",
      `int g(void);\n${section("xdp")} int f(void *ctx) { return g(); }`,
      "nothing defines 'g'",
    ],
    ["a map", `struct { int (*typ)[1]; } m ${section(".maps")};`, "its declaration says 'typ', which no map has"],
    [
      "an address in data",
      `int a; int *p = &a; ${section("xdp")} int f(void *ctx) { return *p; }`,
      "global data begins with constants",
    ],
  ])("%s", (_name, text, message) => {
    expect(said(text)).toContain(message);
  });
});
