// Texts that are no script: everything is asked of them, and nothing breaks.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repository } from "../../../../test/support/commands.ts";
import { entries } from "../../../../test/support/diagnostic-entries.ts";
import { differentialCases } from "../../../../test/support/differential-cases.ts";
import { OPENAT, world } from "../../../../test/support/editor-world.ts";
import { complete } from "./completion.ts";
import { EditedScript } from "./edited-script.ts";
import { hover } from "./hover.ts";
import { definition, references, rename } from "./places.ts";
import { semanticTokens } from "./semantic-tokens.ts";
import { signatureHelp } from "./signature.ts";

/** Every answer about a text, at a place of it; gives what is wrong with one. */
function askAll(text: string, at: number): string[] {
  const wrong: string[] = [];
  const script = new EditedScript({ name: "x.bt", text }, world);
  const hold = (holds: boolean, what: string): void =>
    void (holds || wrong.push(`${what}: ${JSON.stringify(text)}, ${at}`));
  const { items: offered, from } = complete(script, at);
  hold(from <= at && offered.every((i) => i.text !== ""), "complete");
  hover(script, at);
  signatureHelp(script, at);
  definition(script, at);
  hold(
    references(script, at).every((r) => r.start < r.end),
    "references",
  );
  rename(script, at, "other");
  hold(
    script.diagnostics.every((d) => d.message !== ""),
    "diagnostics",
  );
  let end = 0;
  for (const t of semanticTokens(script)) {
    hold(t.start >= end && t.end > t.start, "semanticTokens");
    end = t.end;
  }
  // All that is no space is a token, and they stand in their order.
  end = 0;
  for (const t of script.scanned.tokens) {
    hold(text.slice(end, t.start).trim() === "" && text.slice(t.start, t.end) === t.text, "scan");
    end = t.end;
  }
  hold(text.slice(end).trim() === "", "scan");
  const parts = script.scanned.items;
  hold(
    parts.every((part, i) => part.end <= (parts[i + 1]?.start ?? text.length)),
    "items",
  );
  return wrong;
}

const scripts: readonly string[] = [
  ...entries.filter((e) => e.kind === "scry").map((e) => e.example),
  ...["examples/go-latency.bt", "src/cli/commands/demo.bt"].map((f) => readFileSync(join(repository, f), "utf8")),
  ...differentialCases.map((c) => c.script),
];

/** Something of everything. */
const WHOLE = `#!/usr/bin/env scry
// Opens.
config = { max_strlen = 100; missing_probes = warn }
import "tools.bt";
struct own { int a; };
let @seen = lruhash(100);
macro twice($v, e) { $v * 2 + e }
begin, ${OPENAT} /pid == $1 && strcontains(comm, "x")/ {
  let $name: string[8] = "a\\n"; /* more */
  @[comm, $name] = hist(1 + curtask->mm.mmap_base);
  if (arg0 > 10ms) { print((uint32)RED, shared($x)); } else { @c++; }
  for $kv : @ { print($kv.0); }
}
`;

describe("text that is no script", () => {
  it("is answered at the end of every prefix", () => {
    let asked = 0;
    const wrong: string[] = [];
    // Of the many that are alike each at other places.
    for (const [i, text] of scripts.entries())
      for (let at = i % 7; at <= text.length && at < 500; at += 7, asked++)
        wrong.push(...askAll(text.slice(0, at), at));
    for (let at = 0; at <= WHOLE.length; at++, asked++) wrong.push(...askAll(WHOLE.slice(0, at), at));
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(3000);
  });
  it("is answered anywhere when pieces are missing, doubled or out of place", () => {
    const piece = fc.tuple(
      fc.nat(),
      fc.nat(12),
      fc.constantFrom(
        "",
        '"',
        "{",
        "}",
        "/*",
        "*/",
        "//",
        "$",
        "@",
        "\\",
        "/",
        "(",
        "\u0000",
        "\ud800",
        "é",
        ":",
        "args.",
        "macro ",
        "\nend {",
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...scripts),
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (script, pieces, at) => {
          const text = pieces.reduce((t, [where, length, put]) => {
            const start = where % (t.length + 1);
            return t.slice(0, start) + put + t.slice(start + length);
          }, script);
          expect(askAll(text, at % (text.length + 1))).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
