// Source texts, places in them, and what can be said about a place; bytes of others, and how their damage is said;
// addresses of networks, as texts.
export { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from "./addresses.ts";
export { ByteReader } from "./byte-reader.ts";
export { type Diagnostic, DiagnosticError, formatDiagnostic, type Severity } from "./diagnostic.ts";
export { FormatError } from "./format-error.ts";
export { type Looks, type Part, PLAIN, painted } from "./looks.ts";
export { nearest } from "./nearest.ts";
export {
  containsPrefix,
  formatPrefix,
  type MergedPrefix,
  maskedTo,
  mergedPrefixes,
  type Prefix,
  parsePrefix,
  wholeAddress,
} from "./prefixes.ts";
export { joinSpans, type LineColumn, lineColumn, lineText, offsetOf, type SourceText, type Span } from "./span.ts";
