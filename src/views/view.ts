// What a session tells, and whoever shows it must be able to show: one interface, an implementation for each format.

import type { EventSite, MapPrinting, Resolver, ScriptMap, TraceValue, Type, WallClock } from "../schema/index.ts";
import type { Severity, SourceText } from "../source/index.ts";
import type { ByteSink } from "./byte-sink.ts";

/** One entry as the session read it; the key of a map without keys is null. */
export interface MapEntry {
  readonly key: TraceValue;
  readonly value: TraceValue;
}

/** A map at one moment, in the order in which the kernel gave it; the views sort. */
export interface MapSnapshot {
  readonly map: Pick<ScriptMap, "name" | "keyType" | "valueType">;
  readonly entries: readonly MapEntry[];
}

/** Prints the record whose bytes begin at `base`, of both `view` and `bytes` (two views of the same memory). */
export type RecordPrinter = (view: DataView, bytes: Uint8Array, base: number) => void;

export interface View {
  /** A printer for the records of a site whose action is printf, print-value, time or join. Make it once per site. */
  printer(site: EventSite): RecordPrinter;
  /** `print(value)` */
  value(type: Type, value: TraceValue): void;
  /** `print(@map, top, div, …)`: only the last `top` entries (0: all), numbers divided by `div` (0: by 1). */
  map(snapshot: MapSnapshot, top?: number, div?: number, how?: MapPrinting): void;
  /** `clear(@map)`, `zero(@map)`: what it changes by is counted from nothing. */
  cleared(name: string): void;
  /** What the file held that `cat()` named. */
  cat(content: Uint8Array): void;
  /** What the command of `system()` wrote. */
  system(output: Uint8Array): void;
  /** Maps print as `printMapsOnExit` wants them: those that are not empty, in byte order of their names. */
  endOfRun(snapshots: readonly MapSnapshot[]): void;
  lostEvents(count: number): void;
  attachedProbes(count: number): void;
  /** What is said of the run, where the format has a form for it; without this it is text among the messages. */
  said?(severity: Severity, message: string): void;
  /** Writes out what has been collected. */
  flush(): void;
}

export interface ViewOptions {
  /** Data: what the script prints. */
  readonly out: ByteSink;
  /** Everything that is said about the run. */
  readonly messages: ByteSink;
  readonly resolver: Resolver;
  /** The script, for the places in `warnf` and `errorf`. */
  readonly source?: SourceText;
  /** The time of day, for `time()`; by default the system's. */
  readonly now?: () => WallClock;
}
