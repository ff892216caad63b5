// C functions of two numbers, `long t_NAME(long a, long b)`: what gcc makes of them for this machine, and an object with a
// program for each, which reads its operands from the global `io` and writes what comes out there.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileC } from "../../src/lang/c/index.ts";
import type { BpfObject } from "../../src/object/index.ts";
import { DiagnosticError } from "../../src/source/index.ts";

/** The functions of `test/data/c/numbers.c`. */
export const numbers = (): string => readFileSync(new URL("../data/c/numbers.c", import.meta.url), "utf8");

/** Small ones, ones at the ends of each width, ones with all kinds of bits. */
export const OPERANDS: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [1n, 2n],
  [5n, 3n],
  [-1n, 7n],
  [-100n, -3n],
  [255n, 128n],
  [65535n, 32768n],
  [123456789n, -987654321n],
  [0x7fffffffn, 0x80000000n],
  [-2147483648n, 2147483647n],
  [0x123456789abcdef0n, -0x0fedcba987654321n],
  [-9223372036854775807n, 9223372036854775807n],
  [81985529216486895n, 66n],
];

export const functionsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^long (t_\w+)\(long a, long b\)/gm)].map((m) => m[1] as string);

/** By `NAME INDEX-OF-OPERANDS`. */
export function byGcc(text: string, optimise: "-O0" | "-O2"): ReadonlyMap<string, bigint> {
  const folder = mkdtempSync(join(tmpdir(), "scry-c-numbers-"));
  try {
    const rows = OPERANDS.map(([a, b]) => `{${a}L,${b}L}`).join(",");
    const calls = functionsOf(text).map((name) => `printf("${name} %u %ld\\n", i, ${name}(in[i][0], in[i][1]));`);
    const main = `#include <stdio.h>\nint main(void) { static const long in[][2] = {${rows}}; for (unsigned i = 0; i < ${OPERANDS.length}; i++) { ${calls.join(" ")} } }\n`;
    writeFileSync(join(folder, "a.c"), `${text}\n${main}`);
    const flags = ["-w", optimise, "-fwrapv", "-fno-strict-aliasing"];
    execFileSync("gcc", [...flags, "-o", join(folder, "a"), join(folder, "a.c")]);
    const lines = execFileSync(join(folder, "a"), { encoding: "utf8" }).trim().split("\n");
    return new Map(
      lines.map((line) => {
        const [name, index, value] = line.split(" ") as [string, string, string];
        return [`${name} ${index}`, BigInt(value)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The text with a program for each of the functions. */
export function textOfNumbers(text: string, names: readonly string[]): string {
  const section = (name: string): string => `__attribute__((section("${name}")))`;
  const programs = names.map(
    (n) => `${section("xdp")} int run_${n}(void *ctx) { io[2] = ${n}(io[0], io[1]); return 2; }`,
  );
  return `${text}\n${section(".data.io")} long io[3] = {0};\n${programs.join("\n")}\nchar LICENSE[] ${section("license")} = "GPL";\n`;
}

/**
 * Throws DiagnosticError for a text that does not compile. Functions that want more stack than there is are left out, where
 * `tooLarge` is given to gather them.
 */
export function objectOfNumbers(
  text: string,
  names: readonly string[] = functionsOf(text),
  tooLarge?: Set<string>,
): BpfObject {
  const source = { name: "numbers.bpf.c", text: textOfNumbers(text, names) };
  const { object, diagnostics } = compileC(source);
  const large = diagnostics.flatMap(({ message }) => /^'run_(\w+)': .* of stack/.exec(message)?.[1] ?? []);
  if (tooLarge !== undefined && large.length > 0 && large.length === diagnostics.length) {
    for (const name of large) tooLarge.add(name);
    return objectOfNumbers(
      text,
      names.filter((name) => !tooLarge.has(name)),
    );
  }
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}

/** The bytes of `io` with two operands. */
export function operandBytes([a, b]: readonly [bigint, bigint]): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, a, true);
  view.setBigInt64(8, b, true);
  return bytes;
}

export const resultOf = (bytes: Uint8Array | undefined): bigint =>
  bytes === undefined ? 0n : new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(16, true);
