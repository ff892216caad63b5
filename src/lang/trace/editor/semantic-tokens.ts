// What each token is, for colours.

import { builtins } from "../builtins/index.ts";
import { builtinOf } from "../check/index.ts";
import { TYPE_WORDS } from "../parse/index.ts";
import type { EditedScript } from "./edited-script.ts";
import { languageMacros } from "./macros.ts";
import type { Scanned } from "./scan.ts";
import { WORDS } from "./words.ts";

export const TOKEN_KINDS = [
  "comment",
  "keyword",
  "string",
  "number",
  "variable",
  "parameter",
  "property",
  "function",
  "macro",
  "type",
  "event",
] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

export interface SemanticToken {
  readonly start: number;
  readonly end: number;
  readonly kind: TokenKind;
  /** It belongs to the language and not to the script. */
  readonly builtin: boolean;
}

export function semanticTokens(script: EditedScript): SemanticToken[] {
  const macros = new Set([...script.macros, ...languageMacros].map((m) => m.name));
  const { tokens } = script.scanned;
  const found: SemanticToken[] = [];
  tokens.forEach((t, i) => {
    const what = kindOf(t, tokens[i - 1], tokens[i + 1], macros);
    if (what !== undefined) found.push({ start: t.start, end: t.end, kind: what[0], builtin: what[1] ?? false });
  });
  return found;
}

const KINDS: Readonly<Partial<Record<Scanned["kind"], TokenKind>>> = {
  comment: "comment",
  directive: "macro",
  attach: "event",
  string: "string",
  integer: "number",
  variable: "variable",
  parameter: "parameter",
  map: "property",
};

function kindOf(
  t: Scanned,
  before: Scanned | undefined,
  after: Scanned | undefined,
  macros: ReadonlySet<string>,
): readonly [kind: TokenKind, builtin?: boolean] | undefined {
  const kind = KINDS[t.kind];
  if (kind !== undefined) return [kind];
  if (t.kind !== "identifier") return undefined;
  if (before?.text === "." || before?.text === "->") return ["property"];
  if (before?.text === "struct" || before?.text === "union" || before?.text === "enum") return ["type"];
  if (macros.has(t.text)) return ["macro"];
  if (WORDS.has(t.text)) return ["keyword"];
  const builtin = builtinOf(builtins, { kind: "identifier", name: t.text });
  if (builtin !== undefined) {
    const called = builtin.arity !== undefined && (builtin.alsoVariable !== true || after?.text === "(");
    return [called ? "function" : "variable", true];
  }
  if (TYPE_WORDS.has(t.text)) return ["type", true];
  return undefined;
}
