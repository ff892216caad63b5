// `scry explain CODE`: what a diagnostic means, from docs/diagnostics.md, which is shipped beside the command.

import { readFileSync } from "node:fs";
import { nearest } from "../../source/index.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../options.ts";
import { printText } from "../streams.ts";

export const explain: Command = {
  help: "what a diagnostic means, by its code (-f json has them)",
  usage: [["CODE"]],
  options: [],
  completes: "none",
  examples: ["scry explain SCRY1203"],
  run({ rest }) {
    const [word] = rest;
    if (word === undefined) throw new UsageError("explain needs a code: scry explain SCRY1203");
    printText(1, diagnosticPage(word));
    return 0;
  },
};

/** What the list says of a code. Throws UsageError for one that is not in it. */
export function diagnosticPage(word: string): string {
  const code = `SCRY${word.toUpperCase().replace(/^SCRY/, "")}`;
  const entries = readEntries(readFileSync(new URL("./diagnostics.md", import.meta.url), "utf8"));
  const entry = entries.get(code);
  if (entry === undefined) {
    const like = nearest(code, [...entries.keys()]);
    throw new UsageError(`there is no diagnostic ${word}${like.length === 0 ? "" : `: ${like.join(" ")}`}`);
  }
  return `${code}: ${entry.trimEnd()}\n`;
}

/** The entries of the list by their codes, each with its title first: `## SCRY1203 Title`. */
export function readEntries(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const part of text.split(/^## (?=SCRY\d+ )/m).slice(1)) {
    const space = part.indexOf(" ");
    entries.set(part.slice(0, space), part.slice(space + 1));
  }
  return entries;
}
