// Records for the reader: built in place in the ring buffer, with the short form of their strings unless one is long.

import { copyInto, emitRecord, mayBeLong, type RecordPart, storeSize } from "../../../codegen/index.ts";
import {
  type EventAction,
  type FormatPart,
  type FormatSpec,
  formatBits,
  INT64,
  isReadableAggregate,
  isScalar,
  type Type,
  utf8Length,
} from "../../../schema/index.ts";
import { constantText } from "../check/index.ts";
import { type Expression, expressionsOf } from "../parse/index.ts";
import { materialise } from "./own-memory.ts";
import { into, type LowerState, typeOf, value } from "./state.ts";

export interface EventArgument {
  readonly expression: Expression;
  readonly type: Type;
}

/** The type in which an argument of printf travels: numbers in as many bytes as their specification looks at. */
export function printfType(spec: FormatSpec, type: Type): Type {
  if (isReadableAggregate(type))
    return "signed" in type && type.signed ? INT64 : { kind: "int", bits: 64, signed: type.kind !== "count" };
  if (type.kind === "int" && type.enum === undefined && "diouxXc".includes(spec.conversion)) {
    const bits = formatBits(spec);
    const signed = spec.conversion === "d" || spec.conversion === "i";
    return { kind: "int", bits: Math.max(bits, 32) as 32 | 64, signed: bits >= 32 ? signed : type.signed };
  }
  if ((type.kind === "pointer" || type.kind === "bool") && "diouxXcp".includes(spec.conversion))
    return { kind: "int", bits: 64, signed: false };
  if (type.kind === "int" && type.enum === undefined) return { ...type, bits: 64 };
  return type;
}

/** `printf`, `cat`, `system`, `errorf` and their like: what is already known becomes part of the format. */
export function formatEvent(
  l: LowerState,
  parts: readonly FormatPart[],
  args: readonly Expression[],
  make: (format: readonly FormatPart[]) => EventAction,
): void {
  const format: FormatPart[] = [];
  const fields: EventArgument[] = [];
  let next = 0;
  for (const part of parts) {
    if (typeof part === "string") {
      format.push(part);
      continue;
    }
    const e = args[next++] as Expression;
    const text = constantText(l.check, e);
    if (text !== undefined && part.conversion === "s" && part.precision === undefined) {
      const width = part.width ?? 0;
      // Widths count bytes.
      const space = " ".repeat(Math.max(0, width - utf8Length(text)));
      format.push(part.flags.includes("-") ? text + space : space + text);
      continue;
    }
    format.push(part);
    fields.push({ expression: e, type: printfType(part, typeOf(l, e)) });
  }
  emitEvent(l, make(joinText(format)), fields, "events");
}

const joinText = (parts: readonly FormatPart[]): FormatPart[] => {
  const joined: FormatPart[] = [];
  for (const part of parts) {
    if (typeof part === "string" && typeof joined.at(-1) === "string") joined[joined.length - 1] += part;
    else joined.push(part);
  }
  return joined;
};

/** Sends a record with these values. */
export function emitEvent(
  l: LowerState,
  action: EventAction,
  args: readonly EventArgument[],
  ring: "events" | "control",
): void {
  const twice = mayBeLong(args);
  // Statements may loop or end the program, which cannot be while a record is open.
  const before = args.some((a) => hasStatements(a.expression));
  const parts = args.map((a): RecordPart => {
    if (before && isScalar(a.type)) {
      const made = value(l, a.expression);
      return {
        type: a.type,
        write: (to, offset, type) => {
          l.b.store(storeSize(type), to, offset, made);
          return [];
        },
      };
    }
    // What cannot be written twice is put aside first.
    const aside =
      before || (twice && !repeatable(l, a.expression) && !isScalar(a.type)) ? materialise(l, a.expression) : undefined;
    return {
      type: a.type,
      write: (to, offset, type, options) =>
        aside === undefined
          ? into(l, a.expression, type, to, offset, options)
          : copyInto(l, aside, type, to, offset, options),
    };
  });
  emitRecord(l, action, parts, ring);
}

/** Is there a block of statements within? */
function hasStatements(e: Expression): boolean {
  return e.kind === "block" || expressionsOf(e).some(hasStatements);
}

/** Can the expression be evaluated twice and mean the same? */
function repeatable(l: LowerState, e: Expression): boolean {
  if (e.kind === "increment" || e.kind === "block") return false;
  if (e.kind === "call" && l.builtins.get(e.name)?.effects === true) return false;
  return expressionsOf(e).every((inner) => repeatable(l, inner));
}
