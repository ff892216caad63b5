// What packets of a capture begin with, by the number of their link type (https://www.tcpdump.org/linktypes.html).

import type { ProtocolName } from "./protocols.ts";

export interface FirstHeader {
  readonly protocol: ProtocolName;
  /** Bytes of what is before it. */
  readonly at: number;
}

const ETHER_TYPES: Readonly<Record<number, ProtocolName>> = {
  2048: "ipv4",
  2054: "arp",
  34525: "ipv6",
  33024: "vlan",
  34984: "vlan",
  34887: "mpls",
};
/** Protocols of PPP (RFC 1661), which Cisco's HDLC has as types of Ethernet. */
const PPP: Readonly<Record<number, ProtocolName>> = { 33: "ipv4", 87: "ipv6", 641: "mpls" };
/** Families of BSD's loopback, which differ between systems for IPv6. */
const FAMILIES: Readonly<Record<number, ProtocolName>> = { 2: "ipv4", 10: "ipv6", 24: "ipv6", 28: "ipv6", 30: "ipv6" };

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

const LINKS: Readonly<Record<number, (bytes: Uint8Array) => FirstHeader | undefined>> = {
  // BSD loopback: a family of 4 bytes, in the order of whoever captured.
  0: (bytes) => found(FAMILIES[(bytes[0] ?? 0) | (bytes[3] ?? 0)], 4),
  1: () => ({ protocol: "eth", at: 0 }),
  9: (bytes) => (bytes[0] === 0xff ? found(PPP[word(bytes, 2)], 4) : found(PPP[word(bytes, 0)], 2)),
  12: raw,
  101: raw,
  104: (bytes) => found(ETHER_TYPES[word(bytes, 2)], 4),
  108: (bytes) => found(FAMILIES[bytes[3] ?? 0], 4),
  113: (bytes) => found(ETHER_TYPES[word(bytes, 14)], 16),
  228: () => ({ protocol: "ipv4", at: 0 }),
  229: () => ({ protocol: "ipv6", at: 0 }),
  276: (bytes) => found(ETHER_TYPES[word(bytes, 0)], 20),
};

/** IP alone: which one, its version says. */
function raw(bytes: Uint8Array): FirstHeader | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  return found(version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined, 0);
}

function found(protocol: ProtocolName | undefined, at: number): FirstHeader | undefined {
  return protocol === undefined ? undefined : { protocol, at };
}

/** Where the headers of a packet begin that are known here; undefined where none is. */
export const firstHeader = (linkType: number, bytes: Uint8Array): FirstHeader | undefined => LINKS[linkType]?.(bytes);
