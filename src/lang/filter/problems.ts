// How a filter that cannot be is said: one diagnostic, with its place and what to do.

import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../../source/index.ts";

/** Throws a diagnostic; the text is added where the whole is called. */
export function fail(code: Diagnostic["code"], span: Span, message: string, ...hints: string[]): never {
  throw new DiagnosticError([{ code, severity: "error", message, span, hints }]);
}

/** What a function answers; a diagnostic it throws gets the text that it speaks of. */
export function within<T>(source: SourceText, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof DiagnosticError && error.source === undefined)
      throw new DiagnosticError(error.diagnostics, source);
    throw error;
  }
}
