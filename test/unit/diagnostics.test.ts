// What is said of a script that is wrong, with its place and the way out; the compiler throws nothing else.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileScript } from "../../src/lang/trace/index.ts";
import { DiagnosticError, formatDiagnostic } from "../../src/source/index.ts";
import { environment } from "../support/browser-page.ts";

/** All that is said of the script, as it is printed. */
function diagnostics(text: string): string {
  const source = { name: "stdin", text };
  try {
    compileScript(source, environment, { ringBytes: 1 << 16 });
    return "";
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((d) => formatDiagnostic(d, error.source ?? source)).join("\n");
  }
}

describe("diagnostics", () => {
  it("show the line, a mark under the place, and a hint", () => {
    expect(diagnostics("begin {\n  print(1);\n\tprintff(2);\n}")).toBe(
      "stdin:3:2-12: ERROR: Unknown function: 'printff'\n    printff(2);\n    ~~~~~~~~~~\nHINT: Did you mean 'printf'?",
    );
  });

  const cases: readonly (readonly [script: string, said: string])[] = [
    ['begin { @x = 1; @x = "a"; }', "Type mismatch for @x"],
    ["begin { @x[1] = 1; print(@x, percnt); }", "HINT: Did you mean 'percent'?"],
    ['begin { @x[1] = 1; @x["a"] = 1; }', "Argument mismatch for @x"],
    ['begin { @x[{ printf("a") }, (1, 2)] = 1; }', "Value 'void' cannot be used as a map key."],
    ["begin { if (has_key(@x, (exit, 1))) { } @x[1, 1] = 1; }", "Value 'void' cannot be used as a map key."],
    ["begin { $x = (a=1, a=2); }", "Named argument list already contains name: a"],
    ["begin { @x = count(); @x = 5; }", "@x"],
    ["begin { @x = count(); @x = hist(5); }", "@x"],
    ["begin { $x = 1; { $y = 2; } print($y); }", "$y"],
    ["begin { print($x); }", "$x"],
    ["begin { print(@x); }", "Undefined map: @x"],
    ["begin { @x = hist(1, 9); }", "hist: bits 9 must be 0..5"],
    ["begin { @x = lhist(1, 10, 5, 1); }", "min must be less than max"],
    ["begin { @x = lhist(1, 0, 10, 0); }", "step must be >= 1"],
    ["begin { @x = lhist(1, 0, 100000, 1); }", "too many buckets"],
    ['begin { @x = hist("a"); }', "only supports integer arguments"],
    ['begin { printf("%d\\n"); }', "not enough arguments"],
    ['begin { printf("x\\n", 1); }', "too many arguments"],
    ['begin { printf("%d\\n", "a"); }', "unsupported format specifier for type 'string[2]': d"],
    ['begin { printf("%f\\n", 1); }', "unsupported format specifier"],
    ["begin { printf(5); }", "string literal"],
    ["begin { print(); }", "print"],
    ["begin { print(1, 2, 3); }", "1 argument"],
    ["begin { clear(5); }", "expects a map"],
    ["begin { @x[1] = 1; clear(@x[1]); }", "should not be indexed"],
    ["begin { @x[1] = 1; delete(@x); }", "explicit keys"],
    ["begin { break; }", "break"],
    ["begin { 5 = 6; }", "assigned"],
    ["begin { print(retval); }", "retval"],
    ["begin { print(arg0); }", "arg0"],
    ["begin { print(args.x); }", "args"],
    ["begin { unroll(1000) { } }", "unroll"],
    ["begin { let $x = 1; let $x = 2; }", "$x"],
    ["begin { print((1, 2).5); }", "5"],
    ['begin { print(1 + "a"); }', "+"],
    ['begin { print("a" == 1); }', "=="],
    ["begin { @x = @x + ; }", "syntax: expected expression"],
    ["begin { print(1) print(2); }", "syntax: expected ';'"],
    ["begin { if 1 == 1 print(1); }", "syntax: expected"],
    ["begin { print(99999999999999999999999999); }", "too large"],
    ["begin { print(0x); }", "integer literal"],
    ["begin { print(09); }", "octal"],
    ['begin { print("\\q"); }', "invalid escape character"],
    ["begin { $ = 1; }", "$"],
    ["begin ~ { }", "syntax: expected"],
    ["interval:ms { }", "period"],
    ["interval:xs:1 { }", "unit"],
    ["software:nothing:1 { }", "not a software event"],
    ["watchpoint:0x1:3:w { }", "length"],
    ["tracepoint:syscalls:sys_enter_openat { print(filename); }", "Did you mean 'args.filename'?"],
    ['begin { @a = (int8)1; @a = "x"; }', "'string[2]' when map already has a type 'int8'"],
    ['begin { @[1, 2000] = 1; @["x", 2] = 1; }', "'(string[2],int8)' when map expects arguments: '(int8,int16)'"],
    ['begin { $t = (1, 70000); $t = "x"; }', "when variable already has a type '(int8,int32)'"],
    ['config = { max_strlen = 8 } begin { print("eight888"); }', "String is too long (over 8 bytes): eight888"],
    ["fn m() { 1 }  begin { }", "expected ':'"],
    ["fn m($a: int64): int64 { return m($a); } begin { print(m(1)); }", "Recursive function call"],
    ['fn m($a: int64): int64 { return "a"; } begin { print(m(1)); }', "of type 'int64', got 'string[2]'"],
    ["fn m($a: int64): void { return 1; } begin { m(1); }", "gives nothing"],
    ["fn m($a: int64): int64 { return $b; } begin { $b = 1; print(m(1)); }", "undeclared variable: $b"],
    ["fn m($a: int64): int64 { break; return 1; } begin { for $i : 0..3 { print(m($i)); } }", "allowed in a function"],
    ['fn m($a: int64): int64 { return $a; } begin { print(m("a")); }', "Type mismatch for $a"],
    ["fn m($a: int64): int64 { return $a; } begin { print(m()); }", "different number of arguments"],
    ["config = { nothing = 1 } begin { }", "nothing"],
    ["config = { max_strlen = 0 } begin { }", "max_strlen"],
    ["let @x = nohash(5); begin { @x[1] = 1; }", "Invalid bpf map type"],
    ['begin { signal("SIGNOTHING"); }', "signal"],
    ['begin { exit("a"); }', "exit"],
    ["begin { print(ustack(0)); }", "ustack"],
    ['begin { strncmp("a", "b", -1); }', "strncmp"],
    ["/* begin { }", "comment"],
    ['begin { print("a); }', "unterminated string"],
    ["begin { print(1);", "syntax: expected"],
    ["", "no probe"],
  ];
  it.each(cases)("%s", (script, said) => expect(diagnostics(script)).toContain(said));

  it("come with a code and a place inside of the script", () => {
    for (const [text] of cases) {
      try {
        compileScript({ name: "stdin", text }, environment, { ringBytes: 1 << 16 });
        expect.unreachable(text);
      } catch (error) {
        expect(error, text).toBeInstanceOf(DiagnosticError);
        for (const d of (error as DiagnosticError).diagnostics) {
          expect(d.code).toMatch(/^SCRY\d{4}$/);
          if (d.span !== undefined) {
            expect(d.span.start, text).toBeLessThanOrEqual(d.span.end);
            expect(d.span.end, text).toBeLessThanOrEqual(text.length);
          }
        }
      }
    }
  });

  it("are all that garbage gives", () => {
    const words = [
      "begin",
      "{",
      "}",
      "(",
      ")",
      "[",
      "]",
      ";",
      ",",
      "printf",
      "print",
      '"a"',
      '"%d"',
      "@x",
      "@",
      "$y",
      "$1",
      "1",
      "0x1f",
      "=",
      "+=",
      "++",
      "--",
      "+",
      "-",
      "*",
      "/",
      "if",
      "else",
      "for",
      "while",
      "unroll",
      ":",
      "..",
      ".",
      "->",
      "count()",
      "hist",
      "args",
      "curtask",
      "comm",
      "str",
      "let",
      "return",
      "struct",
      "task_struct",
      "(struct task_struct *)",
      "?",
      "!",
      "~",
      "&&",
      "==",
      "\\",
      "#",
      "\n",
      "/*",
      "*/",
      "//",
      "\0",
      "ä",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), fc.boolean(), (parts, spaced) => {
        diagnostics(`begin { ${parts.join(spaced ? " " : "")} }`);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        diagnostics(text);
      }),
      { numRuns: 1000 },
    );
  });

  const nested: readonly (readonly [name: string, levels: (n: number) => string])[] = [
    ["a sum", (n) => `@x = nsecs${" + nsecs".repeat(n)};`],
    ["a conjunction", (n) => `if (nsecs > 1${" && nsecs > 1".repeat(n)}) { }`],
    ["pointers followed", (n) => `@x = curtask${".real_parent".repeat(n)}.pid;`],
    ["parentheses", (n) => `@x = ${"(".repeat(n)}1${")".repeat(n)};`],
    ["signs", (n) => `@x = ${"~".repeat(n)}pid;`],
    ["choices", (n) => `@x = ${"pid ? 1 : ".repeat(n)}1;`],
    ["blocks", (n) => `${"if (pid == 1) { ".repeat(n)}${"}".repeat(n)}`],
    ["else", (n) => `${"if (pid == 1) { } else ".repeat(n)}{ }`],
    ["loops", (n) => `${"unroll(1) { ".repeat(n)}${"}".repeat(n)}`],
  ];
  it.each(nested)("%s may be some levels deep, and is refused where it is thousands", (_name, levels) => {
    expect(diagnostics(`begin { ${levels(200)} }`)).not.toContain("nested");
    for (const n of [3000, 50_000]) expect(diagnostics(`begin { ${levels(n)} }`)).toContain("nested more than");
  });

  it("takes formats that are longer than texts", () => {
    const script =
      'config = { max_strlen = 8 } begin { printf("%s and %s\\n", "a", "b"); assert(1 == 1, "a message"); }';
    expect(diagnostics(script)).toBe("");
  });

  it("shows of a long line the part around the place, of a binary text", () => {
    const [head, line, marks] = diagnostics(
      `begin { /* ${"a".repeat(2000)} */ print($y); /* ${"b".repeat(2000)} */ }`,
    ).split("\n");
    expect(head).toMatch(/^stdin:1:\d+-\d+: ERROR/);
    expect(line).toMatch(/^…a+ \*\/ print\(\$y\); \/\* b+…$/);
    expect(line).toHaveLength(500);
    expect(line?.slice(marks?.indexOf("~"), (marks?.lastIndexOf("~") ?? 0) + 1)).toBe("$y");
    expect(diagnostics("begin { \x1b[31m }")).toBe(
      "stdin:1:9-10: ERROR: invalid character '\\x1b'\nbegin { \\x1b[31m }\n        ~~~~",
    );
  });
});
