// What the balancer sees of a packet. A text says why it is not looked at any further.

import type { Settings } from "./settings.ts";

export interface Parsed {
  readonly family: 4 | 6;
  /** Bytes of the IP header, with its options or extension headers. */
  readonly header: number;
  /** Total length of IPv4, payload length of IPv6. */
  readonly length: number;
  /** Type of service, traffic class. */
  readonly service: number;
  /** 6, 17; what the flow is of, not what the packet is. */
  readonly protocol: number;
  /** The flow's, from client to service; of an error the one that it is about. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly port: number;
  /** Of TCP. */
  readonly flags: number;
  /** It is an ICMP error. */
  readonly about: boolean;
  /** Of an error of ICMP: where the header of what it is about begins, from the IP header on, and how long it is. */
  readonly inner?: { readonly at: number; readonly header: number };
  /** Nobody may take it apart on the way: IPv6, and IPv4 that says so. */
  readonly whole: boolean;
  /** Of a datagram in pieces. */
  readonly piece?: { readonly id: number; readonly later: boolean };
  /** Of QUIC, where its header is short and it has so many bytes. */
  readonly connectionId?: number;
}

const ETHERNET = 14;
const [TCP, UDP, ICMP, ICMP6] = [6, 17, 1, 58];
const CUT = "cut off";

type Transport = Pick<
  Parsed,
  "protocol" | "source" | "destination" | "sourcePort" | "port" | "flags" | "about" | "inner" | "connectionId"
>;

export function parsePacket(bytes: Uint8Array, settings: Settings): Parsed | string {
  // As the data plane reads it: an Ethernet header with two bytes behind it.
  if (bytes.length < ETHERNET + 2) return CUT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(12);
  if (type === 0x0800 && settings.FOUR) return four(view, settings);
  if (type === 0x86dd && settings.SIX) return six(view, settings);
  return "neither IPv4 nor IPv6, or of a family that no service has";
}

const part = (view: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
const has = (view: DataView, at: number, length: number): boolean => at + length <= view.byteLength;

function four(view: DataView, settings: Settings): Parsed | string {
  if (!has(view, ETHERNET, 20)) return CUT;
  const first = view.getUint8(ETHERNET);
  const header = (first & 15) * 4;
  const length = view.getUint16(16);
  if (first >> 4 !== 4 || header < 20 || length < header || !has(view, ETHERNET, length))
    return "no IPv4 header that is right";
  const place = view.getUint16(20) & 0x3fff;
  const protocol = view.getUint8(23);
  // As it lies, and the protocol.
  const id = (view.getUint16(18, true) | (protocol << 16)) >>> 0;
  const base = {
    family: 4,
    header,
    length,
    service: view.getUint8(15),
    whole: (view.getUint8(20) & 0x40) !== 0,
  } as const;
  const ends = { source: part(view, 26, 4), destination: part(view, 30, 4) };
  if ((place & 0x1fff) !== 0)
    return { ...base, ...ends, protocol, sourcePort: 0, port: 0, flags: 0, about: false, piece: { id, later: true } };
  const at = ETHERNET + header;
  const transport = protocol === ICMP ? errorOf4(view, at) : transportOf(view, at, protocol, ends, settings);
  if (typeof transport === "string") return transport;
  return { ...base, ...transport, ...(place === 0 ? {} : { piece: { id, later: false } }) };
}

function transportOf(
  view: DataView,
  at: number,
  protocol: number,
  ends: { source: Uint8Array; destination: Uint8Array },
  { QUIC, ID_AT, ID_BYTES }: Settings,
): Transport | string {
  if (protocol !== TCP && protocol !== UDP) return "neither TCP, UDP nor an ICMP error";
  if (!has(view, at, protocol === TCP ? 20 : 8)) return CUT;
  const common = { ...ends, protocol, sourcePort: view.getUint16(at), port: view.getUint16(at + 2), about: false };
  if (protocol === TCP) return { ...common, flags: view.getUint8(at + 13) };
  const payload = at + 8;
  const where = payload + 1 + ID_AT;
  if (!QUIC || !has(view, payload, 1) || (view.getUint8(payload) & 0xc0) !== 0x40 || !has(view, where, ID_BYTES))
    return { ...common, flags: 0 };
  const connectionId =
    ID_BYTES === 1 ? view.getUint8(where) : ID_BYTES === 2 ? view.getUint16(where) : view.getUint32(where);
  return { ...common, flags: 0, ...(connectionId === 0xffff_ffff ? {} : { connectionId }) };
}

/** The flow that an ICMP error is about, whose packet went from the service to the client (RFC 792). */
function errorOf4(view: DataView, at: number): Transport | string {
  if (!has(view, at, 8)) return CUT;
  if (![3, 11, 12].includes(view.getUint8(at))) return "ICMP that is no error";
  const inner = at + 8;
  if (!has(view, inner, 20)) return CUT;
  const first = view.getUint8(inner);
  const header = (first & 15) * 4;
  if (first >> 4 !== 4 || header < 20 || (view.getUint16(inner + 6) & 0x1fff) !== 0)
    return "an error about no IPv4 header";
  const protocol = view.getUint8(inner + 9);
  const flow = innerFlow(view, inner + header, protocol, part(view, inner + 16, 4), part(view, inner + 12, 4));
  return typeof flow === "string" ? flow : { ...flow, inner: { at: inner - ETHERNET, header } };
}

function innerFlow(
  view: DataView,
  at: number,
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
): Transport | string {
  if (protocol !== TCP && protocol !== UDP) return "an error about neither TCP nor UDP";
  if (!has(view, at, 4)) return CUT;
  return {
    source,
    destination,
    protocol,
    sourcePort: view.getUint16(at + 2),
    port: view.getUint16(at),
    flags: 0,
    about: true,
  };
}

function six(view: DataView, settings: Settings): Parsed | string {
  if (!has(view, ETHERNET, 40)) return CUT;
  const first = view.getUint16(ETHERNET);
  const length = view.getUint16(18);
  if (first >> 12 !== 6 || !has(view, ETHERNET, 40 + length)) return "no IPv6 header that is right";
  const ends = { source: part(view, 22, 16), destination: part(view, 38, 16) };
  let protocol = view.getUint8(20);
  let at = ETHERNET + 40;
  let id = 0;
  let more = false;
  let later = false;
  // Extension headers (RFC 8200, 4), four at most.
  for (let i = 0; i < 4 && !later; i++) {
    if (protocol === 44) {
      if (!has(view, at, 8)) return CUT;
      protocol = view.getUint8(at);
      const place = view.getUint16(at + 2);
      id = view.getUint32(at + 4, true);
      later = place >> 3 !== 0;
      if (later) break;
      more ||= (place & 1) !== 0;
      at += 8;
    } else if (protocol === 0 || protocol === 43 || protocol === 60) {
      if (!has(view, at, 2)) return CUT;
      protocol = view.getUint8(at);
      at += (view.getUint8(at + 1) + 1) * 8;
    } else break;
  }
  const base = { family: 6, header: at - ETHERNET, length, service: (first >> 4) & 255, whole: true } as const;
  if (later)
    return { ...base, ...ends, protocol, sourcePort: 0, port: 0, flags: 0, about: false, piece: { id, later: true } };
  const transport = protocol === ICMP6 ? errorOf6(view, at) : transportOf(view, at, protocol, ends, settings);
  if (typeof transport === "string") return transport;
  return { ...base, ...transport, ...(more ? { piece: { id, later: false } } : {}) };
}

/** RFC 4443: errors are 1 to 4. */
function errorOf6(view: DataView, at: number): Transport | string {
  if (!has(view, at, 8)) return CUT;
  const type = view.getUint8(at);
  if (type < 1 || type > 4) return "ICMPv6 that is no error";
  const inner = at + 8;
  if (!has(view, inner, 40) || view.getUint16(inner) >> 12 !== 6) return "an error about no IPv6 header";
  const protocol = view.getUint8(inner + 6);
  const flow = innerFlow(view, inner + 40, protocol, part(view, inner + 24, 16), part(view, inner + 8, 16));
  return typeof flow === "string" ? flow : { ...flow, inner: { at: inner - ETHERNET, header: 40 } };
}
