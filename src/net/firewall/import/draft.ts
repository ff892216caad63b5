// What a rule of another firewall asks of a packet, as it is put together: each line adds to it, and a chain's rules take on what
// the jump to it asked.

import { containsPrefix, formatMac, formatPrefix, type Prefix } from "../../../source/index.ts";

import { has, type Intervals, intersection } from "../intervals.ts";
import type { Action, LimitData, RuleData } from "../rules.ts";
import { PROTOCOL_NUMBERS } from "../rules-text.ts";

/** Addresses or a set; all of them excluded, or none. */
export interface AddressList {
  readonly not: boolean;
  readonly prefixes: readonly Prefix[];
  readonly sets: readonly string[];
}

/** Fields that are numbers, by their names in rules. */
export const NUMBERS = [
  "protocol",
  "source-port",
  "destination-port",
  "icmp-type",
  "icmp-code",
  "ether-type",
  "vlan",
  "length",
  "ttl",
  "dscp",
] as const;
export type NumberField = (typeof NUMBERS)[number];
/** The most that a field holds. */
export const MOST: Readonly<Record<NumberField, number>> = {
  protocol: 255,
  "source-port": 65_535,
  "destination-port": 65_535,
  "icmp-type": 255,
  "icmp-code": 255,
  "ether-type": 65_535,
  vlan: 4096,
  length: 65_535,
  ttl: 255,
  dscp: 63,
};

export interface Draft {
  readonly numbers: Readonly<Partial<Record<NumberField, Intervals>>>;
  readonly source?: AddressList;
  readonly destination?: AddressList;
  /** `syn,!ack`: one is enough. */
  readonly flags?: readonly string[];
  readonly fragment?: readonly ("none" | "first" | "later")[];
  readonly sourceMacs?: readonly Uint8Array[];
  readonly destinationMacs?: readonly Uint8Array[];
  readonly state?: "new" | "established";
  readonly within?: LimitData;
  readonly over?: LimitData;
}

export const EVERYTHING: Draft = { numbers: {} };
export const numbers = (field: NumberField, ranges: Intervals): Draft => ({ numbers: { [field]: ranges } });

/** What both ask: "never" where no packet is of both, "unsaid" where one rule cannot say it. */
export function both(a: Draft, b: Draft): Draft | "never" | "unsaid" {
  const made: { -readonly [K in keyof Draft]: Draft[K] } = { ...a, ...b };
  const joined: Partial<Record<NumberField, Intervals>> = { ...a.numbers };
  for (const field of NUMBERS) {
    const [one, other] = [a.numbers[field], b.numbers[field]];
    if (other === undefined) continue;
    const common = one === undefined ? other : intersection(one, other);
    if (common.length === 0) return "never";
    joined[field] = common;
  }
  made.numbers = joined;
  for (const side of ["source", "destination"] as const) {
    const [one, other] = [a[side], b[side]];
    if (one === undefined || other === undefined) continue;
    const common = commonAddresses(one, other);
    if (typeof common === "string") return common;
    made[side] = common;
  }
  if (a.flags !== undefined && b.flags !== undefined) {
    const others = b.flags;
    const flags = a.flags.flatMap((one) => others.flatMap((other) => commonFlags(one, other)));
    if (flags.length === 0) return "never";
    made.flags = flags;
  }
  if (a.fragment !== undefined && b.fragment !== undefined) {
    const others = b.fragment;
    made.fragment = a.fragment.filter((one) => others.includes(one));
    if (made.fragment.length === 0) return "never";
  }
  for (const field of ["sourceMacs", "destinationMacs", "within", "over"] as const)
    if (a[field] !== undefined && b[field] !== undefined && JSON.stringify(a[field]) !== JSON.stringify(b[field]))
      return "unsaid";
  if (a.state !== undefined && b.state !== undefined && a.state !== b.state) return "never";
  return made.within !== undefined && made.over !== undefined ? "unsaid" : made;
}

/** `syn` and `!ack` are `syn,!ack`; none where a flag would have to be set and not. */
function commonFlags(a: string, b: string): readonly string[] {
  const words = [...new Set([...a.split(","), ...b.split(",")])];
  return words.some((word) => words.includes(`!${word}`)) ? [] : [words.join(",")];
}

const within = (inner: Prefix, outer: Prefix): boolean => containsPrefix(outer, inner);

function commonAddresses(a: AddressList, b: AddressList): AddressList | "never" | "unsaid" {
  if (JSON.stringify(a) === JSON.stringify(b)) return a;
  if (a.not && b.not) return { not: true, prefixes: [...a.prefixes, ...b.prefixes], sets: [...a.sets, ...b.sets] };
  if (a.sets.length > 0 || b.sets.length > 0) return "unsaid";
  if (!a.not && !b.not) {
    const prefixes = a.prefixes.flatMap((one) =>
      b.prefixes.flatMap((other) => (within(one, other) ? [one] : within(other, one) ? [other] : [])),
    );
    return prefixes.length === 0 ? "never" : { not: false, prefixes, sets: [] };
  }
  const [some, none] = a.not ? [b, a] : [a, b];
  const left = some.prefixes.filter((one) => !none.prefixes.some((other) => within(one, other)));
  if (left.length === 0) return "never";
  return left.some((one) => none.prefixes.some((other) => within(other, one)))
    ? "unsaid"
    : { not: false, prefixes: left, sets: [] };
}

// --- as rules -----------------------------------------------------------------------------------------------------------

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** Fields that packets of other protocols than IP have not. */
const OF_IP = ["protocol", "source-port", "destination-port", "icmp-type", "icmp-code", "ttl", "dscp"] as const;

/** Which packets a chain sees at all: those of these families of IP, or all frames. */
export type Families = readonly (4 | 6)[] | "all";

/** The rule; undefined: no packet that the chain sees is meant. */
export function ruleOf(
  draft: Draft,
  families: Families,
  action: Action,
  name: string | undefined,
  mark?: number,
): RuleData | undefined {
  const etherType = etherTypeOf(draft, families);
  if (etherType === "none") return undefined;
  const rule: { -readonly [K in keyof RuleData]: RuleData[K] } = { action };
  if (name !== undefined) rule.name = name;
  if (mark !== undefined) rule["set-mark"] = mark;
  if (etherType.length > 0) rule["ether-type"] = single(etherType);
  for (const field of NUMBERS) {
    const ranges = field === "ether-type" ? undefined : draft.numbers[field];
    if (ranges !== undefined) rule[field] = single(wordsOf(field, ranges));
  }
  if (draft.source !== undefined) rule.source = addressWords(draft.source);
  if (draft.destination !== undefined) rule.destination = addressWords(draft.destination);
  if (draft.flags !== undefined) rule.flags = single(draft.flags);
  if (draft.fragment !== undefined) rule.fragment = single(draft.fragment);
  if (draft.sourceMacs !== undefined) rule["source-mac"] = single(draft.sourceMacs.map(formatMac));
  if (draft.destinationMacs !== undefined) rule["destination-mac"] = single(draft.destinationMacs.map(formatMac));
  if (draft.state !== undefined) rule.state = draft.state;
  if (draft.within !== undefined) rule.within = draft.within;
  if (draft.over !== undefined) rule.over = draft.over;
  return rule;
}

/** What has to be said of the frame's type, where nothing else says it. */
function etherTypeOf(draft: Draft, families: Families): readonly (string | number)[] | "none" {
  const known = draft.numbers["ether-type"];
  if (families === "all") return known === undefined ? [] : wordsOf("ether-type", known);
  const types = families.map((family) => (family === 4 ? IPV4 : IPV6));
  const asked = known === undefined ? types : types.filter((type) => has(known, type));
  if (asked.length === 0) return "none";
  if (addressFamily(draft.source) !== undefined || addressFamily(draft.destination) !== undefined) return [];
  const ofIp =
    OF_IP.some((field) => draft.numbers[field] !== undefined) || draft.state !== undefined || draft.flags !== undefined;
  // Of either family, where no other kind of frame could match.
  return asked.length === 2 && ofIp ? [] : asked.map((type) => (type === IPV4 ? "ipv4" : "ipv6"));
}

const single = <T>(items: readonly T[]): T | readonly T[] => (items.length === 1 ? (items[0] as T) : items);

function addressFamily(list: AddressList | undefined): 4 | 6 | undefined {
  const [first] = list?.prefixes ?? [];
  // All but some addresses of IPv4 are not only of IPv4.
  return first === undefined || list?.not ? undefined : first.bytes.length === 4 ? 4 : 6;
}

const addressWords = ({ not, prefixes, sets }: AddressList): string | readonly string[] =>
  single([...prefixes.map(formatPrefix), ...sets.map((set) => `$${set}`)].map((word) => (not ? `!${word}` : word)));

const NAMES = new Map(Object.entries(PROTOCOL_NUMBERS).map(([name, number]) => [number, name]));
function wordsOf(field: NumberField, set: Intervals): readonly (string | number)[] {
  const words: (string | number)[] = [];
  for (let i = 0; i < set.length; i += 2) {
    const [low, high] = [set[i] as number, set[i + 1] as number];
    const name = field === "protocol" && low === high ? NAMES.get(low) : undefined;
    words.push(name ?? (low === high ? low : `${low}-${high}`));
  }
  return words;
}

// --- words that both kinds of texts have ----------------------------------------------------------------------------------

const number32 = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

/** The prefixes of which a range of addresses consists, both ends included. */
export function prefixesOf(from: Uint8Array, to: Uint8Array): readonly Prefix[] | undefined {
  const length = from.length;
  if (length !== to.length) return undefined;
  const value = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bytesOf = (sum: bigint): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => Number((sum >> BigInt(8 * (length - 1 - i))) & 255n));
  let [low, high] = [value(from), value(to)];
  if (low > high) return undefined;
  const found: Prefix[] = [];
  while (low <= high) {
    let size = 0n;
    while (size < BigInt(length * 8) && (low & (1n << size)) === 0n && low + (1n << (size + 1n)) - 1n <= high) size++;
    found.push({ bytes: bytesOf(low), bits: length * 8 - Number(size) });
    low += 1n << size;
    if (low === 0n) break;
  }
  return found;
}

/** Bits of a mask such as 255.255.0.0; undefined where ones stand behind a zero. */
export function maskBits(mask: Uint8Array): number | undefined {
  const value = number32(mask);
  const bits = value === 0 ? 0 : 32 - Math.log2((~value >>> 0) + 1);
  return Number.isInteger(bits) ? bits : undefined;
}
