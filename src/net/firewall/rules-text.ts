// The text of rules, read: which words there are, what they mean, and what does not go together.

import {
  boolean,
  choice,
  duration,
  list,
  named,
  number,
  optional,
  type ReadConfig,
  readConfig,
  record,
  required,
  type Shape,
  scalar,
  text,
  type Wrong,
  wrong,
} from "../../config/index.ts";
import { PROTOCOL_NUMBERS as IP_PROTOCOLS, SERVICE_PORTS } from "../../lang/filter/index.ts";
import { PROTOCOLS } from "../../packets/index.ts";
import { DiagnosticError, nearest, type Prefix, parseMac, type SourceText } from "../../source/index.ts";
import { SERVICES } from "../services/index.ts";
import { readPrefix } from "./addresses.ts";
import { normalised } from "./intervals.ts";

import { type ContentPattern, partsOf } from "./patterns/index.ts";
import {
  ACTIONS,
  type AddressItem,
  type BytesTest,
  type ContentTest,
  type DynamicSet,
  type FlagTest,
  type Limit,
  type Per,
  type Range,
  type Rate,
  type Rule,
  type RuleSet,
  type RulesData,
  type RuleTest,
  type SetFile,
  type SetSource,
} from "./rules.ts";

/** Names of protocols of IP, as rules have them: those of filters, but for `ip`, which is no protocol in IP. */
export const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = Object.fromEntries(
  [...IP_PROTOCOLS].filter(([name]) => name !== "ip"),
);
export const ETHER_TYPES: Readonly<Record<string, number>> = { ...PROTOCOLS.eth.carries, pppoe: 0x8864, lldp: 0x88cc };
const PORTS: Readonly<Record<string, number>> = Object.fromEntries(SERVICE_PORTS);
export const FLAG_NAMES = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"] as const;
const ICMP_TYPES: Readonly<Record<string, number>> = {
  "echo-reply": 0,
  unreachable: 3,
  redirect: 5,
  echo: 8,
  "time-exceeded": 11,
  "parameter-problem": 12,
  timestamp: 13,
  // Of ICMPv6 (RFC 4443, 4861).
  echo6: 128,
  "echo-reply6": 129,
  "router-solicitation": 133,
  "router-advertisement": 134,
  "neighbour-solicitation": 135,
  "neighbour-advertisement": 136,
};

// --- words -----------------------------------------------------------------------------------------------------------

/** A number, a range `80-90`, or one of these names. */
function range(doc: string, most: number, names: Readonly<Record<string, number>> = {}): Shape<Range> {
  return scalar(doc, { anyOf: [{ type: "integer", minimum: 0, maximum: most }, { type: "string" }] }, (word) => {
    const known = Object.hasOwn(names, word) ? names[word] : undefined;
    if (known !== undefined) return [known, known] as const;
    const [, low, high] = /^(0x[\da-f]+|\d+)(?:-(0x[\da-f]+|\d+))?$/i.exec(word) ?? [];
    if (low === undefined) return wrong(`'${word}' is no ${doc}`, ...nearest(word, Object.keys(names)));
    const pair = [Number(low), Number(high ?? low)] as const;
    if (pair[0] > pair[1]) return wrong(`${word}: the range ends before it begins`);
    return pair[1] > most ? wrong(`${word} is not from 0 to ${most}`) : pair;
  });
}

const address: Shape<AddressItem> = scalar(
  "an address, a network, or $NAME of a set; ! before it: all others",
  { type: "string" },
  (word): AddressItem | Wrong => {
    const not = word.startsWith("!");
    const rest = not ? word.slice(1).trim() : word;
    if (rest.startsWith("$")) return { set: rest.slice(1), not };
    const prefix = readPrefix(rest);
    return "wrong" in prefix ? prefix : { prefix, not };
  },
);

const mac: Shape<Uint8Array> = scalar(
  "a MAC address",
  { type: "string" },
  (word) => parseMac(word) ?? wrong(`'${word}' is no MAC address`),
);

const flags: Shape<FlagTest> = scalar("flags of TCP: syn,!ack", { type: "string" }, (word) => {
  let [set, clear] = [0, 0];
  for (const part of word.split(/[,\s]+/)) {
    const name = part.replace(/^!/, "");
    const at = (FLAG_NAMES as readonly string[]).indexOf(name);
    if (at < 0)
      return wrong(`'${name}' is no flag of TCP`, ...nearest(name, FLAG_NAMES), `They are ${FLAG_NAMES.join(", ")}`);
    if (part.startsWith("!")) clear |= 1 << at;
    else set |= 1 << at;
  }
  return (set & clear) !== 0 ? wrong(`'${word}' asks for a flag and for none`) : { set, clear };
});

const SCALES: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };
const PERIODS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const rate: Shape<Rate> = scalar(
  "packets in a time (1000/s, 5/m), or bytes (10MB/s)",
  { type: "string", pattern: "^\\d+(k|M|G)?B?/(s|m|h|d)$" },
  (word) => {
    const [, n, scale, bytes, period] = /^(\d+)(k|M|G)?(B)?\/(s|m|h|d)$/.exec(word) ?? [];
    if (n === undefined) return wrong(`'${word}' is no rate`, "A rate is a number in a time: 1000/s, 5/m, 10MB/s");
    const amount = (Number(n) * (SCALES[scale ?? ""] as number)) / (PERIODS[period as string] as number);
    if (!(amount > 0 && amount <= 1e12)) return wrong(`'${word}' is not from 1/d to 1T/s`);
    return { amount, of: bytes === undefined ? "packets" : "bytes" };
  },
);

const per: Shape<Per> = scalar(
  "who shares the rate: source, destination, source/24 or source/24/56 (bits of IPv4 and IPv6)",
  { type: "string", pattern: "^(source|destination)(/\\d+){0,2}$" },
  (word) => {
    const [, side, four, six] = /^(source|destination)(?:\/(\d+))?(?:\/(\d+))?$/.exec(word) ?? [];
    if (side === undefined)
      return wrong(
        `'${word}' is neither source nor destination`,
        "source/24 shares the rate among the addresses of each /24",
      );
    const [bits4, bits6] = [Number(four ?? 32), Number(six ?? 64)];
    if (bits4 > 32 || bits6 > 128) return wrong(`'${word}' has more bits than an address`);
    return { side: side as Per["side"], bits4, bits6 };
  },
);
const limit: Shape<Limit> = record("a rate", {
  rate: required(rate),
  burst: optional(number("packets (or bytes) that may come at once beyond the rate", { least: 1, most: 1e9 })),
  per: optional(per),
});

const bytesTest: Shape<BytesTest> = record("bytes at a place of the frame", {
  offset: required(number("bytes from the frame's start", { least: 0, most: 1500 })),
  equal: required(
    scalar("up to four bytes: 0x1234", { type: "string", pattern: "^0x([\\da-f]{2}){1,4}$" }, (word) => {
      const [, hex] = /^0x((?:[\da-f]{2}){1,4})$/i.exec(word) ?? [];
      if (hex === undefined || hex.length === 6)
        return wrong(`'${word}' is not one, two or four bytes`, "Bytes are written as 0x1234");
      return { bytes: hex.length / 2, value: Number.parseInt(hex, 16) };
    }),
  ),
});

const PATTERN_BYTES = scalar("bytes: text, or 0x and hexadecimal digits", { type: "string" }, (word) => {
  if (!word.startsWith("0x")) return word;
  if (!/^0x([\da-f]{2})+$/i.test(word))
    return wrong(`'${word}' is no bytes`, "Two hexadecimal digits stand for each byte");
  return Uint8Array.from(word.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
});
const HTTP = record("a request of HTTP/1", {
  host: optional(text("its host, or *. and a name")),
  method: optional(text("its method")),
  path: optional(text("how its path begins")),
});
const CONTENT_FIELDS = record("what a payload says", {
  bytes: optional(PATTERN_BYTES),
  regex: optional(text("an expression")),
  dns: optional(text("a name that DNS is asked for, or *. and a name")),
  tls: optional(text("a server's name in the greeting of TLS")),
  http: optional(HTTP),
  "ignore-case": optional(boolean("letters in either case")),
});
const CONTENT: Shape<ContentTest> = {
  doc: CONTENT_FIELDS.doc,
  schema: CONTENT_FIELDS.schema,
  read: (node, reading) => {
    const read = CONTENT_FIELDS.read(node, reading);
    if (read === undefined) return undefined;
    const { "ignore-case": ignoreCase = false, ...patterns } = read;
    const given = Object.entries(patterns);
    if (given.length !== 1) return reading.tell("One of bytes, regex, dns, tls and http is asked for", node.span);
    const pattern = partsOf(patterns as ContentPattern, ignoreCase);
    if ("wrong" in pattern) return reading.tell(pattern.wrong, node.span, pattern.hints);
    return { pattern: patterns as ContentPattern, ignoreCase };
  },
};

const NAME = scalar("a name", { type: "string", pattern: "^[^\\x00-\\x1f]{1,64}$" }, (word) =>
  /^[^\x00-\x1f\x7f]{1,64}$/.test(word)
    ? word
    : wrong("A name has 1 to 64 characters, none of them a control character"),
);

// --- rules -----------------------------------------------------------------------------------------------------------

const RULE: Shape<Rule> = record(
  "a rule",
  {
    name: optional(NAME),
    action: required(choice("what is done", ACTIONS)),
    "set-mark": optional(number("the mark that tc sets", { least: 0, most: 0xffff_ffff })),
    namespace: optional(text("the network namespace whose sockets are guarded: its name, or a file")),
    source: optional(list(address, { least: 1 })),
    destination: optional(list(address, { least: 1 })),
    protocol: optional(list(range("protocol of IP", 255, PROTOCOL_NUMBERS), { least: 1 })),
    "source-port": optional(list(range("port, range of ports or service", 65_535, PORTS), { least: 1 })),
    "destination-port": optional(list(range("port, range of ports or service", 65_535, PORTS), { least: 1 })),
    flags: optional(list(flags, { least: 1 })),
    "icmp-type": optional(list(range("type of ICMP", 255, ICMP_TYPES), { least: 1 })),
    "icmp-code": optional(list(range("code of ICMP", 255), { least: 1 })),
    "ether-type": optional(list(range("EtherType", 0xffff, ETHER_TYPES), { least: 1 })),
    vlan: optional(list(range("VLAN", 4096, { none: 4096 }), { least: 1 })),
    length: optional(list(range("length of a frame", 0xffff), { least: 1 })),
    ttl: optional(list(range("time to live", 255), { least: 1 })),
    dscp: optional(list(range("class of service", 63), { least: 1 })),
    fragment: optional(list(choice("what kind of fragment", ["none", "first", "later"]), { least: 1 })),
    "source-mac": optional(list(mac, { least: 1 })),
    "destination-mac": optional(list(mac, { least: 1 })),
    state: optional(choice("whether packets of the flow have been allowed before", ["new", "established"])),
    within: optional(limit),
    over: optional(limit),
    block: optional(duration("how long the source is blocked then", { least: 1 })),
    bytes: optional(list(bytesTest, { least: 1 })),
    filter: optional(text("an expression of pcap-filter(7)")),
    content: optional(list(CONTENT, { least: 1 })),
    sample: optional(number("one of so many packets is shown", { least: 1, most: 1e9 })),
  },
  (rule) => {
    if ((rule.action === "mark") !== (rule["set-mark"] !== undefined))
      return wrong("'action: mark' and 'set-mark' go together");
    if (rule.namespace !== undefined && rule.action !== "guard")
      return wrong("'namespace' belongs to a rule with 'action: guard'");
    if (rule.within !== undefined && rule.over !== undefined) return wrong("A rule has 'within' or 'over', not both");
    if (rule.block !== undefined && (rule.over === undefined || rule.action !== "deny"))
      return wrong("'block' belongs to a rule with 'action: deny' and 'over'");
    return undefined;
  },
);

const SET: Shape<SetFile> = record("a set from a file", {
  file: required(text("a file with a network on each line, or a table of comma-separated values")),
  column: optional(number("the column of a table that has the networks, from 1", { least: 1, most: 100 })),
  where: optional(number("the column that decides, from 1", { least: 1, most: 100 })),
  is: optional(list(text("what stands in that column"), { least: 1 })),
});

const DYNAMIC: Shape<DynamicSet> = record("a set that changes while it is in use", {
  dynamic: required(boolean("whether it may be changed while it is in use")),
  networks: optional(list(networkShape())),
});
function networkShape(): Shape<Prefix> {
  return scalar("a network", { type: "string" }, readPrefix);
}

const SET_SOURCE: Shape<SetSource> = {
  doc: "networks, or a file of them",
  schema: () => ({ anyOf: [list(networkShape()).schema(), SET.schema(), DYNAMIC.schema()] }),
  read: (node, reading) =>
    node.kind !== "map"
      ? list(networkShape()).read(node, reading)
      : node.entries.some(({ key }) => key === "dynamic")
        ? DYNAMIC.read(node, reading)
        : SET.read(node, reading),
};

const TEST: Shape<RuleTest> = record("a test", {
  name: optional(NAME),
  expect: required(choice("what becomes of the packet", ["allow", "deny", "reject"])),
  by: optional(text("the name or number of the rule that decides; 'default'")),
  packet: optional(
    text("the packet in words: tcp 192.0.2.1:5000 > 198.51.100.2:22 syn; behind others, with 'then' between them"),
  ),
  hex: optional(text("the frame's bytes")),
  state: optional(choice("whether its flow was allowed before", ["new", "established"])),
});

export const RULES: Shape<RuleSet> = record("a set of rules", {
  default: optional(choice("what becomes of packets that no rule decides about", ["allow", "deny"])),
  interface: optional(text("the interface, where the command does not say it")),
  sets: optional(named("networks by name", SET_SOURCE)),
  rules: required(list(RULE)),
  tests: optional(list(TEST)),
  services: optional(SERVICES),
});

/** Reads a text of rules. Throws a DiagnosticError: SCRY1601, SCRY1602; SCRY1603 for what does not go together. */
export function readRules(source: SourceText): ReadConfig<RuleSet> {
  const read = readConfig(source, RULES);
  const problems = read.value.rules.flatMap((rule, i) =>
    problemsOf(rule, read.value).map(({ field, message, hints }) => ({
      code: "SCRY1603" as const,
      severity: "error" as const,
      message,
      span: read.place("rules", i, field),
      ...(hints === undefined ? {} : { hints }),
    })),
  );
  if (problems.length > 0) throw new DiagnosticError(problems, source);
  return read;
}

/** What a rule says that it cannot mean. */
function problemsOf(rule: Rule, { sets }: RuleSet): { field: string; message: string; hints?: readonly string[] }[] {
  const problems: { field: string; message: string; hints?: readonly string[] }[] = [];
  for (const side of ["source", "destination"] as const) {
    const items = rule[side] ?? [];
    for (const item of items)
      if ("set" in item && sets?.has(item.set) !== true) {
        const hints = nearest(item.set, [...(sets?.keys() ?? [])]);
        problems.push({
          field: side,
          message: `There is no set '${item.set}'`,
          ...(hints.length > 0 ? { hints } : {}),
        });
      }
    if (items.some(({ not }) => not) && items.some(({ not }) => !not))
      problems.push({ field: side, message: "Either all of these are excluded (!) or none" });
  }
  const protocols = rule.protocol === undefined ? undefined : normalised(rule.protocol);
  const only = (field: keyof Rule, wanted: readonly number[], what: string): void => {
    if (rule[field] === undefined || protocols === undefined) return;
    if (!wanted.some((one) => rule.protocol?.some(([low, high]) => low <= one && one <= high)))
      problems.push({ field, message: `Only ${what} has this, and the rule asks for another protocol` });
  };
  only("source-port", [6, 17, 33, 132, 136], "TCP, UDP or SCTP");
  only("destination-port", [6, 17, 33, 132, 136], "TCP, UDP or SCTP");
  only("flags", [6], "TCP");
  only("icmp-type", [1, 58], "ICMP");
  only("icmp-code", [1, 58], "ICMP");
  if (rule.content !== undefined) only("content", [6, 17, 33, 132, 136], "TCP or UDP");
  if (rule.state !== undefined && rule.protocol?.some(([low, high]) => low <= 1 && high >= 1 && low === high))
    problems.push({ field: "state", message: "ICMP has no flows that are followed" });
  if (rule.action === "guard" && !(protocols?.length === 2 && protocols[0] === 6 && protocols[1] === 6))
    problems.push({
      field: "action",
      message: "Only connections of TCP are guarded, and the rule may match other packets",
      hints: ["Add 'protocol: tcp'"],
    });
  return problems;
}

/** Rules as data in TypeScript: the same names and words as in YAML. Throws a DiagnosticError, with places in the data as JSON. */
export const rulesOf = (data: RulesData): ReadConfig<RuleSet> =>
  readRules({ name: "rules", text: JSON.stringify(data, undefined, 2) });
