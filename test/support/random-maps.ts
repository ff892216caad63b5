// The maps of a random script: what their keys and values are, declared by a first use.

import type { Offer, Random } from "./random-words.ts";

export type ValueKind =
  | "int"
  | "string"
  | "bool"
  | "tuple"
  | "count"
  | "sum"
  | "min"
  | "max"
  | "avg"
  | "stats"
  | "hist"
  | "lhist"
  | "tseries"
  | "record"
  | "bytes";
export type KeyPart =
  | "int"
  | "string"
  | "comm"
  | "pair"
  | "bool"
  | "stack"
  | "ksym"
  | "usym"
  | "buf"
  | "probe"
  | "inet"
  | "record"
  | "bytes";

export interface MapShape {
  readonly name: string;
  readonly key: readonly KeyPart[];
  readonly value: ValueKind;
  readonly declared?: string;
}

export function randomMaps(r: Random): MapShape[] {
  const keys: readonly (readonly KeyPart[])[] = [
    [],
    [],
    ["int"],
    ["int"],
    ["string"],
    ["comm"],
    ["int", "string"],
    ["string", "int", "int"],
    ["int", "pair"],
    ["comm", "int"],
    ["bool"],
    ["stack"],
    ["stack", "comm"],
    ["ksym"],
    ["usym"],
    ["buf"],
    ["probe", "int"],
    ["inet"],
    ["record"],
    ["bytes", "int"],
    ["int", "int", "int", "int"],
  ];
  const values: readonly ValueKind[] = [
    "int",
    "int",
    "int",
    "string",
    "bool",
    "tuple",
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "stats",
    "hist",
    "lhist",
    "tseries",
    "record",
    "bytes",
  ];
  return Array.from({ length: 1 + r.below(4) }, (_, i) => {
    const value = r.pick(values);
    const key = r.pick(keys);
    const aggregate = !["int", "string", "bool", "tuple", "record", "bytes"].includes(value);
    const declared =
      key.length > 0 && r.chance(10)
        ? aggregate
          ? `${r.pick(["percpuhash", "percpulruhash"])}(${1 + r.below(500)})`
          : `${r.pick(["hash", "lruhash"])}(${1 + r.below(500)})`
        : undefined;
    return { name: `@m${i}`, key, value, ...(declared === undefined ? {} : { declared }) };
  });
}

/** Can this probe make the map's keys? */
export const canKey = (o: Offer, m: MapShape): boolean =>
  (o.stacks || !m.key.includes("stack")) &&
  (o.usym || !m.key.includes("usym")) &&
  (o.addresses.length > 0 || !m.key.includes("buf"));
