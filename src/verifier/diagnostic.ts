// A refusal in the terms of the source that the program was made from: the line to blame, what to add, how the program
// gets there, and only the lines that matter.
//
//     case.c:4:3-14: ERROR: This reads through r0, which is a map value (table), or null (SCRY3005)
//       return *n;
//       ~~~~~~~~~~
//     HINT: To do: compare r0 with 0 first, and go on only where it is not
//     HINT: Line 3 matters: u64 *n = map_lookup_elem(&table, &key);

import type { BpfObject } from "../object/index.ts";
import { type Diagnostic, lineColumn, lineText, type SourceText, type Span } from "../source/index.ts";
import type { Assumption, Refusal, SliceLine } from "./refusal.ts";
import type { Refused } from "./verify.ts";

/** Lines of each kind that are shown; of more, the last: they are nearest. */
const MOST = 8;

/** What `formatDiagnostic` prints with the object's source; without a source, places are slots of the program. */
export function refusalDiagnostic(refused: Refused | Refusal, object: Pick<BpfObject, "source">): Diagnostic {
  const refusal = "refusal" in refused ? refused.refusal : refused;
  const { source } = object;
  const hints: string[] = [];
  if (refusal.missing !== undefined) hints.push(`To do: ${refusal.missing}`);
  const mattering = new Set(refusal.slice.map((line) => line.slot));
  // Branches that the failing operands depend on say most; without any, those just before the end are shown.
  const relevant = refusal.path.filter((one) => mattering.has(one.slot));
  const assumed = unique((relevant.length > 0 ? relevant : refusal.path.slice(-3)).map((one) => said(one, source)));
  for (const text of assumed.slice(-MOST)) hints.push(text);
  const failing = lineOf(refusal.span, source);
  const branches = new Set(refusal.path.map((one) => one.slot));
  // A branch that could only go one way says nothing, unless it is what should lead out of a loop.
  const depends = refusal.slice.filter(
    (one) =>
      one.slot !== refusal.slot &&
      !branches.has(one.slot) &&
      (refusal.reason === "endless" || !one.text.startsWith("if ")),
  );
  const lines = unique(
    depends
      .filter((one) => failing === undefined || lineOf(one.span, source) !== failing)
      .map((one) => matters(one, source)),
  );
  for (const text of lines.slice(-MOST)) hints.push(text);
  const where =
    source === undefined || refusal.span === undefined ? ` at slot ${refusal.slot} (${refusal.instruction})` : "";
  return {
    code: refusal.code,
    severity: "error",
    message: `${refusal.message}${where === "" ? "" : `, in ${refusal.program}${where}`}`,
    ...(refusal.span === undefined ? {} : { span: refusal.span }),
    ...(hints.length === 0 ? {} : { hints }),
  };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

function lineOf(span: Span | undefined, source: SourceText | undefined): number | undefined {
  return span === undefined || source === undefined ? undefined : lineColumn(span.file ?? source, span.start).line;
}

function said(one: Assumption, source: SourceText | undefined): string {
  const outcome = `${one.text} is ${one.taken ? "true" : "false"}`;
  const line = lineOf(one.span, source);
  if (line === undefined || source === undefined) return `Assumed at slot ${one.slot}: ${outcome}`;
  return `Assumed in line ${line}, where ${outcome}: ${lineText(one.span?.file ?? source, line).trim()}`;
}

function matters(one: SliceLine, source: SourceText | undefined): string {
  const line = lineOf(one.span, source);
  if (line === undefined || source === undefined) return `Slot ${one.slot} matters: ${one.text}`;
  return `Line ${line} matters: ${lineText(one.span?.file ?? source, line).trim()}`;
}
