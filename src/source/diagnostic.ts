// A diagnostic is data: a stable code, a message in the user's terms, a place, hints. Printing it is the last step.
//
//     stdin:1:46-58: ERROR: The arguments of 'tracepoint:…' have no field named 'filenam'
//     tracepoint:syscalls:sys_enter_openat { print(args.filenam); }
//                                                  ~~~~~~~~~~~~
//     HINT: Did you mean 'filename'?

import { type Looks, type Part, painted } from "./looks.ts";
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
  /** Places that belong to it, each with what is to be said of it. */
  readonly related?: readonly { readonly message: string; readonly span: Span }[];
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

/** Columns of a source line where no terminal says how many it has; of a message, and lines of a place, at most. */
const WIDTH = 500;
const MESSAGE = 400;
const LINES = 12;
/** Places of one diagnostic, at most. */
const CHAIN = 40;

/** Text of others as one that can be shown: control characters as \x1b, tabs as spaces. */
const shown = (text: string): string =>
  text
    .replaceAll("\t", "    ")
    .replace(/[\0-\x09\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** A line and the marks under a place in it, of both what fits into a width: around the place. */
function marked(line: string, from: number, to: number, width: number): [line: string, marks: string] {
  const before = shown(line.slice(0, from));
  const place = shown(line.slice(from, to));
  const text = shown(line);
  const marks = Math.max(1, Math.min(place.length, width));
  if (text.length <= width) return [text, `${" ".repeat(before.length)}${"~".repeat(marks)}`];
  const start = Math.max(0, Math.min(before.length - Math.floor((width - marks) / 2), text.length - width));
  const end = start + width;
  const left = start > 0 ? "…" : "";
  const right = end < text.length ? "…" : "";
  const seen = Math.min(marks, end - before.length);
  return [
    `${left}${text.slice(start + left.length, end - right.length)}${right}`,
    `${" ".repeat(before.length - start)}${"~".repeat(Math.max(1, seen))}`,
  ];
}

/**
 * The text form: head line, source line, `~` under the place, hints. No trailing newline. Lines of source are cut to
 * `width` columns. Control characters in it are those of the looks alone.
 */
export function formatDiagnostic(
  diagnostic: Diagnostic,
  source?: SourceText,
  width: number = WIDTH,
  looks?: Looks,
): string {
  const { severity } = diagnostic;
  const kind = painted(severity === "error" ? "ERROR" : "WARNING", severity, looks);
  const text = cut(shown(diagnostic.message), MESSAGE);
  const message = hasOwnCode(diagnostic) ? `${text} ${painted(`(${diagnostic.code})`, "code", looks)}` : text;
  const places: { message: string; span: Span }[] = [];
  // A place within a macro is shown with all the uses that brought it.
  const add = (what: string, at: Span): void => {
    places.push({ message: what, span: at });
    for (let from = at.from; from !== undefined && places.length < CHAIN; from = from.from)
      places.push({ message: "expanded from", span: from });
  };
  if (diagnostic.span !== undefined && (diagnostic.span.file ?? source) !== undefined) add(message, diagnostic.span);
  for (const related of diagnostic.related ?? []) add(related.message, related.span);
  const lines = places.flatMap((p) =>
    placeLines(p.span.file ?? (source as SourceText), kind, p.message, p.span, width, (text, part) =>
      painted(text, part ?? severity, looks),
    ),
  );
  if (places.length === 0) lines.push(`${kind}: ${message}`);
  for (const hint of diagnostic.hints ?? [])
    lines.push(`${painted("HINT", "hint", looks)}: ${cut(shown(hint), MESSAGE)}`);
  return lines.join("\n");
}

/** Head line, source line, marks. */
function placeLines(
  source: SourceText,
  kind: string,
  message: string,
  span: Span,
  width: number,
  paint: (text: string, part?: Part) => string,
): string[] {
  const lines: string[] = [];
  const name = shown(source.name);
  const from = lineColumn(source, span.start);
  const to = lineColumn(source, span.end);
  if (from.line === to.line) {
    const [line, marks] = marked(lineText(source, from.line), from.column - 1, to.column - 1, Math.max(20, width));
    lines.push(`${paint(`${name}:${from.line}:${from.column}-${to.column}:`, "place")} ${kind}: ${message}`);
    lines.push(
      line,
      marks.replace(/~+/, (found) => paint(found)),
    );
  } else {
    lines.push(`${paint(`${name}:${from.line}-${to.line}:`, "place")} ${kind}: ${message}`);
    const last = Math.min(to.line, from.line + LINES - 1);
    for (let line = from.line; line <= last; line++) lines.push(cut(shown(lineText(source, line)), width));
    if (last < to.line) lines.push("…");
  }
  return lines;
}
