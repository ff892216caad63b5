// The macros of a script: its own by their tokens, so that they are known while the text is no script, and those of the
// files that it imports.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import { DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import { library, type Macro, parseScript } from "../parse/index.ts";
import { without } from "./analysis.ts";
import type { Item, Scanned, ScannedText } from "./scan.ts";

export interface EditedMacro {
  readonly name: string;
  /** Names with their `$` or `@`. */
  readonly params: readonly string[];
  /** Of its name; absent: it belongs to the language. */
  readonly span?: Span;
}

export const macroSignature = (m: EditedMacro): string => `${m.name}(${m.params.join(", ")})`;

/** Those that the language itself has. */
export const languageMacros: readonly EditedMacro[] = Object.entries(library).map(([name, { macro }]) => ({
  name,
  params: (/\((.*?)\)/.exec(macro)?.[1] ?? "").split(",").map((p) => p.trim()),
}));

export function macrosOf(source: SourceText, { items }: ScannedText, env: ProbeEnvironment): EditedMacro[] {
  return [...items.flatMap(own), ...imported(source, items, env)];
}

function own(item: Item): EditedMacro[] {
  const name = item.tokens.filter((t) => t.kind !== "comment")[1];
  if (!isDefinition(item) || name?.kind !== "identifier") return [];
  return [{ name: name.text, params: parametersOf(item), span: { start: name.start, end: name.end } }];
}

const PARAMETERS: ReadonlySet<Scanned["kind"]> = new Set(["variable", "map", "identifier"]);

/** A macro, or a function. */
export const isDefinition = (item: Item): boolean => item.kind === "macro" || item.kind === "fn";

/** The parameters that a macro's or a function's item has between its parentheses. */
export function parametersOf(item: Item): string[] {
  if (!isDefinition(item)) return [];
  const open = item.tokens.findIndex((t) => t.text === "(");
  const end = item.tokens.findIndex((t) => t.kind === "punctuator" && (t.text === ")" || t.text === "{"));
  return item.tokens
    .slice(open + 1, end < 0 ? undefined : end)
    .filter((t) => open >= 0 && (item.kind === "fn" ? t.kind === "variable" : PARAMETERS.has(t.kind)))
    .map((t) => t.text);
}

function imported(source: SourceText, items: readonly Item[], env: ProbeEnvironment): EditedMacro[] {
  if (!items.some((i) => i.kind === "import")) return [];
  const text = without(source.text, ...items.filter((i) => i.kind !== "import"));
  const { header, imported } = env;
  const headers = { all: false, unexpanded: true as const };
  try {
    const { macros = [] } = parseScript({ name: source.name, text }, env.params, {
      ...headers,
      ...(header === undefined ? {} : { header }),
      ...(imported === undefined ? {} : { imported }),
    });
    return macros.filter((m) => m.nameSpan.file !== undefined).map(edited);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return [];
  }
}

function edited({ name, params, nameSpan }: Macro): EditedMacro {
  const text = nameSpan.file?.text ?? "";
  // Without the word before it, which is no name.
  const start = Math.max(text.indexOf(name, text.indexOf(" ", nameSpan.start)), nameSpan.start);
  return { name, params: params.map((p) => p.name), span: { ...nameSpan, start, end: start + name.length } };
}
