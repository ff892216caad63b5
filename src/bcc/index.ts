// BCC's interface in TypeScript: a text of C, attached by name, read as tables.
export { BCC, type BccProgramOptions } from "./bcc.ts";
export { type HistogramOptions, linearText, log2Text } from "./histogram.ts";
export { Table, type TableHistogramOptions } from "./table.ts";
export { USDT } from "./usdt.ts";
