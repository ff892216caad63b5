// Packets of IPv6: whose flow they are of, and its server.

import { helpers, range, u16, u32, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Extension, Fragment, Icmp, Ip6, OVER, Ports, swapped, TCP, Tcp, UDP, Udp } from "./headers.bpf.ts";
import {
  flows6,
  Key6,
  lost,
  NO_FIRST,
  NO_PORT,
  NO_SERVER,
  NOT_CARRIED,
  pieces6,
  places6,
  SNAT_WAY,
  servers,
  shared6,
} from "./maps.bpf.ts";
import { send } from "./send.bpf.ts";
import { begun, byId, finished, goesOn, idOf, isThere, mixed, NOWHERE, slotFor, used } from "./servers.bpf.ts";
import { ANY_PORT, QUIC, SHARED, SNAT6 } from "./settings.ts";
import { errorToServer6, isOwn6, portFor6, toClient6, toServer6 } from "./snat6.bpf.ts";

const ICMP6 = 58;
const FRAGMENT = 44;
/** Extension headers that are passed over: hop-by-hop options, routing, destination options; so many of them. */
const DEEPEST = 4;
const UDP_HEADER = 8;

function placeOf(a0: u32, a1: u32, a2: u32, a3: u32, port: u32, protocol: u32): u32 {
  const exact = places6.get({ a0, a1, a2, a3, port: u16(port), protocol: u16(protocol) });
  if (exact !== undefined) return exact;
  if (!ANY_PORT) return NOWHERE;
  const any = places6.get({ a0, a1, a2, a3, port: 0, protocol: u16(protocol) });
  return any === undefined ? NOWHERE : any;
}

export function six(packet: XdpContext): number {
  const ip = packet.at(Ip6, ETHERNET);
  if (!ip) return XDP.PASS;
  const length = u32(ip.length);
  if (u32(ip.first) >> 12 !== 6 || length + 40 + ETHERNET > packet.length) return XDP.PASS;
  const service = (u32(ip.first) >> 4) & 255;
  let s0: u32 = ip.s0;
  let s1: u32 = ip.s1;
  let s2: u32 = ip.s2;
  let s3: u32 = ip.s3;
  let d0: u32 = ip.d0;
  let d1: u32 = ip.d1;
  let d2: u32 = ip.d2;
  let d3: u32 = ip.d3;
  let protocol = u32(ip.next);
  let at: u32 = ETHERNET + 40;
  let whole = true;
  let later = false;
  let id: u32 = 0;
  if (protocol !== TCP && protocol !== UDP && protocol !== ICMP6) {
    for (const _ of range(DEEPEST)) {
      if (protocol === FRAGMENT) {
        const fragment = packet.at(Fragment, at);
        if (!fragment) return XDP.PASS;
        protocol = u32(fragment.next);
        id = fragment.id;
        const place = u32(fragment.place);
        if (place >> 3 !== 0) {
          later = true;
          break;
        }
        if ((place & 1) !== 0) whole = false;
        at += 8;
      } else if (protocol === 0 || protocol === 43 || protocol === 60) {
        const extension = packet.at(Extension, at);
        if (!extension) return XDP.PASS;
        protocol = u32(extension.next);
        at += (u32(extension.length) + 1) << 3;
      } else break;
    }
  }
  let ports: u32 = 0;
  let flags: u32 = 0;
  let payload: u32 = 0;
  let about = false;
  if (later) {
    // Its ports stand in the first piece.
  } else if (protocol === TCP) {
    const tcp = packet.at(Tcp, at);
    if (!tcp) return XDP.PASS;
    ports = tcp.ports;
    flags = u32(tcp.flags);
  } else if (protocol === UDP) {
    const udp = packet.at(Udp, at);
    if (!udp) return XDP.PASS;
    ports = udp.ports;
    payload = at + UDP_HEADER;
  } else if (protocol === ICMP6) {
    const icmp = packet.at(Icmp, at);
    if (!icmp || icmp.type < 1 || icmp.type > 4) return XDP.PASS;
    const inner = packet.at(Ip6, at + 8);
    if (!inner || u32(inner.first) >> 12 !== 6) return XDP.PASS;
    protocol = u32(inner.next);
    if (protocol !== TCP && protocol !== UDP) return XDP.PASS;
    const both = packet.at(Ports, at + 48);
    if (!both) return XDP.PASS;
    ports = swapped(both.ports);
    s0 = inner.d0;
    s1 = inner.d1;
    s2 = inner.d2;
    s3 = inner.d3;
    d0 = inner.s0;
    d1 = inner.s1;
    d2 = inner.s2;
    d3 = inner.s3;
    about = true;
  } else return XDP.PASS;

  const key = Key6({ s0, s1, s2, s3, d0, d1, d2, d3, ports, protocol });
  if (SNAT6 && !later && isOwn6(key)) return toClient6(packet, at, key, about);
  let hash: u32 = 0;
  let port: u32 = 0;
  let slot: u32 = NOWHERE;
  let place: u32 = NOWHERE;
  /** The server that its connection id names. */
  let named: u32 = NOWHERE;
  if (later) {
    const known = pieces6.get({ s0, s1, s2, s3, d0, d1, d2, d3, id });
    hash = finished(id);
    if (known && isThere(known.server, known.stamp)) slot = known.server;
    else return places6.has({ a0: d0, a1: d1, a2: d2, a3: d3, port: 0, protocol: 0 }) ? lost(NO_FIRST) : XDP.PASS;
  } else {
    const to = mixed(mixed(mixed(mixed(mixed(protocol, ports), d0), d1), d2), d3);
    hash = finished(mixed(mixed(mixed(mixed(to, s0), s1), s2), s3));
    if (QUIC && payload !== 0) {
      const number = idOf(packet, payload);
      if (number !== NOWHERE) {
        place = placeOf(d0, d1, d2, d3, ports >> 16, protocol);
        named = byId(place, number);
      }
    }
    const flow = flows6.get(key);
    if (flow && (!QUIC || named === NOWHERE || named === flow.server) && goesOn(flow, flags)) {
      slot = flow.server;
      port = flow.port;
      if (!about) used(flow, (flags & OVER) !== 0);
    }
  }
  if (slot === NOWHERE) {
    if (place === NOWHERE) place = placeOf(d0, d1, d2, d3, ports >> 16, protocol);
    if (place === NOWHERE) return XDP.PASS;
    if (QUIC) slot = named;
    if (SHARED && slot === NOWHERE) {
      const other = shared6.get(key);
      if (other && goesOn(other, flags)) {
        slot = other.server;
        port = other.port;
      }
    }
    if (slot === NOWHERE) slot = slotFor(place, hash, s0, s1, s2, s3, !about);
    if (slot === NOWHERE) return lost(NO_SERVER);
    const server = servers.get(slot);
    if (!server) return XDP.DROP;
    if (!about) {
      const now = u32(helpers.bpf_jiffies64());
      flows6.set(key, { server: slot, stamp: server.stamp, seen: now, ended: 0, port });
      if (SHARED) shared6.set(key, { server: slot, stamp: server.stamp, seen: now, ended: 0, port });
      begun(slot);
    }
  }
  const server = servers.get(slot);
  if (!server) return XDP.DROP;
  if (SNAT6 && server.way === SNAT_WAY) {
    if (later || !whole || (about && port === 0)) return lost(NOT_CARRIED);
    if (about) return errorToServer6(packet, server, slot, at, ports, port);
    const its = portFor6(server, key, hash, port);
    if (its === 0) return lost(NO_PORT);
    if (its !== port) {
      const known = flows6.get(key);
      if (known) known.port = its;
    }
    return toServer6(packet, server, slot, at, protocol, ports, its);
  }
  if (!whole && !later) pieces6.set({ s0, s1, s2, s3, d0, d1, d2, d3, id }, { server: slot, stamp: server.stamp });
  return send(packet, server, slot, 6, length + 40, service, hash, about || later);
}
