// The text view: what bpftrace prints, byte for byte. Data goes to `out`; what is said about the run to `messages`.

import {
  type EventField,
  type EventSite,
  readString,
  type TimeSeriesValue,
  type TraceValue,
  valueDecoder,
} from "../schema/index.ts";
import { type Diagnostic, formatDiagnostic, lineColumn, PLAIN, type SourceText, type Span } from "../source/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import { valueFormatter, zeroValue } from "./format-value.ts";
import { helperErrorText } from "./helper-error.ts";
import { histogramText } from "./histogram.ts";
import { sortedEntries } from "./map-order.ts";
import { PrintedMaps } from "./map-printing.ts";
import { compilePrintf, compileText } from "./printf.ts";
import { formatTime, systemClock } from "./strftime.ts";
import { lastEpoch, timeSeriesText } from "./time-series.ts";
import type { MapSnapshot, RecordPrinter, View, ViewOptions } from "./view.ts";
import { keyWriter, type ValueWriter, valueWriter } from "./write-value.ts";

/** Bytes that most lines of a map fit into. */
const ROOM = 256;

/** `print(@map)`. Nothing for a map with keys and no entries; a map without keys that was never set has its zero. */
export function writeMapText(out: ByteSink, snapshot: MapSnapshot, top = 0, div = 0): void {
  const { name, keyType, valueType } = snapshot.map;
  const by = div > 0 ? div : 1;
  const rows = valueType.kind === "tseries";
  const histogram = valueType.kind === "hist" || valueType.kind === "lhist";
  const series = valueType.kind === "tseries" ? valueType : undefined;
  const last = series === undefined ? 0 : lastEpoch(snapshot.entries.map((e) => e.value as TimeSeriesValue));
  const { looks } = out;
  const write: ValueWriter =
    series !== undefined
      ? (v, to) => to.append(timeSeriesText(series, v as TimeSeriesValue, last))
      : histogram
        ? (v, to) => to.meant(histogramText(valueType, v as readonly number[], by, looks))
        : valueWriter(valueType, by);
  if (keyType === undefined) {
    if (histogram && snapshot.entries.length === 0) return;
    out.painted(name, "name");
    out.append(`:${histogram || rows ? "\n" : " "}`);
    write(scalarValue(snapshot), out);
    out.text("\n");
    return;
  }
  const key = keyWriter(keyType);
  const before = `${name}[`;
  const between = histogram || rows ? "]:\n" : "]: ";
  for (const entry of sortedEntries(snapshot, top)) {
    out.reserve(ROOM);
    if (looks === undefined) {
      out.append(before);
      key(entry.key, out);
    } else {
      out.painted(name, "name");
      out.append("[");
      out.meant(looks.key);
      key(entry.key, out);
      out.meant(PLAIN);
    }
    out.append(between);
    write(entry.value, out);
    out.append("\n");
  }
}

/** The value of a map without keys. */
export function scalarValue(snapshot: MapSnapshot): TraceValue {
  return snapshot.entries[0]?.value ?? zeroValue(snapshot.map.valueType);
}

/** The strings of a join() record: their number at 4, then each in a place of its own. */
export function joinReader(site: EventSite, separator: string, size: number): (view: DataView, base: number) => string {
  const first = site.fields[0]?.offset ?? 8;
  return (view, base) => {
    const strings: string[] = [];
    const count = view.getUint32(base + 4, true);
    for (let i = 0; i < count; i++) strings.push(readString(view, base + first + i * size, size));
    return strings.join(separator);
  };
}

/** `stdin:1:9-29: WARNING: …`, without the line break that the message may end in, and the uses of macros that led there. */
function writeLocated(
  sink: ByteSink,
  part: "warning" | "error",
  message: string,
  span: Span | undefined,
  source: SourceText | undefined,
): void {
  const text = message.endsWith("\n") ? message.slice(0, -1) : message;
  if (span !== undefined && source !== undefined) {
    const own = span.file ?? source;
    const from = lineColumn(own, span.start);
    const to = lineColumn(own, span.end);
    const place = from.line === to.line ? `${from.line}:${from.column}-${to.column}` : `${from.line}-${to.line}`;
    sink.painted(`${own.name}:${place}:`, "place");
    sink.append(" ");
  }
  sink.painted(part.toUpperCase(), part);
  sink.text(`: ${text}\n`);
  if (span?.from === undefined) return;
  const uses: Diagnostic = { code: "SCRY1060", severity: part, message: "expanded from", span: span.from };
  sink.meant(`${formatDiagnostic(uses, source, undefined, sink.looks)}\n`);
}

/** Maps that are printed at the end: those with entries, in byte order of their names. */
export function nonEmptyByName(snapshots: readonly MapSnapshot[]): MapSnapshot[] {
  return snapshots
    .filter((s) => s.entries.length > 0)
    .sort((a, b) => (a.map.name < b.map.name ? -1 : a.map.name > b.map.name ? 1 : 0));
}

export function textView(options: ViewOptions): View {
  const { out, messages, resolver, source, now = systemClock } = options;

  const printed = new PrintedMaps(out, now);
  const printer = (site: EventSite): RecordPrinter => {
    const action = site.action;
    switch (action.kind) {
      case "printf": {
        if (action.stream === "out") {
          const write = compilePrintf(action.format, site.fields, resolver);
          return (view, bytes, base) => write(view, bytes, base, out);
        }
        const text = compileText(action.format, site.fields, resolver);
        const part = action.stream === "error" ? "error" : "warning";
        return (view, bytes, base) => writeLocated(messages, part, text(view, bytes, base), action.span, source);
      }
      case "helper-error": {
        const at = (site.fields[0] as EventField).offset;
        return (view, _bytes, base) => {
          const answer = view.getInt32(base + at, true);
          const { helper, span } = action;
          const message = helperErrorText(helper, answer);
          const warning: Diagnostic = { code: "SCRY1060", severity: "warning", message, span };
          const text = formatDiagnostic(warning, source, undefined, messages.looks);
          const [head, ...others] = text.split("\n");
          const info = `Additional Info - helper: ${helper}, retcode: ${answer}`;
          messages.meant(`${[head, info, ...others].join("\n")}\n`);
        };
      }
      case "print-value": {
        const { type, offset } = site.fields[0] as EventField;
        const decode = valueDecoder(type, resolver);
        const format = valueFormatter(type);
        return (view, _bytes, base) => out.text(`${format(decode(view, base + offset))}\n`);
      }
      case "time":
        return () => out.text(formatTime(action.format, now()));
      case "join": {
        const read = joinReader(site, action.separator, action.size);
        return (view, _bytes, base) => out.text(`${read(view, base)}\n`);
      }
      default:
        throw new TypeError(`records of ${action.kind} are not printed`);
    }
  };

  return {
    printer,
    value: (type, value) => out.text(`${valueFormatter(type)(value)}\n`),
    map: (snapshot, top, div, how) => {
      if (how === undefined) writeMapText(out, snapshot, top, div);
      else printed.write(snapshot, top, div, how);
    },
    cleared: (name) => printed.cleared(name),
    cat: (content) => out.raw(content),
    system: (output) => {
      out.raw(output);
      out.text("\n");
    },
    endOfRun: (snapshots) => {
      out.text("\n\n");
      for (const snapshot of nonEmptyByName(snapshots)) writeMapText(out, snapshot);
    },
    lostEvents: (count) => messages.text(`Lost ${count} events\n`),
    attachedProbes: (count) => messages.text(`Attached ${count} probe${count === 1 ? "" : "s"}\n`),
    flush: () => {
      out.flush();
      messages.flush();
    },
  };
}
