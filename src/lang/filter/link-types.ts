// Link types: how a packet begins, one row each. Numbers are those of the `DLT_` constants (pcap/dlt.h).

import { RAW_LINK_TYPES } from "./raw-link-types.ts";

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
  | "frame-relay"
  | "arcnet"
  | "appletalk"
  | "ss7"
  | "mark"
  | "raw";

export interface LinkType {
  /** As tcpdump's -y takes it. */
  readonly name: string;
  readonly number: number;
  /** In capture files, where that differs (`LINKTYPE_`). */
  readonly inFiles?: number;
  /** In a diagnostic. */
  readonly title: string;
  readonly framing: Framing;
  /** Where the link's header begins; absent: where the packet does. */
  readonly header?: number;
  /** Of frames of 802.11: what stands before them, and says how long it is itself. */
  readonly radio?: "radiotap" | "prism" | "avs" | "ppi";
  /** Where the protocol stands; of SS7, where MTP2 begins. */
  readonly type: number;
  /** Where the payload begins, LLC and SNAP with it; -1: not known, so that it is looked for outside of the packet. */
  readonly payload: number;
  /** Bytes of LLC with SNAP before the network's header, and of LLC alone. */
  readonly snap?: number;
  readonly llc?: number;
  /** False: `llc` is not asked of it, though all packets have it (pcap-filter(7) knows it of others). */
  readonly asksLlc?: false;
  /** MAC addresses of source and destination. */
  readonly macs?: { readonly source: number; readonly destination: number };
  /** Numbers of address families, in the byte order of the header. */
  readonly families?: { readonly size: 1 | 4; readonly ip: number; readonly ip6: number };
  /** What all packets of the link begin with: all that tells protocols there, whichever is asked. */
  readonly mark?: { readonly value: number; readonly mask: number };
  /** A field that tells packets that were sent from here, and those that came in, where these are not all others. */
  readonly outgoing?: {
    readonly at: number;
    readonly size: 1 | 2;
    readonly value: number;
    readonly incoming?: number;
    readonly mask?: number;
  };
  /** Whether labels of MPLS may stand behind the link's header. */
  readonly labels?: true;
}

const ETHERNET_MACS = { source: 6, destination: 0 };

/** Frames of 802.11 begin with that many bytes, where they are not those of quality of service. */
export const FRAME_HEADER = 24;

/** Of Juniper's routers: behind "MGC" and a byte of flags each has headers of its own. Payload, SNAP and LLC as libpcap reads them. */
const JUNIPER: readonly (readonly [name: string, number: number, payload?: number, snap?: number, llc?: number])[] = [
  ["MLPPP", 130, 4],
  ["MLFR", 131, 4],
  ["ES", 132],
  ["GGSN", 133, 12],
  ["MFR", 134, 4],
  ["ATM2", 135, 8, 0, 10],
  ["SERVICES", 136],
  ["ATM1", 137, 4, 0, 10],
  ["MONITOR", 164, 12],
  ["PPPOE", 167, 14, 18, 21],
  ["PPPOE_ATM", 168, 6],
  ["ETHER", 178, 14, 18, 21],
  ["PPP", 179, 4],
  ["FRELAY", 180, 4],
  ["CHDLC", 181, 4],
  ["VP", 183],
  ["ISM", 194],
  ["ST", 200],
  ["VS", 232],
  ["SRX_E2E", 233],
  ["FIBRECHANNEL", 234],
  ["ATM_CEMIC", 238],
];

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
    labels: true,
  },
  {
    name: "NETANALYZER",
    number: 240,
    title: "netANALYZER frames",
    framing: "ethernet",
    header: 4,
    type: 16,
    payload: 18,
    llc: 3,
    asksLlc: false,
    macs: ETHERNET_MACS,
    labels: true,
  },
  {
    name: "NETANALYZER_TRANSPARENT",
    number: 241,
    title: "netANALYZER frames with their preamble",
    framing: "ethernet",
    header: 12,
    type: 24,
    payload: 26,
    llc: 3,
    asksLlc: false,
    macs: ETHERNET_MACS,
    labels: true,
  },
  {
    name: "IEEE802",
    number: 6,
    title: "Token Ring",
    framing: "llc",
    type: 14,
    payload: 14,
    snap: 8,
    llc: 3,
    macs: { source: 8, destination: 2 },
  },
  {
    name: "IP_OVER_FC",
    number: 122,
    title: "IP over Fibre Channel",
    framing: "llc",
    type: 16,
    payload: 16,
    snap: 8,
    llc: 3,
    asksLlc: false,
    macs: { source: 10, destination: 2 },
  },
  {
    name: "ATM_RFC1483",
    number: 11,
    inFiles: 100,
    title: "ATM, RFC 1483",
    framing: "llc",
    type: 0,
    payload: 0,
    snap: 8,
    llc: 3,
  },
  {
    name: "ATM_CLIP",
    number: 19,
    inFiles: 106,
    title: "classical IP over ATM",
    framing: "llc",
    type: 0,
    payload: 0,
    snap: 8,
    llc: 3,
    asksLlc: false,
  },
  { name: "ARCNET", number: 7, title: "ARCnet", framing: "arcnet", type: 2, payload: 6 },
  { name: "ARCNET_LINUX", number: 129, title: "ARCnet as Linux has it", framing: "arcnet", type: 4, payload: 8 },
  { name: "LTALK", number: 114, title: "LocalTalk", framing: "appletalk", type: 0, payload: 0 },
  { name: "FRELAY", number: 107, title: "Frame Relay", framing: "frame-relay", type: 2, payload: 0 },
  { name: "SYMANTEC_FIREWALL", number: 99, title: "Symantec firewall", framing: "ethertype", type: 6, payload: 44 },
  {
    name: "APPLE_IP_OVER_IEEE1394",
    number: 138,
    title: "IP over FireWire",
    framing: "ethertype",
    type: 16,
    payload: 18,
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
  ...(
    [
      ["IEEE802_11_RADIO", 127, "radiotap"],
      ["PRISM_HEADER", 119, "prism"],
      ["IEEE802_11_RADIO_AVS", 163, "avs"],
      ["PPI", 192, "ppi"],
    ] as const
  ).map(
    ([name, number, radio]): LinkType => ({
      name,
      number,
      title: `802.11 plus ${radio} header`,
      framing: "802.11",
      radio,
      type: 24,
      payload: 24,
      snap: 8,
      llc: 3,
    }),
  ),
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
  { name: "C_HDLC", number: 104, title: "Cisco HDLC", framing: "ethertype", type: 2, payload: 4, labels: true },
  { name: "PPP", number: 9, title: "PPP", framing: "ppp", type: 2, payload: 4, labels: true },
  { name: "PPP_SERIAL", number: 50, title: "PPP over a serial line", framing: "ppp", type: 2, payload: 4 },
  {
    name: "PPP_PPPD",
    number: 166,
    title: "PPP of pppd",
    framing: "ppp",
    type: 2,
    payload: 4,
    outgoing: { at: 0, size: 1, value: 1, incoming: 0 },
  },
  { name: "PPP_ETHER", number: 51, title: "PPP over Ethernet", framing: "ppp", type: 6, payload: 8 },
  { name: "PPP_BSDOS", number: 16, inFiles: 103, title: "PPP of BSD/OS", framing: "ppp", type: 5, payload: 24 },
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
  {
    name: "ENC",
    number: 109,
    title: "OpenBSD encapsulated IP",
    framing: "family",
    type: 0,
    payload: 12,
    families: { size: 4, ip: 0x02000000, ip6: 0x0a000000 },
  },
  {
    name: "IPNET",
    number: 226,
    title: "Solaris IPNET",
    framing: "family",
    type: 1,
    payload: 24,
    families: { size: 1, ip: 2, ip6: 26 },
    outgoing: { at: 2, size: 2, value: 1, incoming: 2 },
  },
  { name: "RAW", number: 12, inFiles: 101, title: "raw IP", framing: "ip-version", type: 0, payload: 0 },
  {
    name: "SLIP",
    number: 8,
    title: "SLIP",
    framing: "ip-version",
    type: 0,
    payload: 16,
    outgoing: { at: 0, size: 1, value: 1, incoming: 0 },
  },
  {
    name: "SLIP_BSDOS",
    number: 15,
    inFiles: 102,
    title: "SLIP of BSD/OS",
    framing: "ip-version",
    type: 0,
    payload: 24,
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
    outgoing: { at: 60, size: 1, value: 2, incoming: 1 },
  },
  { name: "MTP2", number: 140, title: "SS7 MTP2", framing: "ss7", type: 0, payload: 0 },
  { name: "MTP2_WITH_PHDR", number: 139, title: "SS7 MTP2 with a header", framing: "ss7", type: 4, payload: 0 },
  { name: "ERF", number: 197, title: "SS7 MTP2 in ERF", framing: "ss7", type: 20, payload: 0 },
  ...JUNIPER.map(
    ([name, number, payload = -1, snap = payload < 0 ? -1 : 0, llc = -1]): LinkType => ({
      name: `JUNIPER_${name}`,
      number,
      title: `Juniper ${name}`,
      framing: "mark",
      type: 0,
      payload,
      snap,
      llc,
      mark: { value: 0x4d474300, mask: 0xffffff00 },
      outgoing: { at: 3, size: 1, value: 0, incoming: 1, mask: 1 },
    }),
  ),
  {
    name: "BACNET_MS_TP",
    number: 165,
    title: "BACnet MS/TP",
    framing: "mark",
    type: 0,
    payload: -1,
    snap: -1,
    llc: -1,
    mark: { value: 0x55ff0000, mask: 0xffff0000 },
  },
  ...RAW_LINK_TYPES.map(
    ([name, number]): LinkType => ({ name, number, title: name, framing: "raw", type: 0, payload: 0 }),
  ),
];

/** A link type by its name (`EN10MB`, in any case) or number. */
export function linkTypeOf(which: string | number): LinkType | undefined {
  if (typeof which === "number") return rows.find((row) => row.number === which || row.inFiles === which);
  const name = which.toUpperCase().replace(/^DLT_/, "");
  return rows.find((row) => row.name === name);
}

/** All link types that filters are made for. */
export const linkTypes = (): readonly LinkType[] => rows;
