// The strict JSON view: one object a line, {"type", "data"}, by one schema that docs/json-strict.md has. Everything goes to
// `out`. Values keep what they were: integers are digits whatever their size, keys arrays, names stand beside their numbers.

import {
  type EventField,
  type EventSite,
  type FormatPart,
  isAggregate,
  type MapPrinting,
  type TimeSeriesValue,
  type TraceValue,
  type Type,
  textOfBytes,
  typeName,
  valueDecoder,
  type WallClock,
} from "../schema/index.ts";
import { type Diagnostic, lineColumn, type SourceText, type Span } from "../source/index.ts";
import { ByteSink } from "./byte-sink.ts";
import { textOf } from "./format-value.ts";
import { helperErrorText } from "./helper-error.ts";
import {
  type StrictWriter,
  seriesWriter,
  strictString,
  strictWriter,
  textMembers,
  timeMembers,
} from "./json-strict-values.ts";
import { MapChanges } from "./map-changes.ts";
import { sortedEntries } from "./map-order.ts";
import { secondsOf } from "./map-printing.ts";
import { compilePrintf } from "./printf.ts";
import { formatTime, systemClock } from "./strftime.ts";
import { nonEmptyByName } from "./text.ts";
import { lastEpoch } from "./time-series.ts";
import type { MapSnapshot, RecordPrinter, View, ViewOptions } from "./view.ts";

/** A place in a script, from and up to; null where there is none. */
/** A place of a script as an object. */
export function placeJson(span: Span | undefined, source: SourceText | undefined): string {
  const own = span?.file ?? source;
  if (span === undefined || own === undefined) return "null";
  const from = lineColumn(own, span.start);
  const to = lineColumn(own, span.end);
  return `{"file":${strictString(own.name)},"line":${from.line},"column":${from.column},"end_line":${to.line},"end_column":${to.column}}`;
}

/** A diagnostic as a line. */
export function strictDiagnostic(d: Diagnostic, source: SourceText | undefined): string {
  const hints = (d.hints ?? []).map(strictString);
  const related = (d.related ?? []).map(
    (r) => `{"message":${strictString(r.message)},"place":${placeJson(r.span, source)}}`,
  );
  return `{"type":"diagnostic","data":{"code":"${d.code}","severity":"${d.severity}","message":${strictString(d.message)},"place":${placeJson(d.span, source)},"hints":[${hints.join(",")}],"related":[${related.join(",")}]}}\n`;
}

/** A format as the script has it, but for what was known before the run and is written in. */
const formatOf = (format: readonly FormatPart[]): string =>
  format.map((part) => (typeof part === "string" ? part.replaceAll("%", "%%") : part.text)).join("");

/** What a map keeps: the aggregation's name, or `value`. */
const kindOf = (type: Type): string => (isAggregate(type) ? type.kind : "value");

/** A key's parts: those of a tuple, or the one there is; none without a key. */
function keyWriter(type: Type | undefined): StrictWriter {
  if (type === undefined) return () => "[]";
  const write = strictWriter(type);
  return type.kind === "tuple" ? write : (key) => `[${write(key)}]`;
}

function mapJson(snapshot: MapSnapshot, top: number, div: number, how: MapPrinting = {}, seconds?: number): string {
  const { name, keyType, valueType } = snapshot.map;
  const write =
    valueType.kind === "tseries"
      ? seriesWriter(valueType, lastEpoch(snapshot.entries.map((e) => e.value as TimeSeriesValue)))
      : strictWriter(valueType, div > 0 ? div : 1);
  const key = keyWriter(keyType);
  const entries = sortedEntries(snapshot, top, how).map((e) => `{"key":${key(e.key)},"value":${write(e.value)}}`);
  const over = seconds === undefined ? "" : `"seconds":${seconds},`;
  return `{"name":${strictString(name)},${over}"kind":"${kindOf(valueType)}","entries":[${entries.join(",")}]}`;
}

export function jsonStrictView(options: ViewOptions): View {
  const { out, messages, resolver, source, now } = options;

  const clock = now ?? systemClock;
  const changes = new MapChanges(secondsOf(clock()));

  /** Of an event that was recorded the time is known; of one that is live only that it was before it is printed. */
  const stamp = (): string => (now === undefined ? "" : `,"time":{${timeMembers(now())}}`);
  const line = (type: string, data: string, time = ""): void => out.text(`{"type":"${type}","data":${data}${time}}\n`);

  const printfPrinter = (site: EventSite, action: EventSite["action"] & { kind: "printf" }): RecordPrinter => {
    const write = compilePrintf(action.format, site.fields, resolver);
    const format = strictString(formatOf(action.format));
    const args = site.fields.map(({ type, offset }) => {
      const decode = valueDecoder(type, resolver);
      const json = strictWriter(type);
      return (view: DataView, base: number): string => json(decode(view, base + offset));
    });
    const type = action.stream === "out" ? "printf" : action.stream === "error" ? "errorf" : "warnf";
    const after = type === "printf" ? "" : `,"place":${placeJson(action.span, source)}`;
    let text: Uint8Array = new Uint8Array(0);
    const scratch = new ByteSink((piece) => {
      text = joined(text, piece);
    });
    return (view, bytes, base) => {
      text = new Uint8Array(0);
      write(view, bytes, base, scratch);
      scratch.flush();
      const list = args.map((arg) => arg(view, base)).join(",");
      line(type, `{"format":${format},${textMembers(textOfBytes(text))},"args":[${list}]${after}}`, stamp());
    };
  };

  const printer = (site: EventSite): RecordPrinter => {
    const action = site.action;
    switch (action.kind) {
      case "printf":
        return printfPrinter(site, action);
      case "helper-error": {
        const at = (site.fields[0] as EventField).offset;
        return (view, _bytes, base) => {
          const answer = view.getInt32(base + at, true);
          const { helper, span } = action;
          const message = strictString(helperErrorText(helper, answer));
          line(
            "helper_error",
            `{"message":${message},"helper":${strictString(helper)},"result":${answer},"place":${placeJson(span, source)}}`,
            stamp(),
          );
        };
      }
      case "print-value": {
        const { type, offset } = site.fields[0] as EventField;
        const decode = valueDecoder(type, resolver);
        const json = strictWriter(type);
        const before = `{"type":${strictString(typeName(type))},"value":`;
        return (view, _bytes, base) => line("value", `${before}${json(decode(view, base + offset))}}`, stamp());
      }
      case "time":
        return () => {
          const clock: WallClock = (now ?? systemClock)();
          line("time", `{${timeMembers(clock)},"text":${strictString(formatTime(action.format, clock))}}`, stamp());
        };
      case "join": {
        const first = site.fields[0]?.offset ?? 8;
        const type: Type = { kind: "string", size: action.size };
        const read = valueDecoder(type, { ...resolver, truncation: { capacity: 0, trailer: "" } });
        const element = strictWriter(type);
        return (view, _bytes, base) => {
          const count = view.getUint32(base + 4, true);
          const strings = Array.from({ length: count }, (_, i) => read(view, base + first + i * action.size));
          const text = strings.map(textOf).join(action.separator);
          line("join", `{"text":${strictString(text)},"strings":[${strings.map(element).join(",")}]}`, stamp());
        };
      }
      default:
        throw new TypeError(`records of ${action.kind} are not printed`);
    }
  };

  return {
    printer,
    value: (type: Type, value: TraceValue) =>
      line("value", `{"type":${strictString(typeName(type))},"value":${strictWriter(type)(value)}}`),
    map: (snapshot, top = 0, div = 0, how = {}) => {
      const since = how.summary === "heat" ? how.summary : how.since;
      if (since === undefined) line("map", mapJson(snapshot, top, div, how), stamp());
      else {
        const { changed, elapsed } = changes.since(snapshot, secondsOf(clock()), since);
        line("map", mapJson(changed, top, div, how, elapsed), stamp());
      }
    },
    cleared: (name) => changes.cleared(name),
    cat: (content) => line("cat", `{${textMembers(textOfBytes(content))}}`, stamp()),
    system: (output) => line("system", `{${textMembers(textOfBytes(output))}}`, stamp()),
    endOfRun: (snapshots) => {
      for (const snapshot of nonEmptyByName(snapshots)) line("map", mapJson(snapshot, 0, 0));
    },
    lostEvents: (count) => line("lost_events", `{"count":${count}}`),
    attachedProbes: (count) => line("attached_probes", `{"count":${count}}`),
    said: (severity, message) => line(severity, `{"message":${strictString(message)}}`),
    flush: () => {
      out.flush();
      messages.flush();
    },
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
