// Floats as text: against the C library's own printf.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type FormatSpec, parseFormat } from "../schema/index.ts";
import { floatText, jsonFloat, plainFloat } from "./write-float.ts";

const spec = (format: string): FormatSpec & { readonly conversion: "g" } =>
  parseFormat(format)[0] as FormatSpec & { readonly conversion: "g" };

const FORMATS =
  "%f %F %e %E %g %G %a %A %.0f %.1f %.2f %.3f %.10f %.20f %.60f %.340f %.0e %.1e %.3e %.15e %.17e %.25e %.400e %.0g %.1g %.2g %.10g %.17g %.30g %#g %#.3g %#.0f %#.0e %.0a %.1a %.3a %.12a %.13a %.15a %#a %+f %-12f| %012f %12.2f %+012.3e %- 20g| %+-20g| %020a %20a %-20A| %+.2a %0#12g %+ e %.f %.e %.g %lf %Lg %012g %-012g"
    .split(" %")
    .map((f, i) => (i === 0 ? f : `%${f}`));

/** Doubles by their bits: of any size, near integers, near halves, few digits, subnormal, with no end. */
function samples(count: number): number[] {
  let state = 0x2545f4914f6cdd1dn;
  const random = (): bigint => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return state;
  };
  const view = new DataView(new ArrayBuffer(8));
  const of = (bits: bigint): number => {
    view.setBigUint64(0, BigInt.asUintN(64, bits));
    return view.getFloat64(0);
  };
  const list = [0, -0, 1, -1, 0.5, 1.5, 2.5, 0.125, 1e21, 1e22, 1e23, 9.5, 99.5, 9999995, 0.0001, 0.00001];
  list.push(1e300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, Infinity, -Infinity, 123456789, 1e-5, 1e15);
  for (let i = 0; i < 400; i++) list.push(10 ** ((i % 617) - 308));
  while (list.length < count) {
    const n = random();
    switch (Number(random() % 8n)) {
      case 0:
        list.push(Number(n >> 34n) / 2 ** Number(random() % 30n));
        break;
      case 1:
        list.push(Number(n % 2000001n) / 1000 - 1000);
        break;
      case 2:
        list.push(Number(n % 100000n) + 0.5);
        break;
      case 3:
        list.push(of(n & 0x800f_ffff_ffff_ffffn));
        break;
      case 4:
        list.push(Math.fround(of((n & 0x800f_ffff_ffff_ffffn) | ((1023n - 40n + (random() % 80n)) << 52n))));
        break;
      default:
        list.push(of(n));
    }
  }
  return list.map((n) => (Number.isNaN(n) ? 0.1 : n));
}

/** Each number by each format, as the C library has it. */
function byC(formats: readonly string[], numbers: readonly number[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), "scry-printf-"));
  try {
    const program = `#include <stdio.h>
int main(void) {
  double d;
  while (fread(&d, 8, 1, stdin) == 1) {
${formats.map((f) => (f.includes("L") ? `    printf("${f}\\n", (long double)d);` : `    printf("${f}\\n", d);`)).join("\n")}
  }
  return 0;
}
`;
    writeFileSync(join(dir, "p.c"), program);
    execFileSync("gcc", ["-w", "-O0", "-o", join(dir, "p"), join(dir, "p.c")]);
    const input = Buffer.from(Float64Array.from(numbers).buffer);
    return execFileSync(join(dir, "p"), { input, maxBuffer: 1 << 30, encoding: "utf8" })
      .split("\n")
      .slice(0, -1);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe("floats as text", () => {
  it("are the C library's", () => {
    const numbers = samples(6000);
    const lines = byC(FORMATS, numbers);
    expect(lines.length).toBe(numbers.length * FORMATS.length);
    const wrong: string[] = [];
    let at = 0;
    for (const n of numbers)
      for (const format of FORMATS) {
        const bar = format.endsWith("|") ? "|" : "";
        const ours = floatText(spec(format), n) + bar;
        if (ours !== lines[at]) wrong.push(`${format} of ${n}: ${ours} for ${lines[at]}`);
        at++;
      }
    expect(wrong.slice(0, 10)).toEqual([]);
  }, 120_000);

  it("keep the zeros that # asks for where rounding carries, which glibc loses (1.e+06)", () => {
    expect(floatText(spec("%#g"), 999999.5)).toBe("1.00000e+06");
  });

  it("have the sign of a NaN where it is known", () => {
    expect([floatText(spec("%f"), Number.NaN), floatText(spec("%6F|"), Number.NaN, true)]).toEqual(["nan", "  -NAN"]);
    expect(floatText(spec("%08f"), Number.NaN)).toBe("     nan");
  });

  it("are obeyed up to a million digits", () => {
    expect(floatText(spec("%.99999999f"), 1).length).toBe((1 << 20) + 2);
    expect(floatText(spec("%99999999f"), 1).length).toBe(1 << 20);
  });

  it("are numbers of JSON, or strings where JSON has none", () => {
    expect([1.5, -0, 1e21, 5e-324, Number.NaN, Infinity, -Infinity].map(jsonFloat)).toEqual([
      "1.5",
      "-0",
      "1e+21",
      "5e-324",
      '"nan"',
      '"inf"',
      '"-inf"',
    ]);
    expect([0.1, 1e6, 1234567, Number.NaN].map(plainFloat)).toEqual(["0.1", "1e+06", "1.23457e+06", "nan"]);
  });
});
