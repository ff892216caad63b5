// Records for the reader: built in place in the ring buffer, with the short form of their strings unless one is long.

import type { Value } from "../../compiler/index.ts";
import type { CallExpression, Expression } from "./ast.ts";
import type { EventAction, EventField } from "./events.ts";
import { type FormatPart, type FormatSpec, formatBits } from "./format.ts";
import { alignOf, hasLongString, shortType, sizeOf } from "./layout.ts";
import { branchIfLong, copyInto, into, type Lengths, materialise, type Operand } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { CONTROL, EVENTS, GLOBALS, HEADER } from "./storage.ts";
import { utf8Length } from "./type-rules.ts";
import { INT64, isReadableAggregate, isScalar, type Type } from "./types.ts";

/** linux/bpf.h */
const BPF_RB_NO_WAKEUP = 1;
const BPF_RB_FORCE_WAKEUP = 2;
const BPF_RB_PROD_POS = 3;

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
  l: Lowering,
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
    const text = l.script.checker.constantText(e);
    if (text !== undefined && part.conversion === "s" && part.precision === undefined) {
      const width = part.width ?? 0;
      // Widths count bytes.
      const space = " ".repeat(Math.max(0, width - utf8Length(text)));
      format.push(part.flags.includes("-") ? text + space : space + text);
      continue;
    }
    format.push(part);
    fields.push({ expression: e, type: printfType(part, e.type as Type) });
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
  l: Lowering,
  action: EventAction,
  args: readonly EventArgument[],
  ring: "events" | "control",
): void {
  const mayBeLong = args.some((a) => hasLongString(a.type));
  // What cannot be written twice is put aside first.
  const prepared = args.map((a) => ({
    ...a,
    ready: mayBeLong && !repeatable(a.expression) && !isScalar(a.type) ? materialise(l, a.expression) : undefined,
  }));
  const header = ring === "control" ? 16 : 4;
  const b = l.b;
  const build = (short: boolean): { record: Value; lengths: Lengths; flush: () => void; drop: () => void } => {
    let at = header;
    const fields: EventField[] = prepared.map((a) => {
      const type = short ? shortType(a.type) : a.type;
      at = Math.ceil(at / alignOf(type)) * alignOf(type);
      if (type.kind === "string" && type.size >= 8) at = Math.ceil(at / 8) * 8;
      const field = { type, offset: at };
      at += sizeOf(type);
      return field;
    });
    const size = Math.ceil(at / 8) * 8;
    const site = l.site(action, fields, size, ring);
    const map = ring === "control" ? CONTROL : EVENTS;
    const position =
      ring === "control" ? b.helper("ringbuf_query", [b.map(EVENTS), b.const(BPF_RB_PROD_POS)]) : undefined;
    const record = b.helper("ringbuf_reserve", [b.map(map), b.const(size), b.const(0)], {
      kind: "record",
      nullable: true,
    });
    const got = b.block("reserved");
    const lost = b.block("lost");
    const after = b.block("sent");
    b.branch("ne", record, 0, got, lost, { unlikely: "else" });
    b.seal(lost);
    b.at(lost);
    l.count(ring === "control" ? HEADER.controlLost : HEADER.lost);
    b.jump(after);
    b.seal(got);
    b.at(got);
    b.store(32, record, 0, site.id);
    if (position !== undefined) {
      b.store(32, record, 4, 0);
      b.store(64, record, 8, position);
    }
    const lengths = l.scoped(() =>
      prepared.flatMap((a, i) => {
        const field = fields[i] as EventField;
        const options = { pad: false, short };
        return a.ready === undefined
          ? into(l, a.expression, field.type, record, field.offset, options)
          : copyInto(l, a.ready as Operand, field.type, record, field.offset, options);
      }),
    );
    const flush = (): void => {
      submit(l, record, ring);
      b.jump(after);
    };
    const drop = (): void => {
      b.helper("ringbuf_discard", [record, b.const(BPF_RB_NO_WAKEUP)], { kind: "void" });
    };
    return {
      record,
      lengths,
      flush: () => {
        flush();
        b.seal(after);
        b.at(after);
      },
      drop,
    };
  };
  if (!mayBeLong) {
    build(false).flush();
    return;
  }
  const done = b.block("done");
  const first = build(true);
  if (first.lengths.length === 0) {
    first.flush();
    b.jump(done);
  } else {
    const long = b.block("long");
    const short = b.block("short");
    branchIfLong(l, first.lengths, long, short);
    b.seal(long);
    b.at(long);
    first.drop();
    l.scoped(() => build(false).flush());
    b.jump(done);
    b.seal(short);
    b.at(short);
    first.flush();
    b.jump(done);
  }
  b.seal(done);
  b.at(done);
}

/** Hands a record of the ring over; wakes the reader only if it sleeps. */
export function submit(l: Lowering, record: Value, ring: "events" | "control"): void {
  const b = l.b;
  const flag = ring === "control" ? HEADER.controlArmed : HEADER.armed;
  const globals = b.mapValue(GLOBALS, flag);
  const wake = b.block("wake");
  const quiet = b.block("quiet");
  const after = b.block("submitted");
  b.branch("ne", b.load("u64", globals, 0), 0, wake, quiet, { unlikely: "then" });
  b.seal(quiet);
  b.at(quiet);
  b.helper("ringbuf_submit", [record, b.const(BPF_RB_NO_WAKEUP)], { kind: "void" });
  b.jump(after);
  b.seal(wake);
  b.at(wake);
  b.store(64, globals, 0, 0);
  b.helper("ringbuf_submit", [record, b.const(BPF_RB_FORCE_WAKEUP)], { kind: "void" });
  b.jump(after);
  b.seal(after);
  b.at(after);
}

/** Can the expression be evaluated twice and mean the same? */
function repeatable(e: Expression): boolean {
  switch (e.kind) {
    case "integer":
    case "string":
    case "boolean":
    case "parameter":
    case "variable":
    case "identifier":
      return true;
    case "map":
      return e.key === undefined || repeatable(e.key);
    case "field":
      return repeatable(e.object);
    case "index":
      return repeatable(e.object) && repeatable(e.index);
    case "unary":
      return repeatable(e.operand);
    case "binary":
      return repeatable(e.left) && repeatable(e.right);
    case "cast":
      return repeatable(e.operand);
    case "ternary":
      return repeatable(e.condition) && (e.then === undefined || repeatable(e.then)) && repeatable(e.otherwise);
    case "tuple":
      return e.elements.every(repeatable);
    case "record":
      return e.fields.every((f) => repeatable(f.value));
    case "call":
      return e.name !== "delete" && (e as CallExpression).args.every(repeatable);
    case "increment":
    case "block":
      return false;
  }
}
