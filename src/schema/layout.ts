// How values lie in memory: in map keys and values, in records of the ring buffer, in variables.

import type { Type } from "./types.ts";

/** Strings that may be longer are kept in this many bytes first; longer ones take a slower way of their own. */
export const SHORT_STRING = 64;

const up = (n: number, to: number): number => Math.ceil(n / to) * to;

/** The type with every string cut down to the short form. */
export function shortType(type: Type): Type {
  if (type.kind === "string") return type.size > SHORT_STRING ? { kind: "string", size: SHORT_STRING } : type;
  if (type.kind === "tuple" || type.kind === "record") return { ...type, elements: type.elements.map(shortType) };
  return type;
}

/** Does the type have a string that may not fit the short form? */
export function hasLongString(type: Type): boolean {
  if (type.kind === "string") return type.size > SHORT_STRING;
  if (type.kind === "tuple" || type.kind === "record") return type.elements.some(hasLongString);
  return false;
}

/** Bytes of a value, without padding at the end. */
export function sizeOf(type: Type): number {
  switch (type.kind) {
    case "int":
    case "float":
      return type.bits / 8;
    case "bool":
      return 1;
    case "string":
      return type.size;
    case "buffer":
      return 4 + type.size;
    case "array":
      return sizeOf(type.of) * type.count;
    case "tuple":
    case "record": {
      const offsets = elementOffsets(type.elements);
      const last = type.elements.length - 1;
      return last < 0 ? 0 : up((offsets[last] as number) + sizeOf(type.elements[last] as Type), alignOf(type));
    }
    case "inet":
      return 20; // family, then 4 or 16 bytes of address
    case "mac":
      return 6;
    case "usym":
    case "ustack":
      return 16; // address or stack id, process id
    case "username":
      return 4;
    case "none":
    case "args":
    case "ctx":
      return 0;
    case "struct":
      return type.layout?.size ?? 0;
    default:
      return 8;
  }
}

export function alignOf(type: Type): number {
  switch (type.kind) {
    case "int":
    case "float":
      return type.bits / 8;
    case "bool":
    case "string":
    case "mac":
      return 1;
    case "struct":
      return sizeOf(type) % 8 === 0 ? 8 : 1;
    case "buffer":
    case "inet":
    case "username":
      return 4;
    case "array":
      return alignOf(type.of);
    case "tuple":
    case "record":
      return type.elements.reduce((most, e) => Math.max(most, alignInTuple(e)), 1);
    default:
      return 8;
  }
}

/** A string of words starts at a word, so that it can be written and compared by words. */
const alignInTuple = (type: Type): number => (type.kind === "string" && type.size >= 8 ? 8 : alignOf(type));

/** Where the elements of a tuple lie, as in a C struct. */
export function elementOffsets(elements: readonly Type[]): number[] {
  let at = 0;
  return elements.map((e) => {
    at = up(at, alignInTuple(e));
    const here = at;
    at += sizeOf(e);
    return here;
  });
}

type Elements = Type & { readonly kind: "tuple" | "record" };

/** Which element of one type each of another's is: fields are told apart by their names; -1 where there is none. */
export const elementPlaces = (from: Elements, goal: Elements): number[] =>
  goal.elements.map((_, i) =>
    goal.kind === "record" && from.kind === "record" ? from.names.indexOf(goal.names[i] as string) : i,
  );

/** Bytes of a key: whole words, so that the kernel hashes words and whole stores fill it. */
export function keySize(type: Type): number {
  const size = sizeOf(type);
  return size <= 4 ? 4 : up(size, 8);
}

/** Number of buckets of hist(n, bits): (..., 0), then 2^bits values one by one, then 2^bits for each power of two. */
export function histBuckets(bits: number): number {
  return 1 + ((64 - bits + 1) << bits);
}

export function lhistBuckets(min: number, max: number, step: number): number {
  return 2 + Math.ceil((max - min) / step);
}

/** Words of a bucket of tseries: the number of its interval and 1, its value, and how many it has seen, or when the last was. */
export const TIME_BUCKET_WORDS = 3;

/** Words (8 bytes) that an aggregate takes on each CPU. */
export function aggregateWords(type: Type): number {
  switch (type.kind) {
    case "count":
      return 1;
    case "sum": // total, seen
    case "min": // least, seen
    case "max":
    case "avg": // count, total
    case "stats":
      return 2;
    case "hist":
      return histBuckets(type.bits);
    case "tseries":
      return type.count * TIME_BUCKET_WORDS;
    case "lhist":
      return lhistBuckets(type.min, type.max, type.step);
    default:
      return 0;
  }
}
