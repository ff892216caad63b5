// A packet on its way to its server: in a packet of IPv4 or IPv6 (IPIP), or in a datagram (GUE, variant 1 of
// draft-ietf-intarea-gue: the packet follows at once).

import { be16, bpf, struct, u8, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Ethernet, Ip4, Ip6 } from "./headers.bpf.ts";
import { counts, hops, lost, NO_ROOM, NO_ROUTE, type Server } from "./maps.bpf.ts";
import { folded, isFour, isGue, route } from "./route.bpf.ts";
import {
  GUE_PORT,
  NEXT,
  NEXT_TO,
  NEXT_TO2,
  SOURCE4,
  SOURCE6_0,
  SOURCE6_1,
  SOURCE6_2,
  SOURCE6_3,
  UNDO,
} from "./settings.ts";
import { tooLong } from "./too-long.bpf.ts";

const Datagram = struct({ source: be16, destination: u16, length: be16, sum: u16 });
type ServerOf = ValueOf<typeof Server>;

/**
 * Puts a packet into one to its server; `family`, `length` (all of it) and `service` are those of its own IP packet. `quiet`, of
 * IPv6: nobody is to be told where it does not fit.
 */
export function send(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  family: u32,
  length: u32,
  service: u32,
  hash: u32,
  quiet: boolean,
): number {
  const before = packet.at(Ethernet);
  if (!before) return XDP.DROP;
  let to: u32 = before.from | (before.from2 << 16);
  let to2: u32 = before.from2 >> 16;
  let from: u32 = before.to & 0xffff;
  let from2: u32 = (before.to >> 16) | (before.to2 << 16);
  let verdict: number = XDP.TX;
  let most: u32 = u32(server.mtu);
  if (NEXT === 2) {
    to = NEXT_TO;
    to2 = NEXT_TO2;
  } else if (NEXT === 0) {
    if (!route(packet, server, slot)) return lost(NO_ROUTE);
    const hop = hops.get(slot);
    if (!hop) return XDP.DROP;
    to = hop.to;
    to2 = hop.to2;
    from = hop.from;
    from2 = hop.from2;
    most = hop.mtu;
    if (hop.ifindex !== packet.ingress_ifindex) verdict = bpf.redirect(hop.ifindex);
  }
  const outer = u32(isFour(server) ? 20 : 40) + u32(isGue(server) ? 8 : 0);
  if (length + outer > most) return tooLong(packet, family, length, most - outer, quiet);
  const count = counts.get(slot);
  if (count) {
    count.packets += 1;
    count.bytes += packet.length;
  }
  if (isFour(server)) {
    const gue = isGue(server);
    const all = length + u32(gue ? 28 : 20);
    if (!packet.adjustHead(gue ? -28 : -20)) return lost(NO_ROOM);
    const ip = packet.at(Ip4, ETHERNET);
    if (!ip) return XDP.DROP;
    ip.first = 0x45;
    ip.service = u8(service);
    ip.length = u16(all);
    ip.id = 0;
    ip.piece = 0x4000;
    ip.ttl = 64;
    ip.protocol = u8(gue ? 17 : family === 4 ? 4 : 41);
    ip.source = SOURCE4;
    ip.destination = server.a0;
    // In words as they lie; those of the header that are always the same are summed up in the server.
    ip.sum = folded(server.sum + (service << 8) + ((all & 0xff) << 8) + (all >> 8) + (u32(ip.protocol) << 8));
    if (gue) {
      const datagram = packet.at(Datagram, ETHERNET + 20);
      if (!datagram) return XDP.DROP;
      datagram.source = u16(0xc000 | (hash & 0x3fff));
      datagram.destination = GUE_PORT;
      datagram.length = u16(all - 20);
      datagram.sum = 0;
    }
  } else {
    const gue = isGue(server);
    const carried = length + u32(gue ? 8 : 0);
    if (!packet.adjustHead(gue ? -48 : -40)) return lost(NO_ROOM);
    const ip = packet.at(Ip6, ETHERNET);
    if (!ip) return XDP.DROP;
    ip.first = u16(0x6000 | (service << 4));
    ip.flow = 0;
    ip.length = u16(carried);
    ip.next = u8(gue ? 17 : family === 4 ? 4 : 41);
    ip.hops = 64;
    ip.s0 = SOURCE6_0;
    ip.s1 = SOURCE6_1;
    ip.s2 = SOURCE6_2;
    ip.s3 = SOURCE6_3;
    ip.d0 = server.a0;
    ip.d1 = server.a1;
    ip.d2 = server.a2;
    ip.d3 = server.a3;
    if (gue) {
      const datagram = packet.at(Datagram, ETHERNET + 40);
      if (!datagram) return XDP.DROP;
      datagram.source = u16(0xc000 | (hash & 0x3fff));
      datagram.destination = GUE_PORT;
      datagram.length = u16(carried);
      datagram.sum = 0;
    }
  }
  const after = packet.at(Ethernet);
  if (!after) return XDP.DROP;
  after.to = to;
  after.to2 = u16(to2);
  after.from = u16(from);
  after.from2 = from2;
  after.type = be16(isFour(server) ? 0x0800 : 0x86dd);
  if (UNDO) {
    const size = (isFour(server) ? 20 : 40) + (isGue(server) ? 8 : 0);
    if (!packet.adjustHead(size)) return XDP.DROP;
    const restored = packet.at(Ethernet);
    if (!restored) return XDP.DROP;
    restored.to = u32(from) | (u32(from2) << 16);
    restored.to2 = u16(from2 >> 16);
    restored.from = u16(to);
    restored.from2 = (to >> 16) | (to2 << 16);
    restored.type = be16(family === 4 ? 0x0800 : 0x86dd);
  }
  return verdict;
}
