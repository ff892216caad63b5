// The JSON view: one object a line, spaces exactly as bpftrace writes them. Everything goes to `out`.

import {
  divide,
  type EnumValue,
  type EventField,
  type EventSite,
  type Integer,
  type MapPrinting,
  type StatsValue,
  type TimeSeriesValue,
  type TraceValue,
  type Type,
  valueDecoder,
  type WallClock,
} from "../schema/index.ts";
import { lineColumn, type SourceText, type Span } from "../source/index.ts";
import { ByteSink } from "./byte-sink.ts";
import { average, valueFormatter } from "./format-value.ts";
import { helperErrorText } from "./helper-error.ts";
import { histogramJson } from "./histogram.ts";
import { summarise } from "./histogram-summary.ts";
import { MapChanges } from "./map-changes.ts";
import { sortedEntries } from "./map-order.ts";
import { secondsOf } from "./map-printing.ts";
import { compilePrintf, compileText } from "./printf.ts";
import { formatTime, systemClock } from "./strftime.ts";
import { joinReader, nonEmptyByName, scalarValue } from "./text.ts";
import { lastEpoch, timeSeriesJson } from "./time-series.ts";
import type { MapSnapshot, RecordPrinter, View, ViewOptions } from "./view.ts";
import { jsonFloat } from "./write-float.ts";
import { keyWriter, valueWriter } from "./write-value.ts";

/** Bytes that most entries of a map fit into. */
const ROOM = 256;
const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;
const LETTER_N = 110;

const decoder = new TextDecoder();

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A string in JSON; other control characters as `\u0001`. */
export function jsonString(text: string): string {
  return `"${text.replace(/["\\\u0000-\u001f]/g, (c) => ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}

/** Integers that a double cannot hold are strings. */
function jsonInteger(n: Integer): string {
  if (typeof n === "number" || BigInt(Number(n)) === n) return String(n);
  return `"${n}"`;
}

type JsonWriter = (value: TraceValue) => string;

/** A function that writes values of the type as JSON; integers are divided by `by` first. */
export function jsonWriter(type: Type, by = 1): JsonWriter {
  switch (type.kind) {
    case "int":
      if (type.enum !== undefined) return (v) => jsonInteger((v as EnumValue).value);
      return by === 1 ? (v) => jsonInteger(v as Integer) : (v) => jsonInteger(divide(v as Integer, by));
    case "pointer":
      return (v) => jsonInteger(v as Integer);
    case "count":
    case "sum":
    case "min":
    case "max":
      return (v) => jsonInteger(divide(v as Integer, by));
    case "float":
      return (v) => jsonFloat(v as number);
    case "bool":
      return String;
    case "none":
    case "args":
    case "ctx":
      return () => "null";
    case "buffer":
      // Bytes are C's signed characters.
      return (v) => `[${Array.from(v as Uint8Array, (b) => (b << 24) >> 24).join(",")}]`;
    case "array": {
      const element = jsonWriter(type.of, by);
      return (v) => `[${(v as readonly TraceValue[]).map(element).join(",")}]`;
    }
    case "tuple": {
      const elements = type.elements.map((e) => jsonWriter(e, by));
      return (v) => `[${elements.map((write, i) => write((v as readonly TraceValue[])[i] as TraceValue)).join(",")}]`;
    }
    case "record": {
      const elements = type.elements.map((e) => jsonWriter(e, by));
      return (v) =>
        `{${elements.map((write, i) => `${jsonString(type.names[i] as string)}: ${write((v as readonly TraceValue[])[i] as TraceValue)}`).join(", ")}}`;
    }
    case "struct": {
      const { fields } = type.layout ?? { fields: [] };
      const elements = fields.map((f) => jsonWriter(f.type));
      return (v) =>
        `{${elements.map((write, i) => `${jsonString(fields[i]?.name ?? "")}: ${write((v as readonly TraceValue[])[i] as TraceValue)}`).join(", ")}}`;
    }
    case "avg":
      return (v) => jsonInteger(average(v, by));
    case "stats":
      return (v) => {
        const s = v as StatsValue;
        return `{"count": ${s.count}, "average": ${jsonInteger(divide(s.average, by))}, "total": ${jsonInteger(s.total)}}`;
      };
    case "tseries":
      return (v) => timeSeriesJson(type, v as TimeSeriesValue, lastEpoch([v as TimeSeriesValue]));
    case "hist":
    case "lhist":
      return (v) => histogramJson(type, v as readonly number[], by);
    default: {
      const format = valueFormatter(type);
      return (v) => jsonString(format(v));
    }
  }
}

/** `hist` and `stats` are told apart from other maps; averages are `stats` too. */
function mapKind(type: Type): string {
  if (type.kind === "hist" || type.kind === "lhist") return "hist";
  if (type.kind === "tseries") return "tseries";
  return type.kind === "avg" || type.kind === "stats" ? "stats" : "map";
}

/** What the words of print(@map, …) make of a map. */
interface PrintedAs {
  readonly how: MapPrinting;
  readonly type?: string;
  readonly json?: JsonWriter;
}

/** Maps by the words of print(@map, …): those on how numbers look change nothing here. */
function wordsInJson(out: ByteSink, now: () => WallClock): Pick<View, "cleared"> & { write: View["map"] } {
  const changes = new MapChanges(secondsOf(now()));
  return {
    cleared: (name) => changes.cleared(name),
    write: (given, top, div = 0, how = {}) => {
      const { valueType } = given.map;
      const by = div > 0 ? div : 1;
      const since = how.since ?? (how.summary === "heat" ? "delta" : undefined);
      if (since === undefined) {
        const summed = how.summary === "percentiles" && (valueType.kind === "hist" || valueType.kind === "lhist");
        const json = (v: TraceValue): string => percentilesJson(valueType as HistogramType, v as readonly number[]);
        writeMapJson(out, given, top, div, { how, ...(summed ? { type: "percentiles", json } : {}) });
        return;
      }
      const { changed, elapsed } = changes.since(given, secondsOf(now()), how.summary ?? since);
      const perSecond = (v: TraceValue): string => String(Number(v as Integer) / by / Math.max(elapsed, 1e-9));
      writeMapJson(out, changed, top, div, { how, ...(since === "rate" ? { type: "rate", json: perSecond } : {}) });
    },
  };
}

function percentilesJson(type: HistogramType, counts: readonly number[]): string {
  const s = summarise(type, counts);
  if (s === undefined) return "null";
  return `{"count": ${s.count}, "mean": ${s.mean}, "p50": ${s.p50}, "p90": ${s.p90}, "p99": ${s.p99}, "max": ${s.max}}`;
}

type HistogramType = Type & { readonly kind: "hist" | "lhist" };

/** `print(@map)`: nothing for a map with keys and no entries. */
export function writeMapJson(out: ByteSink, snapshot: MapSnapshot, top = 0, div = 0, how?: PrintedAs): void {
  const { name, keyType, valueType } = snapshot.map;
  const by = div > 0 ? div : 1;
  const series = valueType.kind === "tseries" ? valueType : undefined;
  const last = series === undefined ? 0 : lastEpoch(snapshot.entries.map((e) => e.value as TimeSeriesValue));
  const json =
    how?.json ??
    (series === undefined
      ? jsonWriter(valueType, by)
      : (v: TraceValue): string => timeSeriesJson(series, v as TimeSeriesValue, last));
  const before = `{"type": "${how?.type ?? mapKind(valueType)}", "data": {${jsonString(name)}: `;
  if (keyType === undefined) {
    if (snapshot.entries.length === 0 && mapKind(valueType) === "hist") return;
    out.text(`${before}${json(scalarValue(snapshot))}}}\n`);
    return;
  }
  if (snapshot.entries.length === 0) return;
  const key = keyWriter(keyType);
  const number = valueType.kind === "count" || (valueType.kind === "int" && valueType.enum === undefined);
  const plain = valueWriter(valueType, by);
  out.append(before);
  let between = '{"';
  for (const { key: k, value } of sortedEntries(snapshot, top, how?.how)) {
    out.reserve(ROOM);
    out.append(between);
    const start = out.at;
    key(k, out);
    tidyKey(out, start);
    out.append('": ');
    if (number && how?.json === undefined && typeof value === "number") plain(value, out);
    else out.append(json(value));
    between = ', "';
  }
  out.text("}}}\n");
}

/** Keys are strings without any space in them: takes the spaces out of what stands from `start` on, and escapes it. */
function tidyKey(out: ByteSink, start: number): void {
  const { bytes, at: end } = out;
  let at = start;
  let special = false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === SPACE) continue;
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) special = true;
    bytes[at++] = byte;
  }
  out.at = at;
  if (!special) return;
  const text = decoder.decode(bytes.subarray(start, at));
  out.at = start;
  out.append(jsonString(text).slice(1, -1));
}

/** Copies text as the inside of a JSON string: bytes where nothing rare is in it, by way of a string otherwise. */
function writeEscaped(out: ByteSink, bytes: Uint8Array): void {
  out.reserve(bytes.length * 2);
  const to = out.bytes;
  let at = out.at;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte >= 0x80 || (byte < SPACE && byte !== NEWLINE)) {
      out.append(jsonString(decoder.decode(bytes)).slice(1, -1));
      return;
    }
    if (byte === NEWLINE) {
      to[at++] = BACKSLASH;
      to[at++] = LETTER_N;
    } else {
      if (byte === QUOTE || byte === BACKSLASH) to[at++] = BACKSLASH;
      to[at++] = byte;
    }
  }
  out.at = at;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const TYPES = { warn: "warnf", error: "errorf", fault: "runtime_error" } as const;

export function jsonView(options: ViewOptions): View {
  const { out, messages, resolver, source, now = systemClock } = options;
  const scratch = new ByteSink(() => {});
  const printed = wordsInJson(out, now);

  const data = (type: string, json: string): void => out.text(`{"type": "${type}", "data": ${json}}\n`);

  const whereOf = (span: Span | undefined, place: SourceText | undefined): string => {
    if (span === undefined || place === undefined) return "";
    const own = span.file ?? place;
    const { line, column } = lineColumn(own, span.start);
    return `, "filename": ${jsonString(own.name)}, "line": ${line}, "col": ${column}`;
  };

  const located = (type: string, message: string, span: Span | undefined, place: SourceText | undefined): void => {
    out.text(`{"type": "${type}", "msg": ${jsonString(message)}${whereOf(span, place)}}\n`);
  };

  const printer = (site: EventSite): RecordPrinter => {
    const action = site.action;
    switch (action.kind) {
      case "printf": {
        if (action.stream === "out") {
          const write = compilePrintf(action.format, site.fields, resolver);
          const before = ascii('{"type": "printf", "data": "');
          const after = ascii('"}\n');
          return (view, bytes, base) => {
            scratch.at = 0;
            write(view, bytes, base, scratch);
            out.raw(before);
            writeEscaped(out, scratch.bytes.subarray(0, scratch.at));
            out.raw(after);
          };
        }
        const text = compileText(action.format, site.fields, resolver);
        const type = TYPES[action.stream];
        return (view, bytes, base) => located(type, text(view, bytes, base), action.span, source);
      }
      case "helper-error": {
        const at = (site.fields[0] as EventField).offset;
        return (view, _bytes, base) => {
          const answer = view.getInt32(base + at, true);
          const { helper, span } = action;
          const said = jsonString(helperErrorText(helper, answer));
          out.text(
            `{"type": "helper_error", "msg": ${said}, "helper": ${jsonString(helper)}, "retcode": ${answer}${whereOf(span, source)}}\n`,
          );
        };
      }
      case "print-value": {
        const { type, offset } = site.fields[0] as EventField;
        const value = valueDecoder(type, resolver);
        const json = jsonWriter(type);
        return (view, _bytes, base) => data("value", json(value(view, base + offset)));
      }
      case "time":
        return () => data("time", jsonString(formatTime(action.format, now())));
      case "join": {
        const read = joinReader(site, action.separator, action.size);
        return (view, _bytes, base) => data("join", jsonString(read(view, base)));
      }
      default:
        throw new TypeError(`records of ${action.kind} are not printed`);
    }
  };

  return {
    printer,
    value: (type, value) => data("value", jsonWriter(type)(value)),
    map: (snapshot, top, div, how) => {
      if (how === undefined) writeMapJson(out, snapshot, top, div);
      else printed.write(snapshot, top, div, how);
    },
    cleared: (name) => printed.cleared(name),
    cat: (content) => data("cat", jsonString(decoder.decode(content))),
    system: (output) => data("syscall", jsonString(decoder.decode(output))),
    endOfRun: (snapshots) => {
      for (const snapshot of nonEmptyByName(snapshots)) writeMapJson(out, snapshot);
    },
    lostEvents: (count) => out.text(`{"type": "lost_events", "count": ${count}, "data": {"events": ${count}}}\n`),
    attachedProbes: (count) =>
      out.text(`{"type": "attached_probes", "count": ${count}, "data": {"probes": ${count}}}\n`),
    flush: () => {
      out.flush();
      messages.flush();
    },
  };
}
