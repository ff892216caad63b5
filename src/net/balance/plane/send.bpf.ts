// A packet on its way to its server: in a packet of IPv4 or IPv6 (IPIP), or in a datagram (GUE, variant 1 of
// draft-ietf-intarea-gue: the packet follows at once).

import { be16, bpf, helpers, i32, struct, u8, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Ethernet, Ip4, Ip6 } from "./headers.bpf.ts";
import { counts, hops, lost, NO_ROOM, NO_ROUTE, Server } from "./maps.bpf.ts";
import {
  GUE,
  GUE_PORT,
  IPIP,
  NEXT,
  NEXT_TO,
  NEXT_TO2,
  OUTER4,
  OUTER6,
  SOURCE4,
  SOURCE6_0,
  SOURCE6_1,
  SOURCE6_2,
  SOURCE6_3,
  UNDO,
} from "./settings.ts";

const Datagram = struct({ source: be16, destination: u16, length: be16, sum: u16 });
const FibLookup = struct({
  family: u8,
  protocol: u8,
  sport: u16,
  dport: u16,
  length: u16,
  ifindex: u32,
  service: u32,
  s0: u32,
  s1: u32,
  s2: u32,
  s3: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  vlan: u32,
  from: u32,
  from2: u16,
  to: u16,
  to2: u32,
});

type ServerOf = ValueOf<typeof Server>;

/** A next hop is asked for again after so many ticks: 1 s at 250 a second. */
const KEPT = 250;
const GUE_WAY = 1;

const isFour = (server: ServerOf): boolean => OUTER4 && (!OUTER6 || server.family === 4);
const isGue = (server: ServerOf): boolean => GUE && (!IPIP || server.way === GUE_WAY);

/** The ones' complement of a sum of 16-bit words. */
function folded(sum: u32): u16 {
  const once = (sum & 0xffff) + (sum >> 16);
  return u16(~((once & 0xffff) + (once >> 16)));
}

/** The addresses of the next hop, where they are not known, or were asked for too long ago. */
function route(context: XdpContext, server: ServerOf, slot: u32): boolean {
  const hop = hops.get(slot);
  if (!hop) return false;
  const now = u32(helpers.bpf_jiffies64());
  if (hop.known !== 0 && i32(now - hop.until) < 0) return true;
  const query = FibLookup({ family: u8(isFour(server) ? 2 : 10), ifindex: context.ingress_ifindex, length: 1500 });
  if (isFour(server)) {
    query.s0 = SOURCE4;
    query.d0 = server.a0;
  } else {
    query.s0 = SOURCE6_0;
    query.s1 = SOURCE6_1;
    query.s2 = SOURCE6_2;
    query.s3 = SOURCE6_3;
    query.d0 = server.a0;
    query.d1 = server.a1;
    query.d2 = server.a2;
    query.d3 = server.a3;
  }
  if (helpers.bpf_fib_lookup(context, query, 64, 0) !== 0) return false;
  hop.ifindex = query.ifindex;
  hop.to = query.to | (query.to2 << 16);
  hop.to2 = u16(query.to2 >> 16);
  hop.from = u16(query.from & 0xffff);
  hop.from2 = (query.from >> 16) | (query.from2 << 16);
  hop.until = now + KEPT;
  hop.known = 1;
  return true;
}

/** Puts a packet into one to its server; `family`, `length` and `service` are those of its own IP header. */
export function send(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  family: u32,
  length: u32,
  service: u32,
  hash: u32,
): number {
  const before = packet.at(Ethernet);
  if (!before) return XDP.DROP;
  let to: u32 = before.from | (before.from2 << 16);
  let to2: u32 = before.from2 >> 16;
  let from: u32 = before.to & 0xffff;
  let from2: u32 = (before.to >> 16) | (before.to2 << 16);
  let verdict: number = XDP.TX;
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
    if (hop.ifindex !== packet.ingress_ifindex) verdict = bpf.redirect(hop.ifindex);
  }
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
    const carried = (family === 4 ? length : length + 40) + u32(gue ? 8 : 0);
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
