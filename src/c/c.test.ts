// C's text: what the preprocessor leaves of it, what constants are worth, what is declared, and that no text is too much.

import { describe, expect, it } from "vitest";
import { printC, typeNameC } from "../btf/index.ts";
import { DiagnosticError, formatDiagnostic } from "../source/index.ts";
import { CTypes, constantContext, evaluate, Preprocessor, readDeclarations, spell, tokenize } from "./index.ts";

type Files = Readonly<Record<string, string>>;
type Cases = readonly (readonly [name: string, text: string, result: string])[];

/** What is said of a text that is wrong, or what `read` makes of it. */
function said(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((d) => formatDiagnostic(d, error.source).split("\n", 1)[0]).join("\n");
  }
}

/** The text behind the preprocessor. */
function preprocess(text: string, files: Files = {}): string {
  const preprocessor = new Preprocessor({
    include: ({ name, next }) => {
      const path = next ? `next/${name}` : name;
      return files[path] === undefined ? undefined : { name: path, text: files[path] };
    },
    defines: [["GIVEN", "7"]],
  });
  return spell(preprocessor.run({ name: "t.c", text }).filter((t) => t.kind !== "end"));
}

function declared(text: string): CTypes {
  const types = new CTypes(() => undefined);
  readDeclarations(new Preprocessor().run({ name: "t.h", text }), types);
  return types;
}

/** The last type that a text declares, on one line. */
function declaration(text: string): string {
  const types = declared(text);
  const name = types.names().at(-1) as string;
  const [kind, tag] = name.split(" ");
  const id =
    tag === undefined
      ? types.find(name, "typedef")
      : types.find(tag, kind === "enum" ? ["enum", "enum64"] : [kind as "struct"]);
  return `${printC(types, id as number, { offsets: true }).replace(/\s+/g, " ")} ${types.sizeof(id as number) ?? "?"}/${types.alignof(id as number)}`;
}

describe("preprocessor", () => {
  const cases: Cases = [
    ["comments", "a/* b */c // d\\\n e\nf", "a c f"],
    ["a string that goes on", '"a\\\nb"', '"ab"'],
    ["object macro", "#define A 1 + 2\n(A)", "(1 + 2)"],
    ["object macro with a parenthesis", "#define A (x) x\nA", "(x) x"],
    ["given before", "GIVEN", "7"],
    ["#undef", "#define A 1\n#undef A\nA", "A"],
    ["line that goes on", "#define A 1 \\\n + 2\nA", "1 + 2"],
    ["function macro", "#define F(a, b) a*(b)\nF(1, (2, 3))F", "1*((2, 3))F"],
    ["only parentheses keep commas together", "#define F(a, b) b\nF([1, 2])", "2]"],
    ["arguments on several lines", "#define F(a) <a>\nF(x\ny)", "<x y>"],
    ["no arguments", "#define F() 1\nF() F( ) F", "1 1 F"],
    ["empty arguments", "#define F(a, b) [a|b]\nF(,) F(1,)", "[|] [1|]"],
    ["name of a function macro by another", "#define G F\n#define F(x) x x\nG(1)", "1 1"],
    ["itself", "#define A A + B\n#define B A\nA", "A + A"],
    ["itself as its argument", "#define f(x) x(x)\nf(f)", "f(f)"],
    ["itself as its argument, called", "#define f(x) x\nf(f)(1)", "f(1)"],
    ["itself within its argument", "#define f(x) x+1\nf(f(2))", "2+1+1"],
    ["parentheses behind the macro", "#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)", "2*9*g"],
    // C11 6.10.3.5, example 3.
    [
      "the standard's example",
      `#define x 3
#define f(a) f(x * (a))
#undef x
#define x 2
#define g f
#define z z[0]
#define h g(~
#define m(a) a(w)
#define w 0,1
#define t(a) a
#define p() int
#define q(x) x
#define r(x,y) x ## y
#define str(x) # x
f(y+1) + f(f(z)) % t(t(g)(0) + t)(1);
g(x+(3,4)-w) | h 5) & m
(f)^m(m);
p() i[q()] = { q(1), r(2,3), r(4,), r(,5), r(,) };
char c[2][6] = { str(hello), str() };`,
      `f(2 * (y+1)) + f(2 * (f(2 * (z[0])))) % f(2 * (0)) + t(1);f(2 * (2+(3,4)-0,1)) | f(2 * (~ 5)) & f(2 * (0,1))^m(0,1);int i[] = { 1, 23, 4, 5, };char c[2][6] = { "hello", "" };`,
    ],
    ["#", '#define S(x) #x\nS( a  +\t"b\\n" \'"\' )', '"a + \\"b\\\\n\\" \'\\"\'"'],
    ["# does not expand", "#define S(x) #x\n#define T(x) S(x)\nS(GIVEN) T(GIVEN)", '"GIVEN" "7"'],
    ["# of an object macro", "#define A #x\nA", "#x"],
    ["##", "#define C(a, b) a ## b\nC(x, 1) C(, y) C(z,) C(GI, VEN) C(<, <=)", "x1 y z 7 <<="],
    ["## does not expand", "#define C(a) a ## 1\nC(GIVEN)", "GIVEN1"],
    ["## in a row", "#define C(a, b, c) a ## b ## c\nC(1, 2, 3)", "123"],
    ["## with #", "#define W(x) L ## #x\nW(a)", 'L"a"'],
    ["the standard's ## ##", "#define hash_hash # ## #\nhash_hash", "##"],
    ["variadic", "#define V(a, ...) a(__VA_ARGS__)\nV(f, 1, 2) V(g,) V(h)", "f(1, 2) g() h()"],
    ["variadic by a name", "#define V(a, r...) a(r)\nV(f, 1, 2)", "f(1, 2)"],
    [", ## __VA_ARGS__", "#define V(a, ...) f(a, ## __VA_ARGS__)\nV(1) V(1, 2, 3)", "f(1) f(1, 2, 3)"],
    ["tokens do not become others", "#define M(x) -x\n#define P +\nM(-1) +P M(M(2))", "- -1 + + - -2"],
    ["#if", "#if 1\na\n#else\nb\n#endif\n#if 0\nc\n#else\nd\n#endif", "a d"],
    ["#ifdef", "#ifdef GIVEN\na\n#endif\n#ifndef GIVEN\nb\n#endif\n#ifdef NOT\nc\n#endif", "a"],
    ["#elif", "#if 0\na\n#elif GIVEN == 7\nb\n#elif 1\nc\n#else\nd\n#endif", "b"],
    ["#elif that is not asked", "#if 1\na\n#elif 1 +\nb\n#endif", "a"],
    ["#elifdef", "#if 0\n#elifdef NOT\na\n#elifndef NOT\nb\n#endif", "b"],
    [
      "what is not read",
      "#if 0\n#if 1 +\n#else\na\n#endif\n#elif 0\n#error no\n#ifdef\n#endif\n#wrong\n#else\nb\n#endif",
      "b",
    ],
    ["defined", "#if defined GIVEN && !defined(NOT) && defined(GIVEN)\na\n#endif", "a"],
    ["defined by a macro", "#define HAS (defined(GIVEN) && !defined NOT)\n#if HAS\na\n#endif", "a"],
    ["names are 0", "#if NOT || false\na\n#else\nb\n#endif", "b"],
    ["function macro in #if", "#define V(a, b) (a * 10 + b)\n#if V(1, 2) >= 12\na\n#endif", "a"],
    ["64 bits", "#if ~0u == 0xffffffffffffffff && 1 << 40 && -1 > 0u\na\n#endif", "a"],
    ["attributes", "#if defined(__has_attribute) || __has_attribute(x)\na\n#else\nb\n#endif", "b"],
    ["what means nothing here", '#pragma pack\n#warning x\n#line 5\n# 5 "x"\n#\na', "a"],
    ["#if without #endif", "a\n#if 1\nb", "t.c:2:2-4: ERROR: #if without #endif"],
    ["#endif without #if", "#endif", "t.c:1:2-7: ERROR: #endif without #if"],
    ["#else twice", "#if 1\n#else\n#else\n#endif", "t.c:3:2-6: ERROR: #else after #else"],
    ["#elif after #else", "#if 1\n#else\n#elif 1\n#endif", "t.c:3:2-6: ERROR: #elif after #else"],
    ["#error", "\n  #error not  here", "t.c:2:4-9: ERROR: #error not here"],
    ["unknown", "#includ <x>", "t.c:1:2-8: ERROR: unknown preprocessor directive '#includ'"],
    ["no name", "#define 5", "t.c:1:2-8: ERROR: macro name missing in #define"],
    ["no end of parameters", "#define F(a", "t.c:1:9-10: ERROR: the parameters of the macro F do not end"],
    ["no end of arguments", "#define F(a) a\nF(1", "t.c:2:1-2: ERROR: the arguments of the macro F do not end"],
    ["too many arguments", "#define F(a) a\nF(1, 2)", "t.c:2:1-2: ERROR: the macro F takes 1 arguments, 2 given"],
    ["defined of nothing", "#if defined\n#endif", "t.c:1:5-12: ERROR: defined needs a name"],
    ["defined without an end", "#if defined(A\n#endif", 't.c:1:5-12: ERROR: ")" is missing after defined'],
    ["#if of nothing", "#if\n#endif", "t.c:1:2-4: ERROR: #if with no expression"],
    ["a comment without an end", "a /* b", "t.c:1:3-5: ERROR: end of file in comment"],
    ["no such header", '\n#include "x.h"', "t.c:2:10-15: ERROR: 'x.h' file not found"],
    ["no header", "#include 5", 't.c:1:2-9: ERROR: #include expects "FILE" or <FILE>'],
  ];
  it.each(cases)("%s", (_, text, result) => expect(said(() => preprocess(text))).toBe(result));

  const files: Files = {
    "a.h": '#include "sub/b.h"\na',
    "sub/b.h": "b B",
    "guarded.h": "#ifndef G\n#define G\ng\n#endif",
    "once.h": "#pragma once\no",
    "plain.h": "p",
    "n.h": "#include_next <n.h>\nn",
    "next/n.h": "next",
    "wrong.h": "\n#error in here",
    "loop.h": '#include "loop.h"',
    "twice.h": '#include "twice.h"\n#include "twice.h"',
    "open.h": "#if 1",
  };
  const including: Cases = [
    ["nested", '#define B 1\n#include "a.h"\nc', "b 1 a c"],
    ["guards", "#include <guarded.h>\n#include <guarded.h>", "g"],
    ["#pragma once", "#include <once.h>\n#include <once.h>", "o"],
    ["#import", "#import <plain.h>\n#import <plain.h>", "p"],
    ["#include_next", "#include <n.h>", "next n"],
    ["by a macro", '#define H <once.h>\n#include H\n#define Q "plain.h"\n#include Q', "o p"],
    ["__has_include", '#if __has_include(<a.h>) && !__has_include("not.h")\ny\n#endif', "y"],
    ["__has_include is defined", "#ifdef __has_include\ny\n#endif", "y"],
    ["the place of an error", "#include <wrong.h>", "wrong.h:2:2-7: ERROR: #error in here"],
    ["a header that includes itself", "#include <loop.h>", "loop.h:1:10-18: ERROR: 'loop.h' is included too deep"],
    ["twice", "#include <twice.h>", "twice.h:1:10-19: ERROR: 'twice.h' is included too deep"],
    ["#if that ends elsewhere", "#include <open.h>\n#endif", "open.h:1:2-4: ERROR: #if without #endif"],
  ];
  it.each(including)("includes: %s", (_, text, result) => expect(said(() => preprocess(text, files))).toBe(result));

  it("keeps arguments with brackets together in scripts", () => {
    const preprocessor = new Preprocessor();
    const text = "#define F(a) a + a\nF(@x[1, 2])";
    preprocessor.run({ name: "t.bt", text }, 0, 18);
    expect(preprocessor.expandText({ name: "t.bt", text }, { start: 19, end: text.length })).toBe(
      "@x[1, 2] + @x[1, 2]",
    );
  });
});

describe("constant expressions", () => {
  const types = declared(
    "enum { THREE = 3, MINUS = -1, WIDE = 1L << 40 }; struct s { char a; long b; }; typedef short two; struct f;",
  );
  const cases: readonly (readonly [text: string, value: string])[] = [
    ["1 + 2 * 3 - 4 / 2", "5"],
    ["10 - 3 - 2", "5"],
    ["1 << 2 + 1", "8"],
    ["1 | 2 ^ 3 & 4 == 4", "3"],
    ["7 & 3 == 3", "1"],
    ["1 || 0 && 0", "1"],
    ["-7 / 2 * 10 + -7 % 2", "-31"],
    ["!5 + !0 + ~0", "0"],
    ["- -1 - +1", "0"],
    ["1 ? 2 : 0 ? 3 : 4", "2"],
    ["0 ? 2 : 0 ? 3 : 4", "4"],
    ["5 ?: 6", "5"],
    ["1 || 1 / 0", "1"],
    ["0 ? 1 / 0 : 2", "2"],
    ["1 < 2 == 2 > 1", "1"],
    ["-1 >> 1", "-1"],
    ["~0u", "4294967295"],
    ["~0ul", "18446744073709551615"],
    ["1 << 31", "-2147483648"],
    ["1u << 31", "2147483648"],
    ["1l << 31", "2147483648"],
    ["-1 < 0u", "0"],
    ["-1l < 0u", "1"],
    ["(1 ? -1 : 0u) > 0", "1"],
    ["0x80000000 + 0x80000000", "0"],
    ["2147483648 + 2147483648", "4294967296"],
    ["0xffffffffffffffff", "18446744073709551615"],
    ["0b101 + 017 + 0x1fULL", "51"],
    ["'a' + '\\n' + '\\0' + '\\x41' + '\\101' + '\\''", "276"],
    ["'\\xff'", "-1"],
    ["L'\\xff'", "255"],
    ["'ab'", "24930"],
    ["'\\0a'", "97"],
    ["THREE + MINUS", "2"],
    ["WIDE", "1099511627776"],
    ["sizeof(int) + sizeof(struct s) + sizeof(two[3])", "26"],
    ["sizeof(char *) * 2 + _Alignof(struct s)", "24"],
    ["sizeof(int (*)(void))", "8"],
    ["(unsigned char)300 + (two)-1", "43"],
    ["(unsigned char)-1 << 24", "-16777216"],
    ["~(unsigned)0", "4294967295"],
    ["(unsigned long)-1 > 5", "1"],
    ["1 +", "t:1:4-4: ERROR: an expression ends too early"],
    ["(1", 't:1:3-3: ERROR: ")" is missing in a constant expression'],
    ["1 2", "t:1:3-4: ERROR: unexpected 2 in a constant expression"],
    ["1 ? 2", 't:1:6-6: ERROR: ":" is missing in a constant expression'],
    ["1 / (2 - 2)", "t:1:3-4: ERROR: division by zero in a constant expression"],
    ["1.5", "t:1:1-4: ERROR: invalid integer literal: 1.5"],
    ["09", "t:1:1-3: ERROR: invalid octal literal: 09"],
    ["''", "t:1:1-3: ERROR: empty character constant"],
    ["NOT", "t:1:1-4: ERROR: NOT is no constant"],
    ['"a"', 't:1:1-4: ERROR: "a" is no constant'],
    ["sizeof(NOT)", "t:1:7-8: ERROR: sizeof of what is no type"],
    ["sizeof(struct f)", "t:1:8-14: ERROR: the size of an incomplete type"],
  ];
  it.each(cases)("%s", (text, value) =>
    expect(said(() => `${evaluate(tokenize({ name: "t", text }), constantContext(types)).value}`)).toBe(value),
  );
});

describe("declarations", () => {
  const cases: Cases = [
    ["typedef", "typedef unsigned long int ulong_t;", "typedef unsigned long ulong_t; 8/8"],
    ["several", "typedef int a, *b, c[2], (*d)(void);", "typedef int (*d)(void); 8/8"],
    ["words in any order", "typedef long unsigned const int long x;", "typedef const unsigned long long x; 8/8"],
    [
      "pointer to a function",
      "typedef int (*f)(const char *s, struct s *, ...);",
      "typedef int (*f)(const char *s, struct s *, ...); 8/8",
    ],
    ["array of pointers to functions", "typedef void (*f[4])(int);", "typedef void (*f[4])(int); 32/8"],
    ["function that gives one", "typedef int (*(*f)(int))(char);", "typedef int (*(*f)(int))(char); 8/8"],
    ["signal", "typedef void (*h)(int); typedef h s(int, h);", "typedef h s(int, h); ?/1"],
    ["arrays of arrays", "typedef int m[2][3]; struct s { m a[4]; };", "struct s { m a[4]; /* 0 */ }; 96/4"],
    ["pointer to an array", "typedef char (*p)[10];", "typedef char (*p)[10]; 8/8"],
    [
      "members",
      "struct s { char a; int b, *c; short d[3]; };",
      "struct s { char a; /* 0 */ int b; /* 4 */ int *c; /* 8 */ short d[3]; /* 16 */ }; 24/8",
    ],
    ["flexible array", "struct s { int n; char a[]; };", "struct s { int n; /* 0 */ char a[0]; /* 4 */ }; 4/4"],
    [
      "bit fields",
      "struct s { int a : 3, b : 30; unsigned : 0; int : 5; char c : 4; };",
      "struct s { int a: 3; /* 0.0 */ int b: 30; /* 4.0 */ char c: 4; /* 9.0 */ }; 12/4",
    ],
    [
      "enum as a bit field",
      "enum e { A }; struct s { enum e : 2; enum e x : 2; };",
      "struct s { enum e x: 2; /* 0.2 */ }; 4/4",
    ],
    [
      "anonymous union",
      "struct s { int a; union { long b; char c; }; };",
      "struct s { int a; /* 0 */ union { long b; /* 0 */ char c; /* 0 */ }; /* 8 */ }; 16/8",
    ],
    [
      "packed",
      "struct s { char a; long b; } __attribute__((packed));",
      "struct s { char a; /* 0 */ long b; /* 1 */ }; 9/1",
    ],
    [
      "packed in front",
      "struct __attribute__((__packed__)) s { char a; long b; };",
      "struct s { char a; /* 0 */ long b; /* 1 */ }; 9/1",
    ],
    [
      "packed member",
      "struct s { char a; long b __attribute__((packed)); int c; };",
      "struct s { char a; /* 0 */ long b; /* 1 */ int c; /* 12 */ }; 16/4",
    ],
    ["aligned", "struct s { char a; } __attribute__((packed, aligned(8)));", "struct s { char a; /* 0 */ }; 8/8"],
    [
      "aligned member",
      "struct s { char a; char b __attribute__((aligned(4))); _Alignas(long) char c; };",
      "struct s { char a; /* 0 */ char b; /* 4 */ char c; /* 8 */ }; 16/8",
    ],
    [
      "aligned typedef",
      "typedef long l __attribute__((aligned(1))); struct s { char a; l b; };",
      "struct s { char a; /* 0 */ l b; /* 1 */ }; 9/1",
    ],
    ["aligned for one alone", "typedef int a __attribute__((aligned(16))), b;", "typedef int b; 4/4"],
    ["forward", "struct s; struct t { struct s *p; };", "struct t { struct s *p; /* 0 */ }; 8/8"],
    [
      "itself",
      "struct s { struct s *next; struct s **all[2]; };",
      "struct s { struct s *next; /* 0 */ struct s **all[2]; /* 8 */ }; 24/8",
    ],
    ["forward, then whole", "struct s; typedef struct s t; struct s { int a; };", "typedef struct s t; 4/4"],
    ["enum", "enum e { A, B = 5, C, D = B + C };", "enum e { A = 0, B = 5, C = 6, D = 11, }; 4/4"],
    ["negative enum", "enum e { A = -2, B, C };", "enum e { A = -2, B = -1, C = 0, }; 4/4"],
    ["enum of all bits", "enum e { A = ~0u, B = 1 };", "enum e { A = 4294967295, B = 1, }; 4/4"],
    ["wide enum", "enum e { A = 1UL << 40 };", "enum e { A = 1099511627776ULL, }; 8/8"],
    ["packed enum", "enum e { A = 200 } __attribute__((packed));", "enum e { A = 200, }; 1/1"],
    [
      "sizes by enumerators",
      "enum { N = 3 }; struct s { char a[N * sizeof(int)]; };",
      "struct s { char a[12]; /* 0 */ }; 12/1",
    ],
    ["typeof", "typedef typeof(int *) p;", "typedef int *p; 8/8"],
    [
      "functions and variables between",
      'static inline int f(int x) { return x ? { 1 } : 2; } int a = 1, b[] = { 1, 2 }; extern int g(void) __asm__("h") __attribute__((pure)) __attribute__((cold)); _Static_assert(1, ""); typedef int x;',
      "typedef int x; 4/4",
    ],
    ["names of types as members", "typedef int u; struct s { u u; };", "struct s { u u; /* 0 */ }; 4/4"],
    [
      "fixed widths",
      "struct s { u8 a; __le16 b; uint32_t c; s64 d; };",
      "struct s { u8 a; /* 0 */ __le16 b; /* 2 */ uint32_t c; /* 4 */ s64 d; /* 8 */ }; 16/8",
    ],
    ["unknown", "struct s { foo x; };", "t.h:1:12-15: ERROR: unknown type name 'foo'"],
    ["no semicolon", "struct s { int x int y; };", 't.h:1:18-21: ERROR: expected ";" after a member, found int'],
    ["no end", "struct s { int x;", "t.h:1:1-7: ERROR: the body of this struct does not end"],
    ["twice", "struct s { int x; }; struct s { int x; };", "t.h:1:29-30: ERROR: redefinition of 'struct s'"],
    ["member twice", "struct s { int x; int x; };", "t.h:1:23-24: ERROR: duplicate member 'x'"],
    ["enumerator twice", "enum e { A, A };", "t.h:1:13-14: ERROR: redefinition of the enumerator 'A'"],
    ["incomplete", "struct s { struct t x; };", "t.h:1:21-22: ERROR: field 'x' has an incomplete type"],
    ["incomplete itself", "struct s { struct s x; };", "t.h:1:21-22: ERROR: field 'x' has an incomplete type"],
    [
      "array of what is incomplete",
      "struct s { struct t x[3]; };",
      "t.h:1:21-22: ERROR: field 'x' has an incomplete type",
    ],
    [
      "wide bit field",
      "struct s { int x : 33; };",
      "t.h:1:16-17: ERROR: the width of the bit field 'x' exceeds its type",
    ],
    ["bit field of no width", "struct s { int x : 0; };", "t.h:1:16-17: ERROR: the bit field 'x' has no width"],
    ["bit field of a pointer", "struct s { int *x : 3; };", "t.h:1:17-18: ERROR: the bit field 'x' is no integer"],
    ["negative array", "typedef int x[-1];", "t.h:1:15-16: ERROR: an array of -1 elements"],
    [
      "huge struct",
      "struct s { int x[0xffffffff][0xffffffff]; };",
      "t.h:1:8-9: ERROR: a struct of 73786976260478470000 bytes",
    ],
    [
      "alignment by three",
      "struct s { int x __attribute__((aligned(3))); };",
      "t.h:1:41-42: ERROR: an alignment by 3 bytes",
    ],
  ];
  it.each(cases)("%s", (_, text, result) => expect(said(() => declaration(text))).toBe(result));

  it("passes over what it does not understand of a system's header", () => {
    const types = new CTypes(() => undefined);
    const text =
      "typedef __builtin_va_list v; foo f(bar x) { a[0]; } struct s { int a; }; int g(qux); typedef int t; struct s { long b; }; int h(";
    readDeclarations(tokenize({ name: "t.h", text }), types, { system: () => true });
    expect(types.names()).toEqual(["struct s", "t"]);
    expect(types.sizeof(types.find("s", "struct") ?? 0)).toBe(4);
  });

  it("serves types above those of another BTF", () => {
    const below = declared("struct k { int a; }; enum { K = 4 };");
    const types = new CTypes(() => undefined);
    readDeclarations(
      tokenize({ name: "t.h", text: "enum { OWN = 2 }; typedef struct s { struct { int x[3]; }; } t;" }),
      types,
    );
    expect(types.enumerator("OWN")?.value).toBe(2n);
    expect(types.field(types.find("t") ?? 0, "x[2]")).toMatchObject({ bitOffset: 64 });
    expect(typeNameC(types, types.find("t") ?? 0, "v")).toBe("t v");
    expect([types.empty, below.enumerator("K")?.value, types.enumerator("K")]).toEqual([false, 4n, undefined]);
  });
});

describe("too much", () => {
  const many = (count: number, text: string | ((i: number) => string)): string =>
    Array.from({ length: count }, (_, i) => (typeof text === "string" ? text : text(i))).join("");
  const cases: readonly (readonly [name: string, text: string, result: RegExp])[] = [
    [
      "macros that double",
      `#define A0 x\n${many(40, (i) => `#define A${i + 1} A${i} A${i}\n`)}A40`,
      /grows without end/,
    ],
    ["macros that double nothing", `#define E\n#define F(x) x x\n${many(60, "F(")}E${many(60, ")")}`, /^ok$/],
    ["macros in a row", `${many(20_000, (i) => `#define A${i} A${i + 1}\n`)}A0`, /behind too many others/],
    ["macros in arguments", `#define F(x) x\n${many(20_000, "F(")}${many(20_000, ")")}`, /nested too deep/],
    ["conditionals", `${many(50_000, "#if 1\n")}int a;\n${many(50_000, "#endif\n")}`, /^ok$/],
    ["a long line", `#define M ${many(300_000, "; ")}\nM`, /^ok$/],
    ["many lines without directives", many(200_000, ";\n"), /^ok$/],
    ["many arguments", `#define F(...) __VA_ARGS__\n;F(${many(200_000, ";,")})`.replaceAll(",", " "), /^ok$/],
    ["parentheses in #if", `#if ${many(50_000, "(")}1${many(50_000, ")")}\n#endif`, /nested too deep/],
    ["signs in #if", `#if ${many(50_000, "- ")}1\n#endif`, /nested too deep/],
    ["conditions in #if", `#if ${many(50_000, "1 ? 1 : ")}1\n#endif`, /nested too deep/],
    ["a long sum", `enum { A = ${many(100_000, "1 + ")}1 };`, /^ok$/],
    ["structs in structs", many(20_000, "struct { "), /nested too deep/],
    ["parentheses of a declarator", `int ${many(20_000, "(")}x${many(20_000, ")")};`, /nested too deep/],
    ["dimensions", `int x${many(20_000, "[1]")};`, /nested too deep/],
    [
      "dimensions by typedefs",
      `typedef int t0;${many(80, (i) => `typedef t${i} t${i + 1}[2];`)}struct s { t80 x; };`,
      /does not end|nested|bytes/,
    ],
    ["pointers", `int ${many(20_000, "*")}x;`, /^ok$/],
    ["parameters", many(20_000, "int f("), /nested too deep/],
    ["typeof", many(20_000, "typeof("), /nested too deep/],
    ["sizeof in a size", `int x[${many(20_000, "sizeof(int[")}`, /nested too deep/],
    ["underlying types", many(20_000, "enum e : "), /nested too deep/],
    [
      "a chain of typedefs",
      `typedef int t0;${many(200, (i) => `typedef t${i} t${i + 1};`)}`,
      /^t.h:1:\d+-\d+: ERROR: .*do not end/,
    ],
    ["members", `struct s { ${many(50_000, (i) => `int m${i};`)} };`, /^ok$/],
    ["enumerators", `enum e { E0, ${many(50_000, (i) => `E${i + 1} = E${i} + 1,`)} };`, /^ok$/],
    ["characters", `//${" ".repeat(16_000_001)}`, /more than 16000000 characters/],
  ];
  it.each(cases)(
    "%s",
    (_, text, result) => {
      const outcome = said(() => {
        declared(text);
        return "ok";
      });
      expect(outcome).toMatch(result);
    },
    30_000,
  );
});
