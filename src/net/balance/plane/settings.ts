// What of a configuration is folded into the data plane when it is compiled. This file says what there is and stands in for tsc
// and editors; the text that is compiled is written for each configuration (see ../compile-plane.ts).

/** Services of IPv4, of IPv6. */
export const FOUR = true;
export const SIX = true;
/** Servers that are reached by packets of IPv4, of IPv6. */
export const OUTER4 = true;
export const OUTER6 = true;
/** Ways to a server. */
export const IPIP = true;
export const GUE = true;
/** Services whose packets are rewritten, of IPv4, of IPv6. */
export const SNAT4 = true;
export const SNAT6 = true;
/** Services of all ports. */
export const ANY_PORT = true;
export const QUIC = true;
export const AFFINITY = true;
export const LIMITS = true;
/** The flow table that balancers share. */
export const SHARED = true;
/** The next hop of what is sent: 0 by the kernel's routes, 1 whom the packet came from, 2 an address that is given. */
export const NEXT: number = 2;
/** That address: its first four bytes, its last two, as they lie. */
export const NEXT_TO = 0x0200_0000;
export const NEXT_TO2 = 0x0100;
/** The source of what is sent to servers: words as they lie. */
export const SOURCE4 = 0x0a00_00c0;
export const SOURCE6_0 = 0;
export const SOURCE6_1 = 0;
export const SOURCE6_2 = 0;
export const SOURCE6_3 = 0;
/** The port of GUE, as it lies. */
export const GUE_PORT = 0xc017;
/** How long a packet may be on its way to a server, where the kernel's routes do not say it. */
export const MTU: number = 1500;
/** So many senders a second are told by each CPU that a packet is too long. */
export const TOLD: number = 1000;
/** Slots of a ring. */
export const RING = 65_537;
/** Rings: two for each service. */
export const RINGS = 2;
export const SERVICES = 1;
export const SERVERS = 1;
/** Addresses with ports. */
export const PLACES4 = 1;
export const PLACES6 = 1;
export const FLOWS4 = 1;
export const FLOWS6 = 1;
export const SHARED4 = 1;
export const SHARED6 = 1;
export const FRAGMENTS = 1;
export const SOURCES = 1;
export const IDS = 1;
export const RETURNS4 = 1;
export const RETURNS6 = 1;
/** The first of the ports that clients of SNAT get, and how many there are. */
export const SNAT_FROM = 1024;
export const SNAT_COUNT = 64_512;
/** How a server's number lies in the connection ids of QUIC: behind how many bytes, in how many. */
export const ID_AT = 1;
export const ID_BYTES: number = 2;
/** For measuring: the packet is as it was when the program ends. */
export const UNDO = false;
