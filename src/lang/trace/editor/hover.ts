// What is known of the thing at a place: its type, its documentation, a probe's arguments.

import { printC } from "../../../btf/index.ts";
import {
  type AttachPoint,
  describeArguments,
  isPattern,
  matchesPattern,
  namedIntType,
  providerOf,
  type ResolvedProbe,
  spelledArgument,
} from "../../../probes/index.ts";
import { type Type, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { builtinOf, configKeys, defaultOptions, mapTypes } from "../check/index.ts";
import { type Expression, library, TYPE_WORDS, walkProbe } from "../parse/index.ts";
import { argumentsOf, hasArguments, probesOf } from "./arguments.ts";
import type { EditedScript } from "./edited-script.ts";
import { macroSignature, parametersOf } from "./macros.ts";
import { itemAt } from "./places.ts";
import { type Item, type Scanned, tokenAt } from "./scan.ts";
import { WORDS } from "./words.ts";

export interface Hover {
  readonly span: Span;
  /** Lines of the language or of C. */
  readonly code: string;
  readonly doc?: string;
}

export function hover(script: EditedScript, offset: number): Hover | undefined {
  const token = tokenAt(script.scanned.tokens, offset);
  if (token === undefined) return undefined;
  const said = describe(script, token);
  return said === undefined ? undefined : { span: { start: token.start, end: token.end }, ...said };
}

function describe(script: EditedScript, token: Scanned): Omit<Hover, "span"> | undefined {
  const item = itemAt(script, token.start);
  switch (token.kind) {
    case "attach":
      return describeProbe(script, token);
    case "variable":
    case "map":
      return describeName(script, token, item);
    case "string":
      return item?.kind === "import" ? describeImport(script, token) : undefined;
    case "parameter":
      return withType(script, token, token.text === "$#" ? "The number of positional parameters." : undefined);
    case "identifier":
      return describeWord(script, token, item);
    default:
      return undefined;
  }
}

function describeName(script: EditedScript, token: Scanned, item: Item | undefined): Omit<Hover, "span"> | undefined {
  const type = typeAt(script, token.start) ?? script.typeOfName(token.text, token.start);
  if (type !== undefined && type.kind !== "none")
    return { code: `${token.text}: ${typeName(type)}${keyOf(script, token)}` };
  if (item === undefined || !parametersOf(item).includes(token.text)) return undefined;
  return { code: token.text, doc: `A parameter of \`macro ${nameOf(item)}\`.` };
}

function describeImport(script: EditedScript, token: Scanned): Omit<Hover, "span"> | undefined {
  const files = script.env.imported?.(token.text.slice(1, -1), script.source);
  if (files === undefined || typeof files === "string") return undefined;
  return { code: files.map((f) => f.name).join("\n") };
}

function describeWord(script: EditedScript, token: Scanned, item: Item | undefined): Omit<Hover, "span"> | undefined {
  const { tokens } = script.scanned;
  const at = tokens.indexOf(token);
  const before = tokens[at - 1]?.text;
  if (before === "." || before === "->") {
    return (
      (hasArguments(tokens, at - 1) ? describeArgument(script, token, item) : undefined) ?? withType(script, token)
    );
  }
  if (before === "struct" || before === "union" || before === "enum") return describeType(script, before, token.text);
  if (item?.kind === "config") return describeSetting(token);
  if (item !== undefined && token.start !== item.start && parametersOf(item).includes(token.text))
    return { code: token.text, doc: `A parameter of \`macro ${nameOf(item)}\`.` };
  const macro = script.macros.find((m) => m.name === token.text);
  if (macro !== undefined) return { code: `macro ${macroSignature(macro)}` };
  const written = Object.hasOwn(library, token.text) ? library[token.text] : undefined;
  if (written !== undefined) return { code: written.signature, doc: written.doc };
  const builtin = builtinOf(builtins, { kind: "identifier", name: token.text });
  if (builtin !== undefined) return withType(script, token, builtin.doc, builtin.signature);
  const declared = item?.kind === "let" && before === "=" ? mapTypes[token.text] : undefined;
  if (declared !== undefined) return { code: `${token.text}(entries)`, doc: declared.doc };
  if (WORDS.has(token.text) || TAGS.has(token.text)) return undefined;
  return describeTypeWord(script, token) ?? withType(script, token);
}

const TAGS: ReadonlySet<string> = new Set(["struct", "union", "enum"]);

/** A field of `args` as C writes it. */
function describeArgument(
  script: EditedScript,
  token: Scanned,
  item: Item | undefined,
): Omit<Hover, "span"> | undefined {
  const argument = item && argumentsOf(item, script.env).find((a) => a.name === token.text);
  return argument === undefined ? undefined : { code: spelledArgument(argument) };
}

/** A name with the type of the expression that it stands for. */
function withType(
  script: EditedScript,
  token: Scanned,
  doc?: string,
  code = token.text,
): Omit<Hover, "span"> | undefined {
  const type = typeAt(script, token.start);
  const known = type !== undefined && type.kind !== "none";
  if (!known && doc === undefined) return undefined;
  return { code: known ? `${code}: ${typeName(type)}` : code, ...(doc === undefined ? {} : { doc }) };
}

function describeSetting(token: Scanned): Omit<Hover, "span"> | undefined {
  const key = configKeys.find((k) => k.key === token.text);
  if (key === undefined) return undefined;
  const kind = typeof key.kind === "string" ? key.kind : key.kind.join(" | ");
  const range = key.least === undefined ? "" : `, ${key.least} to ${key.most}`;
  const usual = key.option === undefined ? "" : ` Without it: ${JSON.stringify(defaultOptions[key.option])}.`;
  return { code: `${key.key}: ${kind}${range}`, doc: `${key.doc}${usual}` };
}

/** As many lines of a declaration as can be read in a glance. */
const MOST_LINES = 40;

function describeType(
  script: EditedScript,
  tag: "struct" | "union" | "enum",
  name: string,
): Omit<Hover, "span"> | undefined {
  const btf = script.mended.env.btf();
  const id = btf?.find(name, tag) ?? (tag === "enum" ? btf?.find(name, "enum64") : undefined);
  if (btf === undefined || id === undefined) return undefined;
  const lines = printC(btf, id).split("\n");
  const shown = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), `… ${lines.length} lines`] : lines;
  return { code: shown.join("\n") };
}

/** `uint32`, and names that C has given to types. */
function describeTypeWord(script: EditedScript, { text }: Scanned): Omit<Hover, "span"> | undefined {
  const named = namedIntType(text);
  if (named !== undefined) return { code: typeName(named) === text ? text : `${text}: ${typeName(named)}` };
  if (TYPE_WORDS.has(text)) return { code: text };
  const btf = script.mended.env.btf();
  const id = btf?.find(text, "typedef");
  return btf === undefined || id === undefined ? undefined : { code: printC(btf, id) };
}

const nameOf = (item: Item): string => item.tokens[1]?.text ?? "";

function describeProbe(script: EditedScript, token: Scanned): Omit<Hover, "span"> | undefined {
  const provider = providerOf(token.text.split(":")[0] as string);
  if (provider === undefined) return undefined;
  const doc = `${provider.syntax}: ${provider.doc}`;
  const [probe, ...others] = probesAt(script, token);
  if (probe === undefined) return { code: token.text, doc };
  const more = others.length > 0 ? `\n… ${others.length + 1} probes` : "";
  return { code: [probe.name, ...describeArguments(probe).map((line) => `    ${line}`)].join("\n") + more, doc };
}

/** Of a pattern those that the checker has found: a pattern can stand for all functions of the kernel. */
function probesAt(script: EditedScript, token: Scanned): readonly ResolvedProbe[] {
  if (!isPattern(token.text)) return probesOf(token.text, script.env);
  const provider = providerOf(token.text.split(":")[0] as string)?.name;
  const last = token.text.slice(token.text.lastIndexOf(":") + 1);
  const here = (p: AttachPoint): boolean =>
    p.span.file === undefined && p.span.start <= token.start && token.end <= p.span.end;
  return (script.mended.checked?.units ?? [])
    .filter((unit) => unit.probe.attachPoints.some(here))
    .flatMap((unit) => unit.resolved)
    .filter((p) => p.provider === provider && matchesPattern(last, p.name.slice(p.name.lastIndexOf(":") + 1)));
}

/** ` by string` for a map with keys. */
function keyOf(script: EditedScript, token: Scanned): string {
  if (token.kind !== "map") return "";
  const key = script.mended.checked?.state.maps.get(token.text)?.keyType;
  return key === undefined || key.kind === "none" ? "" : ` by ${typeName(key)}`;
}

/** The type of the smallest expression that ends with the name at a place, or begins with it. */
function typeAt(script: EditedScript, offset: number): Type | undefined {
  let best: Expression | undefined;
  let type: Type | undefined;
  for (const unit of script.at(offset).checked?.units ?? [])
    walkProbe(unit.probe, {
      expression(e) {
        // What only begins here, as a record does with its first key, is something else.
        if (e.kind === "record" || e.kind === "tuple") return;
        const at = e.kind === "field" || e.kind === "identifier" || e.kind === "call" ? e.nameSpan : e.span;
        if (at.file !== undefined || at.start > offset || offset >= at.end) return;
        if (best !== undefined && best.span.end - best.span.start < e.span.end - e.span.start) return;
        const found = unit.types.get(e);
        if (found === undefined) return;
        best = e;
        type = found;
      },
    });
  return type;
}
