// A packet as it leaves the balancer, in plain TypeScript.

import { internetSum } from "../../packets/index.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "../../source/index.ts";
import { isFour } from "./config.ts";
import type { Parsed } from "./parse-packet.ts";
import { type Decision, decide, type State, TOLD_BYTES } from "./reference.ts";
import type { Settings } from "./settings.ts";

export interface Outcome {
  readonly verdict: "pass" | "drop" | "send";
  readonly bytes: Uint8Array;
  /** Of what is dropped, and of what its sender is told of. */
  readonly why?: string;
}

/** Where the tags of a VLAN stand, behind the addresses. */
const TAGS = 12;
/** Bytes of the tags of VLANs that a frame has, two at most (IEEE 802.1Q, 802.1ad). */
function tagBytes(frame: Uint8Array): number {
  const isTag = (at: number): boolean => {
    const type = ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0);
    return type === 0x8100 || type === 0x88a8;
  };
  return isTag(TAGS) ? (isTag(TAGS + 4) ? 8 : 4) : 0;
}

/**
 * What becomes of a frame: its packet is balanced as if there were no tags of VLANs, which it keeps. Where the next hop is asked of the
 * kernel's routes, addresses of Ethernet are not known.
 */
export function referenceBalance(frame: Uint8Array, state: State): Outcome {
  const count = tagBytes(frame);
  if (count === 0) return balanced(frame, state);
  const tags = frame.subarray(TAGS, TAGS + count);
  const without = joined(frame.subarray(0, TAGS), frame.subarray(TAGS + count));
  const outcome = balanced(without, state);
  if (outcome.verdict !== "send") return { ...outcome, bytes: frame };
  return { ...outcome, bytes: joined(outcome.bytes.subarray(0, TAGS), tags, outcome.bytes.subarray(TAGS)) };
}

function balanced(bytes: Uint8Array, state: State): Outcome {
  const decision = decide(bytes, state);
  if (decision.kind === "pass") return { verdict: "pass", bytes };
  if (decision.kind === "drop") return { verdict: "drop", bytes, why: decision.why };
  if (decision.kind === "tell") {
    const { packet, mtu, why } = decision;
    return { verdict: "send", bytes: tooLong(bytes, packet.family, mtu), why };
  }
  return { verdict: "send", bytes: bytesOf(bytes, decision, state) };
}

function bytesOf(
  bytes: Uint8Array,
  decision: Extract<Decision, { kind: "send" | "answer" }>,
  state: State,
): Uint8Array {
  const { settings } = state;
  const { packet } = decision;
  if (decision.kind === "answer") {
    const { client, clientPort, service, servicePort } = decision.to;
    // What an error is about went the other way.
    const ends =
      packet.inner === undefined
        ? { source: service, sourcePort: servicePort, destination: client, port: clientPort }
        : { source: client, sourcePort: clientPort, destination: service, port: servicePort };
    return translated(bytes, packet, ends, settings);
  }
  const { server, service } = decision.row;
  if (service.forward === "snat") {
    const own = { address: sourceOf(packet.family, settings), port: decision.port as number };
    const its = { address: server.address, port: server.port ?? packet.port };
    const [from, to] = packet.inner === undefined ? [own, its] : [its, own];
    const ends = { source: from.address, sourcePort: from.port, destination: to.address, port: to.port };
    return translated(bytes, packet, ends, settings);
  }
  const inner = bytes.subarray(14);
  const four = isFour(server.address);
  const length = packet.family === 4 ? packet.length : packet.length + 40;
  const gue = service.forward === "gue";
  const protocol = gue ? 17 : packet.family === 4 ? 4 : 41;
  const datagram = gue ? gueHeader(decision.hash, length, settings) : new Uint8Array();
  const carried = length + datagram.length;
  const outer = four
    ? outer4(settings, server.address, protocol, packet.service, carried)
    : outer6(settings, server.address, protocol, packet.service, carried);
  return withEthernet(joined(outer, datagram, inner), bytes, four ? 0x0800 : 0x86dd, settings);
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const be16 = (n: number): number[] => [(n >> 8) & 255, n & 255];
const lying = (...words: readonly number[]): number[] => [...new Uint8Array(Uint32Array.from(words).buffer)];

function withEthernet(
  behind: Uint8Array,
  before: Uint8Array,
  type: number,
  { NEXT, NEXT_TO, NEXT_TO2 }: Settings,
): Uint8Array {
  const to = NEXT === 2 ? [...lying(NEXT_TO), NEXT_TO2 & 255, NEXT_TO2 >> 8] : [...before.subarray(6, 12)];
  return joined(Uint8Array.from([...to, ...before.subarray(0, 6), ...be16(type)]), behind);
}

function outer4(settings: Settings, to: string, protocol: number, service: number, carried: number): Uint8Array {
  const header = Uint8Array.from([
    ...[0x45, service, ...be16(carried + 20), 0, 0, 0x40, 0, 64, protocol, 0, 0],
    ...lying(settings.SOURCE4),
    ...(parseIpv4(to) as Uint8Array),
  ]);
  header.set(be16(~internetSum(header) & 0xffff), 10);
  return header;
}

function outer6(settings: Settings, to: string, protocol: number, service: number, carried: number): Uint8Array {
  const { SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3 } = settings;
  return Uint8Array.from([
    ...[0x60 | (service >> 4), (service & 15) << 4, 0, 0, ...be16(carried), protocol, 64],
    ...lying(SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3),
    ...(parseIpv6(to) as Uint8Array),
  ]);
}

/** A UDP header without a checksum: the packet itself follows it (GUE, variant 1). */
const gueHeader = (hash: number, length: number, { GUE_PORT }: Settings): Uint8Array =>
  Uint8Array.from([...be16(0xc000 | (hash & 0x3fff)), GUE_PORT & 255, GUE_PORT >> 8, ...be16(length + 8), 0, 0]);

interface Ends {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly port: number;
}

/** The source of what goes to servers, as text. */
function sourceOf(family: 4 | 6, { SOURCE4, SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3 }: Settings): string {
  if (family === 4) return formatIpv4(Uint8Array.from(lying(SOURCE4)));
  return formatIpv6(Uint8Array.from(lying(SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3)));
}

/** A packet of SNAT with other ends, or an error with those of the packet that it is about. */
function translated(bytes: Uint8Array, packet: Parsed, ends: Ends, settings: Settings): Uint8Array {
  const ip = bytes.subarray(14);
  const out =
    packet.inner === undefined
      ? rewritten(ip, packet.header, packet.protocol, ends)
      : errorRewritten(ip, packet.inner, ends);
  return withEthernet(out, bytes, packet.family === 4 ? 0x0800 : 0x86dd, settings);
}

const addressBytes = (text: string): Uint8Array => (parseIpv4(text) ?? parseIpv6(text)) as Uint8Array;
/** Where the addresses of a header stand, and the checksum of IPv4. */
const addressesAt = (packet: Uint8Array): { at: number; bytes: number; sum?: number } =>
  (packet[0] ?? 0) >> 4 === 4 ? { at: 12, bytes: 4, sum: 10 } : { at: 8, bytes: 16 };

/** Writes some bytes, and the checksum of IPv4 where the header has one; gives what the sum of the packet's words grows by. */
function readdressed(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const by = change(out.subarray(at, at + bytes.length), bytes);
  out.set(bytes, at);
  const { sum } = addressesAt(out);
  if (sum !== undefined) out.set(be16(changed(out, sum, by)), sum);
  return by;
}

/** Addresses and ports written anew; checksums change by what has changed (RFC 1624), right or wrong as they were. */
function rewritten(packet: Uint8Array, header: number, protocol: number, ends: Ends): Uint8Array {
  const out = packet.slice();
  const addresses = joined(addressBytes(ends.source), addressBytes(ends.destination));
  const ports = Uint8Array.from([...be16(ends.sourcePort), ...be16(ends.port)]);
  const moved = readdressed(out, addressesAt(packet).at, addresses);
  const movedPorts = change(packet.subarray(header, header + 4), ports);
  out.set(ports, header);
  const at = header + (protocol === 6 ? 16 : 6);
  const sum = changed(packet, at, moved + movedPorts);
  const none = protocol === 17 && packet[at] === 0 && packet[at + 1] === 0;
  if (!none) out.set(be16(protocol === 17 && sum === 0 ? 0xffff : sum), at);
  return out;
}

/** An error of ICMP with the ends of the packet that it is about; it goes to who sent that. All checksums change by what has changed. */
function errorRewritten(
  packet: Uint8Array,
  inner: { readonly at: number; readonly header: number },
  ends: Ends,
): Uint8Array {
  const out = packet.slice();
  const { at, bytes } = addressesAt(packet);
  const to = addressBytes(ends.source);
  const moved = readdressed(out, at + bytes, to);
  readdressed(out.subarray(inner.at), at, joined(to, addressBytes(ends.destination)));
  out.set([...be16(ends.sourcePort), ...be16(ends.port)], inner.at + inner.header);
  // The checksum of ICMP is over all that is behind its own header, that of ICMPv6 over the addresses in front of it too.
  const covered = (of: Uint8Array): Uint8Array => of.subarray(inner.at, inner.at + inner.header + 4);
  const pseudo = bytes === 16 ? moved : 0;
  out.set(be16(changed(packet, inner.at - 6, change(covered(packet), covered(out)) + pseudo)), inner.at - 6);
  return out;
}

/** What who sent a packet is told of how long it may be (RFC 1191, RFC 4443), from where the packet was to. */
function tooLong(bytes: Uint8Array, family: 4 | 6, mtu: number): Uint8Array {
  const quoted = bytes.subarray(14, 14 + TOLD_BYTES);
  const four = family === 4;
  const type = four ? [3, 4] : [2, 0];
  const error = joined(Uint8Array.from([...type, 0, 0, 0, 0, ...be16(mtu)]), quoted);
  const from = four ? bytes.subarray(26, 30) : bytes.subarray(22, 38);
  const to = four ? bytes.subarray(30, 34) : bytes.subarray(38, 54);
  const ends = joined(to, from);
  const pseudo = four ? new Uint8Array() : joined(ends, Uint8Array.from([0, 0, ...be16(error.length), 0, 0, 0, 58]));
  error.set(be16(~internetSum(joined(pseudo, error)) & 0xffff), 2);
  const length = be16(four ? error.length + 20 : error.length);
  const header = joined(
    Uint8Array.from(four ? [0x45, 0xc0, ...length, 0, 0, 0x40, 0, 64, 1, 0, 0] : [0x60, 0, 0, 0, ...length, 58, 64]),
    ends,
  );
  if (four) header.set(be16(~internetSum(header) & 0xffff), 10);
  return joined(bytes.subarray(6, 12), bytes.subarray(0, 6), bytes.subarray(12, 14), header, error);
}

/** What a sum of 16-bit words grows by where some of them become others. */
const change = (before: Uint8Array, after: Uint8Array): number =>
  internetSum(before.map((byte) => byte ^ 255)) + internetSum(after);

/** The checksum at a place, for words that have changed. */
function changed(packet: Uint8Array, at: number, by: number): number {
  const old = ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  let sum = (~old & 0xffff) + by;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
