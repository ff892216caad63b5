// What nft's expressions ask for: one row for each pair of words.

import { parseMac } from "../../../source/index.ts";
import { complement, type Intervals, normalised } from "../intervals.ts";
import { FLAG_NAMES } from "../rules-text.ts";
import { type AddressList, type Draft, EVERYTHING, MOST, type NumberField, numbers } from "./draft.ts";
import { ICMP_NAMES, ICMP6_NAMES, prefixesIn, rangesOf } from "./words.ts";

export type Operator = "=" | "!=" | "<" | ">" | "<=" | ">=";
export interface Asked {
  readonly operator: Operator;
  /** Values, of which one is enough. */
  readonly values: readonly string[];
  /** The set of that name, where one is meant. */
  readonly set: string | undefined;
  readonly interface: string | undefined;
}
/** A text says why not; `never`: no packet here is meant. */
export type Meaning = { readonly drafts: readonly Draft[]; readonly note?: string } | "never" | string;

type Row = (asked: Asked) => Meaning;

const IPV4: Intervals = [0x0800, 0x0800];
const IPV6: Intervals = [0x86dd, 0x86dd];
const point = (value: number): Intervals => [value, value];

/** Numbers as an operator and values mean them. */
function setOf(
  field: NumberField,
  { operator, values }: Asked,
  names?: Readonly<Record<string, number>>,
  plus = 0,
): Intervals | undefined {
  const pairs: (readonly [number, number])[] = [];
  for (const value of values) {
    const own = rangesOf(field, value, false, names);
    if (own === undefined) return undefined;
    for (let i = 0; i < own.length; i += 2)
      pairs.push([(own[i] as number) + plus, Math.min(MOST[field], (own[i + 1] as number) + plus)]);
  }
  const set = normalised(pairs);
  const [low = 0, high = 0] = set;
  switch (operator) {
    case "=":
      return set;
    case "!=":
      return complement(set, MOST[field]);
    case "<":
      return low === 0 ? [] : [0, low - 1];
    case "<=":
      return [0, low];
    case ">":
      return high >= MOST[field] ? [] : [high + 1, MOST[field]];
    case ">=":
      return [high, MOST[field]];
  }
}

interface NumberRow {
  readonly field: NumberField;
  readonly protocol?: number;
  readonly family?: Intervals;
  readonly names?: Readonly<Record<string, number>>;
  /** Bytes of the frame before what is counted. */
  readonly plus?: number;
}
const number =
  ({ field, protocol, family, names, plus }: NumberRow): Row =>
  (asked) => {
    const set = setOf(field, asked, names, plus);
    if (set === undefined) return `'${asked.values.join(", ")}' is no ${field}`;
    if (set.length === 0) return "never";
    const draft = numbers(field, set).numbers;
    const made: Draft = {
      numbers: {
        ...(protocol === undefined ? {} : { protocol: point(protocol) }),
        ...(family === undefined ? {} : { "ether-type": family }),
        ...draft,
      },
    };
    return {
      drafts: [made],
      ...(plus === undefined ? {} : { note: `Lengths here are those of frames: ${plus} is added for headers` }),
    };
  };

const address =
  (side: "source" | "destination", bytes: 4 | 16): Row =>
  ({ operator, values, set }) => {
    if (operator !== "=" && operator !== "!=") return "Addresses that are compared by size cannot be carried over";
    const not = operator === "!=";
    const family: Draft = { numbers: { "ether-type": bytes === 4 ? IPV4 : IPV6 } };
    if (set !== undefined)
      return { drafts: [{ ...family, [side]: { not, prefixes: [], sets: [set] } satisfies AddressList }] };
    const prefixes = values.map(prefixesIn);
    if (prefixes.some((own) => own === undefined || own.some((one) => one.bytes.length !== bytes)))
      return `'${values.join(", ")}' is no address`;
    const all = prefixes.flatMap((own) => own ?? []);
    if (all.some(({ bits }) => bits === 0)) return not ? "never" : { drafts: [family] };
    return { drafts: [{ ...family, [side]: { not, prefixes: all, sets: [] } }] };
  };

const mac =
  (side: "sourceMacs" | "destinationMacs"): Row =>
  ({ operator, values }) => {
    const macs = values.map(parseMac);
    if (operator !== "=" || macs.some((one) => one === undefined))
      return "Such a question for a MAC address cannot be carried over";
    return { drafts: [{ numbers: {}, [side]: macs }] };
  };

const named = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
const incoming: Row = ({ operator, values, interface: own }) => {
  if (operator !== "=" && operator !== "!=") return "Such a question for an interface cannot be carried over";
  const not = operator === "!=";
  if (own === undefined)
    return values.every((one) => one === "lo")
      ? not
        ? { drafts: [EVERYTHING] }
        : "never"
      : "It is not said which interface the rules are to be for";
  return values.some((one) => named(one, own)) === not ? "never" : { drafts: [EVERYTHING] };
};

const ERRORS: readonly Draft[] = [
  { numbers: { protocol: [1, 1], "icmp-type": [3, 3, 11, 12] } },
  { numbers: { protocol: [58, 58], "icmp-type": [1, 4] } },
];
const connection: Row = ({ operator, values }) => {
  if (operator !== "=") return "A state that packets must not be in cannot be carried over";
  const drafts: Draft[] = [];
  let note: string | undefined;
  for (const state of values) {
    if (state === "established" || state === "new") drafts.push({ numbers: {}, state });
    else if (state === "related") {
      drafts.push(...ERRORS);
      note = "Of what is related errors of ICMP are meant here, no other connections (FTP's and the like)";
    } else return `The state ${state} cannot be carried over: flows here are new or established`;
  }
  return { drafts, ...(note === undefined ? {} : { note }) };
};

const ports = (protocol?: number): Readonly<Record<string, Row>> => ({
  sport: number({ field: "source-port", ...(protocol === undefined ? {} : { protocol }) }),
  dport: number({ field: "destination-port", ...(protocol === undefined ? {} : { protocol }) }),
});
const both = (word: string, rows: Readonly<Record<string, Row>>): Readonly<Record<string, Row>> =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [`${word} ${name}`, row]));

export const NFPROTO: Readonly<Record<string, number>> = { ipv4: 0x0800, ipv6: 0x86dd };
const ETHERNET = 14;

/** By their two words (`ip saddr`), or one. */
export const FIELD_ROWS: Readonly<Record<string, Row>> = {
  ...both("ip", {
    saddr: address("source", 4),
    daddr: address("destination", 4),
    protocol: number({ field: "protocol", family: IPV4 }),
    ttl: number({ field: "ttl", family: IPV4 }),
    dscp: number({ field: "dscp", family: IPV4 }),
    length: number({ field: "length", family: IPV4, plus: ETHERNET }),
  }),
  ...both("ip6", {
    saddr: address("source", 16),
    daddr: address("destination", 16),
    nexthdr: number({ field: "protocol", family: IPV6 }),
    hoplimit: number({ field: "ttl", family: IPV6 }),
    dscp: number({ field: "dscp", family: IPV6 }),
    length: number({ field: "length", family: IPV6, plus: ETHERNET + 40 }),
  }),
  ...both("tcp", ports(6)),
  ...both("udp", ports(17)),
  ...both("dccp", ports(33)),
  ...both("sctp", ports(132)),
  ...both("udplite", ports(136)),
  ...both("th", ports()),
  ...both("icmp", {
    type: number({ field: "icmp-type", protocol: 1, names: ICMP_NAMES }),
    code: number({ field: "icmp-code", protocol: 1 }),
  }),
  ...both("icmpv6", {
    type: number({ field: "icmp-type", protocol: 58, names: ICMP6_NAMES }),
    code: number({ field: "icmp-code", protocol: 58 }),
  }),
  ...both("ether", { saddr: mac("sourceMacs"), daddr: mac("destinationMacs"), type: number({ field: "ether-type" }) }),
  "vlan id": number({ field: "vlan" }),
  "ct state": connection,
  ...both("meta", {
    l4proto: number({ field: "protocol" }),
    nfproto: number({ field: "ether-type", names: NFPROTO }),
    protocol: number({ field: "ether-type" }),
    iifname: incoming,
    iif: incoming,
  }),
  iifname: incoming,
  iif: incoming,
};

/** `tcp flags`: those that must be set of those that are looked at. */
export function flagsOf(set: readonly string[], looked: readonly string[] | "any", not: boolean): Meaning {
  const known = (names: readonly string[]): boolean =>
    names.every((name) => (FLAG_NAMES as readonly string[]).includes(name));
  if (!known(set) || (looked !== "any" && !known(looked))) return `'${set.join(",")}' are no flags of TCP`;
  const draft = (flags: readonly string[]): Meaning => ({ drafts: [{ numbers: { protocol: [6, 6] }, flags }] });
  // One of them is enough; or, turned round, none of them may be set.
  if (looked === "any") return draft(not ? [set.map((name) => `!${name}`).join(",")] : set);
  if (looked.length === 0) return `Flags of none cannot be carried over`;
  if (!set.every((name) => looked.includes(name)))
    return not ? { drafts: [{ numbers: { protocol: [6, 6] } }] } : "never";
  return draft(
    not
      ? looked.map((name) => (set.includes(name) ? `!${name}` : name))
      : [looked.map((name) => (set.includes(name) ? name : `!${name}`)).join(",")],
  );
}
