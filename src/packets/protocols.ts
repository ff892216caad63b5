// The protocols of packets, one row each: fields with their widths, what says which header comes next, how long a header is,
// where its checksum is. Types, headers of kernel programs, decoders and builders follow from this table.
//
// Sources: IEEE 802.3 and 802.1Q; RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 792 (ICMP), 4443 (ICMPv6), 9293 (TCP), 768 (UDP),
// 9260 (SCTP), 2784 and 2890 (GRE), 3032 (MPLS), 7348 (VXLAN), 8926 (Geneve).

/** Bits of a number, or an address. */
export type FieldWidth = number | "mac" | "ipv4" | "ipv6";

/** How a header's checksum is made. */
export interface ChecksumRow {
  /** Over its header alone, or over all that follows too. */
  readonly over: "header" | "message";
  /** Addresses of the header below count, with the length (RFC 8200, 8.1). */
  readonly pseudo?: true;
  /** Zero stands for no checksum, and a sum of zero is written as all ones (RFC 768). */
  readonly optional?: true;
}

export interface ProtocolRow {
  /** As people call it. */
  readonly title: string;
  /** In the order of the wire; the first has the highest bits. Of a flag (one bit) the value is a boolean. */
  readonly fields: Readonly<Record<string, FieldWidth>>;
  /** What lies in it, by the number that says so; the field is `by`, where it is not always the same. */
  readonly by?: string;
  readonly carries?: Readonly<Record<string, number>>;
  /** Bytes of the whole header, where it may be longer than its fields: `field * unit + plus`. */
  readonly length?: { readonly field: string; readonly unit: number; readonly plus: number };
  /** Optional words behind the fields, each there where its flag is set: bytes by flag. */
  readonly optional?: Readonly<Record<string, number>>;
  /** The field `checksum`. */
  readonly checksum?: ChecksumRow;
  /** The checksum is another one than the Internet's: CRC-32C (RFC 9260, appendix B). */
  readonly crc?: true;
}

/** VLAN tags: customers' and providers' (802.1Q, 802.1ad). */
export const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8];
/**
 * Numbers of what is carried: EtherTypes (https://www.iana.org/assignments/ieee-802-numbers), protocols of IP
 * (https://www.iana.org/assignments/protocol-numbers), ports.
 */
export const PROTOCOLS = {
  eth: {
    title: "Ethernet",
    fields: { destination: "mac", source: "mac", type: 16 },
    by: "type",
    carries: { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd, mpls: 0x8847 },
  },
  vlan: {
    title: "VLAN tag",
    fields: { priority: 3, dropEligible: 1, id: 12, type: 16 },
    by: "type",
    carries: { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd, mpls: 0x8847 },
  },
  mpls: {
    title: "MPLS",
    fields: { label: 20, trafficClass: 3, bottom: 1, ttl: 8 },
  },
  arp: {
    title: "ARP",
    fields: {
      hardwareType: 16,
      protocolType: 16,
      hardwareLength: 8,
      protocolLength: 8,
      operation: 16,
      senderMac: "mac",
      sender: "ipv4",
      targetMac: "mac",
      target: "ipv4",
    },
  },
  ipv4: {
    title: "IPv4",
    fields: {
      version: 4,
      headerLength: 4,
      dscp: 6,
      ecn: 2,
      totalLength: 16,
      id: 16,
      reserved: 1,
      dontFragment: 1,
      moreFragments: 1,
      fragmentOffset: 13,
      ttl: 8,
      protocol: 8,
      checksum: 16,
      source: "ipv4",
      destination: "ipv4",
    },
    by: "protocol",
    carries: { ipv4: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, sctp: 132, icmp: 1 },
    length: { field: "headerLength", unit: 4, plus: 0 },
    checksum: { over: "header" },
  },
  ipv6: {
    title: "IPv6",
    fields: {
      version: 4,
      trafficClass: 8,
      flowLabel: 20,
      payloadLength: 16,
      nextHeader: 8,
      hopLimit: 8,
      source: "ipv6",
      destination: "ipv6",
    },
    by: "nextHeader",
    carries: { ipv4: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, sctp: 132, icmp6: 58 },
  },
  icmp: {
    title: "ICMP",
    fields: { type: 8, code: 8, checksum: 16, id: 16, sequence: 16 },
    checksum: { over: "message" },
  },
  icmp6: {
    title: "ICMPv6",
    fields: { type: 8, code: 8, checksum: 16, id: 16, sequence: 16 },
    checksum: { over: "message", pseudo: true },
  },
  tcp: {
    title: "TCP",
    fields: {
      source: 16,
      destination: 16,
      sequence: 32,
      acknowledgment: 32,
      headerLength: 4,
      reserved: 4,
      cwr: 1,
      ece: 1,
      urg: 1,
      ack: 1,
      psh: 1,
      rst: 1,
      syn: 1,
      fin: 1,
      window: 16,
      checksum: 16,
      urgent: 16,
    },
    length: { field: "headerLength", unit: 4, plus: 0 },
    checksum: { over: "message", pseudo: true },
  },
  udp: {
    title: "UDP",
    fields: { source: 16, destination: 16, length: 16, checksum: 16 },
    by: "destination",
    carries: { vxlan: 4789, geneve: 6081 },
    checksum: { over: "message", pseudo: true, optional: true },
  },
  sctp: {
    title: "SCTP",
    fields: { source: 16, destination: 16, tag: 32, checksum: 32 },
    crc: true,
  },
  gre: {
    title: "GRE",
    fields: { hasChecksum: 1, reserved: 1, hasKey: 1, hasSequence: 1, reserved1: 9, version: 3, type: 16 },
    by: "type",
    carries: { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd, mpls: 0x8847, eth: 0x6558 },
    optional: { hasChecksum: 4, hasKey: 4, hasSequence: 4 },
  },
  vxlan: {
    title: "VXLAN",
    fields: { flags: 8, reserved: 24, vni: 24, reserved1: 8 },
    carries: { eth: 0 },
  },
  geneve: {
    title: "Geneve",
    fields: { version: 2, optionsLength: 6, control: 1, critical: 1, reserved: 6, type: 16, vni: 24, reserved1: 8 },
    by: "type",
    carries: { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd, mpls: 0x8847, eth: 0x6558 },
    length: { field: "optionsLength", unit: 4, plus: 8 },
  },
} as const;

export type ProtocolName = keyof typeof PROTOCOLS;
export const PROTOCOL_NAMES: readonly ProtocolName[] = Object.keys(PROTOCOLS) as readonly ProtocolName[];
/** A row, whatever it has. */
export const protocolRow = (name: ProtocolName): ProtocolRow => PROTOCOLS[name];

/** Names of a protocol's fields, and what may lie in it. */
export type FieldsOf<P extends ProtocolName> = (typeof PROTOCOLS)[P]["fields"];
export type CarriedBy<P extends ProtocolName> = (typeof PROTOCOLS)[P] extends { readonly carries: infer C }
  ? keyof C & ProtocolName
  : never;

/**
 * Headers between IPv6 and what it carries: hop-by-hop options, routing, fragment, authentication, destination options. Their
 * first byte says what comes next, their second how long they are: `(n + plus) * unit` bytes.
 */
export const IPV6_EXTENSIONS: Readonly<Record<number, { readonly unit: number; readonly plus: number }>> = {
  0: { unit: 8, plus: 1 },
  43: { unit: 8, plus: 1 },
  // Always eight bytes; its second byte is zero (RFC 8200, 4.5).
  44: { unit: 8, plus: 1 },
  51: { unit: 4, plus: 2 },
  60: { unit: 8, plus: 1 },
};
