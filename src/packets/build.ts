// Packets from their headers: lengths, checksums, and what says which header comes next are filled in where nobody says them.
//
//     packet().eth().ipv4({ source: "10.0.0.1" }).udp({ destination: 53 }).payload("text").bytes()

import { type FieldValue, fieldOf, internetSum, writeField } from "./fields.ts";
import { headerLayout } from "./layout.ts";
import { type FieldsOf, PROTOCOL_NAMES, type ProtocolName, protocolRow, VLAN_TYPES } from "./protocols.ts";

/** Some of a header's fields: what is given stays, right or wrong. */
export type GivenFields<P extends ProtocolName> = {
  readonly [F in keyof FieldsOf<P>]?: FieldsOf<P>[F] extends number ? number | boolean : string;
} & {
  /** Options, behind the fields; their length is a whole number of what the header counts in. */
  readonly options?: Uint8Array;
};

export type PacketBuilder = {
  readonly [P in ProtocolName]: (fields?: GivenFields<P>) => PacketBuilder;
} & {
  /** What lies in the last header. */
  payload(bytes: Uint8Array | string): PacketBuilder;
  /** The packet. Throws a RangeError for a value that a field cannot have. */
  bytes(): Uint8Array;
};

interface Layer {
  readonly protocol: ProtocolName;
  readonly given: Readonly<Record<string, FieldValue | Uint8Array | undefined>>;
}

/** Of fields that are seldom zero. */
const USUAL: Readonly<Partial<Record<ProtocolName, Readonly<Record<string, FieldValue>>>>> = {
  eth: { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" },
  arp: { hardwareType: 1, protocolType: 0x0800, hardwareLength: 6, protocolLength: 4, operation: 1 },
  ipv4: { version: 4, ttl: 64, source: "10.0.0.1", destination: "10.0.0.2" },
  ipv6: { version: 6, hopLimit: 64, source: "2001:db8::1", destination: "2001:db8::2" },
  tcp: { window: 0xffff },
  mpls: { bottom: true, ttl: 64 },
  vxlan: { flags: 8 },
};
/** Fields that have the bytes of what follows the header, and of the header itself where so many are added. */
const LENGTHS: Readonly<Partial<Record<ProtocolName, { readonly field: string; readonly own: boolean }>>> = {
  ipv4: { field: "totalLength", own: true },
  ipv6: { field: "payloadLength", own: false },
  udp: { field: "length", own: true },
};

/** Begins a packet. */
export const packet = (): PacketBuilder => builder([], new Uint8Array());

function builder(layers: readonly Layer[], payload: Uint8Array): PacketBuilder {
  const methods = PROTOCOL_NAMES.map((protocol) => [
    protocol,
    (given: Layer["given"] = {}) => builder([...layers, { protocol, given }], payload),
  ]);
  return {
    ...Object.fromEntries(methods),
    payload: (bytes: Uint8Array | string) =>
      builder(layers, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes),
    bytes: () => built(layers, payload),
  } as PacketBuilder;
}

function built(layers: readonly Layer[], payload: Uint8Array): Uint8Array {
  let rest = payload;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i] as Layer;
    const header = headerBytes(layer, layers[i + 1]?.protocol, rest.length);
    const message = Uint8Array.from([...header, ...rest]);
    rest = message;
    if (protocolRow(layer.protocol).checksum?.pseudo !== true) summed(layer, message, header.length, 0);
    // Sums with addresses wait for the header that has them.
    const inner = layers[i + 1];
    const addressed = layer.protocol === "ipv4" || layer.protocol === "ipv6";
    if (inner !== undefined && addressed && protocolRow(inner.protocol).checksum?.pseudo === true)
      summed(
        inner,
        message.subarray(header.length),
        0,
        pseudoSum(layer.protocol, message, inner.protocol, header.length),
      );
  }
  return rest;
}

function headerBytes({ protocol, given }: Layer, inner: ProtocolName | undefined, following: number): Uint8Array {
  const row = protocolRow(protocol);
  const { bytes: fixed } = headerLayout(protocol);
  const { options } = given;
  const more = options instanceof Uint8Array ? options.length : 0;
  const header = new Uint8Array(fixed + more);
  if (options instanceof Uint8Array) header.set(options, fixed);
  const set = (name: string, value: FieldValue): void => writeField(header, 0, fieldOf(protocol, name), value);
  for (const [name, value] of Object.entries(USUAL[protocol] ?? {})) set(name, value);
  if (row.length !== undefined) set(row.length.field, Math.ceil((header.length - row.length.plus) / row.length.unit));
  const length = LENGTHS[protocol];
  if (length !== undefined) set(length.field, following + (length.own ? header.length : 0));
  const number = inner === undefined ? undefined : inner === "vlan" ? VLAN_TYPES[0] : row.carries?.[inner];
  if (row.by !== undefined && number !== undefined) set(row.by, number);
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !(value instanceof Uint8Array)) set(name, value);
  return header;
}

/** Fills in a header's checksum, where nobody has said it. `start`: the sum of what counts beside it. */
function summed({ protocol, given }: Layer, message: Uint8Array, header: number, start: number): void {
  const { checksum } = protocolRow(protocol);
  if (checksum === undefined || given["checksum"] !== undefined) return;
  const sum = internetSum(checksum.over === "header" ? message.subarray(0, header) : message, start);
  const value = ~sum & 0xffff;
  writeField(message, 0, fieldOf(protocol, "checksum"), checksum.optional === true && value === 0 ? 0xffff : value);
}

/** Addresses, the protocol and the length (RFC 9293, 3.1; RFC 8200, 8.1). */
function pseudoSum(outer: ProtocolName, message: Uint8Array, inner: ProtocolName, header: number): number {
  const { fields } = headerLayout(outer);
  const source = fields.get("source");
  const start = (source?.at ?? 0) / 8;
  const addresses = message.slice(start, start + ((source?.bits ?? 0) / 8) * 2);
  const length = message.length - header;
  const number = protocolRow(outer).carries?.[inner] ?? 0;
  return internetSum(addresses, number + (length % 0x1_0000) + Math.floor(length / 0x1_0000));
}
