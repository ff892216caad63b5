// What a module declares: types, maps and rings. One row each.

import type { CVariable } from "../../c/index.ts";
import { type CallExpression, type Expression, refuse, spanOf } from "./ast.ts";
import type { Types } from "./types.ts";
import type { MapValue, Static, Value } from "./values.ts";

/** What declarations use of the module that they are in. */
export interface DeclarationScope {
  readonly types: Types;
  /** A type that is given as a value. */
  typeArgument(node: Expression): number;
  /** A value that is known when the module is compiled. */
  evaluate(node: Expression): Value;
}

type TypeRow = (m: DeclarationScope, name: string, args: readonly Expression[], at: CallExpression) => number;

/** A number that is known when the module is compiled. */
function known(
  m: DeclarationScope,
  node: Expression | undefined,
  at: CallExpression,
  what: string,
  most: bigint,
): number {
  const value = node === undefined ? undefined : m.evaluate(node);
  if (value?.kind !== "static" || value.what.kind !== "number" || value.what.value < 1n || value.what.value > most)
    return refuse(
      "SCRY1405",
      `${what} is a number from 1 to ${most} that is known when the module is compiled`,
      node ?? at,
    );
  return Number(value.what.value);
}

export const TYPES: Readonly<Record<string, TypeRow>> = {
  struct: (m, name, args, at) => {
    const [node] = args;
    if (node?.type !== "ObjectExpression" || args.length > 1)
      return refuse("SCRY1405", "struct({ name: type, … })", at);
    const members = node.properties.map((property): readonly [string, number] => {
      if (property.type !== "Property" || property.computed || property.key.type !== "Identifier")
        return refuse("SCRY1402", "members are named one by one here", property);
      return [property.key.name, m.typeArgument(property.value as Expression)];
    });
    return m.types.struct(name, members, at);
  },
  text: (m, _name, args, at) => m.types.text(known(m, args[0], at, "the size of a text", 4096n)),
  bytes: (m, _name, args, at) => m.types.bytes(known(m, args[0], at, "a number of bytes", 1_048_576n)),
  list: (m, _name, args, at) => {
    const [element] = args;
    if (element === undefined) return refuse("SCRY1405", "list(type, length)", at);
    return m.types.c.array(m.typeArgument(element), known(m, args[1], at, "the length of a list", 1_048_576n));
  },
};

interface MapRow {
  /** `BPF_MAP_TYPE_*` by its number. */
  readonly type: number;
  readonly form: "hash" | "array" | "ring";
  readonly entries: number;
}

export const MAPS: Readonly<Record<string, MapRow>> = {
  hash: { type: 1, form: "hash", entries: 10_240 },
  lruHash: { type: 9, form: "hash", entries: 10_240 },
  perCpuHash: { type: 5, form: "hash", entries: 10_240 },
  lruPerCpuHash: { type: 10, form: "hash", entries: 10_240 },
  array: { type: 2, form: "array", entries: 1 },
  perCpuArray: { type: 6, form: "array", entries: 1 },
  ring: { type: 27, form: "ring", entries: 262_144 },
};

/** `hash(key, value, { maxEntries })`, `arrayMap(value, entries)`, `ring(record, { bytes })` */
export function mapVariable(
  m: DeclarationScope,
  name: string,
  what: string,
  row: MapRow,
  args: readonly Expression[],
  at: CallExpression,
): MapValue & { readonly variable: CVariable } {
  const { types } = m;
  const { c } = types;
  const count = row.form === "hash" ? 2 : 1;
  if (args.length < count || args.length > count + 1)
    return refuse(
      "SCRY1405",
      `${what}(${row.form === "hash" ? "key, value" : row.form === "ring" ? "record" : "value"}, { … })`,
      at,
    );
  const options = args[count] === undefined ? new Map<string, Static>() : optionsOf(m, args[count], row.form);
  const [first, second] = args.slice(0, count).map((arg) => m.typeArgument(arg));
  const value = (row.form === "hash" ? second : first) as number;
  const key = row.form === "hash" ? (first as number) : types.u32;
  const number = (option: string): number | undefined => {
    const found = options.get(option);
    if (found === undefined) return undefined;
    if (found.kind !== "number" || found.value < 1n || found.value > 0xffff_ffffn)
      return refuse("SCRY1405", `${option} is a number`, at);
    return Number(found.value);
  };
  const entries = number(row.form === "ring" ? "bytes" : "maxEntries") ?? row.entries;
  const said = (n: number): number => c.pointer(c.array(types.i32, n));
  const members: [string, number][] = [
    ["type", said(row.type)],
    ["max_entries", said(entries)],
  ];
  if (row.form !== "ring") members.push(["key", c.pointer(key)]);
  members.push(["value", c.pointer(value)]);
  const type = types.struct("", members, at);
  const variable: CVariable = {
    name,
    type,
    span: spanOf(at),
    storage: "global",
    section: ".maps",
    attributes: new Set(),
    constant: false,
    align: 0,
    addressed: true,
  };
  return { variable, key, value, ring: row.form === "ring" };
}

function optionsOf(m: DeclarationScope, node: Expression, form: MapRow["form"]): ReadonlyMap<string, Static> {
  const wanted = form === "ring" ? "bytes" : "maxEntries";
  if (node.type !== "ObjectExpression") return refuse("SCRY1405", `{ ${wanted} }`, node);
  const found = new Map<string, Static>();
  for (const property of node.properties) {
    if (property.type !== "Property" || property.key.type !== "Identifier" || property.key.name !== wanted)
      return refuse("SCRY1405", `only ${wanted} can be said of it`, property);
    const value = m.evaluate(property.value as Expression);
    if (value.kind === "static") found.set(property.key.name, value.what);
  }
  return found;
}

/** Constants by name, of the kernel's interface. */
export const RECORDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  XDP: { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 },
  TC: { OK: 0, SHOT: 2, STOLEN: 4, REDIRECT: 7, NEXT: -1 },
};
