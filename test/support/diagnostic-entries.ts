// The entries of docs/diagnostics.md, with their examples: a word behind the fence says how one is run.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readEntries } from "../../src/cli/commands/explain.ts";
import { DiagnosticError } from "../../src/source/index.ts";
import { repository } from "./commands.ts";

export interface Entry {
  readonly code: string;
  readonly title: string;
  readonly explanation: string;
  readonly kind: string;
  readonly example: string;
}

/** All of them. Throws for one that is not whole. */
export const entries: readonly Entry[] = [
  ...readEntries(readFileSync(join(repository, "docs/diagnostics.md"), "utf8")),
].map(([code, text]) => {
  const match = /^(.+)\n\n([\s\S]+?)\n\n```(.+)\n([\s\S]+?)\n```\n*$/.exec(text);
  if (match === null) throw new Error(`${code}: an entry is a title, an explanation and an example`);
  const [, title, explanation, kind, example] = match as unknown as [string, string, string, string, string];
  return { code, title, explanation, kind, example };
});

/** Codes of the diagnostics that a call throws; those of what it gives besides. */
export function codesOf(run: () => readonly { readonly code: string }[] | undefined): readonly string[] {
  try {
    return (run() ?? []).map((d) => d.code);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((d) => d.code);
  }
}
