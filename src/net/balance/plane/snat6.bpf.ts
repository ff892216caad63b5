// SNAT of IPv6, as snat4.bpf.ts has it of IPv4: there is no checksum of the header, and that of ICMPv6 is over the addresses too.

import { range, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Icmp, Ip6, Ports, swapped, TCP, Tcp, Udp } from "./headers.bpf.ts";
import { Key6, type Return6, returns6, type Server } from "./maps.bpf.ts";
import { folded, halves, onward6, towards, without } from "./route.bpf.ts";
import { mixed, PORT_TRIES, portOf } from "./servers.bpf.ts";
import { SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3 } from "./settings.ts";

type ServerOf = ValueOf<typeof Server>;
/** Addresses and ports of a packet, from its source to its destination. */
type Ends = ValueOf<typeof Key6>;
type Ip6Of = ValueOf<typeof Ip6>;
type ReturnOf = ValueOf<typeof Return6>;

/** Is a packet for the balancer's own address? */
export const isOwn6 = (ends: Ends): boolean =>
  ends.d0 === SOURCE6_0 && ends.d1 === SOURCE6_1 && ends.d2 === SOURCE6_2 && ends.d3 === SOURCE6_3;

const isOf = (known: ReturnOf, client: Ends): boolean =>
  known.ports === client.ports &&
  known.s3 === client.s3 &&
  known.s2 === client.s2 &&
  known.s1 === client.s1 &&
  known.s0 === client.s0 &&
  known.d3 === client.d3 &&
  known.d2 === client.d2 &&
  known.d1 === client.d1 &&
  known.d0 === client.d0;

/** From a server to the balancer's own address. */
function fromServer(server: ServerOf, ports: u32, protocol: u32): Ends {
  const { a0: s0, a1: s1, a2: s2, a3: s3 } = server;
  const ends = Key6({ s0, s1, s2, s3, ports, protocol });
  ends.d0 = SOURCE6_0;
  ends.d1 = SOURCE6_1;
  ends.d2 = SOURCE6_2;
  ends.d3 = SOURCE6_3;
  return ends;
}

/** The port that a flow's server sees, as it lies; 0: none is free. `wanted`: the one that the flow has had. */
export function portFor6(server: ServerOf, client: Ends, hash: u32, wanted: u32): u32 {
  let found: u32 = 0;
  let h: u32 = hash;
  const its: u32 = server.port === 0 ? client.ports >> 16 : u32(server.port);
  const key = fromServer(server, 0, client.protocol);
  const { s0, s1, s2, s3, d0, d1, d2, d3, ports } = client;
  for (const i of range(PORT_TRIES)) {
    const port = i === 0 && wanted !== 0 ? wanted : portOf(h);
    key.ports = its | (port << 16);
    const known = returns6.get(key);
    if (known) {
      if (isOf(known, client)) {
        found = port;
        break;
      }
    } else if (returns6.insert(key, { s0, s1, s2, s3, d0, d1, d2, d3, ports })) {
      found = port;
      break;
    }
    h = mixed(h, i + 1);
  }
  return found;
}

const sourceWithout = (ip: Ip6Of): u32 => without(ip.s0) + without(ip.s1) + without(ip.s2) + without(ip.s3);
const destinationWithout = (ip: Ip6Of): u32 => without(ip.d0) + without(ip.d1) + without(ip.d2) + without(ip.d3);
const sourceHalves = (ends: Ends): u32 => halves(ends.s0) + halves(ends.s1) + halves(ends.s2) + halves(ends.s3);
const destinationHalves = (ends: Ends): u32 => halves(ends.d0) + halves(ends.d1) + halves(ends.d2) + halves(ends.d3);

/** What the sum of a header's addresses grows by; then they are written. */
function moved(ip: Ip6Of, ends: Ends): u32 {
  const by = sourceWithout(ip) + destinationWithout(ip) + sourceHalves(ends) + destinationHalves(ends);
  ip.s0 = ends.s0;
  ip.s1 = ends.s1;
  ip.s2 = ends.s2;
  ip.s3 = ends.s3;
  ip.d0 = ends.d0;
  ip.d1 = ends.d1;
  ip.d2 = ends.d2;
  ip.d3 = ends.d3;
  return by;
}

/** Writes addresses and ports, which stand at `at`; false where the packet has no such headers, which was looked at before. */
function written(packet: XdpContext, at: u32, ends: Ends): boolean {
  const ip = packet.at(Ip6, ETHERNET);
  if (!ip) return false;
  const by = moved(ip, ends);
  if (ends.protocol === TCP) {
    const tcp = packet.at(Tcp, at);
    if (!tcp) return false;
    tcp.sum = folded((u32(tcp.sum) ^ 0xffff) + by + without(tcp.ports) + halves(ends.ports));
    tcp.ports = ends.ports;
    return true;
  }
  const udp = packet.at(Udp, at);
  if (!udp) return false;
  if (udp.sum !== 0) {
    const sum = folded((u32(udp.sum) ^ 0xffff) + by + without(udp.ports) + halves(ends.ports));
    udp.sum = u16(sum === 0 ? 0xffff : sum);
  }
  udp.ports = ends.ports;
  return true;
}

/** Writes an error of ICMPv6, at `at`: the packet that it is about, and that it goes to who sent that one. */
function errorWritten(packet: XdpContext, at: u32, ends: Ends): boolean {
  const ip = packet.at(Ip6, ETHERNET);
  const icmp = packet.at(Icmp, at);
  const inner = packet.at(Ip6, at + 8);
  const both = packet.at(Ports, at + 48);
  if (!ip || !icmp || !inner || !both) return false;
  const by: u32 = destinationWithout(ip) + sourceHalves(ends) + without(both.ports) + halves(ends.ports);
  ip.d0 = ends.s0;
  ip.d1 = ends.s1;
  ip.d2 = ends.s2;
  ip.d3 = ends.s3;
  icmp.sum = folded((u32(icmp.sum) ^ 0xffff) + by + moved(inner, ends));
  both.ports = ends.ports;
  return true;
}

/** A packet of a client to its server; `port`: what the server sees, as it lies. */
export function toServer6(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  at: u32,
  protocol: u32,
  ports: u32,
  port: u32,
): number {
  const its: u32 = server.port === 0 ? ports >> 16 : u32(server.port);
  const { a0: d0, a1: d1, a2: d2, a3: d3 } = server;
  const ends = Key6({ d0, d1, d2, d3, ports: port | (its << 16), protocol });
  ends.s0 = SOURCE6_0;
  ends.s1 = SOURCE6_1;
  ends.s2 = SOURCE6_2;
  ends.s3 = SOURCE6_3;
  if (!written(packet, at, ends)) return XDP.DROP;
  return towards(packet, server, slot);
}

/** An error about a server's answer, to that server. */
export function errorToServer6(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  at: u32,
  ports: u32,
  port: u32,
): number {
  const its: u32 = server.port === 0 ? ports >> 16 : u32(server.port);
  if (!errorWritten(packet, at, fromServer(server, its | (port << 16), 0))) return XDP.DROP;
  return towards(packet, server, slot);
}

/** A server's answer, an error about a packet to a server, or whatever else comes to the balancer's own address. */
export function toClient6(packet: XdpContext, at: u32, ends: Ends, about: boolean): number {
  const known = returns6.get(ends);
  if (!known) return XDP.PASS;
  const { s0: c0, s1: c1, s2: c2, s3: c3, d0: v0, d1: v1, d2: v2, d3: v3, ports } = known;
  if (about) {
    const sent = Key6({ s0: c0, s1: c1, s2: c2, s3: c3, d0: v0, d1: v1, d2: v2, d3: v3, ports });
    if (!errorWritten(packet, at, sent)) return XDP.DROP;
  } else {
    const answer = Key6({ s0: v0, s1: v1, s2: v2, s3: v3, d0: c0, d1: c1, d2: c2, d3: c3, ports: swapped(ports) });
    answer.protocol = ends.protocol;
    if (!written(packet, at, answer)) return XDP.DROP;
  }
  return onward6(packet, c0, c1, c2, c3);
}
