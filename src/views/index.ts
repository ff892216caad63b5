// What people and programs see of a running script: text as bpftrace prints it, and JSON, one object a line.
export { ByteSink, type Flush } from "./byte-sink.ts";
export { escapeControls } from "./control-bytes.ts";
export { formatValue } from "./format-value.ts";
export { jsonView, writeMapJson } from "./json.ts";
export { jsonStrictView, placeJson, strictDiagnostic } from "./json-strict.ts";
export { compilePrintf, compileText, type PrintfWriter } from "./printf.ts";
export { formatTime } from "./strftime.ts";
export { joinReader, nonEmptyByName, textView, writeMapText } from "./text.ts";
export type { MapEntry, MapSnapshot, RecordPrinter, View, ViewOptions } from "./view.ts";
