// The examples of docs/diagnostics.md that need a kernel, its types, real programs or the command.

import { describe, expect, it } from "vitest";
import { compileScript } from "../../src/lang/trace/index.ts";
import { liveEnvironment } from "../../src/session/index.ts";
import { repository, runScry } from "../support/commands.ts";
import { codesOf, entries } from "../support/diagnostic-entries.ts";

/** The words of a command line as a shell takes them apart in the repository's folder; `'…'` is one word. */
const words = (line: string): string[] =>
  (line.match(/'[^']*'|\S+/g) ?? []).map((word) =>
    word.replaceAll("'", "").replace(/^(?=examples\/)/, `${repository}/`),
  );

describe("examples of diagnostics", () => {
  it.each(entries.filter((e) => e.kind === "kernel"))("$code $title", ({ code, example }) => {
    const env = liveEnvironment({ unsafe: false });
    expect(
      codesOf(() => compileScript({ name: "example", text: example }, env, { ringBytes: 1 << 16 }).warnings),
    ).toContain(code);
  });

  it.each(entries.filter((e) => e.kind === "sh"))("$code $title", async ({ code, example }) => {
    const [, ...line] = words(example);
    const at = ["record", "balance", "firewall"].includes(line[0] as string) ? 1 : 0;
    const plain = line.some((word) => word.startsWith("--no-such")) || (at === 1 && line[0] !== "firewall");
    const json = plain ? [] : ["-f", "json"];
    const ended = await runScry([...line.slice(0, at), ...json, ...line.slice(at)]);
    expect(ended.status).toBe(1);
    // Before the command line is understood, nobody knows that it asks for JSON.
    if (json.length > 0) expect(ended.stderr).toContain(`"code":"${code}"`);
    else expect(ended.stderr).toMatch(/^ERROR: .+/);
  });

  it("are explained by their codes", async () => {
    for (const { code, title } of entries.filter((_, i) => i % 40 === 0)) {
      const ended = await runScry(["explain", code.slice(4)]);
      expect(ended.stdout.startsWith(`${code}: ${title}\n`)).toBe(true);
    }
    const ended = await runScry(["explain", "SCRY9999"]);
    expect([ended.status, ended.stderr]).toEqual([1, expect.stringMatching(/^ERROR: there is no diagnostic SCRY9999/)]);
  });
});
