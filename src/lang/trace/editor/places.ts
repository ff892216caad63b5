// Where names come from and where they are used: definition, references, renaming. By tokens, so that it works while the
// text is no script.

import type { SourceText, Span } from "../../../source/index.ts";
import type { EditedScript } from "./edited-script.ts";
import { type Item, type Scanned, tokenAt } from "./scan.ts";

const spanOf = (t: Scanned): Span => ({ start: t.start, end: t.end });

export const itemAt = (script: EditedScript, offset: number): Item | undefined =>
  script.scanned.items.find((i) => i.start <= offset && offset <= i.end);

/** All that is the same name as the one at an offset; empty where there is none that the script gives. */
export function references(script: EditedScript, offset: number): readonly Span[] {
  return namesLike(script, offset).map(spanOf);
}

function namesLike(script: EditedScript, offset: number): readonly Scanned[] {
  const { tokens } = script.scanned;
  const token = tokenAt(tokens, offset);
  if (token === undefined) return [];
  const same = (t: Scanned): boolean => t.kind === token.kind && t.text === token.text;
  if (token.kind === "variable") return itemAt(script, token.start)?.tokens.filter(same) ?? [];
  if (token.kind === "map" && itemAt(script, token.start)?.kind === "macro" && isParameter(script, token))
    return itemAt(script, token.start)?.tokens.filter(same) ?? [];
  if (token.kind === "map")
    // A macro's parameter is another map of the same name.
    return tokens.filter((t) => same(t) && !(itemAt(script, t.start)?.kind === "macro" && isParameter(script, t)));
  if (token.kind !== "identifier") return [];
  const macro = script.macros.find((m) => m.name === token.text);
  if (macro === undefined) return [];
  return tokens.filter((t, i) => same(t) && !isField(tokens, i));
}

const isField = (tokens: readonly Scanned[], index: number): boolean =>
  [".", "->"].includes(tokens[index - 1]?.text ?? "");

/** A parameter of the macro that it stands in. */
function isParameter(script: EditedScript, token: Scanned): boolean {
  const tokens = itemAt(script, token.start)?.tokens ?? [];
  const close = tokens.findIndex((t) => t.text === ")");
  return tokens.slice(0, close).some((t) => t.text === token.text);
}

/** Where the name at an offset comes from; of an import, the files that it brings. */
export function definition(script: EditedScript, offset: number): readonly Span[] {
  const token = tokenAt(script.scanned.tokens, offset);
  if (token === undefined) return [];
  if (token.kind === "identifier") {
    const macro = script.macros.find((m) => m.name === token.text);
    return macro === undefined ? [] : [nameWithin(macro.nameSpan, macro.name, script.source)];
  }
  if (token.kind === "string" && itemAt(script, offset)?.kind === "import") {
    const files = script.env.imported?.(token.text.slice(1, -1), script.source) ?? [];
    return typeof files === "string" ? [] : files.map((file) => ({ start: 0, end: 0, file }));
  }
  const all = namesLike(script, offset);
  const { tokens } = script.scanned;
  const at = all.find((t) => given(tokens, tokens.indexOf(t))) ?? all[0];
  return at === undefined ? [] : [spanOf(at)];
}

/** Without the word `macro` before it. */
function nameWithin(span: Span, name: string, source: SourceText): Span {
  const text = (span.file ?? source).text;
  const start = Math.max(text.indexOf(name, span.start + "macro".length), span.start);
  return { ...span, start, end: start + name.length };
}

/** Is the name at this token declared, or given a value? */
function given(tokens: readonly Scanned[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  if (before === "let" || before === "for" || (before === "(" && tokens[index - 2]?.text === "for")) return true;
  let after = index + 1;
  if (tokens[after]?.text === "[") {
    let depth = 0;
    for (; after < tokens.length; after++) {
      const { text } = tokens[after] as Scanned;
      if (text === "[") depth++;
      else if (text === "]" && --depth === 0) break;
    }
    after++;
  }
  return /^(?:[-+*/%&|^]|<<|>>)?=$|^\+\+$|^--$/.test(tokens[after]?.text ?? "");
}

/** Says why a name cannot be another, or gives the places to change. */
export function rename(script: EditedScript, offset: number, name: string): readonly Span[] | string {
  const token = tokenAt(script.scanned.tokens, offset);
  const all = namesLike(script, offset);
  if (token === undefined || all.length === 0) return "Only variables, maps and macros of the script can be renamed";
  const sign = token.kind === "variable" ? "$" : token.kind === "map" ? "@" : "";
  const bare = name.startsWith(sign) ? name.slice(sign.length) : name;
  if (!(sign === "@" ? /^\w*$/ : /^[A-Za-z_]\w*$/).test(bare)) return `'${name}' is no name`;
  const within = token.kind === "variable" ? (itemAt(script, offset)?.tokens ?? []) : script.scanned.tokens;
  if (sign + bare !== token.text && within.some((t) => t.kind === token.kind && t.text === sign + bare))
    return `${sign}${bare} is in use already`;
  return all.map(spanOf);
}

/** What a renamed name is written as. */
export function newText(script: EditedScript, offset: number, name: string): string {
  const sign = /^[$@]/.exec(tokenAt(script.scanned.tokens, offset)?.text ?? "")?.[0] ?? "";
  return name.startsWith(sign) ? name : sign + name;
}
