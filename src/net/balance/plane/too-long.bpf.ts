// Packets that are too long for the way to their server, with the header that is put before them: who sent one is told how long it may
// be, "fragmentation needed" of ICMP (RFC 1191) or "packet too big" of ICMPv6 (RFC 4443), from the service's address.

import { bpf, helpers, i32, list, struct, u8, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Ethernet, Icmp, Ip4, Ip6 } from "./headers.bpf.ts";
import { lost, reasons, TOO_LONG, TOO_LONG_UNTOLD, told } from "./maps.bpf.ts";
import { folded, halves } from "./route.bpf.ts";
import { FOUR, SIX, TOLD } from "./settings.ts";

/** So much of a packet is sent back; bpf_csum_diff takes no more at once. */
const QUOTED = 512;
const Quoted = struct({ bytes: list(u8, QUOTED) });
const ICMP = 1;
const ICMP6 = 58;
/** Type and code, as they lie: "destination unreachable, fragmentation needed", and that of IPv6. */
const FRAGMENTATION_NEEDED = 0x0403;
const PACKET_TOO_BIG = 0x0002;
/** The type of service of what routers say themselves (RFC 1812, 4.3.2.5). */
const CONTROL = 0xc0;
/** What every network of IPv6 carries: nobody makes packets shorter than this (RFC 8201). */
const LEAST6 = 1280;

/** May somebody be told yet in this second? */
function mayTell(): boolean {
  const here = told.get(0);
  if (!here) return false;
  const second = u32(bpf.now() >> 30);
  if (here.second !== second) {
    here.second = second;
    here.count = 0;
  }
  if (here.count >= TOLD) return false;
  here.count += 1;
  return true;
}

/** `length`: what the packet has, `room`: what it may have. */
export function tooLong(packet: XdpContext, family: u32, length: u32, room: u32, quiet: boolean): number {
  if (FOUR && (!SIX || family === 4)) return tell4(packet, room);
  else return quiet ? lost(TOO_LONG_UNTOLD) : tell6(packet, length, room);
}

/** The first bytes of the packet alone, with room before them for headers of so many bytes, that of Ethernet turned round. */
function turned(packet: XdpContext, headers: number): boolean {
  const before = packet.at(Ethernet);
  if (!before || packet.length < ETHERNET + QUOTED) return false;
  const { to, to2, from, from2, type } = before;
  if (!packet.adjustTail(i32(ETHERNET + QUOTED - packet.length))) return false;
  if (!packet.adjustHead(-headers)) return false;
  const after = packet.at(Ethernet);
  if (!after) return false;
  after.to = from | (from2 << 16);
  after.to2 = u16(from2 >> 16);
  after.from = u16(to & 0xffff);
  after.from2 = (to >> 16) | (to2 << 16);
  after.type = type;
  return true;
}

// Numbers of at most 16 bits in the network's order, as they lie: alone, and in the second half of a word.
const lying = (n: u32): u32 => ((n & 0xff) << 8) | (n >> 8);
const lyingBehind = (n: u32): u32 => lying(n) << 16;

/** The checksum of what is sent back and of what is before it, whose sum is `before`. */
const summed = (quoted: ValueOf<typeof Quoted>, before: u32): u16 =>
  folded(u32(helpers.bpf_csum_diff(undefined, 0, quoted, QUOTED, before)));

/** Writes the error itself and what is sent back; `pseudo`: the sum of what is before it in IPv6. */
function errorWritten(packet: XdpContext, at: number, kind: u32, room: u32, pseudo: u32): boolean {
  const icmp = packet.at(Icmp, at);
  const quoted = packet.at(Quoted, at + 8);
  if (!icmp || !quoted) return false;
  icmp.type = u8(kind & 0xff);
  icmp.code = u8(kind >> 8);
  icmp.rest = lyingBehind(room);
  icmp.sum = summed(quoted, pseudo + kind + lying(room));
  reasons.add(TOO_LONG, 1);
  return true;
}

function tell4(packet: XdpContext, room: u32): number {
  const whole = packet.at(Ip4, ETHERNET);
  // Who lets it be taken apart on the way is told nothing, nor of a later piece, nor of an error.
  if (!whole || (u32(whole.piece) & 0x5fff) !== 0x4000 || whole.protocol === ICMP) return lost(TOO_LONG_UNTOLD);
  if (!mayTell()) return lost(TOO_LONG_UNTOLD);
  if (!turned(packet, 28)) return lost(TOO_LONG_UNTOLD);
  const ip = packet.at(Ip4, ETHERNET);
  const of = packet.at(Ip4, ETHERNET + 28);
  if (!ip || !of) return XDP.DROP;
  ip.first = 0x45;
  ip.service = CONTROL;
  ip.length = 28 + QUOTED;
  ip.id = 0;
  ip.piece = 0x4000;
  ip.ttl = 64;
  ip.protocol = ICMP;
  const same: u32 = 0x45 + (CONTROL << 8) + lying(28 + QUOTED) + lying(0x4000) + 64 + (ICMP << 8);
  ip.sum = folded(same + halves(of.source) + halves(of.destination));
  ip.source = of.destination;
  ip.destination = of.source;
  return errorWritten(packet, ETHERNET + 20, FRAGMENTATION_NEEDED, room, 0) ? XDP.TX : XDP.DROP;
}

function tell6(packet: XdpContext, length: u32, room: u32): number {
  const said = room < LEAST6 ? u32(LEAST6) : room;
  if (length <= said || !mayTell()) return lost(TOO_LONG_UNTOLD);
  if (!turned(packet, 48)) return lost(TOO_LONG_UNTOLD);
  const ip = packet.at(Ip6, ETHERNET);
  const of = packet.at(Ip6, ETHERNET + 48);
  if (!ip || !of) return XDP.DROP;
  ip.first = 0x6000;
  ip.flow = 0;
  ip.length = 8 + QUOTED;
  ip.next = ICMP6;
  ip.hops = 64;
  ip.s0 = of.d0;
  ip.s1 = of.d1;
  ip.s2 = of.d2;
  ip.s3 = of.d3;
  ip.d0 = of.s0;
  ip.d1 = of.s1;
  ip.d2 = of.s2;
  ip.d3 = of.s3;
  const sources: u32 = halves(of.s0) + halves(of.s1) + halves(of.s2) + halves(of.s3);
  const destinations: u32 = halves(of.d0) + halves(of.d1) + halves(of.d2) + halves(of.d3);
  const pseudo: u32 = sources + destinations + lying(8 + QUOTED) + lying(ICMP6);
  return errorWritten(packet, ETHERNET + 40, PACKET_TOO_BIG, said, pseudo) ? XDP.TX : XDP.DROP;
}
