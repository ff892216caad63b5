// A diagnostic is data: a stable code, a message in the user's terms, a place, hints. Printing it is the last step.
//
//     stdin:1:46-58: ERROR: The arguments of 'tracepoint:…' have no field named 'filenam'
//     tracepoint:syscalls:sys_enter_openat { print(args.filenam); }
//                                                  ~~~~~~~~~~~~
//     HINT: Did you mean 'filename'?

import { lineColumn, lineText, type SourceText, type Span } from "./span.ts";

export type Severity = "error" | "warning";

export interface Diagnostic {
  /** Stable, for scripts and search engines: `SCRY1203`. */
  readonly code: `SCRY${number}`;
  readonly severity: Severity;
  readonly message: string;
  /** Absent where no place in the source is to blame (a missing permission, a failed system call). */
  readonly span?: Span;
  readonly hints?: readonly string[];
}

/** Thrown where work cannot go on; carries every diagnostic found so far, at least one of them an error. */
export class DiagnosticError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly source: SourceText | undefined;

  constructor(diagnostics: readonly Diagnostic[], source?: SourceText) {
    super(diagnostics.map((d) => `${d.code}: ${d.message}`).join("\n"));
    this.name = "DiagnosticError";
    this.diagnostics = diagnostics;
    this.source = source;
  }
}

/** Complaints that bpftrace does not have show their code; the others read as there, and have it in JSON. */
const hasOwnCode = (d: Diagnostic): boolean => Number(d.code.slice("SCRY".length)) >= 1900;

const untab = (line: string): string => line.replaceAll("\t", "    ");

/** The text form: head line, source line, `~` under the place, hints. No trailing newline. */
export function formatDiagnostic(diagnostic: Diagnostic, source?: SourceText): string {
  const kind = diagnostic.severity === "error" ? "ERROR" : "WARNING";
  const lines: string[] = [];
  const message = hasOwnCode(diagnostic) ? `${diagnostic.message} (${diagnostic.code})` : diagnostic.message;
  if (diagnostic.span === undefined || source === undefined) {
    lines.push(`${kind}: ${message}`);
  } else {
    const from = lineColumn(source, diagnostic.span.start);
    const to = lineColumn(source, diagnostic.span.end);
    if (from.line === to.line) {
      lines.push(`${source.name}:${from.line}:${from.column}-${to.column}: ${kind}: ${message}`);
      const text = lineText(source, from.line);
      lines.push(untab(text));
      const pad = untab(text.slice(0, from.column - 1)).length;
      const width = untab(text.slice(from.column - 1, to.column - 1)).length;
      lines.push(`${" ".repeat(pad)}${"~".repeat(Math.max(1, width))}`);
    } else {
      lines.push(`${source.name}:${from.line}-${to.line}: ${kind}: ${message}`);
      for (let line = from.line; line <= to.line; line++) lines.push(untab(lineText(source, line)));
    }
  }
  for (const hint of diagnostic.hints ?? []) lines.push(`HINT: ${hint}`);
  return lines.join("\n");
}
