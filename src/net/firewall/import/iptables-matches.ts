// Matches of iptables rules, one row for each option: what it asks, as far as rules here can.

import { parseMac, type Span } from "../../../source/index.ts";
import { complement, type Intervals } from "../intervals.ts";
import { FLAG_NAMES } from "../rules-text.ts";
import { type Draft, type NumberField, numbers } from "./draft.ts";
import { rateOf } from "./rates.ts";
import { addressesOf, ICMP_NAMES, ICMP6_NAMES, rangesOf } from "./words.ts";

export interface Word {
  readonly text: string;
  readonly span: Span;
}

export interface MatchContext {
  readonly family: 4 | 6;
  readonly interface: string | undefined;
  /** What has been told once. */
  readonly told: Set<string>;
}

export interface ReadMatch {
  /** Words that it took. */
  readonly used: number;
  /** One must hold; absent: nothing is asked. */
  readonly drafts?: readonly Draft[];
  /** No packet here is meant. */
  readonly never?: true;
  /** It means something else in part. */
  readonly note?: string;
}

interface Given {
  readonly value: string;
  readonly not: boolean;
  /** Values of other options of the rule. */
  readonly option: (name: string) => string | undefined;
  readonly context: MatchContext;
  /** The word behind the value. */
  readonly second: string | undefined;
}
/** A text: what cannot be carried over. */
type Reader = (given: Given) => Omit<ReadMatch, "used"> | string;
interface Row {
  /** Words behind the option. */
  readonly words: 0 | 1 | 2;
  readonly read: Reader;
}

/** Modules whose options are in the table, or say nothing. */
export const MATCHES: ReadonlySet<string> = new Set(
  "tcp udp udplite dccp sctp icmp icmp6 multiport conntrack state limit hashlimit mac iprange ttl hl length dscp comment addrtype".split(
    " ",
  ),
);

const one = (draft: Draft): { readonly drafts: readonly Draft[] } => ({ drafts: [draft] });

const ranged =
  (field: NumberField): Reader =>
  ({ value, not }) => {
    const set = rangesOf(field, value, not);
    return set === undefined ? `'${value}' is no ${field}` : one(numbers(field, set));
  };
const addressed =
  (side: "source" | "destination"): Reader =>
  ({ value, not, context }) => {
    const list = addressesOf(value, not);
    if (list === undefined || list.prefixes.some(({ bytes }) => (bytes.length === 4 ? 4 : 6) !== context.family))
      return `'${value}' is no address`;
    // All addresses: nothing is asked.
    if (list.prefixes.some(({ bits }) => bits === 0)) return not ? { never: true } : {};
    return one({ numbers: {}, [side]: list });
  };

/** `eth0`, or `eth+` for all that begin so. */
const fits = (pattern: string, name: string): boolean =>
  pattern.endsWith("+") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** Errors of ICMP, as which packets that are related to a connection mostly come. */
const errorsOf = (family: 4 | 6): Draft =>
  family === 4
    ? { numbers: { protocol: [1, 1], "icmp-type": [3, 3, 11, 12] } }
    : { numbers: { protocol: [58, 58], "icmp-type": [1, 4] } };

const states: Reader = ({ value, not, context }) => {
  if (not) return "A state that packets must not be in cannot be carried over";
  const drafts: Draft[] = [];
  let note: string | undefined;
  for (const state of value.split(",")) {
    if (state === "ESTABLISHED") drafts.push({ numbers: {}, state: "established" });
    else if (state === "NEW") drafts.push({ numbers: {}, state: "new" });
    else if (state === "RELATED") {
      drafts.push(errorsOf(context.family));
      note = "Of what is RELATED errors of ICMP are meant here, no other connections (FTP's and the like)";
    } else return `The state ${state} cannot be carried over: flows here are new or established`;
  }
  return { drafts, ...(note === undefined ? {} : { note }) };
};

const flags: Reader = ({ value, second, not }) => {
  const asked = flagNames(value);
  const set = second === undefined ? undefined : flagNames(second);
  if (asked === undefined || set === undefined) return `'${value} ${second ?? ""}' are no flags of TCP`;
  const words = asked.map((name) => (set.includes(name) ? name : `!${name}`));
  // Not all of them as said: one of them is otherwise.
  const all = not ? asked.map((name) => (set.includes(name) ? `!${name}` : name)) : [words.join(",")];
  if (words.length === 0) return not ? { never: true } : {};
  return one({ numbers: { protocol: [6, 6] }, flags: all });
};
function flagNames(text: string): readonly string[] | undefined {
  if (text === "NONE") return [];
  if (text === "ALL") return FLAG_NAMES.slice(0, 6);
  const names = text.toLowerCase().split(",");
  return names.every((name) => (FLAG_NAMES as readonly string[]).includes(name)) ? names : undefined;
}

const icmp =
  (family: 4 | 6): Reader =>
  ({ value, not }) => {
    if (value === "any" || value === "255") return not ? { never: true } : {};
    const [type = "", code] = value.split("/");
    const types = rangesOf("icmp-type", type, false, family === 4 ? ICMP_NAMES : ICMP6_NAMES);
    const codes = code === undefined ? undefined : rangesOf("icmp-code", code);
    if (types === undefined || (code !== undefined && codes === undefined)) return `'${value}' is no type of ICMP`;
    const protocol: Intervals = family === 4 ? [1, 1] : [58, 58];
    if (not && codes !== undefined) return "A type with a code that packets must not have cannot be carried over";
    return one({
      numbers: {
        protocol,
        "icmp-type": not ? complement(types, 255) : types,
        ...(codes === undefined ? {} : { "icmp-code": codes }),
      },
    });
  };

const limited: Reader = ({ value, not, option }) => {
  const rate = rateOf(value, Number(option("--limit-burst") ?? 5));
  if (rate === undefined) return `'${value}' is no rate`;
  return one({ numbers: {}, ...(not ? { over: rate } : { within: rate }) });
};
const hashLimited =
  (kind: "within" | "over"): Reader =>
  ({ value, option, context }) => {
    const mode = option("--hashlimit-mode") ?? "";
    if (mode !== "" && mode !== "srcip" && mode !== "dstip")
      return `Rates for each ${mode} cannot be carried over: they are of sources or destinations`;
    const side = mode === "dstip" ? "destination" : "source";
    const bits = option(mode === "dstip" ? "--hashlimit-dstmask" : "--hashlimit-srcmask");
    const own = bits ?? (context.family === 4 ? "32" : "128");
    const per = mode === "" ? undefined : context.family === 4 ? `${side}/${own}` : `${side}/32/${own}`;
    const rate = rateOf(value, Number(option("--hashlimit-burst") ?? 5), per);
    return rate === undefined ? `'${value}' is no number of packets in a time` : one({ numbers: {}, [kind]: rate });
  };

/** Bytes of a frame before IP's header, which iptables does not count. */
const ETHERNET = 14;
const lengths: Reader = ({ value, not }) => {
  const set = rangesOf("length", value);
  if (set === undefined) return `'${value}' is no length`;
  const frames = set.map((bytes) => Math.min(65_535, bytes + ETHERNET));
  return {
    ...one(numbers("length", not ? complement(frames, 65_535) : frames)),
    note: "Lengths here are those of frames: 14 is added for Ethernet's header",
  };
};

const types =
  (side: "source" | "destination"): Reader =>
  ({ value, not, context }) => {
    const words: Readonly<Record<string, readonly [string | undefined, string | undefined]>> = {
      MULTICAST: ["224.0.0.0/4", "ff00::/8"],
      BROADCAST: ["255.255.255.255", undefined],
    };
    const pair = Object.hasOwn(words, value) ? words[value] : undefined;
    const text = pair?.[context.family === 4 ? 0 : 1];
    const list = text === undefined ? undefined : addressesOf(text, not);
    if (list === undefined) return `Addresses of the type ${value} cannot be carried over: which they are, routes say`;
    return {
      ...one({ numbers: {}, [side]: list }),
      ...(value === "BROADCAST"
        ? { note: "Of broadcasts 255.255.255.255 alone is meant here: those of networks, routes say" }
        : {}),
    };
  };

const row = (read: Reader, words: Row["words"] = 1): Row => ({ words, read });
const nothing: Reader = () => ({});
const OPTIONS: Readonly<Record<string, Row>> = {
  "-s": row(addressed("source")),
  "-d": row(addressed("destination")),
  "-p": row((given) => (given.value === "all" || given.value === "0" ? {} : ranged("protocol")(given))),
  "-i": row(({ value, not, context }) => {
    if (context.interface === undefined) {
      if (value === "lo") return not ? {} : { never: true };
      return "It is not said which interface the rules are to be for";
    }
    return fits(value, context.interface) === not ? { never: true } : {};
  }),
  "-f": row(({ not }) => one({ numbers: {}, fragment: not ? ["none", "first"] : ["later"] }), 0),
  "--sport": row(ranged("source-port")),
  "--dport": row(ranged("destination-port")),
  "--sports": row(ranged("source-port")),
  "--dports": row(ranged("destination-port")),
  "--ports": row((given) => {
    const [from, to] = [rangesOf("source-port", given.value), rangesOf("destination-port", given.value)];
    if (from === undefined || to === undefined || given.not)
      return `'${given.value}' are no ports that either side could have`;
    return { drafts: [numbers("source-port", from), numbers("destination-port", to)] };
  }),
  "--tcp-flags": row(flags, 2),
  "--syn": row((given) => flags({ ...given, value: "SYN,RST,ACK,FIN", second: "SYN" }), 0),
  "--icmp-type": row(icmp(4)),
  "--icmpv6-type": row(icmp(6)),
  "--ctstate": row(states),
  "--state": row(states),
  "--limit": row(limited),
  "--limit-burst": row(nothing),
  "--hashlimit-above": row(hashLimited("over")),
  "--hashlimit-upto": row(hashLimited("within")),
  "--hashlimit": row(hashLimited("within")),
  ...Object.fromEntries(
    "burst mode srcmask dstmask name htable-size htable-max htable-expire htable-gcinterval"
      .split(" ")
      .map((name) => [`--hashlimit-${name}`, row(nothing)]),
  ),
  "--mac-source": row(({ value, not }) => {
    const mac = parseMac(value);
    if (mac === undefined || not) return `'${value}': a MAC address that packets must not have cannot be carried over`;
    return one({ numbers: {}, sourceMacs: [mac] });
  }),
  "--src-range": row(addressed("source")),
  "--dst-range": row(addressed("destination")),
  "--src-type": row(types("source")),
  "--dst-type": row(types("destination")),
  ...Object.fromEntries(
    ["ttl", "hl"].flatMap((name) => [
      [`--${name}-eq`, row(ranged("ttl"))],
      [`--${name}-lt`, row((given) => ranged("ttl")({ ...given, value: `0:${Number(given.value) - 1}` }))],
      [`--${name}-gt`, row((given) => ranged("ttl")({ ...given, value: `${Number(given.value) + 1}:255` }))],
    ]),
  ),
  "--length": row(lengths),
  "--dscp": row(ranged("dscp")),
};
/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  "--source": "-s",
  "--src": "-s",
  "--destination": "-d",
  "--dst": "-d",
  "--protocol": "-p",
  "--in-interface": "-i",
  "--fragment": "-f",
  "--source-port": "--sport",
  "--destination-port": "--dport",
  "--source-ports": "--sports",
  "--destination-ports": "--dports",
};

/** Reads the option at `at` with its values; a text says what cannot be carried over. */
export function readMatch(words: readonly Word[], at: number, not: boolean, context: MatchContext): ReadMatch | string {
  const written = words[at]?.text ?? "";
  const name = Object.hasOwn(ALIASES, written) ? (ALIASES[written] as string) : written;
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (option === undefined) return `'${written}' cannot be carried over`;
  const value = words[at + 1]?.text;
  if (option.words > 0 && value === undefined) return `'${written}' has no value`;
  const given: Given = {
    value: value ?? "",
    second: words[at + 2]?.text,
    not,
    context,
    option: (wanted) => {
      const found = words.findIndex(({ text }) => text === wanted);
      return found < 0 ? undefined : words[found + 1]?.text;
    },
  };
  const read = option.read(given);
  return typeof read === "string" ? read : { ...read, used: 1 + option.words };
}
