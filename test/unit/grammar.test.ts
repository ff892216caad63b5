// The grammar for editors is what the tables of the language make of it.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GRAMMAR, grammar } from "../../scripts/grammar.mjs";
import * as language from "../../src/lang/trace/index.ts";
import * as probes from "../../src/probes/index.ts";

describe("editors/vscode/syntaxes/bpftrace.tmLanguage.json", () => {
  it("is what scripts/grammar.mjs makes (run it)", () => {
    expect(readFileSync(GRAMMAR, "utf8")).toBe(grammar(language, probes));
  });
  it("knows every word of the language", () => {
    const text = readFileSync(GRAMMAR, "utf8");
    const words = [
      ...[...language.builtins.keys()].filter((name) => !/^s?argN$/.test(name)),
      ...language.configKeys.map((k) => k.key),
      ...language.KEYWORDS,
      ...language.TYPES,
      ...language.MAP_TYPES,
      ...probes.providers.flatMap((p) => [p.name, ...p.aliases]),
    ];
    expect(
      words.filter((w) => !new RegExp(`(?<![A-Za-z0-9_])${w}(?![A-Za-z0-9_])`).test(text.replaceAll("\\\\b", " "))),
    ).toEqual([]);
  });
});
