// What services may do: the section `services` of a rule file, as a shape and as data.
//
//     services:
//       web:
//         unit: nginx.service                # or cgroup: /system.slice/x, container: ID, user: www-data
//         connect:                           # the first rule that matches decides; where none does: `default`
//           - allow: { to: [10.0.0.0/8, db.example.com, "*.internal.example"], port: [5432, 8000-8100], protocol: tcp }
//         bind: { allow: { port: 8080 } }
//         default: deny

import {
  boolean,
  type ConfigNode,
  choice,
  list,
  named,
  optional,
  type Reading,
  record,
  type Shape,
  scalar,
  text,
  type Wrong,
  wrong,
} from "../../config/index.ts";
import { type Prefix, parsePrefix } from "../../source/index.ts";
import { LOCALHOST } from "./addresses.ts";
import { parseNamePattern } from "./name-patterns.ts";

export type Verdict = "allow" | "deny";
export type Protocol = "tcp" | "udp";
/** What a service does that it is asked about. */
export const OPERATIONS = ["connect", "send", "bind", "receive"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Addresses, or names: `db.example.com`, or all below one, `*.internal.example`. */
export type Destination =
  | { readonly kind: "prefixes"; readonly prefixes: readonly Prefix[] }
  | { readonly kind: "name"; readonly pattern: string };

/** Both ends are meant too. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** One of each list must hold; an absent one always does. */
export interface Match {
  /** The other side; of `bind` the own address. */
  readonly addresses?: readonly Destination[];
  /** The other side's port; of `bind` and `receive` the own one. */
  readonly ports?: readonly PortRange[];
  readonly protocol?: Protocol;
}

export interface ServiceRule {
  readonly verdict: Verdict;
  readonly match: Match;
}

/** Which processes are meant. */
export type Who =
  | { readonly kind: "unit" | "cgroup" | "container"; readonly name: string }
  /** A name of the user database, or a number. */
  | { readonly kind: "user"; readonly name: string };

export interface Service {
  readonly name: string;
  readonly who: Who;
  /** Operations that are not here are not restricted; but `send` is as `connect` where only that is here. */
  readonly rules: Readonly<Partial<Record<Operation, readonly ServiceRule[]>>>;
  /** Where no rule matches. */
  readonly default: Verdict;
  /** What would be refused passes, and is told. */
  readonly dryRun: boolean;
  /** Sockets of other protocols than TCP and UDP (raw, ICMP, SCTP, MPTCP) may be made. */
  readonly otherSockets: boolean;
}

// --- the shape -------------------------------------------------------------------------------------------------------

function destination(word: string): Destination | Wrong {
  if (word === "localhost") return { kind: "prefixes", prefixes: LOCALHOST };
  const prefix = parsePrefix(word);
  if (prefix !== undefined) return { kind: "prefixes", prefixes: [prefix] };
  if (/^[\d./]+$/.test(word) || word.includes(":") || word.includes("/"))
    return wrong(
      `'${word}' is neither an address nor a prefix`,
      "A prefix is an address and its bits: 10.0.0.0/8, 2001:db8::/32",
    );
  const name = parseNamePattern(word);
  return typeof name === "string" ? { kind: "name", pattern: name } : name;
}

const DESTINATION: Shape<Destination> = scalar(
  "an address, a prefix, a name, or '*.' and the name that others end in",
  { type: "string" },
  destination,
);
const ADDRESS: Shape<Destination> = scalar("an address or a prefix", { type: "string" }, (word) => {
  const found = destination(word);
  return "kind" in found && found.kind === "name" ? wrong(`'${word}' is neither an address nor a prefix`) : found;
});

const PORT: Shape<PortRange> = scalar(
  "a port, or a range of them: 8000-8100",
  { type: ["integer", "string"], pattern: "^\\d+(-\\d+)?$", minimum: 0, maximum: 65_535 },
  (word) => {
    const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? [];
    if (first === undefined) return wrong(`'${word}' is no port`, "A port is a number, or two with '-' between them");
    const range = { from: Number(first), to: Number(last ?? first) };
    if (range.from > 65_535 || range.to > 65_535) return wrong(`${word} is not from 0 to 65535`);
    return range.from > range.to ? wrong(`The range ${word} ends before it begins`) : range;
  },
);
const PROTOCOL = choice("tcp or udp", ["tcp", "udp"]);

/** A shape whose values are made into others, which stand at the same place. */
const mapped = <A, B>(of: Shape<A>, read: (value: A, node: ConfigNode, reading: Reading) => B): Shape<B> => ({
  doc: of.doc,
  schema: of.schema,
  read: (node, reading) => {
    const value = of.read(node, reading);
    if (value === undefined) return undefined;
    const made = read(value, node, reading);
    if (typeof made === "object" && made !== null) reading.placed(made, node);
    return made;
  },
});

interface ReadMatch {
  readonly to?: readonly Destination[];
  readonly port?: readonly PortRange[];
  readonly protocol?: Protocol;
}

/** `address`: what this operation calls the addresses that it is about. */
function rules(address: "to" | "address" | "from"): Shape<readonly ServiceRule[]> {
  const fields = { port: optional(list(PORT)), protocol: optional(PROTOCOL) };
  const match: Shape<Match> =
    address === "to"
      ? mapped(record("what it is about", { to: optional(list(DESTINATION)), ...fields }), matchOf)
      : address === "from"
        ? mapped(record("what it is about", { from: optional(list(ADDRESS)), ...fields }), ({ from, ...rest }) =>
            matchOf({ ...rest, ...(from === undefined ? {} : { to: from }) }),
          )
        : mapped(record("what it is about", { address: optional(list(ADDRESS)), ...fields }), ({ address, ...rest }) =>
            matchOf({ ...rest, ...(address === undefined ? {} : { to: address }) }),
          );
  const rule = record("a rule", { allow: optional(match), deny: optional(match) }, ({ allow, deny }) =>
    (allow === undefined) === (deny === undefined) ? wrong("A rule has one of 'allow' and 'deny'") : undefined,
  );
  return list(
    mapped(
      rule,
      ({ allow, deny }): ServiceRule =>
        allow === undefined ? { verdict: "deny", match: deny ?? {} } : { verdict: "allow", match: allow },
    ),
  );
}

const matchOf = ({ to, port, protocol }: ReadMatch): Match => ({
  ...(to === undefined ? {} : { addresses: to }),
  ...(port === undefined ? {} : { ports: port }),
  ...(protocol === undefined ? {} : { protocol }),
});

const WHO = ["unit", "cgroup", "container", "user"] as const;
const SERVICE = record(
  "a service",
  {
    unit: optional(text("a unit of systemd")),
    cgroup: optional(text("a control group: its path from the root of cgroup2, or a folder")),
    container: optional(text("a container: its id or its name")),
    user: optional(text("a user: its name or its number")),
    connect: optional(rules("to")),
    send: optional(rules("to")),
    bind: optional(rules("address")),
    receive: optional(rules("from")),
    default: optional(choice("what is done where no rule matches", ["deny", "allow"])),
    "dry-run": optional(boolean("what would be refused passes, and is told")),
    "other-sockets": optional(boolean("whether sockets other than of TCP and UDP may be made")),
  },
  (value) => {
    const given = WHO.filter((key) => value[key] !== undefined);
    if (given.length !== 1)
      return wrong(
        given.length === 0 ? "It is not said which processes are meant" : `${given.join(" and ")} are both said`,
        `A service has one of ${WHO.join(", ")}`,
      );
    return undefined;
  },
);

/** The section `services` of a rule file. */
export const SERVICES: Shape<readonly Service[]> = mapped(named("services by name", SERVICE), (byName, node, reading) =>
  [...byName].map(([name, value]): Service => {
    const kind = WHO.find((key) => value[key] !== undefined) ?? "cgroup";
    const service: Service = {
      name,
      who: { kind, name: value[kind] ?? "" },
      rules: Object.fromEntries(
        OPERATIONS.flatMap((operation) => {
          const own = value[operation] ?? (operation === "send" ? value.connect : undefined);
          return own === undefined ? [] : [[operation, own]];
        }),
      ),
      default: value.default ?? "deny",
      dryRun: value["dry-run"] ?? false,
      otherSockets: value["other-sockets"] ?? false,
    };
    const place = node.kind === "map" ? node.entries.find(({ key }) => key === name)?.value : undefined;
    if (place !== undefined) reading.placed(service, place);
    return service;
  }),
);
