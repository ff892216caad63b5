// Link types: how a packet begins, one row each. Numbers are those of the `DLT_` constants (pcap/dlt.h).

/** How the protocol of a packet is told from its first bytes. */
export type Framing =
  | "ethernet"
  | "llc"
  | "802.11"
  | "atm"
  | "cooked"
  | "ethertype"
  | "ppp"
  | "family"
  | "ip-version"
  | "ip4"
  | "ip6"
  | "pf"
  | "ss7";

export interface LinkType {
  /** As tcpdump's -y takes it. */
  readonly name: string;
  readonly number: number;
  /** In capture files, where that differs (`LINKTYPE_`). */
  readonly inFiles?: number;
  /** In a diagnostic. */
  readonly title: string;
  readonly framing: Framing;
  /** Where the protocol stands. */
  readonly type: number;
  /** Where the payload begins, LLC and SNAP with it. */
  readonly payload: number;
  /** Bytes of LLC with SNAP before the network's header, and of LLC alone. */
  readonly snap?: number;
  readonly llc?: number;
  /** MAC addresses of source and destination. */
  readonly macs?: { readonly source: number; readonly destination: number };
  /** Numbers of address families, in the byte order of the header. */
  readonly families?: { readonly size: 1 | 4; readonly ip: number; readonly ip6: number };
  /** A field that tells packets that were sent from here. */
  readonly outgoing?: { readonly at: number; readonly size: 1 | 2; readonly value: number };
}

const ETHERNET_MACS = { source: 6, destination: 0 };

/** Frames of 802.11 begin with that many bytes, where they are not those of quality of service. */
export const FRAME_HEADER = 24;

const rows: readonly LinkType[] = [
  {
    name: "EN10MB",
    number: 1,
    title: "Ethernet",
    framing: "ethernet",
    type: 12,
    payload: 14,
    llc: 3,
    macs: ETHERNET_MACS,
  },
  {
    name: "FDDI",
    number: 10,
    title: "FDDI",
    framing: "llc",
    type: 13,
    payload: 13,
    snap: 8,
    llc: 3,
    macs: { source: 7, destination: 1 },
  },
  { name: "IEEE802_11", number: 105, title: "802.11", framing: "802.11", type: 24, payload: 24, snap: 8, llc: 3 },
  {
    name: "IEEE802_11_RADIO",
    number: 127,
    title: "802.11 plus radiotap header",
    framing: "802.11",
    type: 24,
    payload: 24,
    snap: 8,
    llc: 3,
  },
  { name: "SUNATM", number: 123, title: "Sun raw ATM", framing: "atm", type: 4, payload: 4, snap: 8, llc: 3 },
  {
    name: "LINUX_SLL",
    number: 113,
    title: "Linux cooked v1",
    framing: "cooked",
    type: 14,
    payload: 16,
    outgoing: { at: 0, size: 2, value: 4 },
  },
  {
    name: "LINUX_SLL2",
    number: 276,
    title: "Linux cooked v2",
    framing: "ethertype",
    type: 0,
    payload: 20,
    outgoing: { at: 10, size: 1, value: 4 },
  },
  { name: "C_HDLC", number: 104, title: "Cisco HDLC", framing: "ethertype", type: 2, payload: 4 },
  { name: "PPP", number: 9, title: "PPP", framing: "ppp", type: 2, payload: 4 },
  {
    name: "NULL",
    number: 0,
    title: "BSD loopback",
    framing: "family",
    type: 0,
    payload: 4,
    families: { size: 4, ip: 0x02000000, ip6: 0x0a000000 },
  },
  {
    name: "LOOP",
    number: 108,
    title: "OpenBSD loopback",
    framing: "family",
    type: 0,
    payload: 4,
    families: { size: 4, ip: 2, ip6: 10 },
  },
  { name: "RAW", number: 12, inFiles: 101, title: "raw IP", framing: "ip-version", type: 0, payload: 0 },
  {
    name: "SLIP",
    number: 8,
    title: "SLIP",
    framing: "ip-version",
    type: 0,
    payload: 16,
    outgoing: { at: 0, size: 1, value: 1 },
  },
  { name: "IPV4", number: 228, title: "raw IPv4", framing: "ip4", type: 0, payload: 0 },
  { name: "IPV6", number: 229, title: "raw IPv6", framing: "ip6", type: 0, payload: 0 },
  {
    name: "PFLOG",
    number: 117,
    title: "OpenBSD pflog",
    framing: "pf",
    type: 1,
    payload: 0,
    families: { size: 1, ip: 2, ip6: 10 },
  },
  { name: "MTP2", number: 140, title: "SS7 MTP2", framing: "ss7", type: 0, payload: 0 },
];

/** A link type by its name (`EN10MB`, in any case) or number. */
export function linkTypeOf(which: string | number): LinkType | undefined {
  if (typeof which === "number") return rows.find((row) => row.number === which || row.inFiles === which);
  const name = which.toUpperCase().replace(/^DLT_/, "");
  return rows.find((row) => row.name === name);
}

/** All link types that filters are made for. */
export const linkTypes = (): readonly LinkType[] => rows;
