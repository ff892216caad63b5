// Aggregates as structs of an object's types: maps of kernel modules have them as values, and whoever reads the object knows
// by the struct's name what its words are. `aggregate_lhist_0_100_m5`: minus is written as a letter.

import { aggregateWords } from "./layout.ts";
import type { SummedAggregate } from "./types.ts";

const PREFIX = "aggregate_";

const number = (n: number): string => (n < 0 ? `m${-n}` : String(n));
const numberOf = (text: string): number => (text.startsWith("m") ? -Number(text.slice(1)) : Number(text));

/** The name of the struct, which has one member: its words of 64 bits. Those of `tseries` have none. */
export function aggregateStructName(type: SummedAggregate): string {
  switch (type.kind) {
    case "count":
      return `${PREFIX}count`;
    case "hist":
      return `${PREFIX}hist_${type.bits}`;
    case "lhist":
      return `${PREFIX}lhist_${[type.min, type.max, type.step].map(number).join("_")}`;
    default:
      return `${PREFIX}${type.kind}_${type.signed ? "signed" : "unsigned"}`;
  }
}

/** The aggregate that a struct of this name and size (bytes) is; undefined: it is none. */
export function aggregateOfStruct(name: string, size: number): SummedAggregate | undefined {
  if (!name.startsWith(PREFIX)) return undefined;
  const [kind, ...words] = name.slice(PREFIX.length).split("_");
  const found = typeOf(kind ?? "", words);
  return found !== undefined && aggregateStructName(found) === name && aggregateWords(found) * 8 === size
    ? found
    : undefined;
}

function typeOf(kind: string, words: readonly string[]): SummedAggregate | undefined {
  const [a = 0, b = 0, c = 0] = words.map(numberOf);
  switch (kind) {
    case "count":
      return { kind };
    case "hist":
      return { kind, bits: a };
    case "lhist":
      return { kind, min: a, max: b, step: c };
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
      return { kind, signed: words[0] === "signed" };
    default:
      return undefined;
  }
}
