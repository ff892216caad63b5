// What a configuration of the balancer may hold.

import {
  boolean,
  choice,
  duration,
  either,
  type JsonSchema,
  jsonSchema,
  named,
  number,
  optional,
  readConfig,
  record,
  required,
  type Shape,
  scalar,
  text,
  type ValueOf,
  wrong,
} from "../../config/index.ts";
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  parseIpv4,
  parseIpv6,
  parseMac,
  type SourceText,
} from "../../source/index.ts";
import { RING_SIZES } from "./maglev.ts";
import type { Balancer, Health, PortRange, Server, Service } from "./types.ts";

/** An address as RFC 5952 and dots write it, so that equal ones are equal texts. */
function canonical(given: string): string | undefined {
  const four = parseIpv4(given);
  if (four !== undefined) return formatIpv4(four);
  const six = given.includes("%") ? undefined : parseIpv6(given);
  return six === undefined ? undefined : formatIpv6(six);
}
export const isFour = (address: string): boolean => parseIpv4(address) !== undefined;

/** Bytes of the header that is put before a packet to a server. */
export const outerBytes = (forward: "ipip" | "gue", address: string): number =>
  (isFour(address) ? 20 : 40) + (forward === "gue" ? 8 : 0);

/** What every network of IPv6 carries (RFC 8200, 5). */
const LEAST6 = 1280;
const mtu = number(
  "how long a packet may be on its way to a server; as the kernel's routes or the interface have it unless said otherwise",
  { least: LEAST6, most: 65_535 },
);

const address = (doc: string): Shape<string> =>
  scalar(
    doc,
    { type: "string" },
    (given) => canonical(given) ?? wrong(`'${given}' is no address`, "An address is 192.0.2.1 or 2001:db8::1"),
  );
const addressOf = (family: 4 | 6, doc: string): Shape<string> =>
  scalar(doc, { type: "string" }, (given) => {
    const found = canonical(given);
    return found !== undefined && isFour(found) === (family === 4)
      ? found
      : wrong(`'${given}' is no IPv${family} address`);
  });

const ports = (doc: string): Shape<PortRange | "any"> =>
  scalar(doc, { type: ["string", "integer"], pattern: "^(any|\\d+(-\\d+)?)$" }, (given) => {
    if (given === "any") return "any";
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(given) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from < 1 || to > 65_535 || from > to)
      return wrong(`'${given}' is no port`, "A port is 443, a range 8000-8099, all of them any");
    return { from, to };
  });

const next = scalar<"routes" | "sender" | { readonly mac: string }>(
  "where packets to servers go next: by the kernel's routes, back to the sender, or a router's MAC address",
  { type: "string" },
  (given) => {
    if (given === "routes" || given === "sender") return given;
    const mac = parseMac(given);
    return mac === undefined
      ? wrong(`'${given}' is neither routes, sender nor a MAC address`, "A MAC address is 02:00:00:00:00:01")
      : { mac: formatMac(mac) };
  },
);

const SERVER = record("a server", {
  address: required(address("its address")),
  port: optional(
    number("the port that it listens on, where forward is snat or mode is sockets", { least: 1, most: 65_535 }),
  ),
  weight: optional(number("its share, beside the others'; 1 unless said otherwise", { least: 0, most: 10_000 })),
  connections: optional(number("flows that it may have at once", { least: 1, most: 10_000_000 })),
  drain: optional(boolean("it takes no new flows, and keeps those that it has")),
  id: optional(number("its number in the connection ids of QUIC", { least: 0, most: 0xffff_fffe })),
});

const HEALTH = record(
  "a health check",
  {
    tcp: optional(boolean("a connection can be made")),
    http: optional(text("a path that answers with 200 to 399")),
    https: optional(text("the same by TLS, whoever signed the certificate")),
    dns: optional(text("a name that is answered")),
    host: optional(text("the Host that http and https ask for, the server name of https")),
    port: optional(number("the port; that of the service unless said otherwise", { least: 1, most: 65_535 })),
    every: optional(duration("time between checks; 2s unless said otherwise", { least: 0.05, most: 3600 })),
    timeout: optional(duration("how long an answer may take; 1s unless said otherwise", { least: 0.01, most: 60 })),
    rise: optional(number("checks in a row that bring it up; 2 unless said otherwise", { least: 1, most: 100 })),
    fall: optional(number("failures in a row that take it down; 3 unless said otherwise", { least: 1, most: 100 })),
    slowStart: optional(duration("how long it takes to its whole weight once it is up", { most: 3600 })),
  },
  ({ tcp, http, https, dns }) => {
    const kinds = [tcp === true, http, https, dns].filter((one) => one !== undefined && one !== false).length;
    return kinds === 1 ? undefined : wrong("A health check is one of tcp: true, http, https and dns");
  },
);

const QUIC_ID = record("where a server's number lies in connection ids", {
  offset: optional(number("bytes before it; 1 unless said otherwise", { least: 0, most: 16 })),
  bytes: optional(
    scalar<1 | 2 | 4>("how many bytes it has; 2 unless said otherwise", { enum: [1, 2, 4] }, (given) => {
      const bytes = Number(given);
      return bytes === 1 || bytes === 2 || bytes === 4 ? bytes : wrong(`'${given}' is none of 1, 2, 4`);
    }),
  ),
});

/** How long a packet of IPv6 may be where it is put into others that may have so many bytes; of other services nothing is asked. */
function roomFor6(
  service: {
    readonly address: string;
    readonly forward?: "ipip" | "gue" | "snat";
    readonly servers: ReadonlyMap<string, string | { readonly address: string }>;
  },
  most: number,
): number {
  const { address, forward = "ipip", servers } = service;
  if (isFour(address) || forward === "snat") return most;
  const addresses = [...servers.values()].map((server) => (typeof server === "string" ? server : server.address));
  return most - Math.max(0, ...addresses.map((to) => outerBytes(forward, to)));
}
const tooNarrow = (most: number, room: number): ReturnType<typeof wrong> =>
  wrong(
    `mtu: ${most} leaves ${room} bytes for packets of IPv6, which may have ${LEAST6} on every way`,
    `An mtu of ${LEAST6 + most - room} or more`,
  );

const SERVICE = record(
  "a service",
  {
    address: required(address("the address that clients know")),
    port: required(ports("its port, a range of them, or any")),
    protocol: optional(choice("what it speaks; tcp unless said otherwise", ["tcp", "udp", "quic"])),
    mode: optional(
      choice("packets at the interface, or connections of this machine's own processes", ["packets", "sockets"]),
    ),
    forward: optional(choice("how packets get to servers; ipip unless said otherwise", ["ipip", "gue", "snat"])),
    mtu: optional(mtu),
    affinity: optional(choice("whether one source stays with one server", ["none", "source"])),
    servers: required(named("servers by name", either(address("a server's address"), SERVER))),
    health: optional(HEALTH),
  },
  (service) => {
    if (service.servers.size === 0) return wrong("A service has one server or more");
    if (service.mode === "sockets") {
      if (service.forward !== undefined)
        return wrong("'forward' is for packets: a socket's connection is to the server itself");
      if (service.mtu !== undefined)
        return wrong("'mtu' is for packets: a socket's connection is to the server itself");
      if (service.affinity === "source")
        return wrong("affinity: source is for packets: sockets have no other source than this machine");
      if (service.protocol === "quic") return wrong("protocol: quic is for packets", "protocol: udp is for sockets");
      for (const [name, server] of service.servers)
        if (typeof server !== "string" && server.connections !== undefined)
          return wrong(`Server '${name}' has a limit of connections, which are counted of packets only`);
    }
    if (service.mtu !== undefined && service.forward === "snat")
      return wrong("'mtu' is for what is put before packets, which stay as long as they are with forward: snat");
    if (service.mtu !== undefined) {
      const room = roomFor6(service, service.mtu);
      if (room < LEAST6) return tooNarrow(service.mtu, room);
    }
    const rewrites = service.forward === "snat" || service.mode === "sockets";
    for (const [name, server] of service.servers) {
      if (typeof server === "string") continue;
      if (server.port !== undefined && !rewrites)
        return wrong(
          `Server '${name}' has a port, but its packets are not changed on the way`,
          "Leave it out, or say forward: snat",
        );
      if (server.id !== undefined && service.protocol !== "quic")
        return wrong(`Server '${name}' has an id, which is for protocol: quic`);
    }
    if (service.port === "any" && service.health !== undefined && service.health.port === undefined)
      return wrong("The health check of a service of all ports says which", "health: { port: 80, … }");
    const who = [...service.servers.values()].map((server) =>
      typeof server === "string" ? `${server} 0` : `${server.address} ${server.port ?? 0}`,
    );
    const twice = who.find((one, i) => who.indexOf(one) !== i);
    if (twice !== undefined) return wrong(`${twice.split(" ")[0]} is there twice`);
    const families = [...service.servers.values()].map((server) =>
      isFour(typeof server === "string" ? server : server.address),
    );
    if (rewrites && families.some((four) => four !== isFour(service.address)))
      return wrong(
        `Servers are of another family than ${service.address}`,
        "Only forward: ipip and gue carry one in the other",
      );
    if (service.forward === "snat" && service.protocol === "quic")
      return wrong("forward: snat cannot follow connection ids", "Use ipip or gue for QUIC");
    return undefined;
  },
);

const BALANCER = record(
  "a balancer",
  {
    source: optional(addressOf(4, "the source of IPv4 packets to servers")),
    source6: optional(addressOf(6, "the source of IPv6 packets to servers")),
    next: optional(next),
    gue: optional(
      record("datagrams to servers", {
        port: required(number("their port; 6080 unless said otherwise", { least: 1, most: 65_535 })),
      }),
    ),
    mtu: optional(mtu),
    ring: optional(
      scalar(
        "slots of a ring, a prime; by the number of servers unless said otherwise",
        { enum: RING_SIZES },
        (given) =>
          RING_SIZES.find((size) => size === Number(given)) ?? wrong(`'${given}' is none of ${RING_SIZES.join(", ")}`),
      ),
    ),
    flows: optional(number("flows that are remembered; 65536 unless said otherwise", { least: 16, most: 16_777_216 })),
    shared: optional(
      record("flows that balancers share", {
        name: required(
          scalar(
            "their name below /sys/fs/bpf/scry-balance",
            { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" },
            (given) =>
              /^[A-Za-z0-9_-]{1,64}$/.test(given)
                ? given
                : wrong(`'${given}' is no name`, "A name has letters, digits, - and _"),
          ),
        ),
        entries: optional(number("how many; 1048576 unless said otherwise", { least: 16, most: 67_108_864 })),
      }),
    ),
    idle: optional(duration("a flow without packets is over after this time; 5m unless said otherwise", { least: 1 })),
    snat: optional(
      record("what servers see of clients", {
        ports: optional(ports("ports that clients get; 1024-65535 unless said otherwise")),
      }),
    ),
    quic: optional(QUIC_ID),
    services: required(named("services by name", SERVICE)),
  },
  (balancer) => {
    const seen = new Map<string, string>();
    for (const [name, { address: vip, port, protocol = "tcp" }] of balancer.services) {
      const kind = protocol === "tcp" ? "tcp" : "udp";
      for (const [
        other,
        { address: otherVip, port: otherPort, protocol: otherProtocol = "tcp" },
      ] of balancer.services) {
        if (other === name || seen.has(other) === false) continue;
        if (otherVip !== vip || (otherProtocol === "tcp" ? "tcp" : "udp") !== kind) continue;
        const both =
          port === "any" || otherPort === "any"
            ? port === otherPort
            : port.from <= otherPort.to && otherPort.from <= port.to;
        if (both) return wrong(`Services '${other}' and '${name}' are both at ${vip}, ${kind}, and share a port`);
      }
      seen.set(name, vip);
    }
    for (const service of balancer.services.values()) {
      if (balancer.mtu === undefined || service.mtu !== undefined || service.mode === "sockets") continue;
      const room = roomFor6(service, balancer.mtu);
      if (room < LEAST6) return tooNarrow(balancer.mtu, room);
    }
    const packets = [...balancer.services.values()].filter(({ mode }) => mode !== "sockets");
    const outer = packets.flatMap(({ servers }) =>
      [...servers.values()].map((server) => isFour(typeof server === "string" ? server : server.address)),
    );
    if (outer.includes(true) && balancer.source === undefined)
      return wrong("'source' is missing: the source of IPv4 packets to servers");
    if (outer.includes(false) && balancer.source6 === undefined)
      return wrong("'source6' is missing: the source of IPv6 packets to servers");
    if (packets.some(({ forward }) => forward === "snat") && balancer.next === "sender")
      return wrong(
        "next: sender cannot bring answers back from servers of forward: snat",
        "Say next: routes, or the router's MAC address",
      );
    return undefined;
  },
);

/** What stands in a configuration, with what it says where it says nothing. */
function withDefaults(given: ValueOf<typeof BALANCER>): Balancer {
  return {
    ...(given.source === undefined ? {} : { source: given.source }),
    ...(given.source6 === undefined ? {} : { source6: given.source6 }),
    next: given.next ?? "routes",
    guePort: given.gue?.port ?? 6080,
    ...(given.ring === undefined ? {} : { ring: given.ring }),
    flows: given.flows ?? 65_536,
    ...(given.shared === undefined
      ? {}
      : { shared: { name: given.shared.name, entries: given.shared.entries ?? 1_048_576 } }),
    idle: given.idle ?? 300,
    snatPorts:
      given.snat?.ports === undefined || given.snat.ports === "any" ? { from: 1024, to: 65_535 } : given.snat.ports,
    quicId: { offset: given.quic?.offset ?? 1, bytes: given.quic?.bytes ?? 2 },
    services: [...given.services].map(([name, service]) => serviceOf(name, service, given.mtu)),
  };
}

function serviceOf(name: string, given: ValueOf<typeof SERVICE>, forAll: number | undefined): Service {
  const { health, mtu = forAll } = given;
  return {
    name,
    address: given.address,
    ports: given.port,
    protocol: given.protocol ?? "tcp",
    mode: given.mode ?? "packets",
    forward: given.forward ?? "ipip",
    ...(mtu === undefined ? {} : { mtu }),
    affinity: given.affinity ?? "none",
    servers: [...given.servers].map(([name, server]) => serverOf(name, server)),
    ...(health === undefined ? {} : { health: healthOf(health) }),
  };
}

function serverOf(name: string, given: string | ValueOf<typeof SERVER>): Server {
  const server = typeof given === "string" ? { address: given } : given;
  return { weight: 1, drain: false, ...server, name };
}

function healthOf(given: ValueOf<typeof HEALTH>): Health {
  const { http, https, dns } = given;
  const [kind, target]: [Health["kind"], string] =
    http !== undefined
      ? ["http", http]
      : https !== undefined
        ? ["https", https]
        : dns !== undefined
          ? ["dns", dns]
          : ["tcp", ""];
  return {
    kind,
    target,
    ...(given.host === undefined ? {} : { host: given.host }),
    ...(given.port === undefined ? {} : { port: given.port }),
    every: given.every ?? 2,
    timeout: given.timeout ?? 1,
    rise: given.rise ?? 2,
    fall: given.fall ?? 3,
    slowStart: given.slowStart ?? 0,
  };
}

export interface ReadBalancer {
  readonly balancer: Balancer;
  readonly source: SourceText;
}

/** Reads a configuration. Throws a DiagnosticError with every problem (SCRY1601, SCRY1602). */
export function readBalancer(source: SourceText): ReadBalancer {
  return { balancer: withDefaults(readConfig(source, BALANCER).value), source };
}

/** What editors complete by. */
export const balancerSchema = (): JsonSchema => jsonSchema("scry balance", BALANCER);
