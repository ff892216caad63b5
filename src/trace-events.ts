// What a script sends, as data: the same whether it runs on the live kernel or on the embedded machine.

import type { MapContents } from "./run/index.ts";
import {
  type EventSite,
  type Resolver,
  type TraceValue,
  type Type,
  valueDecoder,
  type WallClock,
} from "./schema/index.ts";
import { compileText, formatTime, joinReader } from "./views/index.ts";

export type TraceEvent =
  /** `printf`, and what its arguments were. */
  | { readonly kind: "printf" | "warnf" | "errorf"; readonly text: string; readonly args: readonly TraceValue[] }
  /** `print(value)` */
  | { readonly kind: "value"; readonly value: TraceValue }
  /** `print(@map)` */
  | { readonly kind: "map"; readonly name: string; readonly map: TraceMap; readonly top: number; readonly div: number }
  | { readonly kind: "time"; readonly text: string }
  | { readonly kind: "join"; readonly text: string }
  /** What `cat` and `system` were asked for: the file's name, the command. They are not carried out. */
  | { readonly kind: "cat" | "system"; readonly text: string }
  /** Events that were lost since the last time. */
  | { readonly kind: "lost"; readonly count: number }
  | { readonly kind: "warning"; readonly message: string };

/** A map at one moment: a value where the map has no keys, else its entries. Tuple keys are arrays. */
export type TraceMap =
  | { readonly value: TraceValue | undefined; readonly entries?: undefined }
  | { readonly value?: undefined; readonly entries: readonly (readonly [key: TraceValue, value: TraceValue])[] };

export interface TraceMaps {
  /** What the map holds now; after the end, what it held then. Throws RangeError for a map that the script has not. */
  get(name: string): TraceMap;
  names(): readonly string[];
}

export interface TraceEnd {
  /** Of `exit(code)`. */
  readonly code: number;
}

/** A map as data. */
export function mapOf(contents: MapContents): TraceMap {
  if (contents.map.keyType === undefined) return { value: contents.entries[0]?.value };
  return { entries: contents.entries.map((e) => [e.key, e.value] as const) };
}

/** Reads the records of one site. */
export function eventReader(
  site: EventSite,
  resolver: Resolver,
  now: () => WallClock,
): (view: DataView, bytes: Uint8Array, offset: number) => TraceEvent {
  const action = site.action;
  const decoders = site.fields.map((f) => ({ read: valueDecoder(f.type as Type, resolver), offset: f.offset }));
  const args = (view: DataView, offset: number): TraceValue[] => decoders.map((d) => d.read(view, offset + d.offset));
  switch (action.kind) {
    case "printf":
    case "cat":
    case "system": {
      const write = compileText(action.format, site.fields, resolver);
      if (action.kind !== "printf") {
        const kind = action.kind;
        return (view, bytes, offset) => ({ kind, text: write(view, bytes, offset) });
      }
      const kind = action.stream === "out" ? "printf" : action.stream === "error" ? "errorf" : "warnf";
      return (view, bytes, offset) => ({ kind, text: write(view, bytes, offset), args: args(view, offset) });
    }
    case "time":
      return () => ({ kind: "time", text: formatTime(action.format, now()) });
    case "join": {
      const read = joinReader(site, action.separator, action.size);
      return (view, _bytes, offset) => ({ kind: "join", text: read(view, offset) });
    }
    default:
      return (view, _bytes, offset) => ({ kind: "value", value: args(view, offset)[0] ?? null });
  }
}

/** The time of day of this machine. */
export const systemTime = (): { seconds: number; nanoseconds: number } => {
  const milliseconds = Date.now();
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1e6 };
};
