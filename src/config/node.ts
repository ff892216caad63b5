// A YAML text as a tree of values with their places. What is wrong with the text is a diagnostic; a text of others can make
// neither a tree without end (aliases) nor one deeper than what walks it.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../source/index.ts";

export type ConfigNode =
  | {
      readonly kind: "scalar";
      readonly value: string | number | boolean | null;
      readonly text: string;
      readonly span: Span;
    }
  | { readonly kind: "list"; readonly items: readonly ConfigNode[]; readonly span: Span }
  | { readonly kind: "map"; readonly entries: readonly ConfigEntry[]; readonly span: Span };

export interface ConfigEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: ConfigNode;
}

/** Values of one text, aliases followed; and how deep they may lie. */
const MOST_NODES = 500_000;
const DEEPEST = 64;
const TOO_DEEP = `Values lie more than ${DEEPEST} deep in one another`;
/** Of one text, told at once. */
const MOST_PROBLEMS = 20;

/** Throws a DiagnosticError (SCRY1601) with every place that is no YAML. */
export function parseConfig(source: SourceText): ConfigNode {
  const document = parseDocument(source.text, { lineCounter: new LineCounter(), prettyErrors: false, version: "1.2" });
  const deep = document.errors.find(({ message }) => message.startsWith("Maximum call stack"));
  const problems = (deep === undefined ? document.errors.slice(0, MOST_PROBLEMS) : [deep]).map((error) =>
    problem(error === deep ? TOO_DEEP : error.message, { start: error.pos[0], end: error.pos[1] }),
  );
  if (problems.length > 0) throw new DiagnosticError(problems, source);
  let count = 0;
  const whole: Span = { start: 0, end: source.text.length };
  const give = (message: string, span: Span): never => {
    throw new DiagnosticError([problem(message, span)], source);
  };
  const walk = (node: Node | null | undefined, at: Span, depth: number): ConfigNode => {
    const range = node?.range;
    const span = range === null || range === undefined ? at : { start: range[0], end: range[1] };
    if (++count > MOST_NODES) return give(`More than ${MOST_NODES} values, aliases followed`, span);
    if (depth > DEEPEST) return give(TOO_DEEP, span);
    if (node === null || node === undefined) return { kind: "scalar", value: null, text: "", span };
    if (isAlias(node)) {
      const target = node.resolve(document);
      return target === undefined
        ? give(`There is no anchor '${node.source}' before this`, span)
        : walk(target, span, depth + 1);
    }
    if (isSeq(node))
      return { kind: "list", items: node.items.map((item) => walk(item as Node, span, depth + 1)), span };
    if (isMap(node))
      return {
        kind: "map",
        span,
        entries: node.items.map(({ key, value }) => {
          const name = walk(key as Node, span, depth + 1);
          if (name.kind !== "scalar") return give("A name is a plain text", name.span);
          return { key: name.text, keySpan: name.span, value: walk(value as Node | null, name.span, depth + 1) };
        }),
      };
    if (!isScalar(node)) return give("This is no value", span);
    const { value } = node;
    const text = node.source ?? String(value ?? "");
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null)
      return { kind: "scalar", value, text, span };
    return { kind: "scalar", value: text, text, span };
  };
  return walk(document.contents as Node | null, whole, 0);
}

const problem = (message: string, span: Span): Diagnostic => ({ code: "SCRY1601", severity: "error", message, span });
