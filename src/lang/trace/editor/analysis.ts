// What the front of the compiler says of a text: of all of it, or of what is a script in it.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { type CheckedScript, checkScript, readScript, readSettings, withDeclarations } from "../check/index.ts";
import { type Item, itemIn, scan } from "./scan.ts";

export interface Analysis {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent: it is no script. */
  readonly checked?: CheckedScript;
  readonly env: ProbeEnvironment;
}

export function analyze(source: SourceText, env: ProbeEnvironment): Analysis {
  const first = analyzeWith(source, env, false);
  if (!first.headersMissing || !first.diagnostics.some((d) => d.severity === "error")) return first;
  return analyzeWith(source, env, true);
}

function analyzeWith(
  source: SourceText,
  system: ProbeEnvironment,
  all: boolean,
): Analysis & { readonly headersMissing: boolean } {
  let env = system;
  let headersMissing = false;
  try {
    const script = readScript(source, system, all);
    headersMissing = (script.c?.skipped.length ?? 0) > 0;
    env = withDeclarations(script, system);
    const checked = checkScript(script, env, readSettings(script, source, []), source, builtins);

    const { diagnostics } = checked.state;
    return { diagnostics, checked, env, headersMissing };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { diagnostics: error.diagnostics, env, headersMissing };
  }
}

/** So many items that are no script are left out; a text with more is not looked into. */
const MOST_BROKEN = 8;

/** The text without the items that are no script, each thing where it was; the item at `kept` is not left out. */
export function analyzeMended(source: SourceText, env: ProbeEnvironment, kept?: number): Analysis {
  let analysis = analyze(source, env);
  if (analysis.checked !== undefined) return analysis;
  const { name } = source;
  const { items } = scan(source);
  const keep = kept === undefined ? undefined : itemIn(items, kept);
  // One without an end hides what comes after it.
  const open = items.filter((i) => !i.closed && i !== keep);
  let text = without(source.text, ...open);
  if (open.length > 0) analysis = analyze({ name, text }, env);
  for (let turn = 0; turn < MOST_BROKEN && analysis.checked === undefined; turn++) {
    const span = analysis.diagnostics.find((d) => d.severity === "error")?.span;
    if (span === undefined || (span.file !== undefined && span.file.name !== name)) break;
    // What is missing at the end is missing in the last item before it.
    const broken = items.findLast((i) => i.start <= span.start);
    if (broken === undefined || broken === keep || isOut(text, broken)) break;
    text = without(text, broken);
    analysis = analyze({ name, text }, env);
  }
  return analysis;
}

const isOut = (text: string, { start, end }: Item): boolean => /^\s*$|^begin\{\}/.test(text.slice(start, end));

/** The text without some items, which are in their order, all else where it was. */
export function without(text: string, ...items: readonly Item[]): string {
  let rest = "";
  let at = 0;
  for (const { kind, start, end } of items) {
    rest += text.slice(at, start) + blank(kind, end - start);
    at = end;
  }
  return rest + text.slice(at);
}

/** The text with a macro as a probe, all else where it was: what is checked is checked where it runs. */
export function macroAsProbe(text: string, { start, end, tokens }: Item): string {
  const body = tokens.find((t) => t.text === "{");
  if (body === undefined) return text;
  return text.slice(0, start) + "begin".padEnd(body.start - start) + text.slice(body.start, end) + text.slice(end);
}

/** A text without any probe is no script. */
const blank = (kind: Item["kind"], length: number): string =>
  (kind === "probe" && length >= "begin{}".length ? "begin{}" : "").padEnd(length);
