// What rules ask of packets: one row a field. A packet is of one of a few worlds, by what it carries; a field that a world does not
// have matches no rule that asks for it.

/** What kind of packet: the family of its network layer, and what kind of header lies in that. */
export const WORLDS = [
  "ipv4 tcp",
  "ipv4 ports",
  "ipv4 icmp",
  "ipv4",
  "ipv6 tcp",
  "ipv6 ports",
  "ipv6 icmp",
  "ipv6",
  "other",
] as const;
export type World = (typeof WORLDS)[number];

/** A world's family, and what kind of header it is about. */
export const WORLD_PARTS: Readonly<
  Record<World, { readonly family?: "ipv4" | "ipv6"; readonly kind?: "tcp" | "ports" | "icmp" }>
> = {
  "ipv4 tcp": { family: "ipv4", kind: "tcp" },
  "ipv4 ports": { family: "ipv4", kind: "ports" },
  "ipv4 icmp": { family: "ipv4", kind: "icmp" },
  ipv4: { family: "ipv4" },
  "ipv6 tcp": { family: "ipv6", kind: "tcp" },
  "ipv6 ports": { family: "ipv6", kind: "ports" },
  "ipv6 icmp": { family: "ipv6", kind: "icmp" },
  ipv6: { family: "ipv6" },
  other: {},
};

/** Protocols with two ports at the start of their headers: UDP, DCCP, SCTP, UDP-Lite. */
export const PORT_PROTOCOLS: readonly number[] = [17, 33, 132, 136];
export const TCP = 6;
export const ICMP = 1;
export const ICMP6 = 58;

interface FieldRow {
  /** One line, as explanations and help have it. */
  readonly doc: string;
  /** The greatest value. */
  readonly most: number;
  readonly worlds: "all" | "ip" | "ipv4" | "ipv6" | "ports" | "tcp" | "icmp";
}

export const FIELDS = {
  etherType: { doc: "what the frame carries (EtherType), behind VLAN tags", most: 0xffff, worlds: "all" },
  length: { doc: "bytes of the frame", most: 0xffff_ffff, worlds: "all" },
  vlan: { doc: "number of the outermost VLAN; 4096: none", most: 4096, worlds: "all" },
  sourceMacHigh: { doc: "first two bytes of the frame's source", most: 0xffff, worlds: "all" },
  sourceMacLow: { doc: "last four bytes of the frame's source", most: 0xffff_ffff, worlds: "all" },
  destinationMacHigh: { doc: "first two bytes of the frame's destination", most: 0xffff, worlds: "all" },
  destinationMacLow: { doc: "last four bytes of the frame's destination", most: 0xffff_ffff, worlds: "all" },
  source: { doc: "IPv4 source", most: 0xffff_ffff, worlds: "ipv4" },
  destination: { doc: "IPv4 destination", most: 0xffff_ffff, worlds: "ipv4" },
  source0: { doc: "first word of the IPv6 source", most: 0xffff_ffff, worlds: "ipv6" },
  source1: { doc: "second word of the IPv6 source", most: 0xffff_ffff, worlds: "ipv6" },
  source2: { doc: "third word of the IPv6 source", most: 0xffff_ffff, worlds: "ipv6" },
  source3: { doc: "last word of the IPv6 source", most: 0xffff_ffff, worlds: "ipv6" },
  destination0: { doc: "first word of the IPv6 destination", most: 0xffff_ffff, worlds: "ipv6" },
  destination1: { doc: "second word of the IPv6 destination", most: 0xffff_ffff, worlds: "ipv6" },
  destination2: { doc: "third word of the IPv6 destination", most: 0xffff_ffff, worlds: "ipv6" },
  destination3: { doc: "last word of the IPv6 destination", most: 0xffff_ffff, worlds: "ipv6" },
  protocol: { doc: "what the network layer carries", most: 0xff, worlds: "ip" },
  ttl: { doc: "time to live, or hop limit", most: 0xff, worlds: "ip" },
  dscp: { doc: "differentiated services (six bits)", most: 0x3f, worlds: "ip" },
  fragment: { doc: "0: whole, 1: the first fragment, 2: a later one", most: 2, worlds: "ip" },
  sourcePort: { doc: "source port", most: 0xffff, worlds: "ports" },
  destinationPort: { doc: "destination port", most: 0xffff, worlds: "ports" },
  flags: { doc: "TCP's flags", most: 0xff, worlds: "tcp" },
  icmpType: { doc: "type of ICMP", most: 0xff, worlds: "icmp" },
  icmpCode: { doc: "code of ICMP", most: 0xff, worlds: "icmp" },
} as const;

/**
 * A field of the table, or a bit: `source in 3` says whether the source is in set 3 of those that a map holds, `flag 1` whether
 * bit 1 of TCP's flags is set.
 */
export type FieldName = keyof typeof FIELDS;
export type BitField = `${"source" | "destination"} in ${number}` | `flag ${number}`;
export type Field = FieldName | BitField;

/** The words that fields are handed over in: the table's, and one a side with the bits of sets. */
export type Word = FieldName | "source sets" | "destination sets";

/** The word that a bit is of, and its number there; undefined: this is a field of the table. */
export function bitOf(field: Field): { readonly word: Word; readonly bit: number } | undefined {
  if (row(field) !== undefined) return undefined;
  const [, side, set, flag] = /^(?:(source|destination) in (\d+)|flag (\d+))$/.exec(field) as RegExpExecArray;
  if (flag !== undefined) return { word: "flags", bit: Number(flag) };
  return { word: `${side as "source" | "destination"} sets`, bit: Number(set) };
}
export const setBit = (side: "source" | "destination", set: number): BitField => `${side} in ${set}`;
export const wordOf = (field: Field): Word => bitOf(field)?.word ?? (field as FieldName);

const row = (field: Field): FieldRow | undefined => (FIELDS as Readonly<Record<string, FieldRow>>)[field];
export const mostOf = (field: Field): number => row(field)?.most ?? 1;

export function hasField(world: World, field: Field): boolean {
  const { family, kind } = WORLD_PARTS[world];
  const worlds = row(field)?.worlds ?? (field.startsWith("flag ") ? "tcp" : "ip");
  switch (worlds) {
    case "all":
      return true;
    case "ip":
      return world !== "other";
    case "ipv4":
      return family === "ipv4";
    case "ipv6":
      return family === "ipv6";
    case "ports":
      return kind === "ports" || kind === "tcp";
    case "tcp":
      return kind === "tcp";
    case "icmp":
      return kind === "icmp";
  }
}
