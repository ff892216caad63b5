// Whatever the text, the compiler ends soon, and says what is wrong as diagnostics with places in the text.
// SCRY_SEED and SCRY_RUNS in the environment choose others than the usual ones.

import { expect, it } from "vitest";
import { mutatedScript } from "../../../test/support/script-mutations.ts";
import { typedEnvironment } from "../../../test/support/typed-environment.ts";
import { type Diagnostic, DiagnosticError, formatDiagnostic, type SourceText } from "../../source/index.ts";
import { compileScript, formatScript } from "./index.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 1);
const runs = Number(process.env["SCRY_RUNS"] ?? 600);

/** Milliseconds of the processor that a text may take: some, and more for each character of long ones. */
const most = (text: string): number => 2000 + text.length / 5;

/** What has no place in the text, and what it is that has none. */
const PLACELESS: ReadonlySet<string> = new Set([
  "SCRY1111", // too many probes in all
  "SCRY1112", // no probe is left to attach
]);

/** What is wrong with what is said of a text; undefined: nothing. */
function misplaced(d: Diagnostic, source: SourceText): string | undefined {
  const said = `${d.code} ${d.message}`;
  if (!/^SCRY\d{4}$/.test(d.code)) return `no code: ${said}`;
  if (d.message.trim() === "") return `nothing is said: ${said}`;
  if (d.span === undefined) return PLACELESS.has(d.code) ? undefined : `no place: ${said}`;
  for (let span: Diagnostic["span"] = d.span; span !== undefined; span = span.from) {
    const { length } = (span.file ?? source).text;
    if (!(span.start >= 0 && span.start <= span.end && span.end <= length))
      return `the place ${span.start}-${span.end} is not in the text: ${said}`;
  }
  return undefined;
}

/** What is wrong with how the compiler and the formatter take a text; undefined: nothing. */
function fault(text: string): string | undefined {
  const source = { name: "stdin", text };
  for (const [what, run] of [
    ["compile", () => compileScript(source, typedEnvironment, { ringBytes: 1 << 16 }).warnings],
    ["format", () => (formatScript(source) === text ? [] : [])],
  ] as const) {
    const before = process.cpuUsage();
    let said: readonly Diagnostic[];
    let of: SourceText = source;
    try {
      said = run();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) return `${what}: ${(error as Error).stack ?? error}`;
      if (!error.diagnostics.some((d) => d.severity === "error")) return `${what}: thrown without an error`;
      said = error.diagnostics;
      of = error.source ?? source;
    }
    for (const d of said) {
      const wrong = misplaced(d, of);
      if (wrong !== undefined) return `${what}: ${wrong}`;
      formatDiagnostic(d, of);
    }
    const { user, system } = process.cpuUsage(before);
    if (user + system > most(text) * 1000) return `${what}: it took ${(user + system) / 1000} ms`;
  }
  return undefined;
}

it(`${runs} texts that are nearly scripts end in diagnostics`, { timeout: 3_600_000 }, () => {
  const faults: string[] = [];
  for (let i = 0; i < runs && faults.length < 10; i++) {
    const text = mutatedScript(seed + i);
    const wrong = fault(text);
    if (wrong !== undefined) faults.push(`seed ${seed + i}: ${wrong}\n${JSON.stringify(text)}`);
  }
  expect(faults.join("\n\n")).toBe("");
});
