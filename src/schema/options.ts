// What a script may set for its run (the keys are in config.ts).

import type { StackMode } from "./types.ts";

export interface ScriptOptions {
  /** Bytes of a string at the most, without its NUL. */
  readonly maxStrlen: number;
  readonly maxMapKeys: number;
  readonly maxProbes: number;
  readonly maxPrograms: number;
  readonly maxCatBytes: number;
  readonly missingProbes: "error" | "warn" | "ignore";
  readonly printMapsOnExit: boolean;
  readonly stackMode: StackMode;
  readonly strTruncTrailer: string;
  readonly cppDemangle: boolean;
  readonly license: string;
  /** Pages (4 KiB) of the event ring; 0: by the machine's memory. */
  readonly ringPages: number;
  readonly lazySymbolication: boolean;
  /** Stacks of processes show lines of source, and what was inlined. */
  readonly showDebugInfo: boolean;
  /** A map that is the clock of time series; empty: the kernel's. */
  readonly clockMap: string;
}
