// Rules as boxes: for each world of packets, what a rule asks of each field. What a world settles by itself (its protocol, its
// EtherType) is no question any more; a rule that asks for what a world does not have has no box there.

import { formatPrefix, type Prefix } from "../../source/index.ts";
import { range4, wordAt } from "./addresses.ts";
import type { Box } from "./decision.ts";
import {
  FIELDS,
  type Field,
  type FieldName,
  hasField,
  ICMP,
  ICMP6,
  PORT_PROTOCOLS,
  TCP,
  WORLD_PARTS,
  WORLDS,
  type World,
} from "./fields.ts";
import { complement, covers, type Intervals, intersection, normalised, point } from "./intervals.ts";
import { FRAGMENTS, RANGE_FIELDS } from "./rule-fields.ts";
import { type AddressItem, type FlagTest, isFinal, type Range, type Rule } from "./rules.ts";
import type { FirewallSet } from "./sets.ts";

/** What fields must have, no set of them empty; rules that have more than one way to match have several. */
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

/** The boxes of all rules, by worlds, in the order of the rules. Throws TooManyBoxes. */
export function boxesOf(
  rules: readonly Rule[],
  sets: ReadonlyMap<string, FirewallSet>,
): ReadonlyMap<World, readonly Box[]> {
  const boxes = new Map(WORLDS.map((world) => [world, [] as Box[]]));
  for (const [i, rule] of rules.entries()) {
    const simple = simpleFields(rule);
    const others = otherFields(rule, i, sets);
    for (const [world, all] of boxes) {
      const asked = inWorld(simple, world);
      if (asked === undefined) continue;
      let ways: Asked[] = [asked];
      for (const of of others) {
        const more = of(world);
        if (more === undefined) continue;
        if (ways.length * more.length > MOST_BOXES) throw new TooManyBoxes(i);
        ways = ways.flatMap((way) => more.flatMap((one) => joined(way, one)));
        if (ways.length === 0) break;
      }
      for (const fields of ways) all.push({ rule: i, fields });
    }
  }
  return boxes;
}

/** What a rule asks besides ranges of numbers, by worlds: ways to match, of which one is enough; undefined: it asks nothing. */
function otherFields(
  rule: Rule,
  index: number,
  sets: ReadonlyMap<string, FirewallSet>,
): readonly ((world: World) => readonly Asked[] | undefined)[] {
  const asked: ((world: World) => readonly Asked[] | undefined)[] = [];
  for (const side of ["source", "destination"] as const) {
    if (rule[side] === undefined) continue;
    const known: { ipv4?: readonly Asked[]; ipv6?: readonly Asked[] } = {};
    asked.push((world) => {
      const { family } = WORLD_PARTS[world];
      return family === undefined ? [] : (known[family] ??= sideOf(rule[side] ?? [], side, family, sets, index));
    });
  }
  for (const side of ["source", "destination"] as const) {
    const macs = macsOf(rule, side);
    if (macs !== undefined) asked.push(() => macs);
  }
  if (rule.flags !== undefined) {
    const ways = rule.flags.map(flagsOf);
    asked.push((world) => (WORLD_PARTS[world].kind === "tcp" ? ways : []));
  }
  return asked;
}

function flagsOf({ set, clear }: FlagTest): Asked {
  const bits = new Map<Field, Intervals>();
  for (let bit = 0; bit < 8; bit++) {
    if ((set >> bit) & 1) bits.set(`flag ${bit}`, point(1));
    if ((clear >> bit) & 1) bits.set(`flag ${bit}`, point(0));
  }
  return bits;
}

/** Both; none where they exclude each other. */
function joined(a: Asked, b: Asked): Asked[] {
  if (a.size === 0) return [b];
  const made = new Map(a);
  for (const [field, set] of b) {
    const before = made.get(field);
    const both = before === undefined ? set : intersection(before, set);
    if (both.length === 0) return [];
    made.set(field, both);
  }
  return [made];
}

/** Fields that a world has few values of. */
const VALUES: ReadonlyMap<World, ReadonlyMap<Field, Intervals>> = new Map(
  WORLDS.map((world) => {
    const { family, kind } = WORLD_PARTS[world];
    const values = new Map<Field, Intervals>();
    if (family !== undefined) values.set("etherType", point(family === "ipv4" ? 0x0800 : 0x86dd));
    if (kind === "tcp") values.set("protocol", point(TCP));
    if (kind === "icmp") values.set("protocol", point(family === "ipv4" ? ICMP : ICMP6));
    if (kind === "ports") values.set("protocol", normalised(PORT_PROTOCOLS.map((one) => [one, one])));
    if (kind !== undefined) values.set("fragment", [0, 1]);
    return [world, values];
  }),
);

type Question = readonly [field: FieldName, set: Intervals];

/** What a rule asks as ranges of numbers. */
function simpleFields(rule: Rule): readonly Question[] {
  const asked: Question[] = [];
  for (const [key, field] of RANGE_FIELDS) {
    const ranges = rule[key] as readonly Range[] | undefined;
    if (ranges !== undefined) asked.push([field, normalised(ranges)]);
  }
  if (rule.fragment !== undefined) {
    const kinds = rule.fragment.map((kind) => FRAGMENTS.indexOf(kind));
    asked.push(["fragment", normalised(kinds.map((kind) => [kind, kind]))]);
  }
  return asked;
}

/** What is left to be asked in a world; undefined: no packet of it has what is asked for. */
function inWorld(asked: readonly Question[], world: World): Asked | undefined {
  const left = new Map<Field, Intervals>();
  const known = VALUES.get(world);
  for (const [field, set] of asked) {
    if (!hasField(world, field) || set.length === 0) return undefined;
    const values = known?.get(field);
    if (values === undefined) {
      if (!(set.length === 2 && set[0] === 0 && set[1] === FIELDS[field].most)) left.set(field, set);
    } else if (!covers(set, values)) {
      const some = intersection(set, values);
      if (some.length === 0) return undefined;
      left.set(field, some);
    }
  }
  return left;
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

/** The ways in which an address may match. */
function sideOf(
  items: readonly AddressItem[],
  side: "source" | "destination",
  family: "ipv4" | "ipv6",
  sets: ReadonlyMap<string, FirewallSet>,
  index: number,
): readonly Asked[] {
  const bytes = family === "ipv4" ? 4 : 16;
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
    if (own.length > 0) ways = ways.flatMap((way) => outside4(own, side).flatMap((one) => joined(way, one)));
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

function outside4(prefixes: readonly Prefix[], side: "source" | "destination"): Asked[] {
  const rest = complement(union4(prefixes), 0xffff_ffff);
  return rest.length === 0 ? [] : [new Map([[side, rest]])];
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
