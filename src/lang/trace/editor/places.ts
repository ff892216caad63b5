// Where names come from and where they are used: definition, references, renaming. By tokens, so that it works while the
// text is no script.

import type { Span } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { TYPE_WORDS } from "../parse/index.ts";
import type { EditedScript } from "./edited-script.ts";
import { languageMacros, parametersOf } from "./macros.ts";
import { type Item, itemIn, type Scanned, tokenAt } from "./scan.ts";
import { WORDS } from "./words.ts";

const spanOf = (t: Scanned): Span => ({ start: t.start, end: t.end });

export const itemAt = (script: EditedScript, offset: number): Item | undefined => itemIn(script.scanned.items, offset);

/** All that is the same name as the one at an offset; empty where there is none that the script gives. */
export function references(script: EditedScript, offset: number): readonly Span[] {
  return namesLike(script, offset).map(spanOf);
}

function namesLike(script: EditedScript, offset: number): readonly Scanned[] {
  const { tokens } = script.scanned;
  const token = tokenAt(tokens, offset);
  if (token === undefined) return [];
  const item = itemAt(script, token.start);
  const same = (t: Scanned): boolean => t.kind === token.kind && t.text === token.text;
  const free = (t: Scanned, i: number, all: readonly Scanned[]): boolean => same(t) && isFree(all, i);
  if (token.kind === "variable") return item?.tokens.filter(same) ?? [];
  if (token.kind === "map")
    return isParameter(item, token) ? (item?.tokens.filter(same) ?? []) : mapsLike(script, token);
  if (token.kind !== "identifier" || !isFree(tokens, tokens.indexOf(token))) return [];
  if (isParameter(item, token)) return item?.tokens.filter(free) ?? [];
  return script.macros.some((m) => m.name === token.text) ? tokens.filter(free) : [];
}

/** A macro's parameter is another map of the same name. */
function mapsLike({ scanned }: EditedScript, token: Scanned): Scanned[] {
  const same = (t: Scanned): boolean => t.kind === token.kind && t.text === token.text;
  return scanned.items.flatMap((item) => (isParameter(item, token) ? [] : item.tokens.filter(same)));
}

/** An identifier that is no field, no name of a type and no key of a record. */
const isFree = (tokens: readonly Scanned[], index: number): boolean =>
  !/^(?:\.|->|struct|union|enum)$/.test(tokens[index - 1]?.text ?? "") && tokens[index + 1]?.text !== "=";

const isParameter = (item: Item | undefined, token: Scanned): boolean =>
  item !== undefined && parametersOf(item).includes(token.text);

/** Where the name at an offset comes from; of an import, the files that it brings. */
export function definition(script: EditedScript, offset: number): readonly Span[] {
  const { tokens, items } = script.scanned;
  const token = tokenAt(tokens, offset);
  if (token === undefined) return [];
  const item = itemAt(script, token.start);
  if (token.kind === "string" && item?.kind === "import") {
    const files = script.env.imported?.(token.text.slice(1, -1), script.source) ?? [];
    return typeof files === "string" ? [] : files.map((file) => ({ start: 0, end: 0, file }));
  }
  const tag = tokens[tokens.indexOf(token) - 1]?.text;
  if (token.kind === "identifier" && (tag === "struct" || tag === "union" || tag === "enum")) {
    const declared = items.find((i) => i.kind === tag && i.tokens[1]?.text === token.text)?.tokens[1];
    return declared === undefined ? [] : [spanOf(declared)];
  }
  const all = namesLike(script, offset);
  if (token.kind === "identifier" && !isParameter(item, token)) {
    const macro = all.length === 0 ? undefined : script.macros.find((m) => m.name === token.text);
    return macro?.span === undefined ? [] : [macro.span];
  }
  const places = new Map(tokens.map((t, i) => [t, i]));
  const at = isParameter(item, token) ? all[0] : all.find((t) => given(tokens, places.get(t) as number));
  const first = at ?? all[0];
  return first === undefined ? [] : [spanOf(first)];
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

/** The name at an offset, where `rename` can give it another one. */
export function renamable(script: EditedScript, offset: number): Span | undefined {
  const token = tokenAt(script.scanned.tokens, offset);
  return token === undefined || typeof rename(script, offset, token.text) === "string" ? undefined : spanOf(token);
}

/** Says why a name cannot be another, or gives the places to change. */
export function rename(script: EditedScript, offset: number, name: string): readonly Span[] | string {
  const token = tokenAt(script.scanned.tokens, offset);
  const all = namesLike(script, offset);
  if (token === undefined || all.length === 0) return "Only variables, maps and macros of the script can be renamed";
  const item = itemAt(script, token.start);
  const within = token.kind === "variable" || isParameter(item, token) ? (item?.tokens ?? []) : script.scanned.tokens;
  const file = script.macros.find((m) => token.kind === "identifier" && m.name === token.text)?.span?.file;
  if (file !== undefined && within === script.scanned.tokens) return `${token.text} is a macro of ${file.name}`;
  const sign = signOf(token);
  const bare = name.startsWith(sign) ? name.slice(sign.length) : name;
  if (!(sign === "@" ? /^\w*$/ : /^[A-Za-z_]\w*$/).test(bare)) return `'${name}' is no name`;
  const text = sign + bare;
  if (text === token.text) return all.map(spanOf);
  if (sign === "" && isTaken(bare)) return `${bare} is a word of the language`;
  const used = within.some((t) => t.kind === token.kind && t.text === text);
  if (used || script.macros.some((m) => m.name === text)) return `${text} is in use already`;
  return all.map(spanOf);
}

const isTaken = (word: string): boolean =>
  builtins.has(word) || WORDS.has(word) || TYPE_WORDS.has(word) || languageMacros.some((m) => m.name === word);

const signOf = ({ kind }: Scanned): string => (kind === "variable" ? "$" : kind === "map" ? "@" : "");

/** What a renamed name is written as. */
export function newText(script: EditedScript, offset: number, name: string): string {
  const token = tokenAt(script.scanned.tokens, offset);
  const sign = token === undefined ? "" : signOf(token);
  return name.startsWith(sign) ? name : sign + name;
}
