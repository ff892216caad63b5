// Floats of a program: members, elements, locals, globals; as numbers, keys and values; and as integers.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseFormat } from "../../src/schema/index.ts";
import { floatText } from "../../src/views/write-float.ts";
import { repository, scryCommand } from "../support/commands.ts";

const source = join(repository, "test/support/floats.c");
const folder = mkdtempSync(join(tmpdir(), "scry-floats-"));
const program = join(folder, "floats");
beforeAll(() => void execFileSync("gcc", ["-O0", "-g", source, "-o", program]), 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inside =
  readFileSync(source, "utf8")
    .split("\n")
    .findIndex((text) => text.includes("at: inside")) + 1;

/** What a script prints of the program, which is given these numbers. */
function traced(numbers: readonly number[], script: string, ...options: string[]): { out: string; said: string } {
  const input = join(folder, "input");
  const output = join(folder, "out");
  writeFileSync(input, new Uint8Array(Float64Array.from(numbers).buffer));
  const text = script.replaceAll("BIN", program).replaceAll("LINE", `${program}@floats.c:${inside}`);
  const command = join(folder, "run.sh");
  writeFileSync(command, `#!/bin/sh\nexec ${program} < ${input}\n`, { mode: 0o755 });
  const run = spawnSync(process.execPath, [scryCommand(), "-q", "-o", output, ...options, "-c", command, "-e", text], {
    encoding: "utf8",
  });
  return { out: run.status === 0 ? readFileSync(output, "utf8").trim() : "", said: run.stderr };
}

const cases: readonly (readonly [name: string, script: string, out: string])[] = [
  [
    "members and elements",
    'uprobe:BIN:see { printf("%f %g %.3f %d %g %a", args.s->single, args.s->number, args.s->pair[1], args.s->count, args.s->rows[1][1], *args.at); }',
    "2.500000 2.5 -2.250 7 4.5 0x1.4p+1",
  ],
  [
    "an element by a number that is not constant",
    "uprobe:BIN:see { $i = args.n - 2; print(args.s->pair[$i]); }",
    "-2.25",
  ],
  ["a struct as a whole", "uprobe:BIN:see { $s = *args.s; print($s.number); print($s.pair); }", "2.5\n[1.5,-2.25]"],
  ["locals and globals at a line", "uprobe:LINE { print((vars.local, vars.narrow, vars.last)); }", "(2.5, 2.5, 0.25)"],
  ["of a static probe, in memory", 'usdt:BIN:floats:seen { printf("%g %d\\n", arg0, arg1); }', "2.5 7"],
  [
    "keys and values of maps",
    'uprobe:BIN:see { @n[args.s->number] = args.s->single; @k[args.s->single, "x"] = count(); @last = *args.at; }',
    "@k[2.5, x]: 1\n@last: 2.5\n@n[2.5]: 2.5",
  ],
  [
    "tuples and records",
    "uprobe:BIN:see { $t = (args.s->single, 1, *args.at); print($t); print((x = $t.2)); }",
    "(2.5, 1, 2.5)\n{ .x = 2.5 }",
  ],
  [
    "a struct of the script, by its C declaration",
    'struct inner { float x; double y[2]; }; struct outer { int n; struct inner in; union { double d; uint64_t bits; }; }; begin { $o = (struct outer *)0; print(*$o); printf("%.1f %g ", $o->in.y[1], $o->d); print((sizeof(struct outer), sizeof(double))); exit(); }',
    "{ .n = 0, .in = { .x = 0, .y = [0,0] }, .d = 0, .bits = 0 }\n0.0 0 (40, 8)",
  ],
  [
    "a struct whole, a long double in it as nothing",
    "uprobe:BIN:see { print(*args.s); @[args.s->pair] = args.s->rows; }",
    "{ .single = 2.5, .number = 2.5, .count = 7, .pair = [1.5,-2.25], .rows = [[1,2],[3,4.5]], .wide = null }\n\n\n@[[1.5,-2.25]]: [[1,2],[3,4.5]]",
  ],
  [
    "by a cast of an address",
    "uprobe:BIN:see { print(*(double *)arg1); $p = (float *)arg0; print($p[0]); }",
    "2.5\n2.5",
  ],
  ["of either side of a choice", "uprobe:BIN:see { print(args.n > 2 ? *args.at : (double)1); }", "2.5"],
  ["as truth", "uprobe:BIN:see { print(((bool)*args.at, (bool)(double)0)); }", "(true, false)"],
  [
    "walked over",
    "uprobe:BIN:see { @n[*args.at] = args.s->single; for ($kv : @n) { print($kv.0); print($kv.1); } clear(@n); }",
    "2.5\n2.5",
  ],
];

/** `n` cut toward zero and into the range of an integer. */
function truncated(n: number, bits: number, signed: boolean): bigint {
  if (Number.isNaN(n)) return 0n;
  const [least, most] = signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n];
  if (!Number.isFinite(n)) return n < 0 ? least : most;
  const whole = BigInt(Math.trunc(n));
  return whole < least ? least : whole > most ? most : whole;
}

describe("floats of a program", () => {
  for (const [name, script, out] of cases)
    it(name, () => {
      const { out: printed, said } = traced([2.5], script);
      expect(said).toBe("");
      expect(printed).toBe(out);
    });

  it("are sorted by value, numbers of JSON, and strings where they are none", () => {
    const script = "uprobe:BIN:see { @[*args.at] = *args.at; }";
    const numbers = [3, -1.5, Infinity, 0.1, -Infinity, Number.NaN];
    expect(
      traced(numbers, script)
        .out.split("\n")
        .map((l) => l.split(" ")[1]),
    ).toEqual(["-inf", "-1.5", "0.1", "3", "inf", "nan"]);
    expect(JSON.parse(traced(numbers, script, "-f", "json").out)).toEqual({
      type: "map",
      data: { "@": { "-inf": "-inf", "-1.5": -1.5, "0.1": 0.1, "3": 3, inf: "inf", nan: "nan" } },
    });
  });

  it("are integers by their bits", () => {
    const numbers = [
      0, -0, 0.5, -0.5, 0.9999999, 1, -1, 1.5, -1.5, 127, 128, -128, -129, 255.9, 256, 5e-324, 1e300, -1e300,
    ];
    numbers.push(
      Number.NaN,
      Infinity,
      -Infinity,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      2 ** 53 + 2,
      2 ** 63,
      -(2 ** 63),
      2 ** 64,
      2 ** 24 + 1,
    );
    let state = 12345;
    const random = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    while (numbers.length < 3000) numbers.push((random() - 0.5) * 2 ** Math.floor(random() * 140 - 20));
    const types = [
      ["int64", 64, true],
      ["uint64", 64, false],
      ["int32", 32, true],
      ["uint32", 32, false],
      ["int8", 8, true],
      ["uint16", 16, false],
    ] as const;
    const list = (x: string): string =>
      types.map(([t, bits, signed]) => `${bits === 64 ? "" : signed ? "(int64)" : "(uint64)"}(${t})${x}`).join(", ");
    const format = types.map(([, , signed]) => (signed ? "%ld" : "%lu")).join(" ");
    const script = `config = { max_strlen = 64 } uprobe:BIN:see { printf("${format} ${format}\\n", ${list("*args.at")}, ${list("args.s->single")}); }`;
    const { out, said } = traced(numbers, script);
    expect(said).toBe("");
    const lines = out.split("\n");
    expect(lines.length).toBe(numbers.length);
    const wanted = numbers.map((n) =>
      [n, Math.fround(n)].flatMap((x) => types.map(([, bits, signed]) => truncated(x, bits, signed))).join(" "),
    );
    expect(lines).toEqual(wanted);
  }, 60_000);

  const refused: readonly (readonly [script: string, message: string])[] = [
    ["begin { $x = (double)1; print($x + 1); }", "'+' of 'double': eBPF has no floating point"],
    ["begin { $x = (float)1; print(-$x); }", "'-' of 'float': eBPF has no floating point"],
    ["begin { $x = (double)1; if ($x) { exit(); } }", "A condition of 'double': eBPF has no floating point"],
    ["begin /(double)1/ { exit(); }", "A condition of 'double': eBPF has no floating point"],
    ["begin { $x = (double)1; print($x == $x); }", "'==' of 'double': eBPF has no floating point"],
    ["begin { $x = ((double)1, 2); print($x == $x); }", "'==' of '(double,int64)': eBPF has no floating point"],
    ["begin { $x = (double)1; $x += 1; }", "Arithmetic of 'double': eBPF has no floating point"],
    ["begin { $x = (double)1; $x++; }", "'++' of 'double': eBPF has no floating point"],
    ["begin { @x = (double)1; @x++; }", "'++' of 'double': eBPF has no floating point"],
    ["begin { @x = (double)1; @x -= 1; }", "'-=' of 'double': eBPF has no floating point"],
    ["begin { @ = hist((double)1); }", "hist() of 'double': eBPF has no floating point"],
    ["begin { print((double)pid); }", "'uint32' as 'double': eBPF has no floating point"],
    ["begin { print((float)(double)1); }", "'double' as 'float': eBPF has no floating point"],
    ["begin { @x = (float)1; @x = (double)1; }", "Type mismatch for @x"],
    ['begin { printf("%d", (double)1); }', "unsupported format specifier for type 'double': d"],
    ['begin { printf("%f", 1); }', "printf: unsupported format specifier: %f"],
  ];
  for (const [script, message] of refused)
    it(`are not computed with: ${script}`, () => {
      const run = spawnSync(process.execPath, [scryCommand(), "-e", script], { encoding: "utf8" });
      expect(run.stderr).toContain(`ERROR: ${message}`);
      expect(run.status).toBe(1);
    });

  it("of 4 bytes are doubles of the same value", () => {
    const numbers = [
      0,
      -0,
      1,
      -1.5,
      2 ** -126,
      2 ** -127,
      2 ** -149,
      -(2 ** -148),
      3 * 2 ** -149,
      1e38,
      1e39,
      -Infinity,
    ];
    for (let i = 0; i < 400; i++) numbers.push((i % 2 === 0 ? 1 : -1) * (1 + i / 400) * 2 ** ((i % 277) - 149));
    const { out, said } = traced(numbers, 'uprobe:BIN:see { $d = (double)args.s->single; printf("%a\\n", $d); }');
    expect(said).toBe("");
    const format = parseFormat("%a")[0] as Parameters<typeof floatText>[0];
    expect(out.split("\n")).toEqual(numbers.map((n) => floatText(format, Math.fround(n))));
  });

  it("that are no float or double are refused", () => {
    const { said } = traced([1], "uprobe:BIN:see { print(args.s->wide); }");
    expect(said).toContain("'wide' is a floating-point number of 16 bytes: only float and double can be read");
  });

  it("that are arguments are in registers that BPF cannot read", () => {
    const { said } = traced([1], "uprobe:BIN:see { print(args.few); }");
    expect(said).toContain("'few' cannot be read here: it is passed in xmm1, which BPF cannot read");
    expect(traced([1], "uprobe:BIN:see { print(args.n); }").out).toBe("3");
  });
});
