// What is warned of, and what is not.

import { describe, expect, it } from "vitest";
import { readUnit } from "./statements.ts";
import { tokenize } from "./tokens.ts";
import { CTypes } from "./type-table.ts";
import { Typing } from "./typing.ts";
import { warningsOf } from "./warnings.ts";

/** The warnings of a text, as places and words. */
function told(text: string): string[] {
  const source = { name: "w.c", text };
  const types = new CTypes(() => undefined);
  const tokens = tokenize(source).filter((t) => t.kind !== "newline");
  const { unit, diagnostics } = readUnit(tokens, types, source);
  expect(diagnostics).toEqual([]);
  return warningsOf(unit, new Typing(types), source, () => false).map(
    ({ message, span }) => `${text.slice(span?.start, span?.end)}: ${message}`,
  );
}

describe("warnings", () => {
  const cases: readonly { readonly name: string; readonly text: string; readonly told: readonly string[] }[] = [
    {
      name: "a variable that nobody names",
      text: "int f(int a) { int x = 1; int y; return a; }",
      told: [
        "x: the variable 'x' is not used [-Wunused-variable]",
        "y: the variable 'y' is not used [-Wunused-variable]",
      ],
    },
    { name: "one that is meant so", text: "int f(int a) { int x __attribute__((unused)) = 1; return a; }", told: [] },
    {
      name: "a function that nobody calls",
      text: "static int f(int a) { return a; } static inline int g(int a) { return a; } int h(int a) { return a; }",
      told: ["f: the function 'f' is not used [-Wunused-function]"],
    },
    {
      name: "what is never written",
      text: "int f(int a) { int x, y, z; if (a) y = 1; z = 2; int *p = &z; return x + y + *p; }",
      told: ["x: the variable 'x' is used, and nothing is ever written to it [-Wuninitialized]"],
    },
    {
      name: "no result at the end",
      text: "int f(int a) { if (a) return 1; }",
      told: ["}: 'f' may end without giving its result [-Wreturn-type]"],
    },
    {
      name: "results on every way",
      text: "int f(int a) { if (a) return 1; else return 2; } int g(int a) { while (1) { if (a++ > 5) return a; } } int h(int a) { switch (a) { case 1: return 1; default: return 2; } } int i(int a) { __builtin_unreachable(); } void j(int a) { if (a) return; } int k(int a) { for (;;) { a++; } } int l(int a) { goto out; out: return a; } int m(int a) { do { return a; } while (a); }",
      told: [],
    },
    {
      name: "a loop that is left",
      text: "int f(int a) { for (;;) { if (a++) break; } }",
      told: ["}: 'f' may end without giving its result [-Wreturn-type]"],
    },
    {
      name: "an assignment as a condition",
      text: "int f(int a, int b) { if (a = b) return 1; if ((a = b)) return 2; while ((a = b - 1) > 2) b++; return 0; }",
      told: ["a = b: an assignment is the condition; '==', or parentheses around it? [-Wparentheses]"],
    },
    {
      name: "numbers and addresses",
      text: "long f(long a, char *p) { char *q = a; long n = p; char *z = 0; q = (char *)a; n = (long)p; return n + (q != z) + (p ? 1 : 0); }",
      told: [
        "a: long becomes char * without a cast [-Wint-conversion]",
        "p: char * becomes long without a cast [-Wint-conversion]",
      ],
    },
    {
      name: "constants that are never reached",
      text: "int f(unsigned char c, signed char s, unsigned short h, int i, unsigned u) { return (c == 300) + (s >= 128) + (70000 > h) + (c == 255) + (s < -1) + (i > 5) + (u < 0x80000000) + (s == -1u) + (c < 256); }",
      told: [
        "(c == 300): a value of type unsigned char is never 300: the comparison is always false [-Wtautological-constant-out-of-range-compare]",
        "(s >= 128): a value of type signed char is never 128: the comparison is always false [-Wtautological-constant-out-of-range-compare]",
        "(70000 > h): a value of type unsigned short is never 70000: the comparison is always true [-Wtautological-constant-out-of-range-compare]",
        "(c < 256): a value of type unsigned char is never 256: the comparison is always true [-Wtautological-constant-out-of-range-compare]",
      ],
    },
  ];
  it.each(cases)("$name", ({ text, told: expected }) => {
    expect(told(text)).toEqual(expected);
  });
});
