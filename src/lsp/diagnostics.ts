// What is wrong with a script, as the protocol says it.

import type * as protocol from "vscode-languageserver/node.js";
import type { Diagnostic, SourceText, Span } from "../source/index.ts";
import { locationOf, rangeOf } from "./positions.ts";

const ERROR = 1 satisfies protocol.DiagnosticSeverity;
const WARNING = 2 satisfies protocol.DiagnosticSeverity;

/** That the editor's user may not see something of the system is no fault of the script. */
const NOT_PERMITTED = "SCRY2002" satisfies Diagnostic["code"];

export function toProtocol(source: SourceText, uri: string, d: Diagnostic): protocol.Diagnostic {
  const related: protocol.DiagnosticRelatedInformation[] = (d.related ?? []).map((r) => ({
    message: r.message,
    location: locationOf(source, uri, r.span),
  }));
  return {
    range: rangeOf(source, inThisText(source, d.span)),
    severity: d.severity === "error" && d.code !== NOT_PERMITTED ? ERROR : WARNING,
    code: d.code,
    source: "scry",
    message: [d.message, ...(d.hints ?? []).map((h) => `HINT: ${h}`)].join("\n"),
    ...(related.length === 0 ? {} : { relatedInformation: related }),
  };
}

/** Where in this text something is that may stand in another: where a macro brought it in, or at the start. */
function inThisText(source: SourceText, span: Span | undefined): Span {
  for (let s = span; s !== undefined; s = s.from) if (s.file === undefined || s.file.name === source.name) return s;
  return { start: 0, end: 0 };
}
