// What can stand at a place of a script.

import { typeOfBtf } from "../../../probes/index.ts";
import { type Type, typeName } from "../../../schema/index.ts";
import { DiagnosticError } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { configKeys, type Unit } from "../check/index.ts";
import { type Expression, ITEM_WORDS, KEYWORDS, type Macro, walkProbe } from "../parse/index.ts";
import { analyze, type EditedScript } from "./edited-script.ts";
import { itemAt } from "./places.ts";
import { probesLike } from "./probes.ts";
import type { Item, Scanned } from "./scan.ts";

export interface Completion {
  readonly text: string;
  readonly kind:
    | "builtin"
    | "function"
    | "keyword"
    | "probe"
    | "field"
    | "variable"
    | "map"
    | "macro"
    | "setting"
    | "type";
  readonly detail?: string;
  readonly doc?: string;
}

export interface Completions {
  readonly items: readonly Completion[];
  /** Where the text begins that one of them takes the place of. */
  readonly from: number;
  /** There are more than these. */
  readonly cut: boolean;
}

/** As many names of types as are offered at once. */
const MOST_TYPES = 500;

export function complete(script: EditedScript, offset: number): Completions {
  const { tokens } = script.scanned;
  const typed = tokens.find((t) => t.start < offset && offset <= t.end && t.kind !== "punctuator");
  const none: Completions = { items: [], from: offset, cut: false };
  if (typed?.kind === "comment" || typed?.kind === "string" || typed?.kind === "integer") return none;
  if (typed?.kind === "directive") return none;
  const from = typed?.start ?? offset;
  const prefix = script.source.text.slice(from, offset);
  const before = tokens.filter((t) => t.end <= from && t.kind !== "comment");
  const item = itemAt(script, offset);
  if (typed?.kind === "attach" || item === undefined || expectsProbe(item, before.at(-1), from)) {
    const { names, cut } = probesLike(prefix, script.env);
    const items: Completion[] = names.map(({ text, ...more }) => ({ text, kind: "probe", ...more }));
    if (item === undefined || item.start === from)
      items.push(...ITEM_WORDS.map((text): Completion => ({ text, kind: "keyword" })));
    return { items, from, cut };
  }
  const last = before.at(-1)?.text;
  if (last === "." || last === "->") return { items: fields(script, from, offset), from, cut: false };
  if (last === "struct" || last === "union" || last === "enum") return { ...types(script, last, prefix), from };
  if (item.kind === "config")
    return last === "="
      ? { ...none, from, items: settingValues(before.at(-2)?.text) }
      : { ...none, from, items: settings() };
  if (item.kind === "import" || item.kind === "struct" || item.kind === "union" || item.kind === "enum") return none;
  return { items: names(script, offset), from, cut: false };
}

/** At the start of a probe, or behind the comma after one of its attach points. */
const expectsProbe = (item: Item, last: Scanned | undefined, from: number): boolean =>
  item.kind === "probe" &&
  (item.start === from || (last?.text === "," && !item.tokens.some((t) => t.start < from && /^[{/]$/.test(t.text))));

function names(script: EditedScript, offset: number): Completion[] {
  const items: Completion[] = [];
  const seen = new Set<string>();
  const own = (t: Scanned): boolean => t.kind === "map" || t.kind === "variable";
  const inItem = new Set(itemAt(script, offset)?.tokens ?? []);
  for (const t of script.scanned.tokens) {
    if (!own(t) || seen.has(t.text) || (t.kind === "variable" && !inItem.has(t))) continue;
    // The one that is being typed is none yet.
    if (t.start <= offset && offset <= t.end) continue;
    seen.add(t.text);
    const type = script.typeOfName(t.text, offset);
    items.push({
      text: t.text,
      kind: t.kind === "map" ? "map" : "variable",
      ...(type === undefined ? {} : { detail: typeName(type) }),
    });
  }
  for (const m of script.macros) items.push({ text: m.name, kind: "macro", detail: macroSignature(m) });
  for (const [name, b] of builtins)
    items.push({ text: name, kind: b.arity === undefined ? "builtin" : "function", detail: b.signature, doc: b.doc });
  for (const word of KEYWORDS) items.push({ text: word, kind: "keyword" });
  return items;
}

export const macroSignature = (m: Macro): string => `${m.name}(${m.params.map((p) => p.name).join(", ")})`;

const kindOf = (kind: (typeof configKeys)[number]["kind"]): string =>
  typeof kind === "string" ? kind : kind.join(" | ");

const settings = (): Completion[] =>
  configKeys.map(({ key, kind, doc }) => ({ text: key, kind: "setting", detail: kindOf(kind), doc }));

function settingValues(key: string | undefined): Completion[] {
  const kind = configKeys.find((k) => k.key === key)?.kind;
  const values = kind === "boolean" ? ["true", "false"] : Array.isArray(kind) ? (kind as readonly string[]) : [];
  return values.map((text) => ({ text, kind: "keyword" }));
}

function types(script: EditedScript, word: "struct" | "union" | "enum", prefix: string): Omit<Completions, "from"> {
  const btf = script.analysis.env.btf();
  const found = new Set<string>();
  const kinds = word === "enum" ? (["enum", "enum64"] as const) : word;
  for (const { name } of btf?.findAll(`${prefix}*`, kinds as never) ?? []) {
    if (found.size >= MOST_TYPES) break;
    found.add(name);
  }
  return { items: [...found].map((text) => ({ text, kind: "type" })), cut: found.size >= MOST_TYPES };
}

/** A name that no script has, for the one that is not yet typed. */
const PLACE = "name_to_come";

/** The fields of what stands before the dot at `from`. */
function fields(script: EditedScript, from: number, offset: number): Completion[] {
  const { text, name } = script.source;
  const end = offset + (/^\w*/.exec(text.slice(offset))?.[0].length ?? 0);
  const head = text.slice(0, from) + PLACE;
  for (const whole of [head + text.slice(end), `${head};${text.slice(end)}`, ...closed(script, head, from)]) {
    const { checked } = analyze({ name, text: whole }, script.env);
    for (const unit of checked?.units ?? []) {
      const found = fieldsOf(unit, script);
      if (found !== undefined) return found;
    }
  }
  return [];
}

/** The text up to here, with all closed that is open. */
function closed(script: EditedScript, head: string, from: number): string[] {
  const open: string[] = [];
  let predicate = false;
  for (const t of script.scanned.tokens) {
    if (t.end > from) break;
    if (t.kind === "attach") predicate = false;
    if (t.kind !== "punctuator") continue;
    if (open.length === 0 && t.text === "/") predicate = !predicate;
    const close = { "(": ")", "[": "]", "{": "}" }[t.text];
    if (close !== undefined) open.push(close);
    else if (t.text === open.at(-1)) open.pop();
  }
  const rest = [...open].reverse().join("");
  // In the condition of an if, or in a predicate, a body has to follow.
  const body = rest.replace(/^([)\]]+)/, "$1 {}");
  return predicate ? [`${head}${rest}/ {}`] : [`${head}${rest}`, `${head}${body}`, `${head};${rest}`];
}

function fieldsOf(unit: Unit, script: EditedScript): Completion[] | undefined {
  let object: Expression | undefined;
  walkProbe(unit.probe, {
    expression(e) {
      if (e.kind === "field" && e.name === PLACE) object = e.object;
    },
  });
  if (object === undefined) return undefined;
  if (object.kind === "identifier" && builtins.get(object.name)?.members === true)
    return [...(unit.variants[0]?.args?.values() ?? [])].map((a) => ({
      text: a.name,
      kind: "field",
      detail: a.spelling ?? typeName(a.type),
    }));
  const type = unit.types.get(object);
  return type === undefined ? undefined : fieldsOfType(type, script);
}

function fieldsOfType(type: Type, script: EditedScript): Completion[] {
  if (type.kind === "tuple")
    return type.elements.map((e, i) => ({ text: String(i), kind: "field", detail: typeName(e) }));
  if (type.kind === "record")
    return type.names.map((text, i) => ({ text, kind: "field", detail: typeName(type.elements[i] as Type) }));
  const struct = type.kind === "pointer" ? type.to : type;
  if (struct?.kind !== "struct") return [];
  return members(struct.btf.id, script, 0);
}

/** The members of a struct, and those of members without a name. */
function members(id: number, script: EditedScript, depth: number): Completion[] {
  const btf = script.analysis.env.btf();
  if (btf === undefined || depth > 8) return [];
  try {
    return btf
      .members(id)
      .flatMap((m): Completion[] =>
        m.name === ""
          ? members(m.type, script, depth + 1)
          : [{ text: m.name, kind: "field", detail: typeName(typeOfBtf(btf, m.type, "kernel")) }],
      );
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return [];
  }
}
