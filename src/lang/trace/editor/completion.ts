// What can stand at a place of a script.

import type { Btf } from "../../../btf/index.ts";
import { type ProbeArgument, typeOfBtf } from "../../../probes/index.ts";
import { type Type, typeName } from "../../../schema/index.ts";
import { DiagnosticError } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { configKeys, MAP_TYPES, type Unit } from "../check/index.ts";
import { type Expression, ITEM_WORDS, KEYWORDS, walkProbe } from "../parse/index.ts";
import { analyzeMended, macroAsProbe } from "./analysis.ts";
import { argumentsOf, hasArguments } from "./arguments.ts";
import type { EditedScript } from "./edited-script.ts";
import { languageMacros, macroSignature, parametersOf } from "./macros.ts";
import { itemAt } from "./places.ts";
import { probesLike } from "./probes.ts";
import type { Item, Scanned } from "./scan.ts";
import { TYPES } from "./words.ts";

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
  const none: Completions = { items: [], from: offset, cut: false };
  const typed = typedAt(tokens, offset);
  if (typed === "nothing") return none;
  const from = typed?.start ?? offset;
  const prefix = script.source.text.slice(from, offset);
  const before = tokens.filter((t) => t.end <= from && t.kind !== "comment");
  const item = itemAt(script, offset);
  if (typed?.kind === "attach" || item === undefined || expectsProbe(item, before.at(-1), from)) {
    const { names, cut } = probesLike(prefix, script.env);
    const items: Completion[] = names.map(({ text, ...more }) => ({ text, kind: "probe", ...more }));
    if ((item === undefined || item.start === from) && /^\w*$/.test(prefix))
      items.push(...ITEM_WORDS.map((text): Completion => ({ text, kind: "keyword" })));
    return { items, from, cut };
  }
  const last = before.at(-1)?.text;
  if (last === "." || last === "->") return { ...none, items: fields(script, from, offset), from };
  if (last === "struct" || last === "union" || last === "enum") return { ...types(script, last, prefix), from };
  switch (item.kind) {
    case "config":
      if (last === "=") return { ...none, from, items: settingValues(before.at(-2)?.text) };
      return /^[{;,]$/.test(last ?? "") ? { ...none, from, items: settings() } : none;
    case "let":
      if (last === "=") return { ...none, from, items: MAP_TYPES.map((text) => ({ text, kind: "type" })) };
      return last === "let" ? { ...none, from, items: ownNames(script, offset, item, "@") } : none;
    case "struct":
    case "union":
    case "typedef":
      return last === "{" || last === ";" || last === "typedef" ? { ...none, from, items: typeWords() } : none;
    case "import":
    case "enum":
      return none;
    case "macro":
    case "fn":
      // Its name and its parameters are new ones.
      if (!before.some((t) => t.start >= item.start && t.text === "{")) return none;
  }
  return { ...none, items: names(script, offset, item, prefix), from };
}

/** The name that is being typed, if one is; `nothing` where none can be. */
function typedAt(tokens: readonly Scanned[], offset: number): Scanned | "nothing" | undefined {
  const typed = tokens.find((t) => t.start < offset && offset <= t.end && t.kind !== "punctuator");
  switch (typed?.kind) {
    case "comment":
      return typed.text.startsWith("/*") && typed.text.endsWith("*/") && offset === typed.end ? undefined : "nothing";
    case "string":
    case "integer":
    case "directive":
      return "nothing";
    case "broken":
      return typed.text === "$" ? typed : "nothing";
    default:
      return typed;
  }
}

/** At the start of a probe, or behind the comma after one of its attach points. */
const expectsProbe = (item: Item, last: Scanned | undefined, from: number): boolean =>
  item.kind === "probe" &&
  (item.start === from || (last?.text === "," && !item.tokens.some((t) => t.start < from && /^[{/]$/.test(t.text))));

/** Everything that has a name; what begins with a sign is the script's own. */
function names(script: EditedScript, offset: number, item: Item, prefix: string): Completion[] {
  const sign = /^[$@]/.exec(prefix)?.[0];
  const items = ownNames(script, offset, item, sign);
  if (sign !== undefined) return items;
  for (const text of parametersOf(item)) if (/^\w/.test(text)) items.push({ text, kind: "variable" });
  for (const m of [...script.macros, ...languageMacros])
    items.push({ text: m.name, kind: "macro", detail: macroSignature(m) });
  for (const [name, b] of builtins) {
    const kind = b.arity === undefined || b.alsoVariable === true ? "builtin" : "function";
    // `argN` stands for as many names as there are arguments.
    const texts = /^s?argN$/.test(name) ? [0, 1, 2, 3, 4, 5].map((n) => name.replace("N", `${n}`)) : [name];
    for (const text of texts) items.push({ text, kind, detail: b.signature, doc: b.doc });
  }
  for (const word of KEYWORDS) if (!builtins.has(word)) items.push({ text: word, kind: "keyword" });
  return [...items, ...typeWords()];
}

const typeWords = (): Completion[] => TYPES.map((text) => ({ text, kind: "type" }));

/** The script's maps and the variables of the item, those that begin with a sign. */
function ownNames(script: EditedScript, offset: number, item: Item, sign = ""): Completion[] {
  const items = new Map<string, Completion>();
  const add = (t: Scanned): void => {
    // The one that is being typed is none yet.
    if (!t.text.startsWith(sign) || items.has(t.text) || (t.start <= offset && offset <= t.end)) return;
    const type = script.typeOfName(t.text, offset);
    const kind = t.kind === "map" ? "map" : "variable";
    items.set(t.text, { text: t.text, kind, ...(type === undefined ? {} : { detail: typeName(type) }) });
  };
  for (const t of item.tokens) if (t.kind === "variable") add(t);
  const own = new Set(parametersOf(item));
  for (const other of script.scanned.items) {
    const hidden = other === item ? [] : parametersOf(other);
    for (const t of other.tokens) if (t.kind === "map" && !hidden.includes(t.text) && !own.has(t.text)) add(t);
  }
  for (const t of item.tokens) if (own.has(t.text) && t.kind === "map") add(t);
  return [...items.values()];
}

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
  const btf = script.mended.env.btf();
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
  const item = itemAt(script, from);
  const before = script.scanned.tokens.filter((t) => t.end <= from && t.kind !== "comment");
  // Theirs are known without the rest of the script.
  if (item !== undefined && hasArguments(before, before.length - 1)) {
    const args = argumentsOf(item, script.env);
    if (args.length > 0) return args.map(field);
  }
  const own = item?.kind === "macro" ? macroAsProbe(text, item) : text;
  const head = own.slice(0, from) + PLACE;
  const rest = text.slice(end);
  for (const whole of [head + rest, `${head};${rest}`, ...closed(script, from).map((close) => head + close)]) {
    const { checked, env } = analyzeMended({ name, text: whole }, script.world, from);
    for (const unit of checked?.units ?? []) {
      const found = fieldsOf(unit, env.btf());
      if (found !== undefined) return found;
    }
  }
  return [];
}

/** What closes all that is open up to here, and leaves out what stands behind it. */
function closed(script: EditedScript, from: number): string[] {
  const item = itemAt(script, from);
  if (item === undefined) return [];
  const open: string[] = [];
  let predicate = false;
  for (const t of item.tokens) {
    if (t.end > from) break;
    if (t.kind !== "punctuator") continue;
    if (open.length === 0 && t.text === "/") predicate = !predicate;
    const close = { "(": ")", "[": "]", "{": "}" }[t.text];
    if (close !== undefined) open.push(close);
    else if (t.text === open.at(-1)) open.pop();
  }
  // What follows stays, so that the types of maps are known.
  const others = `\n${script.source.text.slice(item.end)}`;
  const rest = [...open].reverse().join("");
  // In the condition of an if a body has to follow, with parentheses or without.
  const body = rest.replace(/^([)\]]*)/, "$1 {}");
  const ends = predicate ? [`${rest}/ {}`] : [rest, `;${rest}`, body];
  return ends.map((e) => e + others);
}

const field = (a: ProbeArgument): Completion => ({
  text: a.name,
  kind: "field",
  detail: a.spelling ?? typeName(a.type),
});

function fieldsOf(unit: Unit, btf: Btf | undefined): Completion[] | undefined {
  let object: Expression | undefined;
  walkProbe(unit.probe, {
    expression(e) {
      if (e.kind === "field" && e.name === PLACE) object = e.object;
    },
  });
  if (object === undefined) return undefined;
  if (object.kind === "identifier" && builtins.get(object.name)?.members === true)
    return [...(unit.variants[0]?.args?.values() ?? [])].map(field);
  const type = unit.types.get(object);
  return type === undefined ? undefined : fieldsOfType(type, btf);
}

function fieldsOfType(type: Type, btf: Btf | undefined): Completion[] {
  if (type.kind === "tuple")
    return type.elements.map((e, i) => ({ text: String(i), kind: "field", detail: typeName(e) }));
  if (type.kind === "record")
    return type.names.map((text, i) => ({ text, kind: "field", detail: typeName(type.elements[i] as Type) }));
  const struct = type.kind === "pointer" ? type.to : type;
  if (struct?.kind !== "struct") return [];
  return members(struct.btf.id, btf, 0);
}

/** The members of a struct, and those of members without a name. */
function members(id: number, btf: Btf | undefined, depth: number): Completion[] {
  if (btf === undefined || depth > 8) return [];
  try {
    return btf
      .members(id)
      .flatMap((m): Completion[] =>
        m.name === ""
          ? members(m.type, btf, depth + 1)
          : [{ text: m.name, kind: "field", detail: typeName(typeOfBtf(btf, m.type, "kernel")) }],
      );
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return [];
  }
}
