// Values as text, straight into bytes, for what is printed by the hundred thousand: the entries of maps.

import { divide, type Integer, type TraceValue, type Type } from "../schema/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import { textOf, valueFormatter } from "./format-value.ts";
import { writeInteger } from "./write-number.ts";

/** Writes at `out.at`; never hands anything on. */
export type ValueWriter = (value: TraceValue, out: ByteSink) => void;

const OPEN = 40;
const CLOSE = 41;
const COMMA = 44;
const SPACE = 32;

const writePlainInteger: ValueWriter = (value, out) => {
  out.extend(24);
  out.at = writeInteger(out.bytes, out.at, value as Integer);
};

/** A function that writes values of the type as `valueFormatter` would. */
export function valueWriter(type: Type, by = 1): ValueWriter {
  switch (type.kind) {
    case "int":
    case "count":
    case "sum":
    case "min":
    case "max":
      if (type.kind === "int" && type.enum !== undefined) break;
      return by === 1 ? writePlainInteger : (value, out) => writePlainInteger(divide(value as Integer, by), out);
    case "string":
      return (value, out) => out.append(textOf(value));
    case "tuple": {
      const elements = type.elements.map((e) => valueWriter(e, by));
      return (value, out) => {
        out.extend(1);
        out.bytes[out.at++] = OPEN;
        for (let i = 0; i < elements.length; i++) {
          if (i > 0) {
            out.extend(2);
            out.bytes[out.at++] = COMMA;
            out.bytes[out.at++] = SPACE;
          }
          (elements[i] as ValueWriter)((value as readonly TraceValue[])[i] as TraceValue, out);
        }
        out.extend(1);
        out.bytes[out.at++] = CLOSE;
      };
    }
  }
  const format = valueFormatter(type, by);
  return (value, out) => out.append(format(value));
}

/** As `valueWriter`, for keys: the parentheses of a tuple are left out, and so are those around any other text. */
export function keyWriter(type: Type): ValueWriter {
  const write = valueWriter(type);
  return (value, out) => {
    const start = out.at;
    write(value, out);
    const { bytes, at } = out;
    if (at - start < 2 || bytes[start] !== OPEN || bytes[at - 1] !== CLOSE) return;
    bytes.copyWithin(start, start + 1, at - 1);
    out.at = at - 2;
  };
}
