// Source texts, places in them, and what can be said about a place.
export { type Diagnostic, DiagnosticError, formatDiagnostic, type Severity } from "./diagnostic.ts";
export { joinSpans, type LineColumn, lineColumn, lineText, type SourceText, type Span } from "./span.ts";
