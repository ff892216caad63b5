// Names with qualifiers: `src host 10.0.0.1`, `tcp port ssh`, `ip proto 47`.

import { nearest, type Span } from "../../source/index.ts";
import { and, not, or } from "./condition.ts";
import type { Condition } from "./expression.ts";
import { type Link, LONGEST_FRAME } from "./link.ts";
import {
  above,
  arcnetAddress,
  decnetAddress,
  ip4Address,
  ip6Address,
  isisType,
  isoProtocol,
  LINK_PROTOCOLS,
  macAddress,
  Protocol,
  ports,
  protocolChain,
} from "./primitives.ts";
import { fail } from "./problems.ts";
import type { Resolver } from "./resolver.ts";
import type { Expression, Id, Mask, Qualifiers } from "./tree.ts";

type Named = Extract<Expression, { kind: "id" }>;

/** What a name with its qualifiers asks. Throws DiagnosticError. */
export function named(link: Link, resolver: Resolver, { id, qualifiers, mask, span }: Named): Condition {
  // An address of IPv6 with all of its bits is one host, however it is called.
  const whole =
    id.kind === "ip6" && mask?.kind === "bits" && mask.bits === 128 && (qualifiers.type ?? "host") === "host";
  if (mask !== undefined && qualifiers.type !== "net" && !whole)
    return fail("SCRY1505", mask.span, "A mask is for networks only", `${direction(qualifiers)}net ${id.text}/…`);
  switch (qualifiers.type) {
    case "port":
    case "portrange":
      return portNamed(link, resolver, id, qualifiers, span);
    case "proto":
    case "protochain":
      return protocolNamed(link, resolver, id, qualifiers, span);
    case "net":
      return networkNamed(link, resolver, id, qualifiers, mask, span);
    case "gateway":
      return gatewayNamed(link, resolver, id, qualifiers, span);
    default:
      return hostNamed(link, resolver, id, qualifiers, span);
  }
}

const direction = ({ direction }: Qualifiers): string => (direction === undefined ? "" : `${direction} `);

/** Masks of as many bytes as an address has written, from the left. */
const leadingBytes = (bytes: number): number => (bytes === 0 ? 0 : (0xffffffff << (32 - 8 * bytes)) >>> 0);

function misfit({ protocol, type = "host" }: Qualifiers, span: Span): never {
  return fail(
    "SCRY1504",
    span,
    `'${protocol}' does not go with '${type}'`,
    ...(type === "port" ? ["tcp, udp and sctp have ports"] : []),
  );
}

/** An address of IPv4 or of a protocol that carries such: all of them where none is said. */
function ip4(link: Link, qualifiers: Qualifiers, address: number, mask: number, span: Span): Condition {
  const { protocol } = qualifiers;
  const one = (of: "ip" | "arp" | "rarp"): Condition => ip4Address(link, of, qualifiers.direction, address, mask, span);
  if (protocol === "ip" || protocol === "arp" || protocol === "rarp") return one(protocol);
  if (protocol !== undefined) return misfit(qualifiers, span);
  // Behind MPLS, ARP is not to be told; there only IP is meant.
  return link.labels > 0 ? one("ip") : or(one("ip"), one("arp"), one("rarp"));
}

function hostNamed(link: Link, resolver: Resolver, id: Id, qualifiers: Qualifiers, span: Span): Condition {
  const { protocol } = qualifiers;
  if (protocol === "decnet") {
    const [area, node] =
      id.kind === "decnet"
        ? [id.area, id.node]
        : id.kind === "ip4" && id.bytes === 2
          ? [id.address >>> 8, id.address & 0xff]
          : fail("SCRY1502", id.span, "An address of DECnet is AREA.NODE");
    if (area > 63 || node > 1023)
      return fail("SCRY1502", id.span, `'${id.text}' is no address of DECnet`, "Areas go up to 63, nodes up to 1023");
    return decnetAddress(link, qualifiers.direction, (area << 10) | node, span);
  }
  switch (id.kind) {
    case "ip4":
    case "number": {
      const bytes = id.kind === "ip4" ? id.bytes : 4;
      const address = id.kind === "ip4" ? (id.address << (8 * (4 - bytes))) >>> 0 : id.number;
      if (protocol === "link")
        return fail("SCRY1504", id.span, "A host of the link has a MAC address", "ether host 02:00:00:00:00:01");
      return ip4(link, qualifiers, address, 0xffffffff, span);
    }
    case "decnet":
      return fail("SCRY1502", id.span, `'${id.text}' is no IPv4 address`, "Each part goes from 0 to 255");
    case "ip6":
      if (protocol !== undefined && protocol !== "ip6") return misfit(qualifiers, span);
      return ip6Address(link, qualifiers.direction, id.address, 128, span);
    case "mac":
      if (protocol !== "link")
        return fail("SCRY1504", id.span, "A MAC address is one of the link", `ether host ${id.text}`);
      return macAddress(link, qualifiers.direction, id.address, span);
    case "arcnet":
      if (protocol !== undefined && protocol !== "link")
        return fail("SCRY1504", id.span, "An address of ARCnet is one of the link", `link host ${id.text}`);
      return arcnetAddress(link, qualifiers.direction, id.number, span);
    case "name":
      return hostByName(link, resolver, id.text, id.span, qualifiers, span);
  }
}

function hostByName(
  link: Link,
  resolver: Resolver,
  name: string,
  place: Span,
  qualifiers: Qualifiers,
  span: Span,
): Condition {
  if (qualifiers.protocol === "link") {
    const mac = resolver.ether?.(name);
    if (mac === undefined) return fail("SCRY1503", place, `No MAC address is known of '${name}'`);
    return macAddress(link, qualifiers.direction, mac, span);
  }
  const addresses = resolver.host?.(name);
  if (addresses === undefined || addresses.length === 0)
    return fail("SCRY1503", place, `The host '${name}' is not known`, "Say its address, or give a resolver of names");
  const found = addresses.flatMap((address) => {
    if (typeof address === "number")
      return qualifiers.protocol === "ip6" ? [] : [ip4(link, qualifiers, address, 0xffffffff, span)];
    const fits = qualifiers.protocol === undefined || qualifiers.protocol === "ip6";
    return fits ? [ip6Address(link, qualifiers.direction, address, 128, span)] : [];
  });
  if (found.length === 0) return fail("SCRY1503", place, `'${name}' has no address of '${qualifiers.protocol}'`);
  return or(...found);
}

function networkNamed(
  link: Link,
  resolver: Resolver,
  id: Id,
  qualifiers: Qualifiers,
  mask: Mask | undefined,
  span: Span,
): Condition {
  if (id.kind === "ip6") {
    const bits = mask?.kind === "bits" ? mask.bits : 128;
    if (bits > 128) fail("SCRY1505", (mask as Mask).span, "An address of IPv6 has 128 bits");
    id.address.forEach((word, i) => {
      const count = Math.min(32, Math.max(0, bits - 32 * i));
      const rest = count === 0 ? word : count === 32 ? 0 : word & (0xffffffff >>> count);
      if (rest !== 0) hostBits(id, bits);
    });
    if (qualifiers.protocol !== undefined && qualifiers.protocol !== "ip6") return misfit(qualifiers, span);
    return ip6Address(link, qualifiers.direction, id.address, bits, span);
  }
  if (id.kind === "name") {
    const network = resolver.network?.(id.text);
    if (network === undefined) return fail("SCRY1503", id.span, `The network '${id.text}' is not known`);
    return ip4(link, qualifiers, network.address, prefix(network.bits), span);
  }
  if (id.kind !== "ip4" && id.kind !== "number") return fail("SCRY1504", id.span, `'${id.text}' is no network`);
  let [address, bits] = id.kind === "ip4" ? shifted(id.address, id.bytes) : shiftedNumber(id.number);
  if (mask?.kind === "bits") {
    if (mask.bits > 32) fail("SCRY1505", mask.span, "An address of IPv4 has 32 bits");
    bits = prefix(mask.bits);
  } else if (mask !== undefined) bits = shifted(mask.address, mask.bytes)[0];
  if (mask !== undefined && (address & ~bits) !== 0) hostBits(id, mask.kind === "bits" ? mask.bits : undefined);
  return ip4(link, qualifiers, address, bits, span);
}

function hostBits(id: Id, bits: number | undefined): never {
  const of = bits === undefined ? "the mask" : `the first ${bits}`;
  return fail("SCRY1505", id.span, `'${id.text}' has bits that are not of its network`, `Bits behind ${of} must be 0`);
}

const prefix = (bits: number): number => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);

const shifted = (address: number, bytes: number): [address: number, mask: number] => [
  (address << (8 * (4 - bytes))) >>> 0,
  leadingBytes(bytes),
];

/** `net 10`: the number's first byte is the network's. */
function shiftedNumber(number: number): [address: number, mask: number] {
  if (number === 0) return [0, 0xffffffff];
  const bytes = number > 0xffffff ? 4 : number > 0xffff ? 3 : number > 0xff ? 2 : 1;
  return shifted(number, bytes);
}

const PORT_PROTOCOLS = ["sctp", "tcp", "udp"] as const;
const NUMBERS = { sctp: Protocol.SCTP, tcp: Protocol.TCP, udp: Protocol.UDP };

function portNamed(link: Link, resolver: Resolver, id: Id, qualifiers: Qualifiers, span: Span): Condition {
  const { protocol } = qualifiers;
  let among: readonly (keyof typeof NUMBERS)[] = PORT_PROTOCOLS;
  if (protocol === "tcp" || protocol === "udp" || protocol === "sctp") among = [protocol];
  else if (protocol !== undefined) return misfit(qualifiers, span);
  const one = (text: string): number => {
    if (/^(?:\d+|0x[0-9a-f]+)$/i.test(text)) return checkedPort(Number(text), id.span);
    const service = resolver.service?.(text);
    if (service === undefined)
      return fail("SCRY1503", id.span, `The service '${text}' is not known`, "Say the number of its port");
    if (service.protocol !== undefined && protocol !== undefined && service.protocol !== protocol)
      return fail("SCRY1503", id.span, `'${text}' is a service of ${service.protocol}`);
    if (service.protocol !== undefined) among = [service.protocol];
    return service.port;
  };
  let range: [number, number];
  if (id.kind === "number") range = [checkedPort(id.number, id.span), id.number];
  else if (id.kind === "name") {
    const dash = qualifiers.type === "portrange" ? id.text.lastIndexOf("-") : -1;
    if (dash > 0) range = [one(id.text.slice(0, dash)), one(id.text.slice(dash + 1))];
    else range = [one(id.text), one(id.text)];
  } else return fail("SCRY1504", id.span, `'${id.text}' is no port`, "Ports are numbers or names of services");
  const [a, b] = range;
  const all = among.map((p) => NUMBERS[p]);
  return ports(link, all, qualifiers.direction, a <= b ? [a, b] : [b, a], span);
}

function checkedPort(port: number, span: Span): number {
  if (port > 65535) fail("SCRY1509", span, `There is no port ${port}`, "Ports go up to 65535");
  return port;
}

/** Names of what stands in Ethernet's header: words, and those of other protocols. */
const LINK_NAMES: Readonly<Record<string, number>> = {
  ...LINK_PROTOCOLS,
  loopback: 0x9000,
  lldp: 0x88cc,
  slow: 0x8809,
};

const ISO_NAMES: Readonly<Record<string, number>> = { clnp: 0x81, esis: 0x82, isis: 0x83 };

function protocolNamed(link: Link, resolver: Resolver, id: Id, qualifiers: Qualifiers, span: Span): Condition {
  const { protocol, type } = qualifiers;
  if (qualifiers.direction !== undefined) return fail("SCRY1504", span, "A protocol has no direction");
  let number: number | undefined;
  if (id.kind === "number") number = id.number;
  else if (id.kind === "name" && (protocol === "link" || protocol === "iso")) {
    const table = protocol === "link" ? LINK_NAMES : ISO_NAMES;
    number = Object.hasOwn(table, id.text) ? table[id.text] : undefined;
  } else if (id.kind === "name") number = resolver.protocol?.(id.text);
  if (number === undefined) {
    const names =
      protocol === "link" ? Object.keys(LINK_NAMES) : ["tcp", "udp", "sctp", "icmp", "igmp", "ospf", "gre", "esp"];
    return fail("SCRY1503", id.span, `The protocol '${id.text}' is not known`, ...nearest(id.text, names));
  }
  const most = protocol === "link" ? 0xffff : protocol === "isis" ? 0x1f : 0xff;
  if (number > most) return fail("SCRY1509", id.span, `There is no protocol ${number}`, `They go up to ${most}`);
  if (protocol === "link" && number > 0xff && number <= LONGEST_FRAME && link.hasServices)
    return fail(
      "SCRY1509",
      id.span,
      `There is no service ${number} of LLC`,
      `Services go up to 255, and protocols begin above ${LONGEST_FRAME}, the greatest length`,
    );
  const wanted = number;
  const over = (family: 4 | 6): Condition =>
    type === "protochain" ? protocolChain(link, family, wanted, span) : above(link, family, wanted, span);
  if (protocol === undefined) return or(over(4), over(6));
  if (protocol === "ip") return over(4);
  if (protocol === "ip6") return over(6);
  if (type === "proto" && protocol === "link") return link.isProtocol(number, span);
  if (type === "proto" && protocol === "iso") return isoProtocol(link, number, span);
  if (type === "proto" && protocol === "isis") return isisType(link, number, span);
  return misfit(qualifiers, span);
}

/** Through a gateway: its MAC address, but not its own of IP. */
function gatewayNamed(link: Link, resolver: Resolver, id: Id, qualifiers: Qualifiers, span: Span): Condition {
  if (qualifiers.direction !== undefined) return fail("SCRY1504", span, "A gateway has no direction");
  const mac = resolver.ether?.(id.text);
  const addresses = resolver.host?.(id.text);
  if (mac === undefined || addresses === undefined)
    return fail(
      "SCRY1503",
      id.span,
      `Of the gateway '${id.text}' MAC and IP address are not known`,
      "Say ether host MAC and not host ADDRESS",
    );
  const { protocol } = qualifiers;
  const own = addresses.flatMap((address) =>
    typeof address === "number"
      ? [ip4(link, protocol === undefined ? {} : { protocol }, address, 0xffffffff, span)]
      : [],
  );
  if (own.length === 0) return fail("SCRY1503", id.span, `The gateway '${id.text}' has no address of IPv4`);
  return and(macAddress(link, undefined, mac, span), not(or(...own)));
}
