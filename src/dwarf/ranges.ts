// Where code lies: ranges of addresses of units, functions, blocks (DWARF 5, 2.17; .debug_rnglists, .debug_ranges).

import { Attribute } from "./constants.ts";
import { sectionOffset } from "./unit-length.ts";
import type { Entry, Unit } from "./units.ts";

/** Addresses from `low` up to, not with, `high`. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export const covers = (ranges: readonly Range[], address: number): boolean =>
  ranges.some((r) => r.low <= address && address < r.high);

/** The addresses of an entry; none where it has no code. */
export function rangesOf(entry: Entry): Range[] {
  const low = entry.attributes.get(Attribute.lowPc);
  const high = entry.attributes.get(Attribute.highPc);
  if (low?.kind === "address" && high !== undefined) {
    // A number is a length, an address an end.
    if (high.kind === "number") return high.value === 0 ? [] : [{ low: low.value, high: low.value + high.value }];
    if (high.kind === "address") return [{ low: low.value, high: high.value }];
  }
  const ranges = entry.attributes.get(Attribute.ranges);
  if (ranges === undefined) return [];
  if (ranges.kind !== "offset" && ranges.kind !== "number") return [];
  const { unit } = entry;
  const { units } = unit;
  if (unit.version < 5) return oldRanges(unit, ranges.value);
  let at = ranges.value;
  if (ranges.kind === "offset" && ranges.indexed) {
    const base = units.bases(unit).rnglists;
    at = base + sectionOffset(units.sections.reader("rnglists", base + at * (unit.wide ? 8 : 4)), unit.wide);
  }
  return rangeList(unit, at);
}

function oldRanges(unit: Unit, at: number): Range[] {
  const bases = unit.units.bases(unit);
  // A split unit's count from where its skeleton says.
  const cursor = unit.units.sections.reader("ranges", unit.units.split ? bases.ranges + at : at);
  const found: Range[] = [];
  let base = bases.low;
  const most = 2 ** (8 * unit.addressSize) - 1;
  for (;;) {
    const low = cursor.word(unit.addressSize);
    const high = cursor.word(unit.addressSize);
    if (low === 0 && high === 0) return found;
    if (low >= most) base = high;
    else if (low !== high) found.push({ low: low + base, high: high + base });
  }
}

function rangeList(unit: Unit, at: number): Range[] {
  const { units } = unit;
  const cursor = units.sections.reader("rnglists", at);
  const found: Range[] = [];
  let base = units.bases(unit).low;
  const address = (): number => cursor.word(unit.addressSize);
  const indexed = (): number => units.indexedAddress(unit, cursor.uleb());
  for (;;) {
    const kind = cursor.u8();
    let range: Range;
    switch (kind) {
      case 0:
        return found;
      case 1:
        base = indexed();
        continue;
      case 2:
        range = { low: indexed(), high: indexed() };
        break;
      case 3: {
        const low = indexed();
        range = { low, high: low + cursor.uleb() };
        break;
      }
      case 4:
        range = { low: base + cursor.uleb(), high: base + cursor.uleb() };
        break;
      case 5:
        base = address();
        continue;
      case 6:
        range = { low: address(), high: address() };
        break;
      case 7: {
        const low = address();
        range = { low, high: low + cursor.uleb() };
        break;
      }
      default:
        throw cursor.damage(`a range of kind ${kind}`);
    }
    if (range.low < range.high) found.push(range);
  }
}
