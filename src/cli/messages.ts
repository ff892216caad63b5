// Failures in the user's terms: diagnostics with their line, refusals of the kernel with what to do.

import { SystemCallError, UnsupportedError, VerifierError } from "../kernel/index.ts";
import {
  type Diagnostic,
  DiagnosticError,
  formatDiagnostic,
  type Looks,
  type Severity,
  type SourceText,
} from "../source/index.ts";
import { type ByteSink, escapeControls, strictDiagnostic } from "../views/index.ts";

/** Diagnostics, and the source that their places are in. */
export interface Found {
  readonly diagnostics: readonly Diagnostic[];
  readonly source?: SourceText;
}

/** A failure as diagnostics; undefined for one that nobody foresaw. */
export function diagnosticsOf(error: unknown): Found | undefined {
  if (error instanceof DiagnosticError)
    return { diagnostics: error.diagnostics, ...(error.source === undefined ? {} : { source: error.source }) };
  if (error instanceof VerifierError && /too large/.test(error.message)) {
    return {
      diagnostics: [
        {
          code: "SCRY2004",
          severity: "error",
          message: `${error.program} has too many ways through it for the kernel's verifier, which follows each of them`,
          ...(error.span === undefined ? {} : { span: error.span }),
          hints: ["Put fewer conditions inside loops, or split the probe in two"],
        },
      ],
    };
  }
  if (error instanceof VerifierError) {
    const helper = refusedHelper(error.log);
    if (helper !== undefined)
      return {
        diagnostics: [
          {
            code: "SCRY2005",
            severity: "error",
            message: `helper ${helper} not supported in probe`,
            ...(error.span === undefined ? {} : { span: error.span }),
            hints: ["This kernel does not let the probe's program call it (kernel lockdown, or its configuration)"],
          },
        ],
      };
    return {
      diagnostics: [
        {
          code: "SCRY2001",
          severity: "error",
          message: `The kernel refused the program ${error.program}: ${lastLine(error.log)}`,
          ...(error.span === undefined ? {} : { span: error.span }),
          hints: ["This is a fault of scry, not of the script: please report it with the output of -d verifier"],
        },
      ],
    };
  }
  if (error instanceof SystemCallError) {
    return { diagnostics: [{ code: "SCRY2002", severity: "error", message: error.message }] };
  }
  if (error instanceof UnsupportedError)
    return { diagnostics: [{ code: "SCRY2003", severity: "error", message: error.message }] };
  return undefined;
}

/** The helper that programs of this type, or in this place, may not call. */
function refusedHelper(log: string): string | undefined {
  const last = lastLine(log);
  const named = /cannot use helper (\w+)#/.exec(last) ?? /unknown func (\w+)#/.exec(last);
  if (named !== null) return named[1];
  if (!/helper call is not allowed in probe/.test(last)) return undefined;
  return [...log.matchAll(/call (bpf_\w+)#/g)].at(-1)?.[1];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const shown = (text: string): string => decoder.decode(escapeControls(encoder.encode(text)));

/** Control bytes in names of others (files, processes, functions) as text, for a terminal. */
export const withoutControls = (found: Found): Found => ({
  ...found,
  diagnostics: found.diagnostics.map((d) => ({
    ...d,
    message: shown(d.message),
    ...(d.hints === undefined ? {} : { hints: d.hints.map(shown) }),
  })),
});

function lastLine(log: string): string {
  const lines = log
    .split("\n")
    .filter((l) => l !== "" && !/^(processed|verification time|stack depth|mark_precise|max_states|;)/.test(l));
  return lines.at(-1) ?? "no reason given";
}

/** All diagnostics as text, errors first, lines of source cut to a width; or as JSON, one object a line. */
export function renderDiagnostics(
  found: Found,
  format: string,
  source?: SourceText,
  width?: number,
  looks?: Looks,
): string {
  const text = found.source ?? source;
  return found.diagnostics
    .map((d) => {
      if (format === "json-strict") return strictDiagnostic(d, text);
      return `${format === "json" ? JSON.stringify({ type: "diagnostic", ...d }) : formatDiagnostic(d, text, width, looks)}\n`;
    })
    .join("");
}

/** Says the diagnostics of a source. */
export function say(
  messages: ByteSink,
  diagnostics: readonly Diagnostic[],
  source: SourceText | undefined,
  format?: string,
): void {
  for (const d of diagnostics)
    messages.meant(
      format === "json-strict"
        ? strictDiagnostic(d, source)
        : `${formatDiagnostic(d, source, undefined, messages.looks)}\n`,
    );
}

/** Says one that has no code of its own, and no place. */
export function warn(messages: ByteSink, text: string, severity: Severity = "warning"): void {
  messages.painted(severity.toUpperCase(), severity);
  messages.text(`: ${text}\n`);
}
