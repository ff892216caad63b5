// The package: trace a live system from TypeScript.
export { type Diagnostic, DiagnosticError, formatDiagnostic, type SourceText } from "./source/index.ts";
