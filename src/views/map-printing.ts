// Maps as print(@map, …) asks for them by words: in another order, in hex, with shares, in columns, what they change by, and
// of histograms percentiles and heat maps. Without words it is text.ts that prints them, as bpftrace does.

import { divide, type Integer, type MapPrinting, type TraceValue, type Type, type WallClock } from "../schema/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import { valueFormatter } from "./format-value.ts";
import { type HeatRange, heatCells, heatHeader } from "./heat-map.ts";
import { histogramText } from "./histogram.ts";
import { summarise } from "./histogram-summary.ts";
import { keyText, MapChanges } from "./map-changes.ts";
import { sortedEntries } from "./map-order.ts";
import { formatTime } from "./strftime.ts";
import type { MapEntry, MapSnapshot } from "./view.ts";

type Histogram = Type & { readonly kind: "hist" | "lhist" };

export const secondsOf = ({ seconds, nanoseconds }: WallClock): number => seconds + nanoseconds / 1e9;

const isHistogram = (type: Type): type is Histogram => type.kind === "hist" || type.kind === "lhist";

/** A number with at most one place behind the point. */
export const shortNumber = (n: number): string => (Math.abs(n) < 100 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(0));

const hex = (n: bigint): string => `${n < 0n ? "-" : ""}0x${(n < 0n ? -n : n).toString(16)}`;

/** The maps of one run that are printed so: it remembers what they were. */
export class PrintedMaps {
  readonly #out: ByteSink;
  readonly #now: () => WallClock;
  readonly #changes: MapChanges;
  readonly #heat = new Map<string, HeatRange>();

  constructor(out: ByteSink, now: () => WallClock) {
    this.#out = out;
    this.#now = now;
    this.#changes = new MapChanges(secondsOf(now()));
  }

  cleared(name: string): void {
    this.#changes.cleared(name);
  }

  write(given: MapSnapshot, top = 0, div = 0, how: MapPrinting): void {
    const { map } = given;
    let snapshot = given;
    let elapsed = 1;
    const since = how.summary === "heat" ? how.summary : how.since;
    if (since !== undefined)
      ({ changed: snapshot, elapsed } = this.#changes.since(given, secondsOf(this.#now()), since));
    const entries = sortedEntries(snapshot, top, how);
    const by = div > 0 ? div : 1;
    if (isHistogram(map.valueType)) {
      this.#histograms(map, map.valueType, entries, by, how);
      return;
    }
    const number = numberText(map.valueType, by, how, elapsed);
    const values = entries.map((e) => number(e.value));
    const shares = how.percent === true ? sharesOf(snapshot.entries, entries) : undefined;
    if (map.keyType === undefined) {
      for (const [i, text] of values.entries()) this.#line(map.name, undefined, `${text}${share(shares?.[i])}`);
    } else if (how.columns === true) {
      const cells = entries.map((e, i) => [
        ...keyCells(map.keyType as Type, e.key),
        values[i] as string,
        ...(shares === undefined ? [] : [shares[i] as string]),
      ]);
      this.#table(map.name, cells, shares === undefined ? 1 : 2);
    } else {
      const key = valueFormatter(map.keyType);
      for (const [i, e] of entries.entries())
        this.#line(map.name, bare(key(e.key)), `${values[i]}${share(shares?.[i])}`);
    }
  }

  #line(name: string, key: string | undefined, text: string): void {
    const out = this.#out;
    out.painted(name, "name");
    if (key !== undefined) {
      out.append("[");
      out.painted(key, "key");
      out.append("]");
    }
    out.text(`: ${text}\n`);
  }

  /** The last so many columns are numbers: they stand to the right. */
  #table(name: string, rows: readonly (readonly string[])[], numbers: number): void {
    const out = this.#out;
    out.painted(name, "name");
    out.text(":\n");
    const widths: number[] = [];
    for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
    const first = widths.length - numbers;
    for (const row of rows) {
      const cells = row.map((cell, i) =>
        i >= first || /^-?\d+$/.test(cell) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number),
      );
      out.text(`${cells.join("  ").trimEnd()}\n`);
    }
    out.text("\n");
  }

  #histograms(
    map: MapSnapshot["map"],
    type: Histogram,
    entries: readonly MapEntry[],
    by: number,
    how: MapPrinting,
  ): void {
    const key = map.keyType === undefined ? undefined : valueFormatter(map.keyType);
    const named = (e: MapEntry): string | undefined => (key === undefined ? undefined : bare(key(e.key)));
    for (const e of entries) {
      const counts = e.value as readonly number[];
      if (how.summary === "percentiles") {
        const s = summarise(type, counts);
        if (s === undefined) continue;
        const mean = shortNumber(s.mean / by);
        const at = (n: bigint): string => String(divide(n, by));
        this.#line(
          map.name,
          named(e),
          `count ${s.count}, mean ~${mean}, p50 <=${at(s.p50)}, p90 <=${at(s.p90)}, p99 <=${at(s.p99)}, max <=${at(s.max)}`,
        );
      } else if (how.summary === "heat") this.#heatLine(map.name, type, e, named(e));
      else {
        const out = this.#out;
        out.painted(map.name, "name");
        const text = named(e);
        if (text !== undefined) {
          out.append("[");
          out.painted(text, "key");
          out.append("]");
        }
        out.append(":\n");
        out.meant(histogramText(type, counts, by, out.looks));
        out.text("\n");
      }
    }
  }

  /** A line of the heat map that is printed one line at a time, downwards. */
  #heatLine(name: string, type: Histogram, { key, value }: MapEntry, named: string | undefined): void {
    const counts = value as readonly number[];
    const id = `${name} ${keyText(key)}`;
    const before = this.#heat.get(id);
    const { header, range } = heatHeader(type, counts, before);
    if (range === undefined) return;
    this.#heat.set(id, range);
    const out = this.#out;
    const title = named === undefined ? name : `${name}[${named}]`;
    if (header !== undefined) {
      out.painted(title, "name");
      out.text(`:\n${" ".repeat(9)}${header}\n`);
    }
    out.append(`${formatTime("%H:%M:%S", this.#now())} |`);
    const total = counts.reduce((sum, n) => sum + n, 0);
    out.painted(heatCells(counts, range), "bar");
    out.text(`| ${total}\n`);
  }
}

/** Parentheses around a key are left out. */
const bare = (text: string): string => (text.startsWith("(") && text.endsWith(")") ? text.slice(1, -1) : text);

const share = (text: string | undefined): string => (text === undefined ? "" : ` (${text})`);

/** Values as text; rates are per second. */
function numberText(type: Type, by: number, how: MapPrinting, elapsed: number): (value: TraceValue) => string {
  if (how.since === "rate") return (v) => `${shortNumber(Number(v as Integer) / by / Math.max(elapsed, 1e-9))}/s`;
  if (how.hex === true) return (v) => hex(BigInt(divide(v as Integer, by)));
  return valueFormatter(type, by);
}

/** The shares that the shown entries have of the sum of all. */
function sharesOf(all: readonly MapEntry[], shown: readonly MapEntry[]): string[] {
  const total = all.reduce((sum, e) => sum + Number(e.value as Integer), 0);
  return shown.map((e) => `${total === 0 ? "0.0" : ((Number(e.value as Integer) / total) * 100).toFixed(1)}%`);
}

function keyCells(type: Type, key: TraceValue): string[] {
  if (type.kind !== "tuple") return [valueFormatter(type)(key)];
  return type.elements.flatMap((t, i) => keyCells(t, (key as readonly TraceValue[])[i] as TraceValue));
}
