// What a running script sends to its reader. Each place in the script that sends something is a site: its number is
// the first word of the record, and the site says what the rest of the record is.

import type { Span } from "../source/index.ts";
import type { FormatPart } from "./format.ts";
import type { Type } from "./types.ts";

export interface EventField {
  readonly type: Type;
  /** Bytes from the start of the record. */
  readonly offset: number;
}

/** How a map is printed, where it is not as bpftrace prints it: the words of print(@map, …). */
export interface MapPrinting {
  readonly order?: "key" | "value";
  /** The first of the order last. */
  readonly descending?: true;
  readonly hex?: true;
  /** With each value its share of all. */
  readonly percent?: true;
  /** As a table: a column for each part of the key. */
  readonly columns?: true;
  /** What has been added since it was printed last, whole or per second. */
  readonly since?: "rate" | "delta";
  /** Of a histogram a line of mean and percentiles, or a line of a heat map. */
  readonly summary?: "percentiles" | "heat";
}

export type EventAction =
  | {
      readonly kind: "printf";
      readonly format: readonly FormatPart[];
      /** `fault`: what the running script met without having asked for it to be said. */
      readonly stream: "out" | "warn" | "error" | "fault";
      readonly span?: Span;
    }
  /** A helper has failed (`-k`); the word after the header is what it answered. */
  | { readonly kind: "helper-error"; readonly helper: string; readonly span: Span }
  /** `print(value)` */
  | { readonly kind: "print-value" }
  /** `print(@map[, top[, div]])`: the two words after the header, 0 where not given */
  | { readonly kind: "print-map"; readonly map: string; readonly how?: MapPrinting }
  | { readonly kind: "clear" | "zero"; readonly map: string }
  | { readonly kind: "time"; readonly format: string }
  | { readonly kind: "join"; readonly separator: string; readonly size: number }
  | { readonly kind: "cat" | "system"; readonly format: readonly FormatPart[] }
  /** `skboutput`: a packet, from this byte of it on, into a pcap file. */
  | { readonly kind: "packet"; readonly path: string; readonly from: number }
  /** `unwatch(address)`: the word after the header. */
  | { readonly kind: "unwatch" }
  | { readonly kind: "exit" };

export interface EventSite {
  readonly id: number;
  readonly action: EventAction;
  readonly fields: readonly EventField[];
  /** Bytes of the record. */
  readonly size: number;
  /** Control records also carry, at byte 8, how far the event ring was filled when they were made. */
  readonly ring: "events" | "control" | "packets";
  /** What sends it. */
  readonly span: Span;
}
