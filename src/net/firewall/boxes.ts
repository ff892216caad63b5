// Rules as boxes: for each world of packets, what a rule asks of each field. What a world settles by itself (its protocol, its
// EtherType) is no question any more; a rule that asks for what a world does not have has no box there.

import { formatPrefix, type Prefix } from "../../source/index.ts";
import { range4, wordAt } from "./addresses.ts";
import type { Box } from "./decision.ts";
import { FIELDS, type Field, hasField, ICMP, ICMP6, PORT_PROTOCOLS, TCP, type World } from "./fields.ts";
import { complement, covers, type Intervals, intersection, normalised, point } from "./intervals.ts";
import { FRAGMENTS, RANGE_FIELDS } from "./rule-fields.ts";
import { isFinal, type Range, type Rule } from "./rules.ts";
import type { FirewallSet } from "./sets.ts";

/** What fields must have; rules that have more than one way to match have several. */
type Asked = ReadonlyMap<Field, Intervals>;

/** Boxes of one rule in one world, at most. */
export const MOST_BOXES = 4096;
/** Thrown for a rule with more. */
export class TooManyBoxes extends Error {
  readonly rule: number;
  constructor(rule: number) {
    super("too many combinations");
    this.rule = rule;
  }
}

/** Does a rule that matches decide, or is there more to ask or to do (a rate, a state, a mark)? */
export const decidesAtOnce = (rule: Rule): boolean =>
  isFinal(rule.action) &&
  rule.state === undefined &&
  rule.within === undefined &&
  rule.over === undefined &&
  rule.filter === undefined &&
  rule.bytes === undefined &&
  rule.content === undefined &&
  rule.sample === undefined;

/** Throws TooManyBoxes. */
export function boxesOf(rules: readonly Rule[], world: World, sets: ReadonlyMap<string, FirewallSet>): readonly Box[] {
  return rules.flatMap((rule, i) => {
    const simple = simpleFields(rule, world);
    if (simple === undefined) return [];
    let ways: Asked[] = [simple];
    const also = (more: readonly Asked[] | undefined): void => {
      if (more === undefined) return;
      if (ways.length * more.length > MOST_BOXES) throw new TooManyBoxes(i);
      ways = ways.flatMap((way) => more.flatMap((one) => joined(way, one)));
    };
    also(sideOf(rule, "source", world, sets, i));
    also(sideOf(rule, "destination", world, sets, i));
    also(macsOf(rule, "source"));
    also(macsOf(rule, "destination"));
    if (rule.flags !== undefined)
      also(
        world.endsWith("tcp")
          ? rule.flags.map(({ set, clear }) => {
              const bits: (readonly [Field, Intervals])[] = [];
              for (let bit = 0; bit < 8; bit++) {
                if ((set >> bit) & 1) bits.push([`flag ${bit}`, point(1)]);
                if ((clear >> bit) & 1) bits.push([`flag ${bit}`, point(0)]);
              }
              return new Map(bits);
            })
          : [],
      );
    return ways.map((fields) => ({ rule: i, fields }));
  });
}

/** Both; none where they exclude each other. */
function joined(a: Asked, b: Asked): Asked[] {
  const made = new Map(a);
  for (const [field, set] of b) {
    const before = made.get(field);
    const both = before === undefined ? set : intersection(before, set);
    if (both.length === 0) return [];
    made.set(field, both);
  }
  return [made];
}

/** Values that a field has in a world, where those are few: undefined, any. */
function valuesIn(world: World, field: Field): Intervals | undefined {
  const [family, kind] = world.split(" ");
  if (field === "etherType") return family === "ipv4" ? point(0x0800) : family === "ipv6" ? point(0x86dd) : undefined;
  if (field === "protocol") {
    if (kind === "tcp") return point(TCP);
    if (kind === "icmp") return point(family === "ipv4" ? ICMP : ICMP6);
    if (kind === "ports") return normalised(PORT_PROTOCOLS.map((one) => [one, one]));
  }
  if (field === "fragment" && kind !== undefined) return [0, 1];
  return undefined;
}

/** The same for all worlds. */
const intervals = new WeakMap<readonly Range[], Intervals>();
function intervalsOf(ranges: readonly Range[]): Intervals {
  let set = intervals.get(ranges);
  if (set === undefined) intervals.set(ranges, (set = normalised(ranges)));
  return set;
}

function simpleFields(rule: Rule, world: World): Asked | undefined {
  const made = new Map<Field, Intervals>();
  const ask = (field: Field, set: Intervals): boolean => {
    if (!hasField(world, field)) return false;
    const values = valuesIn(world, field);
    if (values !== undefined) {
      if (covers(set, values)) return true;
      const left = intersection(set, values);
      if (left.length === 0) return false;
      made.set(field, left);
      return true;
    }
    const { most } = FIELDS[field as keyof typeof FIELDS];
    if (!(set.length === 2 && set[0] === 0 && set[1] === most)) made.set(field, set);
    return set.length > 0;
  };
  for (const [key, field] of RANGE_FIELDS) {
    const ranges = rule[key] as readonly Range[] | undefined;
    if (ranges !== undefined && !ask(field, intervalsOf(ranges))) return undefined;
  }
  if (rule.fragment !== undefined) {
    const kinds = normalised(rule.fragment.map((kind) => [FRAGMENTS.indexOf(kind), FRAGMENTS.indexOf(kind)]));
    if (!ask("fragment", kinds)) return undefined;
  }
  return made;
}

function macsOf(rule: Rule, side: "source" | "destination"): readonly Asked[] | undefined {
  return rule[`${side}-mac`]?.map(
    (mac) =>
      new Map<Field, Intervals>([
        [`${side}MacHigh`, point(((mac[0] as number) << 8) | (mac[1] as number))],
        [`${side}MacLow`, point(wordAt(mac, 2))],
      ]),
  );
}

/** The ways in which an address may match; undefined: the rule asks nothing of it. */
function sideOf(
  rule: Rule,
  side: "source" | "destination",
  world: World,
  sets: ReadonlyMap<string, FirewallSet>,
  index: number,
): readonly Asked[] | undefined {
  const items = rule[side];
  if (items === undefined) return undefined;
  if (world === "other") return [];
  const bytes = world.startsWith("ipv4") ? 4 : 16;
  const prefixes: Prefix[] = [];
  const bits: number[] = [];
  for (const item of items) {
    if ("prefix" in item) prefixes.push(item.prefix);
    else {
      const set = sets.get(item.set);
      if (set?.bit !== undefined) bits.push(set.bit);
      else if (set !== undefined) prefixes.push(...set.prefixes);
    }
  }
  const own = prefixes.filter((prefix) => prefix.bytes.length === bytes);
  const inSet = (bit: number, value: 0 | 1): Asked => new Map<Field, Intervals>([[`${side} in ${bit}`, point(value)]]);
  if (items[0]?.not !== true)
    return [...(bytes === 4 ? inside4(own, side) : inside6(own, side)), ...bits.map((bit) => inSet(bit, 1))];
  let ways: Asked[] = [new Map(bits.flatMap((bit) => [...inSet(bit, 0)]))];
  if (bytes === 4) {
    if (own.length > 0) ways = ways.flatMap((way) => joined(way, outside4(own, side)));
  } else
    for (const prefix of own) {
      ways = ways.flatMap((way) => outside6(prefix, side).flatMap((one) => joined(way, one)));
      if (ways.length > MOST_BOXES) throw new TooManyBoxes(index);
    }
  return ways;
}

const union4 = (prefixes: readonly Prefix[]): Intervals => normalised(prefixes.map(range4));

function inside4(prefixes: readonly Prefix[], side: "source" | "destination"): Asked[] {
  if (prefixes.length === 0) return [];
  const set = union4(prefixes);
  return [set.length === 2 && set[0] === 0 && set[1] === 0xffff_ffff ? new Map() : new Map([[side, set]])];
}

function outside4(prefixes: readonly Prefix[], side: "source" | "destination"): Asked {
  const rest = complement(union4(prefixes), 0xffff_ffff);
  // An empty set has no number: nothing matches.
  return new Map([[side, rest]]);
}

/** What a prefix asks of each word of an address; words that it says nothing of are left out. */
function words6({ bytes, bits }: Prefix, side: "source" | "destination"): (readonly [Field, Intervals])[] {
  const asked: (readonly [Field, Intervals])[] = [];
  for (let word = 0; word * 32 < bits; word++) {
    const low = wordAt(bytes, word * 4);
    const own = Math.min(32, bits - word * 32);
    asked.push([`${side}${word as 0 | 1 | 2 | 3}`, [low, low + 2 ** (32 - own) - 1]]);
  }
  return asked;
}

function inside6(prefixes: readonly Prefix[], side: "source" | "destination"): Asked[] {
  // Those that part only the first word are one question.
  const short = prefixes.filter(({ bits }) => bits <= 32);
  const made: Asked[] = [];
  if (short.some(({ bits }) => bits === 0)) return [new Map()];
  if (short.length > 0)
    made.push(
      new Map<Field, Intervals>([
        [`${side}0`, normalised(short.map((one) => (words6(one, side)[0] as readonly [Field, Intervals])[1] as Range))],
      ]),
    );
  const seen = new Set<string>();
  for (const prefix of prefixes) {
    const name = formatPrefix(prefix);
    if (prefix.bits <= 32 || seen.has(name)) continue;
    seen.add(name);
    made.push(new Map(words6(prefix, side)));
  }
  return made;
}

/** All but a prefix: another first word, or the same and another second one, and so on. */
function outside6(prefix: Prefix, side: "source" | "destination"): Asked[] {
  const words = words6(prefix, side);
  return words.flatMap(([field, set], i) => {
    const other = complement(set, 0xffff_ffff);
    return other.length === 0 ? [] : [new Map<Field, Intervals>([...words.slice(0, i), [field, other]])];
  });
}
