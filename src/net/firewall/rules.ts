// Rules of a firewall: what a rule may ask of a packet, and what is done with those that match. The same text is a YAML file, and
// data in TypeScript.
//
//     default: deny
//     sets:
//       office: [192.0.2.0/24, "2001:db8:1::/48"]
//       blocked: { file: blocked.txt }
//     rules:
//       - { name: ssh, action: allow, protocol: tcp, destination-port: 22, source: $office }
//       - { action: deny, source: $blocked }

import type { Prefix } from "../../source/index.ts";
import type { Service } from "../services/index.ts";

import type { ContentPattern } from "./patterns/index.ts";

/**
 * What is done with a packet that matches. `guard`: sockets that listen answer by SYN cookies, in XDP, and what passes is allowed. After `count`
 * and `mark` the next rules are asked.
 */
export const ACTIONS = ["allow", "deny", "reject", "guard", "count", "mark"] as const;
export type Action = (typeof ACTIONS)[number];
/** An action after which nothing more is asked. */
export const isFinal = (action: Action): boolean => action !== "count" && action !== "mark";

/** Numbers from the first to the second, both included. */
export type Range = readonly [low: number, high: number];

/** `10.0.0.0/8`, the name of a set behind `$`; `!` before either means all others. */
export type AddressItem = ({ readonly set: string } | { readonly prefix: Prefix }) & { readonly not: boolean };

/** Flags that are set, and such that are not: `syn,!ack`. */
export interface FlagTest {
  readonly set: number;
  readonly clear: number;
}

/** Packets or bytes in a second. */
export interface Rate {
  readonly amount: number;
  readonly of: "packets" | "bytes";
}

/** Who shares one measure of a rate: prefixes of the source or destination, `source/24`; of IPv6 `source/24/56`. */
export interface Per {
  readonly side: "source" | "destination";
  readonly bits4: number;
  readonly bits6: number;
}

export interface Limit {
  readonly rate: Rate;
  /** Packets (or bytes) that may come at once beyond the rate; the rate of a second where nothing is said. */
  readonly burst?: number;
  /** Absent: all packets that the rule is about. */
  readonly per?: Per;
}

export interface BytesTest {
  /** From the frame's start. */
  readonly offset: number;
  readonly equal: { readonly bytes: number; readonly value: number };
}

/** What a packet's payload says. */
export interface ContentTest {
  readonly pattern: ContentPattern;
  /** Letters of ASCII in either case; names are always so. */
  readonly ignoreCase: boolean;
}

/** All that is said must hold; of a list one is enough. */
export interface Rule {
  readonly name?: string;
  readonly action: Action;
  readonly "set-mark"?: number;
  /** Whose sockets are guarded: a network namespace, by its name (ip-netns(8)) or file; absent: the interface's. */
  readonly namespace?: string;
  readonly source?: readonly AddressItem[];
  readonly destination?: readonly AddressItem[];
  readonly protocol?: readonly Range[];
  readonly "source-port"?: readonly Range[];
  readonly "destination-port"?: readonly Range[];
  readonly flags?: readonly FlagTest[];
  readonly "icmp-type"?: readonly Range[];
  readonly "icmp-code"?: readonly Range[];
  readonly "ether-type"?: readonly Range[];
  readonly vlan?: readonly Range[];
  /** Bytes of the frame. */
  readonly length?: readonly Range[];
  readonly ttl?: readonly Range[];
  readonly dscp?: readonly Range[];
  readonly fragment?: readonly ("none" | "first" | "later")[];
  readonly "source-mac"?: readonly Uint8Array[];
  readonly "destination-mac"?: readonly Uint8Array[];
  readonly state?: "new" | "established";
  /** The rule matches as long as the rate is kept. */
  readonly within?: Limit;
  /** The rule matches what is beyond the rate. */
  readonly over?: Limit;
  /** Seconds for which a source is refused that has gone over. */
  readonly block?: number;
  readonly bytes?: readonly BytesTest[];
  readonly filter?: string;
  readonly content?: readonly ContentTest[];
  readonly sample?: number;
}

/** A file of networks; of a table (comma-separated) those rows that have one of `is` in column `where`. */
export interface SetFile {
  readonly file: string;
  readonly column?: number;
  readonly where?: number;
  readonly is?: readonly string[];
}
export interface DynamicSet {
  readonly dynamic: boolean;
  readonly networks?: readonly Prefix[];
}
export type SetSource = readonly Prefix[] | SetFile | DynamicSet;

/** A packet, in words or bytes, and what must become of it. */
export interface RuleTest {
  readonly name?: string;
  readonly expect: "allow" | "deny" | "reject";
  readonly by?: string;
  readonly packet?: string;
  readonly hex?: string;
  readonly state?: "new" | "established";
}

export interface RuleSet {
  /** Absent: allow. */
  readonly default?: "allow" | "deny";
  readonly interface?: string;
  readonly sets?: ReadonlyMap<string, SetSource>;
  readonly rules: readonly Rule[];
  readonly tests?: readonly RuleTest[];
  /** What programs of control groups and users may do: it is asked where they do it, at no interface. */
  readonly services?: readonly Service[];
}

// --- rules as data in TypeScript: the names and words of YAML --------------------------------------------------------

type OneOrMore<T> = T | readonly T[];
type Word = string | number;
export interface LimitData {
  readonly rate: string;
  readonly burst?: number;
  readonly per?: string;
}
export interface RuleData {
  readonly name?: string;
  readonly action: Action;
  readonly "set-mark"?: number;
  readonly namespace?: string;
  readonly source?: OneOrMore<string>;
  readonly destination?: OneOrMore<string>;
  readonly protocol?: OneOrMore<Word>;
  readonly "source-port"?: OneOrMore<Word>;
  readonly "destination-port"?: OneOrMore<Word>;
  readonly flags?: OneOrMore<string>;
  readonly "icmp-type"?: OneOrMore<Word>;
  readonly "icmp-code"?: OneOrMore<Word>;
  readonly "ether-type"?: OneOrMore<Word>;
  readonly vlan?: OneOrMore<Word>;
  readonly length?: OneOrMore<Word>;
  readonly ttl?: OneOrMore<Word>;
  readonly dscp?: OneOrMore<Word>;
  readonly fragment?: OneOrMore<"none" | "first" | "later">;
  readonly "source-mac"?: OneOrMore<string>;
  readonly "destination-mac"?: OneOrMore<string>;
  readonly state?: "new" | "established";
  readonly within?: LimitData;
  readonly over?: LimitData;
  readonly block?: string;
  readonly bytes?: OneOrMore<{ readonly offset: number; readonly equal: string }>;
  readonly filter?: string;
  readonly content?: OneOrMore<ContentData>;
  readonly sample?: number;
}
/** One of the first five; `bytes` as text, or as hexadecimal digits behind 0x. */
export interface ContentData {
  readonly bytes?: string;
  readonly regex?: string;
  readonly dns?: string;
  readonly tls?: string;
  readonly http?: { readonly host?: string; readonly method?: string; readonly path?: string };
  readonly "ignore-case"?: boolean;
}
export interface RulesData {
  readonly default?: "allow" | "deny";
  readonly interface?: string;
  readonly sets?: Readonly<
    Record<
      string,
      | OneOrMore<string>
      | { readonly file: string; readonly column?: number; readonly where?: number; readonly is?: OneOrMore<string> }
      | { readonly dynamic: true; readonly networks?: OneOrMore<string> }
    >
  >;
  readonly rules: readonly RuleData[];
  readonly tests?: readonly {
    readonly name?: string;
    readonly expect: "allow" | "deny" | "reject";
    readonly by?: string;
    readonly packet?: string;
    readonly hex?: string;
    readonly state?: "new" | "established";
  }[];
}
