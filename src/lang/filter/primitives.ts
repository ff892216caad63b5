// What a single term asks of a packet: one function for each family of terms.

import type { Span } from "../../source/index.ts";
import { always, and, not, or, test } from "./condition.ts";
import type { Condition } from "./expression.ts";
import { behind, EtherType, type Link, type Place } from "./link.ts";
import { fail } from "./problems.ts";

export const Protocol = {
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  IGRP: 9,
  UDP: 17,
  FRAGMENT: 44,
  ESP: 50,
  AH: 51,
  ICMP6: 58,
  PIM: 103,
  VRRP: 112,
  SCTP: 132,
};

const ISO = { clnp: 0x81, esis: 0x82, isis: 0x83 } as const;

/** Types of IS-IS's packets. */
const ISIS_TYPES: Readonly<Record<string, readonly number[]>> = {
  l1: [26, 24, 18, 15, 17],
  l2: [27, 25, 20, 16, 17],
  iih: [15, 16, 17],
  lsp: [18, 20],
  snp: [26, 24, 27, 25],
  csnp: [24, 25],
  psnp: [26, 27],
};

/** Words that stand for a number in Ethernet's header. */
export const LINK_PROTOCOLS: Readonly<Record<string, number>> = {
  ip: EtherType.IP,
  ip6: EtherType.IP6,
  arp: EtherType.ARP,
  rarp: EtherType.RARP,
  atalk: EtherType.ATALK,
  aarp: EtherType.AARP,
  decnet: EtherType.DECNET,
  lat: EtherType.LAT,
  sca: EtherType.SCA,
  moprc: EtherType.MOPRC,
  mopdl: EtherType.MOPDL,
  iso: EtherType.LLC_ISO,
  stp: EtherType.LLC_STP,
  ipx: EtherType.LLC_IPX,
  netbeui: EtherType.LLC_NETBEUI,
};

/** Words that stand for a protocol above IP, and above which IP. */
export const TRANSPORTS: Readonly<Record<string, { readonly number: number; readonly over: readonly (4 | 6)[] }>> = {
  sctp: { number: Protocol.SCTP, over: [4, 6] },
  tcp: { number: Protocol.TCP, over: [4, 6] },
  udp: { number: Protocol.UDP, over: [4, 6] },
  icmp: { number: Protocol.ICMP, over: [4] },
  igmp: { number: Protocol.IGMP, over: [4] },
  igrp: { number: Protocol.IGRP, over: [4] },
  pim: { number: Protocol.PIM, over: [4, 6] },
  vrrp: { number: Protocol.VRRP, over: [4] },
  carp: { number: Protocol.VRRP, over: [4] },
  ah: { number: Protocol.AH, over: [4, 6] },
  esp: { number: Protocol.ESP, over: [4, 6] },
  icmp6: { number: Protocol.ICMP6, over: [6] },
};

/** `ip`, `tcp`, `isis` … alone. */
export function protocolAlone(link: Link, name: string, span: Span): Condition {
  const onLink = LINK_PROTOCOLS[name];
  if (onLink !== undefined) return link.isProtocol(onLink, span);
  const transport = TRANSPORTS[name];
  if (transport !== undefined)
    return or(...transport.over.map((family) => above(link, family, transport.number, span)));
  if (name in ISO) return isoProtocol(link, ISO[name as keyof typeof ISO], span);
  const types = ISIS_TYPES[name];
  if (types !== undefined) return or(...types.map((type) => isisType(link, type, span)));
  return fail("SCRY1504", span, `'${name}' alone asks for nothing`, `${name} host, ${name} src, ${name}[0] = …`);
}

/** A protocol above IPv4, or IPv6: there also behind one fragment header. */
export function above(link: Link, family: 4 | 6, number: number, span: Span): Condition {
  if (family === 4) return and(link.isProtocol(EtherType.IP, span), link.equals(link.network, 9, 1, number));
  const next = link.load(link.network, 6, 1);
  const fragment = and(test(next, "=", Protocol.FRAGMENT), link.equals(link.network, 40, 1, number));
  return and(link.isProtocol(EtherType.IP6, span), or(test(next, "=", number), fragment));
}

function isoPlace(link: Link): Place {
  // Cisco's HDLC puts a byte of its own there.
  return behind(link.payload, link.llc + (link.linkType.name === "C_HDLC" ? 1 : 0));
}

export function isoProtocol(link: Link, number: number, span: Span): Condition {
  // Frame Relay has no LLC: the protocol's number stands where others have that of the network's.
  if (link.framing === "frame-relay") return link.equals(link.type, 0, 2, 0x300 | number);
  return and(link.isProtocol(EtherType.LLC_ISO, span), link.equals(isoPlace(link), 0, 1, number));
}

export function isisType(link: Link, number: number, span: Span): Condition {
  // The three bits above a type are reserved (ISO 10589).
  const type = link.equals(behind(isoPlace(link), 4), 0, 1, number, 0x1f);
  return and(isoProtocol(link, ISO.isis, span), type);
}

/** The last of a chain of extension headers is that protocol. */
export function protocolChain(link: Link, family: 4 | 6, number: number, span: Span): Condition {
  const { network } = link;
  if (network.base !== undefined || network.offset < 0)
    return fail(
      "SCRY1506",
      span,
      "'protochain' needs a link header of fixed length",
      "Say 'proto', which looks at one header",
    );
  const is = link.isProtocol(family === 4 ? EtherType.IP : EtherType.IP6, span);
  return and(is, test(link.values.chain(family, number, network.offset), "=", number));
}

/** Both, one, or either of source and destination. */
export function directed(
  direction: string | undefined,
  source: () => Condition,
  destination: () => Condition,
): Condition | undefined {
  if (direction === "src") return source();
  if (direction === "dst") return destination();
  if (direction === "src and dst") return and(source(), destination());
  if (direction === "src or dst" || direction === undefined) return or(source(), destination());
  return undefined;
}

/** An address of IPv4 in a header of IP, ARP or RARP. */
export function ip4Address(
  link: Link,
  of: "ip" | "arp" | "rarp",
  direction: string | undefined,
  address: number,
  mask: number,
  span: Span,
): Condition {
  const [source, destination] = of === "ip" ? [12, 16] : [14, 24];
  const at = (bytes: number) => () => {
    if (mask === 0) return always(true);
    return link.equals(link.network, bytes, 4, address, mask === 0xffffffff ? undefined : mask);
  };
  const is = link.isProtocol(LINK_PROTOCOLS[of] as number, span);
  const found = directed(direction, at(source), at(destination)) ?? notHere(direction, span);
  return and(is, found);
}

const notHere = (direction: string | undefined, span: Span): never =>
  fail("SCRY1504", span, `'${direction}' is for addresses of 802.11 frames`, "Here 'src' and 'dst' can stand");

/** An address of IPv6, of which the first bits count. */
export function ip6Address(
  link: Link,
  direction: string | undefined,
  address: readonly number[],
  bits: number,
  span: Span,
): Condition {
  const at = (bytes: number) => () =>
    and(
      ...address.map((word, i) => {
        const count = Math.min(32, Math.max(0, bits - 32 * i));
        if (count === 0) return always(true);
        const mask = count === 32 ? undefined : (0xffffffff << (32 - count)) >>> 0;
        return link.equals(link.network, bytes + 4 * i, 4, word, mask);
      }),
    );
  const is = link.isProtocol(EtherType.IP6, span);
  return and(is, directed(direction, at(8), at(24)) ?? notHere(direction, span));
}

function macAt(link: Link, bytes: number, address: readonly number[]): Condition {
  const number = (from: number, to: number): number =>
    address.slice(from, to).reduce((sum, byte) => sum * 256 + byte, 0);
  // The last four bytes first: makers of cards have the first ones in common.
  return and(link.equals(link.header, bytes + 2, 4, number(2, 6)), link.equals(link.header, bytes, 2, number(0, 2)));
}

/** A MAC address of the link's header. */
export function macAddress(
  link: Link,
  direction: string | undefined,
  address: readonly number[],
  span: Span,
): Condition {
  if (link.framing === "802.11") return frameAddress(link, direction, address, span);
  const macs =
    link.framing === "ethernet"
      ? { source: 6, destination: 0 }
      : link.framing === "llc"
        ? link.linkType.macs
        : undefined;
  if (macs === undefined)
    return fail("SCRY1506", span, `${link.linkType.title} has no MAC addresses`, "Ethernet, FDDI and 802.11 have them");
  const found = directed(
    direction,
    () => macAt(link, macs.source, address),
    () => macAt(link, macs.destination, address),
  );
  return and(link.present, found ?? notHere(direction, span));
}

/** An address of ARCnet, `$1f`: one byte. */
export function arcnetAddress(link: Link, direction: string | undefined, address: number, span: Span): Condition {
  if (link.framing !== "arcnet") return fail("SCRY1506", span, `${link.linkType.title} has no addresses of ARCnet`);
  const at = (bytes: number) => () => link.equals(link.header, bytes, 1, address);
  return directed(direction, at(0), at(1)) ?? notHere(direction, span);
}

/** Frames of 802.11 have their addresses where their type and their two bits of direction say. */
function frameAddress(link: Link, direction: string | undefined, address: readonly number[], span: Span): Condition {
  const control = link.load(link.header, 0, 1);
  const flags = link.load(link.header, 1, 1);
  const at = (bytes: number): Condition => macAt(link, bytes, address);
  const fromAir = test(flags, "&", 0x02);
  const toAir = test(flags, "&", 0x01);
  const isControl = test(control, "&", 0x04);
  const isData = test(control, "&", 0x08);
  const type = (value: number): Condition => link.equals(link.header, 0, 1, value, 0x0c);
  switch (direction) {
    case "src":
      return and(
        not(isControl),
        or(
          and(not(isData), at(10)),
          and(isData, or(and(not(fromAir), at(10)), and(fromAir, or(and(not(toAir), at(16)), and(toAir, at(24)))))),
        ),
      );
    case "dst":
      return and(
        not(isControl),
        or(and(not(isData), at(4)), and(isData, or(and(not(toAir), at(4)), and(toAir, at(16))))),
      );
    case "addr1":
      return at(4);
    case "addr2":
      // Acknowledgements and clearances to send have none.
      return and(not(and(type(4), or(subtype(link, 0xc0), subtype(link, 0xd0)))), at(10));
    case "addr3":
      return and(not(type(4)), at(16));
    case "addr4":
      return and(link.equals(link.header, 1, 1, 3, 3), at(24));
    case "ra":
      return and(isData, at(4));
    case "ta":
      return and(isData, at(10));
    default:
      return directed(
        direction,
        () => frameAddress(link, "src", address, span),
        () => frameAddress(link, "dst", address, span),
      ) as Condition;
  }
}

const subtype = (link: Link, value: number): Condition => link.equals(link.header, 0, 1, value, 0xf0);

/** Not a fragment behind the first: only the first has the header of TCP and UDP. */
export const firstFragment = (link: Link): Condition => not(test(link.load(link.network, 6, 2), "&", 0x1fff));

/** Where the header behind that of IPv4 begins. */
export function transport4({ values, network }: Link): Place {
  if (network.base === undefined) return { base: values.headerLength(network.offset), offset: network.offset };
  const nibble = values.binary("&", values.load(1, network.offset, network.base), values.constant(0xf));
  const length = values.binary("<<", nibble, values.constant(2));
  return { base: values.binary("+", length, network.base), offset: network.offset };
}

/** Ports from one to another, of the protocols given. */
export function ports(
  link: Link,
  protocols: readonly number[],
  direction: string | undefined,
  [from, to]: readonly [number, number],
  span: Span,
): Condition {
  const at = (place: Place, bytes: number) => () => {
    const port = link.load(place, bytes, 2);
    return from === to ? test(port, "=", from) : and(test(port, ">=", from), not(test(port, ">", to)));
  };
  const either = (place: Place): Condition =>
    directed(direction, at(place, 0), at(place, 2)) ?? notHere(direction, span);
  const ip6 = protocols.map((p) => and(link.equals(link.network, 6, 1, p), either(behind(link.network, 40))));
  const four = transport4(link);
  const ip4 = protocols.map((p) => and(link.equals(link.network, 9, 1, p), firstFragment(link), either(four)));
  return or(
    and(link.isProtocol(EtherType.IP6, span), or(...ip6)),
    and(link.isProtocol(EtherType.IP, span), or(...ip4)),
  );
}

/** Addresses of DECnet, behind padding or not, in short and long headers. */
export function decnetAddress(link: Link, direction: string | undefined, address: number, span: Span): Condition {
  const { network } = link;
  const swapped = ((address & 0xff) << 8) | (address >>> 8);
  const forms = (short: number, long: number): Condition =>
    or(
      and(link.equals(network, 2, 1, 0x02, 0x07), link.equals(network, short + 1, 2, swapped)),
      and(link.equals(network, 2, 2, 0x8102, 0xff07), link.equals(network, short + 2, 2, swapped)),
      and(link.equals(network, 2, 1, 0x06, 0x07), link.equals(network, long + 1, 2, swapped)),
      and(link.equals(network, 2, 2, 0x8106, 0xff07), link.equals(network, long + 2, 2, swapped)),
    );
  // From the network's header on: the source's and the destination's place.
  const found = directed(
    direction,
    () => forms(4, 16),
    () => forms(2, 8),
  );
  return and(link.isProtocol(EtherType.DECNET, span), found ?? notHere(direction, span));
}
