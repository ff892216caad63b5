// What a configuration may hold, as data: from a shape follow the checks with their places, the values, and the JSON Schema
// that editors complete by.
//
//     const server = record("A server", { address: required(ADDRESS), weight: optional(number("…", { least: 0, most: 100 })) });
//     const { value, place } = readConfig(source, server);

import { type Diagnostic, DiagnosticError, nearest, type SourceText, type Span } from "../source/index.ts";
import { type ConfigNode, parseConfig } from "./node.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What stands at one place of a configuration. */
export interface Shape<T> {
  /** One line, as help has it. */
  readonly doc: string;
  readonly schema: () => JsonSchema;
  /** The value; undefined where a problem has been told. */
  readonly read: (node: ConfigNode, reading: Reading) => T | undefined;
}
export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** What is kept while a configuration is read. */
export interface Reading {
  tell(message: string, span: Span, hints?: readonly string[]): undefined;
  /** Notes where a value that is an object stands. */
  placed(value: object, node: ConfigNode): void;
}

/** A way into a configuration: names, and indices of lists. */
export type Path = readonly (string | number)[];

export interface ReadConfig<T> {
  readonly value: T;
  readonly source: SourceText;
  /** Where the value at a path stands; of a path that leads nowhere the nearest place around it. */
  readonly place: (...path: Path) => Span;
  /** Where an object or list of `value` stands. */
  readonly placeOf: (value: object) => Span;
}

/** Reads a YAML text. Throws a DiagnosticError with every problem: SCRY1601 what is no YAML, SCRY1602 what the shape does not allow. */
export function readConfig<T>(source: SourceText, shape: Shape<T>): ReadConfig<T> {
  const root = parseConfig(source);
  const problems: Diagnostic[] = [];
  const places = new WeakMap<object, Span>();
  const value = shape.read(root, {
    tell(message, span, hints) {
      problems.push({ code: "SCRY1602", severity: "error", message, span, ...(hints?.length ? { hints } : {}) });
      return undefined;
    },
    placed: (made, node) => void places.set(made, node.span),
  });
  if (problems.length > 0 || value === undefined) throw new DiagnosticError(problems, source);
  const place = (...path: Path): Span => {
    let node = root;
    for (const step of path) {
      const next = stepInto(node, step);
      if (next === undefined) break;
      node = next;
    }
    return node.span;
  };
  return { value, source, place, placeOf: (made) => places.get(made) ?? root.span };
}

function stepInto(node: ConfigNode, step: string | number): ConfigNode | undefined {
  if (node.kind === "map") return node.entries.find(({ key }) => key === String(step))?.value;
  if (node.kind === "list") return node.items[Number(step)];
  // One thing that stands for a list of one.
  return step === 0 ? node : undefined;
}

// --- the kinds of shapes ---------------------------------------------------------------------------------------------

/** What a reader of a scalar says where it is none: the message behind "…: ", and what to do. */
export interface Wrong {
  readonly wrong: string;
  readonly hints?: readonly string[];
}
export const wrong = (message: string, ...hints: string[]): Wrong => ({
  wrong: message,
  ...(hints.length ? { hints } : {}),
});
const isWrong = (value: unknown): value is Wrong => typeof value === "object" && value !== null && "wrong" in value;

/** One word or number, read by a function. `schema`: what JSON Schema says of it beyond `doc`. */
export function scalar<T>(doc: string, schema: JsonSchema, read: (text: string) => T | Wrong): Shape<T> {
  return {
    doc,
    schema: () => ({ description: doc, ...schema }),
    read: (node, { tell }) => {
      if (node.kind !== "scalar" || node.value === null)
        return tell(`Expected ${doc}, found ${found(node)}`, node.span);
      const value = read(typeof node.value === "string" ? node.value : node.text);
      return isWrong(value) ? tell(value.wrong, node.span, value.hints) : value;
    },
  };
}

export const text = (doc: string): Shape<string> => scalar(doc, { type: "string" }, (value) => value);

export function choice<const C extends string>(doc: string, choices: readonly C[]): Shape<C> {
  return scalar(doc, { enum: choices }, (value) => {
    const known = choices.find((one) => one === value);
    return known ?? wrong(`'${value}' is none of ${choices.join(", ")}`, ...nearest(value, choices));
  });
}

export function number(
  doc: string,
  { least, most, whole = true }: { least: number; most: number; whole?: boolean },
): Shape<number> {
  return scalar(doc, { type: whole ? "integer" : "number", minimum: least, maximum: most }, (value) => {
    const n = /^0x[\da-f]+$/i.test(value) || /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(n) || (whole && !Number.isInteger(n)))
      return wrong(`'${value}' is no ${whole ? "whole " : ""}number`);
    return n < least || n > most ? wrong(`${value} is not from ${least} to ${most}`) : n;
  });
}

export const boolean = (doc: string): Shape<boolean> =>
  scalar(doc, { type: "boolean" }, (value) =>
    value === "true" ? true : value === "false" ? false : wrong(`'${value}' is neither true nor false`),
  );

/** Seconds of each unit of time. */
const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
/** A time such as `500ms`, `30s`, `10m`, in seconds. */
export function duration(
  doc: string,
  { least = 0, most = 366 * 86_400 }: { least?: number; most?: number } = {},
): Shape<number> {
  return scalar(doc, { type: "string", pattern: "^\\d+(\\.\\d+)?(ms|s|m|h|d)$" }, (value) => {
    const [, n, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? [];
    if (n === undefined)
      return wrong(`'${value}' is no time`, "A time is a number with ms, s, m, h or d: 500ms, 30s, 10m");
    const seconds = Number(n) * (UNITS[unit as string] as number);
    return seconds < least || seconds > most ? wrong(`${value} is not from ${least} to ${most} seconds`) : seconds;
  });
}

/** Things of one kind; where there is only one, its dash may be left out. */
export function list<T>(of: Shape<T>, { least = 0 }: { least?: number } = {}): Shape<readonly T[]> {
  return {
    doc: of.doc,
    schema: () => ({ anyOf: [{ type: "array", items: of.schema(), minItems: least }, of.schema()] }),
    read: (node, reading) => {
      if (node.kind === "list" && node.items.length < least)
        return reading.tell(`Expected ${least} or more`, node.span);
      const items = node.kind === "list" ? node.items : [node];
      const values = items.map((item) => of.read(item, reading));
      if (values.some((value) => value === undefined)) return undefined;
      const made = values as T[];
      reading.placed(made, node);
      return made;
    },
  };
}

/** Any names, each with a thing of one kind. */
export function named<T>(doc: string, of: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return {
    doc,
    schema: () => ({ description: doc, type: "object", additionalProperties: of.schema() }),
    read: (node, reading) => {
      if (node.kind !== "map")
        return reading.tell(`Expected names with ${of.doc} each, found ${found(node)}`, node.span);
      const made = new Map<string, T>();
      for (const { key, value } of node.entries) {
        const read = of.read(value, reading);
        if (read !== undefined) made.set(key, read);
      }
      reading.placed(made, node);
      return made;
    },
  };
}

interface Field<T, Required extends boolean> {
  readonly shape: Shape<T>;
  readonly required: Required;
}
export const required = <T>(shape: Shape<T>): Field<T, true> => ({ shape, required: true });
export const optional = <T>(shape: Shape<T>): Field<T, false> => ({ shape, required: false });

type Fields = Readonly<Record<string, Field<unknown, boolean>>>;
type RecordOf<F extends Fields> = {
  readonly [K in keyof F as F[K]["required"] extends true ? K : never]: F[K] extends Field<infer T, boolean>
    ? T
    : never;
} & {
  readonly [K in keyof F as F[K]["required"] extends true ? never : K]?: F[K] extends Field<infer T, boolean>
    ? T
    : never;
};

/** Things of given names. `check`: what the fields together must be; undefined where they are right. */
export function record<F extends Fields>(
  doc: string,
  fields: F,
  check?: (value: RecordOf<F>) => Wrong | undefined,
): Shape<RecordOf<F>> {
  const names = Object.keys(fields);
  return {
    doc,
    schema: () => ({
      description: doc,
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.shape.schema()])),
      required: names.filter((name) => fields[name]?.required),
      additionalProperties: false,
    }),
    read: (node, reading) => {
      if (node.kind !== "map") return reading.tell(`Expected ${doc}, found ${found(node)}`, node.span);
      const made: Record<string, unknown> = {};
      let failed = false;
      for (const { key, keySpan, value } of node.entries) {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
        if (field === undefined) {
          const near = nearest(key, names);
          reading.tell(
            `'${key}' is nothing that ${doc} has`,
            keySpan,
            near.length > 0 ? near : [`It has ${names.join(", ")}`],
          );
          failed = true;
          continue;
        }
        const read = field.shape.read(value, reading);
        if (read === undefined) failed = true;
        else made[key] = read;
      }
      for (const name of names)
        if (fields[name]?.required && !node.entries.some(({ key }) => key === name)) {
          reading.tell(`'${name}' is missing: ${fields[name]?.shape.doc}`, {
            start: node.span.start,
            end: node.span.start + 1,
          });
          failed = true;
        }
      if (failed) return undefined;
      const value = made as RecordOf<F>;
      const complaint = check?.(value);
      if (complaint !== undefined) return reading.tell(complaint.wrong, node.span, complaint.hints);
      reading.placed(value as object, node);
      return value;
    },
  };
}

/** A scalar of one shape, or a record or list of another: told apart by what kind of value stands there. */
export function either<A, B>(plain: Shape<A>, structured: Shape<B>): Shape<A | B> {
  return {
    doc: `${plain.doc}, or ${structured.doc}`,
    schema: () => ({ anyOf: [plain.schema(), structured.schema()] }),
    read: (node, reading) => (node.kind === "scalar" ? plain.read(node, reading) : structured.read(node, reading)),
  };
}

/** The JSON Schema of a shape, as editors take it (draft 2020-12). */
export const jsonSchema = (title: string, shape: Shape<unknown>): JsonSchema => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title,
  ...shape.schema(),
});

function found(node: ConfigNode): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "map") return "names with values";
  return node.value === null ? "nothing" : `'${node.text}'`;
}
