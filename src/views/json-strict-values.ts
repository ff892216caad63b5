// Values in strict JSON: each kind of value has one form, whatever it is a part of (docs/json-strict.md).

import {
  type BytesValue,
  divide,
  type EnumValue,
  type Integer,
  type NamedValue,
  type StackFrame,
  type StackValue,
  type StatsValue,
  type TimeSeriesValue,
  type TimestampValue,
  type TraceValue,
  type Type,
  type WallClock,
} from "../schema/index.ts";
import { average, bufferText } from "./format-value.ts";
import { histogramBuckets } from "./histogram.ts";
import { formatTime } from "./strftime.ts";
import { lastEpoch, pointsWithin } from "./time-series.ts";
import { jsonFloat } from "./write-float.ts";

export type StrictWriter = (value: TraceValue) => string;

/** A string of JSON that any decoder of UTF-8 takes: halves of surrogate pairs, which are bytes of the script, as U+FFFD. */
export const strictString = (text: string): string => JSON.stringify(text.replace(/[\ud800-\udfff]/gu, "\ufffd"));

const hex = (bytes: Uint8Array): string => {
  let text = "";
  for (const b of bytes) text += b.toString(16).padStart(2, "0");
  return text;
};

/** Text as members of an object: with its bytes where it is not all of them. */
export const textMembers = (value: string | BytesValue): string =>
  typeof value === "string"
    ? `"text":${strictString(value)}`
    : `"text":${strictString(value.text)},"bytes":"${hex(value.bytes)}"`;

const textValue = (value: string | BytesValue): string =>
  typeof value === "string" ? strictString(value) : `{${textMembers(value)}}`;

const namedValue = (value: Integer, text: string | undefined): string =>
  `{"value":${value},"text":${text === undefined ? "null" : strictString(text)}}`;

/** A name, with its number where that came along. */
const nameOf = (value: TraceValue): string => {
  if (typeof value === "string") return `{"value":null,"text":${strictString(value)}}`;
  const { value: number, text } = value as NamedValue;
  return namedValue(number, text);
};

/** When something was: UTC to the nanosecond, and nanoseconds since 1970. */
export function timeMembers({ seconds, nanoseconds }: WallClock): string {
  const all = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const date = new Date(seconds * 1000);
  const valid = !Number.isNaN(date.getTime());
  const second = valid ? date.toISOString().slice(0, -".000Z".length) : "";
  const iso = valid ? `"${second}.${String(nanoseconds).padStart(9, "0")}Z"` : "null";
  return `"iso":${iso},"nanoseconds":${all}`;
}

const place = (source: { readonly file: string; readonly line: number } | undefined): string =>
  source === undefined ? "" : `,"file":${strictString(source.file)},"line":${source.line}`;

function frame(f: StackFrame): string {
  const symbol = f.name === undefined ? "null" : strictString(f.name);
  const module = f.module === undefined ? "null" : strictString(f.module);
  const build = f.build === undefined ? "" : `,"build":{"id":${strictString(f.build.id)},"offset":${f.build.offset}}`;
  const inlined =
    f.inlined === undefined
      ? ""
      : `,"inlined":[${f.inlined.map((i) => `{"symbol":${strictString(i.name)}${place(i.source)}}`).join(",")}]`;
  return `{"address":${f.address},"symbol":${symbol},"offset":${f.offset},"module":${module}${place(f.source)}${build}${inlined}}`;
}

/** The fields of an object, from an array of their values. Those without a name (padding of a struct) are left out. */
function fields(names: readonly string[], writers: readonly StrictWriter[]): StrictWriter {
  const shown = names.flatMap((name, i) =>
    name === "" ? [] : [{ before: `${strictString(name)}:`, write: writers[i] as StrictWriter, i }],
  );
  return (v) =>
    `{${shown.map(({ before, write, i }) => before + write((v as readonly TraceValue[])[i] as TraceValue)).join(",")}}`;
}

export function seriesWriter(type: Type & { kind: "tseries" }, last?: number): StrictWriter {
  return (v) => {
    const series = v as TimeSeriesValue;
    const points = pointsWithin(type, series, last ?? lastEpoch([series])).map(
      (p) => `{"start":{${timeMembers(series.timeOf(p.epoch))}},"value":${p.value}}`,
    );
    return `{"interval":${type.interval},"points":[${points.join(",")}]}`;
  };
}

/** A function that writes values of the type; integers are divided by `by` first. */
export function strictWriter(type: Type, by = 1): StrictWriter {
  switch (type.kind) {
    case "int":
      if (type.enum !== undefined) return (v) => namedValue((v as EnumValue).value, (v as EnumValue).name);
      return by === 1 ? String : (v) => String(divide(v as Integer, by));
    case "count":
    case "sum":
    case "min":
    case "max":
      return (v) => String(divide(v as Integer, by));
    case "bool":
      return String;
    case "float":
      return (v) => jsonFloat(v as number);
    case "pointer":
      return (v) => namedValue(v as Integer, `0x${(v as Integer).toString(16)}`);
    case "string":
      return (v) => textValue(v as string | BytesValue);
    case "buffer":
      return (v) => `{"text":${strictString(bufferText(v as Uint8Array))},"bytes":"${hex(v as Uint8Array)}"}`;
    case "array": {
      const element = strictWriter(type.of, by);
      return (v) => `[${(v as readonly TraceValue[]).map(element).join(",")}]`;
    }
    case "tuple": {
      const elements = type.elements.map((e) => strictWriter(e, by));
      return (v) => `[${elements.map((write, i) => write((v as readonly TraceValue[])[i] as TraceValue)).join(",")}]`;
    }
    case "record":
      return fields(
        type.names,
        type.elements.map((e) => strictWriter(e, by)),
      );
    case "struct": {
      const known = type.layout?.fields ?? [];
      const write = fields(
        known.map((f) => f.name),
        known.map((f) => strictWriter(f.type)),
      );
      return (v) => (v === null ? "null" : write(v));
    }
    case "ksym":
    case "usym":
    case "username":
    case "cgroup_path":
    case "named":
      return nameOf;
    case "timestamp":
      return (v) => {
        const text = formatTime(type.format, v as TimestampValue, true);
        return `{${timeMembers(v as TimestampValue)},"text":${strictString(text)}}`;
      };
    case "kstack":
    case "ustack":
      return (v) => `[${(v as StackValue).frames.map(frame).join(",")}]`;
    case "avg":
    case "stats":
      return (v) => {
        const { count, total } = typeof v === "object" ? (v as StatsValue) : { count: null, total: null };
        return `{"count":${count},"average":${average(v, by)},"total":${total}}`;
      };
    case "tseries":
      return seriesWriter(type);
    case "hist":
    case "lhist":
      return (v) => {
        const rows = histogramBuckets(type, v as readonly number[], by).map(
          ({ low, high, count }) =>
            `{"min":${low === undefined ? null : low.value},"max":${high === undefined ? null : high.value - 1n},"count":${count}}`,
        );
        return `[${rows.join(",")}]`;
      };
    case "none":
    case "args":
    case "ctx":
      return () => "null";
    case "inet":
    case "mac":
    case "probe":
      return (v) => strictString(String(v));
  }
}
