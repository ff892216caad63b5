// Failures in the user's terms: diagnostics with their line, refusals of the kernel with what to do.

import { SystemCallError, UnsupportedError, VerifierError } from "../kernel/index.ts";
import { type Diagnostic, DiagnosticError, formatDiagnostic, type SourceText } from "../source/index.ts";

/** A failure as diagnostics. Unknown errors are thrown on. */
export function diagnosticsOf(error: unknown): {
  readonly diagnostics: readonly Diagnostic[];
  readonly source?: SourceText;
} {
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
    const hints =
      error.code === "EPERM" || error.code === "EACCES"
        ? ["Tracing needs root, or CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH: try sudo"]
        : [];
    return {
      diagnostics: [
        { code: "SCRY2002", severity: "error", message: error.message, ...(hints.length === 0 ? {} : { hints }) },
      ],
    };
  }
  if (error instanceof UnsupportedError)
    return { diagnostics: [{ code: "SCRY2003", severity: "error", message: error.message }] };
  throw error;
}

function lastLine(log: string): string {
  const lines = log
    .split("\n")
    .filter((l) => l !== "" && !/^(processed|verification time|stack depth|mark_precise|max_states|;)/.test(l));
  return lines.at(-1) ?? "no reason given";
}

/** All diagnostics as text, errors first; or as JSON, one object a line. */
export function renderDiagnostics(
  found: ReturnType<typeof diagnosticsOf>,
  format: "text" | "json",
  source?: SourceText,
): string {
  const text = found.source ?? source;
  return found.diagnostics
    .map((d) => `${format === "json" ? JSON.stringify({ type: "diagnostic", ...d }) : formatDiagnostic(d, text)}\n`)
    .join("");
}
