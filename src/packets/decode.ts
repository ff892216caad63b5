// Packets as their headers: each with its fields, and what is left. What is cut off or damaged ends it, and is said.

import { type FieldValue, readField } from "./fields.ts";
import { headerLayout } from "./layout.ts";
import { type DecodedMessage, messageIn } from "./messages.ts";
import { IPV6_EXTENSIONS, PROTOCOL_NAMES, type ProtocolName, protocolRow, VLAN_TYPES } from "./protocols.ts";
import { type TcpOption, tcpOptions, tcpOptionText } from "./tcp-options.ts";

export interface DecodedHeader {
  readonly protocol: ProtocolName;
  /** Bytes from the packet's start. */
  readonly at: number;
  /** Bytes, with options. */
  readonly length: number;
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** Of TCP, where it has any. */
  readonly options?: readonly TcpOption[];
}

export interface DecodedPacket {
  readonly headers: readonly DecodedHeader[];
  /** Where what no header explains begins, and how many bytes of it there are; what Ethernet fills up short packets by is none. */
  readonly payload: { readonly at: number; readonly length: number };
  /** What the payload is, where it is known. */
  readonly message?: DecodedMessage;
  /** Why there are no more headers, where a packet ends too soon or says what cannot be. */
  readonly damage?: string;
}

/** Headers within each other: tunnels may go deep, in damaged packets without end. */
const MOST_HEADERS = 32;

/**
 * The headers of a packet that begins with this one (`firstHeader` has it by the link's type). Never throws: packets come from
 * anywhere.
 */
export function decodePacket(
  bytes: Uint8Array,
  first: ProtocolName | { readonly protocol: ProtocolName; readonly at: number } = "eth",
): DecodedPacket {
  const headers: DecodedHeader[] = [];
  let protocol: ProtocolName | undefined = typeof first === "string" ? first : first.protocol;
  let at = typeof first === "string" ? 0 : first.at;
  /** Where the innermost IP header says that its packet ends. */
  let end = bytes.length;
  const ended = (damage?: string): DecodedPacket => {
    const message = damage === undefined ? messageOf(headers, bytes, at, end) : undefined;
    return {
      headers,
      payload: { at, length: Math.max(0, end - at) },
      ...(message === undefined ? {} : { message }),
      ...(damage === undefined ? {} : { damage }),
    };
  };
  while (protocol !== undefined) {
    const { title } = protocolRow(protocol);
    if (headers.length >= MOST_HEADERS) return ended("too many headers");
    const layout = headerLayout(protocol);
    if (at + layout.bytes > bytes.length) return ended(`the packet ends within its ${title} header`);
    const fields: Record<string, FieldValue> = {};
    for (const field of layout.fields.values()) fields[field.name] = readField(bytes, at, field);
    const length = lengthOf(protocol, fields, layout.bytes);
    if (length < layout.bytes) return ended(`the ${title} header says that it has ${length} bytes`);
    if (at + length > bytes.length) return ended(`the packet ends within its ${title} header`);
    const options = protocol === "tcp" && length > layout.bytes ? { options: tcpOptions(bytes, at, length) } : {};
    headers.push({ protocol, at, length, fields, ...options });
    end = Math.min(end, endOf(protocol, fields, at));
    at += length;
    const next = nextOf(protocol, fields, bytes, at);
    at = next.at;
    protocol = next.protocol;
  }
  return ended();
}

/** Where a header says that its packet ends; offloading cards leave 0 where they are to fill it in. */
function endOf(protocol: ProtocolName, fields: Readonly<Record<string, FieldValue>>, at: number): number {
  const length =
    protocol === "ipv4"
      ? Number(fields["totalLength"])
      : protocol === "ipv6" && fields["payloadLength"] !== 0
        ? Number(fields["payloadLength"]) + 40
        : 0;
  return length >= 20 ? at + length : Number.POSITIVE_INFINITY;
}

function messageOf(
  headers: readonly DecodedHeader[],
  bytes: Uint8Array,
  at: number,
  end: number,
): DecodedMessage | undefined {
  const last = headers.at(-1);
  if (last?.protocol !== "tcp" && last?.protocol !== "udp") return undefined;
  return messageIn(bytes, at, end, last.protocol, [Number(last.fields["source"]), Number(last.fields["destination"])]);
}

function lengthOf(protocol: ProtocolName, fields: Readonly<Record<string, FieldValue>>, fixed: number): number {
  const { length, optional } = protocolRow(protocol);
  if (length !== undefined) return Number(fields[length.field]) * length.unit + length.plus;
  return Object.entries(optional ?? {}).reduce((sum, [flag, more]) => sum + (fields[flag] === true ? more : 0), fixed);
}

/** What comes behind a header, and where; undefined: nobody knows, or nothing does. */
function nextOf(
  protocol: ProtocolName,
  fields: Readonly<Record<string, FieldValue>>,
  bytes: Uint8Array,
  at: number,
): { readonly at: number; readonly protocol: ProtocolName | undefined } {
  const { by, carries = {} } = protocolRow(protocol);
  let number = by === undefined ? 0 : Number(fields[by]);
  let start = at;
  if (protocol === "mpls") return { at, protocol: fields["bottom"] === false ? "mpls" : ofVersion(bytes[at]) };
  if ((protocol === "eth" || protocol === "vlan") && VLAN_TYPES.includes(number)) return { at, protocol: "vlan" };
  // Of fragments only the first begins with a header.
  if (protocol === "ipv4" && fields["fragmentOffset"] !== 0) return { at, protocol: undefined };
  if (protocol === "ipv6") {
    for (let row = IPV6_EXTENSIONS[number]; row !== undefined; row = IPV6_EXTENSIONS[number]) {
      if (start + 8 > bytes.length) return { at: start, protocol: undefined };
      const later = number === 44 && ((((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0)) & 0xfff8) !== 0;
      const length = number === 44 ? 8 : ((bytes[start + 1] ?? 0) + row.plus) * row.unit;
      number = bytes[start] ?? 0;
      start += length;
      if (later) return { at: start, protocol: undefined };
    }
  }
  return { at: start, protocol: PROTOCOL_NAMES.find((name) => carries[name] === number) };
}

/** MPLS does not say what it carries: it is told by the version that IP begins with. */
const ofVersion = (byte: number | undefined): ProtocolName | undefined =>
  byte === undefined ? undefined : byte >> 4 === 4 ? "ipv4" : byte >> 4 === 6 ? "ipv6" : undefined;

/** Flags that are set are named; numbers of interest to a reader of lines. */
const SHOWN = /^(?:type|ttl|hopLimit|id|operation|vni|label|window|sequence)$/;

/** One line: `eth 02:… > 02:…, ipv4 10.0.0.1 > 10.0.0.2 ttl 64, udp 5353 > 53, 4 bytes`. */
export function formatPacket({ headers, payload, message, damage }: DecodedPacket): string {
  const parts = headers.map(({ protocol, fields, options = [] }) => {
    const words: string[] = [protocol];
    if (fields["source"] !== undefined) words.push(`${fields["source"]} > ${fields["destination"]}`);
    if (protocol === "arp") words.push(`${fields["sender"]} > ${fields["target"]}`);
    for (const [name, value] of Object.entries(fields)) {
      if (value === true) words.push(name);
      else if (SHOWN.test(name) && name !== "type") words.push(`${name} ${value}`);
      else if (name === "type")
        words.push(`type ${protocol.startsWith("icmp") ? value : `0x${Number(value).toString(16).padStart(4, "0")}`}`);
    }
    words.push(...options.map(tcpOptionText));
    return words.join(" ");
  });
  if (message !== undefined) parts.push(`${message.protocol} ${message.text}`);
  if (payload.length > 0) parts.push(`${payload.length} byte${payload.length === 1 ? "" : "s"}`);
  if (damage !== undefined) parts.push(`(${damage})`);
  return parts.join(", ");
}
