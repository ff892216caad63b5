// Values as text, as bpftrace prints them. A formatter is made once for a type.

import {
  type BytesValue,
  divide,
  type EnumValue,
  type InlinedFrame,
  type Integer,
  type NamedValue,
  type StackFrame,
  type StackMode,
  type StackValue,
  type StatsValue,
  type TimeSeriesValue,
  type TimestampValue,
  type TraceValue,
  type Type,
} from "../schema/index.ts";
import { formatTime } from "./strftime.ts";
import { lastEpoch, timeSeriesText } from "./time-series.ts";
import { plainFloat } from "./write-float.ts";

export type ValueFormatter = (value: TraceValue) => string;

const hexByte = (b: number): string => b.toString(16).padStart(2, "0");

/** `r`: printable ASCII as it is, other bytes `\x0a`; `rx`: every byte `\x0a`; `rh`: `0a 0b`. */
export function bufferText(bytes: Uint8Array, form: "r" | "rx" | "rh" = "r"): string {
  if (form === "rh") return Array.from(bytes, hexByte).join(" ");
  let text = "";
  for (const b of bytes) text += form === "r" && b >= 32 && b <= 126 ? String.fromCharCode(b) : `\\x${hexByte(b)}`;
  return text;
}

const frameSymbol = (f: StackFrame): string =>
  f.name === undefined ? `0x${f.address.toString(16)}` : `${f.name}+${f.offset}`;

function frameLine(f: StackFrame, mode: StackMode, user: boolean): string {
  switch (mode) {
    case "build_id":
      return f.build === undefined ? f.address.toString(16) : `${f.build.id} 0x${f.build.offset.toString(16)}`;
    case "raw":
      return f.address.toString(16);
    case "perf": {
      const module = f.module ?? (user ? "[unknown]" : undefined);
      return `\t${f.address.toString(16)} ${frameSymbol(f)}${module === undefined ? "" : ` (${module})`}`;
    }
    case "bpftrace":
      return `        ${frameSymbol(f)}${f.source === undefined ? "" : `@${f.source.file}:${f.source.line}`}`;
  }
}

/** A call that the compiler has put into the code of its caller. */
function inlinedLine(f: StackFrame, { name, source }: InlinedFrame, mode: StackMode): string {
  if (mode === "bpftrace")
    return `        [inlined] ${name}${source === undefined ? "" : `@${source.file}:${source.line}`}\n`;
  return mode === "perf" ? `\t${f.address.toString(16)} ${name} (inlined)\n` : "";
}

function stackFormatter(mode: StackMode, user: boolean): ValueFormatter {
  return (value) => {
    let text = "\n";
    for (const f of (value as StackValue).frames) {
      for (const inner of f.inlined ?? []) text += inlinedLine(f, inner, mode);
      text += `${frameLine(f, mode, user)}\n`;
    }
    return text;
  };
}

/** A text, whether or not what it stands for comes with it. */
export const textOf = (value: TraceValue): string =>
  typeof value === "string" ? value : (value as NamedValue | BytesValue).text;

const plain: ValueFormatter = (value) => String(value);

/** A function that writes values of the type as text. Integers are divided by `by` first (enums and addresses are not). */
export function valueFormatter(type: Type, by = 1): ValueFormatter {
  switch (type.kind) {
    case "int":
      if (type.enum !== undefined) return (v) => (v as EnumValue).name ?? String((v as EnumValue).value);
      return by === 1 ? plain : (v) => String(divide(v as Integer, by));
    case "float":
      return (v) => plainFloat(v as number);
    case "pointer":
      return (v) => `0x${(v as Integer).toString(16)}`;
    case "buffer":
      return (v) => bufferText(v as Uint8Array);
    case "array": {
      const element = valueFormatter(type.of, by);
      return (v) => `[${(v as readonly TraceValue[]).map(element).join(",")}]`;
    }
    case "tuple": {
      const elements = type.elements.map((e) => valueFormatter(e, by));
      return (v) => {
        let text = "(";
        for (let i = 0; i < elements.length; i++) {
          if (i > 0) text += ", ";
          text += (elements[i] as ValueFormatter)((v as readonly TraceValue[])[i] as TraceValue);
        }
        return `${text})`;
      };
    }
    case "record": {
      const elements = type.elements.map((e) => valueFormatter(e, by));
      if (elements.length === 0) return () => "{}";
      return (v) =>
        `{ ${elements.map((f, i) => `.${type.names[i]} = ${f((v as readonly TraceValue[])[i] as TraceValue)}`).join(", ")} }`;
    }
    case "struct": {
      const { fields } = type.layout ?? { fields: [] };
      const elements = fields.map((f) => valueFormatter(f.type));
      return (v) =>
        `{ ${elements.map((f, i) => `.${fields[i]?.name} = ${f((v as readonly TraceValue[])[i] as TraceValue)}`).join(", ")} }`;
    }
    case "timestamp":
      return (v) => formatTime(type.format, v as TimestampValue, true);
    case "kstack":
    case "ustack":
      return stackFormatter(type.mode, type.kind === "ustack");
    case "count":
    case "sum":
    case "min":
    case "max":
      return by === 1 ? plain : (v) => String(divide(v as Integer, by));
    case "avg":
      return (v) => String(average(v, by));
    case "stats":
      return (v) => {
        const s = v as StatsValue;
        return `{ .count = ${s.count}, .average = ${divide(s.average, by)}, .total = ${s.total} }`;
      };
    case "tseries":
      return (v) => timeSeriesText(type, v as TimeSeriesValue, lastEpoch([v as TimeSeriesValue]));
    case "hist":
    case "lhist":
      return (v) => `[${(v as readonly number[]).join(",")}]`;
    case "string":
    case "ksym":
    case "usym":
    case "username":
    case "cgroup_path":
    case "named":
      return textOf;
    default:
      // Truth values, text, and null for nothing.
      return plain;
  }
}

/** What an average is printed as; one that the programs have worked out already is a number. */
export function average(value: TraceValue, by = 1): Integer {
  return divide(typeof value === "object" ? (value as StatsValue).average : (value as Integer), by);
}

/** A value of the type as bpftrace prints it. */
export function formatValue(type: Type, value: TraceValue): string {
  return valueFormatter(type)(value);
}

/** The value of a map without keys that was never set. */
export function zeroValue(type: Type): TraceValue {
  switch (type.kind) {
    case "bool":
      return false;
    case "none":
      return null;
    case "buffer":
      return new Uint8Array(0);
    case "array":
      return Array.from({ length: type.count }, () => zeroValue(type.of));
    case "tuple":
    case "record":
      return type.elements.map(zeroValue);
    case "struct":
      return (type.layout?.fields ?? []).map((f) => zeroValue(f.type));
    case "kstack":
    case "ustack":
      return { kind: "stack", frames: [] };
    case "avg":
    case "stats":
      return { kind: "stats", count: 0, average: 0, total: 0 };
    case "hist":
    case "lhist":
      return [];
    case "tseries":
      return { kind: "tseries", points: [], timeOf: () => ({ seconds: 0, nanoseconds: 0 }) };
    case "timestamp":
      return { kind: "timestamp", seconds: 0, nanoseconds: 0 };
    case "int":
      return type.enum === undefined ? 0 : { kind: "enum", value: 0 };
    case "float":
    case "pointer":
    case "count":
    case "sum":
    case "min":
    case "max":
      return 0;
    case "inet":
      return "0.0.0.0";
    case "mac":
      return "00:00:00:00:00:00";
    default:
      return "";
  }
}
