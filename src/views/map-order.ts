// The order in which a map's entries are printed: counts and other numbers by value, averages by average, histograms
// by the number of what they counted, everything else and what is equal by key.
//
// Integers are sorted as pairs of 32-bit words by their bytes (a radix sort, least byte first), because a map may have
// 100,000 entries and a comparator would be called 1.7 million times.

import type { Integer, MapPrinting, StatsValue, TraceValue, Type } from "../schema/index.ts";
import { textOf } from "./format-value.ts";
import type { MapEntry, MapSnapshot } from "./view.ts";

/** So few are sorted by comparing. */
const FEW = 64;

/** Sorts `order` by the integers that `of` gives, compared as 64-bit numbers. */
function sortByInteger(order: Uint32Array, of: (index: number) => Integer, signed: boolean): Uint32Array {
  const n = order.length;
  if (n < 2) return order;
  // A few among many: their words would be a table of all.
  if (n < FEW) {
    const flipped = (i: number): bigint =>
      signed ? BigInt.asIntN(64, BigInt(of(i))) : BigInt.asUintN(64, BigInt(of(i)));
    return order.sort((a, b) => {
      const x = flipped(a);
      const y = flipped(b);
      return x < y ? -1 : x > y ? 1 : 0;
    });
  }
  const most = order.reduce((m, i) => Math.max(m, i), 0) + 1;
  const high = new Uint32Array(most);
  const low = new Uint32Array(most);
  const flip = signed ? 0x80000000 : 0;
  for (const i of order) {
    const value = of(i);
    if (typeof value === "number") {
      low[i] = value;
      high[i] = Math.floor(value / 0x1_0000_0000) ^ flip;
    } else {
      low[i] = Number(value & 0xffffffffn);
      high[i] = Number((value >> 32n) & 0xffffffffn) ^ flip;
    }
  }
  let from: Uint32Array = order;
  let to: Uint32Array = new Uint32Array(n);
  const starts = new Uint32Array(256);
  for (let byte = 0; byte < 8; byte++) {
    const words = byte < 4 ? low : high;
    const shift = (byte & 3) * 8;
    starts.fill(0);
    for (const i of order) {
      const digit = ((words[i] as number) >>> shift) & 255;
      starts[digit] = (starts[digit] as number) + 1;
    }
    if (starts[((words[order[0] as number] as number) >>> shift) & 255] === n) continue;
    for (let digit = 0, sum = 0; digit < 256; digit++) {
      const count = starts[digit] as number;
      starts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < n; i++) {
      const index = from[i] as number;
      const digit = ((words[index] as number) >>> shift) & 255;
      const place = starts[digit] as number;
      starts[digit] = place + 1;
      to[place] = index;
    }
    const used = from;
    from = to;
    to = used;
  }
  return from;
}

function sortByText(order: Uint32Array, of: (index: number) => string): Uint32Array {
  return order.sort((a, b) => {
    const x = of(a);
    const y = of(b);
    return x < y ? -1 : x > y ? 1 : 0;
  });
}

/** Enumerators and numbers as the number that counts. */
const plainInteger = (value: TraceValue): Integer =>
  typeof value === "object" ? (value as { readonly value: Integer }).value : (value as Integer);

const words = new DataView(new ArrayBuffer(8));

/** A whole number for each float, in the same order: -0 before 0, NaN last. */
function floatRank(n: number): Integer {
  words.setFloat64(0, n);
  const bits = words.getBigInt64(0);
  return bits < 0n ? -(bits & 0x7fff_ffff_ffff_ffffn) - 1n : bits;
}

/** By integers and strings, the first field of a tuple first; keys of other types keep their order. */
function sortByKey(order: Uint32Array, type: Type, of: (index: number) => TraceValue): Uint32Array {
  switch (type.kind) {
    case "int":
      // Keys are compared as signed numbers of their width, whatever their type says.
      if (type.signed) return sortByInteger(order, (i) => plainInteger(of(i)), true);
      return sortByInteger(order, (i) => BigInt.asIntN(type.bits, BigInt(plainInteger(of(i)))), true);
    case "float":
      return sortByInteger(order, (i) => floatRank(of(i) as number), true);
    case "string":
      return sortByText(order, (i) => textOf(of(i)));
    case "tuple": {
      let sorted = order;
      for (let field = type.elements.length - 1; field >= 0; field--) {
        const element = type.elements[field] as Type;
        if (element.kind === "int" || element.kind === "float" || element.kind === "string")
          sorted = sortByKey(sorted, element, (i) => (of(i) as readonly TraceValue[])[field] as TraceValue);
      }
      return sorted;
    }
    default:
      return order;
  }
}

/** What the entries are sorted by, and is it a signed number; undefined: their keys. */
function rank({ map, entries }: MapSnapshot): { of(i: number): Integer; readonly signed: boolean } | undefined {
  const value = (i: number): TraceValue => (entries[i] as MapEntry).value;
  const type = map.valueType;
  switch (type.kind) {
    case "int":
      return { of: (i) => plainInteger(value(i)), signed: type.signed };
    case "float":
      return { of: (i) => floatRank(value(i) as number), signed: true };
    case "count":
      return { of: (i) => value(i) as Integer, signed: false };
    case "sum":
      return { of: (i) => value(i) as Integer, signed: type.signed };
    case "min":
    case "max":
      // Always unsigned: negative numbers come last.
      return { of: (i) => value(i) as Integer, signed: false };
    case "avg":
    case "stats":
      return { of: (i) => (value(i) as StatsValue).average, signed: type.signed };
    case "hist":
    case "lhist":
      return { of: (i) => (value(i) as readonly number[]).reduce((sum, n) => sum + n, 0), signed: false };
    default:
      return undefined;
  }
}

/** The numbers of the entries in the order of printing. */
function order(snapshot: MapSnapshot, wanted: MapPrinting["order"]): Uint32Array {
  const { map, entries } = snapshot;
  const all = new Uint32Array(entries.length);
  for (let i = 0; i < all.length; i++) all[i] = i;
  const by = wanted === "key" ? undefined : rank(snapshot);
  const { keyType } = map;
  const key = (i: number): TraceValue => (entries[i] as MapEntry).key;
  if (by === undefined) return keyType === undefined ? all : sortByKey(all, keyType, key);
  const sorted = sortByInteger(all, by.of, by.signed);
  if (keyType === undefined) return sorted;
  // Equal ones stand in the order of their keys; they are seldom many.
  for (let from = 0; from < sorted.length; ) {
    const rankOfRun = by.of(sorted[from] as number);
    let to = from + 1;
    while (to < sorted.length && by.of(sorted[to] as number) === rankOfRun) to++;
    if (to - from > 1) sorted.set(sortByKey(sorted.slice(from, to), keyType, key), from);
    from = to;
  }
  return sorted;
}

/**
 * The entries in the order of printing; with `top`, only the last so many (of time series, whose order says nothing, all),
 * or the first so many where the order is a descending one.
 */
export function sortedEntries(snapshot: MapSnapshot, most = 0, how: MapPrinting = {}): MapEntry[] {
  const top = snapshot.map.valueType.kind === "tseries" ? 0 : most;
  const sorted = order(snapshot, how.order);
  const first = top > 0 && sorted.length > top ? sorted.length - top : 0;
  const entries: MapEntry[] = [];
  for (let i = first; i < sorted.length; i++) entries.push(snapshot.entries[sorted[i] as number] as MapEntry);
  return how.descending === true ? entries.reverse() : entries;
}
