// Where packets to servers go next, and the checksum of what is written into them.

import { bpf, helpers, i32, struct, u8, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { Ethernet } from "./headers.bpf.ts";
import { counts, hops, lost, NO_ROUTE, type Server } from "./maps.bpf.ts";
import {
  GUE,
  IPIP,
  MTU,
  NEXT,
  NEXT_TO,
  NEXT_TO2,
  OUTER4,
  OUTER6,
  SNAT4,
  SNAT6,
  SOURCE4,
  SOURCE6_0,
  SOURCE6_1,
  SOURCE6_2,
  SOURCE6_3,
} from "./settings.ts";

type ServerOf = ValueOf<typeof Server>;
type FibOf = ValueOf<typeof FibLookup>;

/** struct bpf_fib_lookup (include/uapi/linux/bpf.h). */
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

/** A next hop is asked for again after so many ticks: 1 s at 250 a second. */
const KEPT = 250;
const GUE_WAY = 1;
const AF_INET = 2;
const AF_INET6 = 10;

export const isFour = (server: ServerOf): boolean => OUTER4 && (!OUTER6 || server.family === 4);
export const isGue = (server: ServerOf): boolean => GUE && ((!IPIP && !SNAT4 && !SNAT6) || server.way === GUE_WAY);

/** The sum of a word's halves, and of what takes the word out of a sum. */
export const halves = (word: u32): u32 => (word & 0xffff) + (word >> 16);
export const without = (word: u32): u32 => halves(word ^ 0xffff_ffff);

/** The ones' complement of a sum of 16-bit words. */
export function folded(sum: u32): u16 {
  const once = (sum & 0xffff) + (sum >> 16);
  return u16(~((once & 0xffff) + (once >> 16)));
}

/** The addresses of the next hop, where they are not known, or were asked for too long ago. */
export function route(context: XdpContext, server: ServerOf, slot: u32): boolean {
  const hop = hops.get(slot);
  if (!hop) return false;
  const now = u32(helpers.bpf_jiffies64());
  if (hop.known !== 0 && i32(now - hop.until) < 0) return true;
  const query = FibLookup({
    family: u8(isFour(server) ? AF_INET : AF_INET6),
    ifindex: context.ingress_ifindex,
    length: 1,
  });
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
  // What was asked for fits: since Linux 5.13 the answer is what would.
  const length = u32(query.length);
  hop.mtu = server.mtu !== 0 ? u32(server.mtu) : length > 1 ? length : MTU;
  hop.until = now + KEPT;
  hop.known = 1;
  return true;
}

/** To the router that is given: the packet's verdict. */
function toRouter(packet: XdpContext): number {
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.DROP;
  eth.from = u16(eth.to & 0xffff);
  eth.from2 = (eth.to >> 16) | (eth.to2 << 16);
  eth.to = NEXT_TO;
  eth.to2 = NEXT_TO2;
  return XDP.TX;
}

/** To the next hop that the kernel's routes say. */
function byRoute(packet: XdpContext, query: FibOf): number {
  if (helpers.bpf_fib_lookup(packet, query, 64, 0) !== 0) return lost(NO_ROUTE);
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.DROP;
  eth.to = query.to | (query.to2 << 16);
  eth.to2 = u16(query.to2 >> 16);
  eth.from = u16(query.from & 0xffff);
  eth.from2 = (query.from >> 16) | (query.from2 << 16);
  return query.ifindex === packet.ingress_ifindex ? XDP.TX : bpf.redirect(query.ifindex);
}

// What is not for the way that is configured stands in an 'else', so that it is not compiled.

/** On to an address of IPv4. */
export function onward4(packet: XdpContext, destination: u32): number {
  if (NEXT === 2) return toRouter(packet);
  else {
    const query = FibLookup({ family: AF_INET, ifindex: packet.ingress_ifindex, s0: SOURCE4, d0: destination });
    return byRoute(packet, query);
  }
}

/** On to an address of IPv6. */
export function onward6(packet: XdpContext, d0: u32, d1: u32, d2: u32, d3: u32): number {
  if (NEXT === 2) return toRouter(packet);
  else {
    const query = FibLookup({ family: AF_INET6, ifindex: packet.ingress_ifindex, d0, d1, d2, d3 });
    query.s0 = SOURCE6_0;
    query.s1 = SOURCE6_1;
    query.s2 = SOURCE6_2;
    query.s3 = SOURCE6_3;
    return byRoute(packet, query);
  }
}

/** A packet that was rewritten, on to its server. */
export function towards(packet: XdpContext, server: ServerOf, slot: u32): number {
  const count = counts.get(slot);
  if (count) {
    count.packets += 1;
    count.bytes += packet.length;
  }
  if (NEXT !== 0) return toRouter(packet);
  else {
    if (!route(packet, server, slot)) return lost(NO_ROUTE);
    const hop = hops.get(slot);
    const eth = packet.at(Ethernet);
    if (!hop || !eth) return XDP.DROP;
    eth.to = hop.to;
    eth.to2 = hop.to2;
    eth.from = hop.from;
    eth.from2 = hop.from2;
    return hop.ifindex === packet.ingress_ifindex ? XDP.TX : bpf.redirect(hop.ifindex);
  }
}
