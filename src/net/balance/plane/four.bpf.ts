// Packets of IPv4: whose flow they are of, and its server.

import { helpers, u16, u32, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Icmp, Ip4, OVER, Ports, swapped, TCP, Tcp, UDP, Udp } from "./headers.bpf.ts";
import {
  flows4,
  Key4,
  lost,
  NO_FIRST,
  NO_PORT,
  NO_SERVER,
  NOT_CARRIED,
  pieces4,
  places4,
  SNAT_WAY,
  servers,
  shared4,
} from "./maps.bpf.ts";
import { send } from "./send.bpf.ts";
import { begun, byId, finished, goesOn, idOf, isThere, mixed, NOWHERE, slotFor, used } from "./servers.bpf.ts";
import { ANY_PORT, QUIC, SHARED, SNAT4, SOURCE4 } from "./settings.ts";
import { errorToClient, errorToServer, portFor, toClient, toServer } from "./snat4.bpf.ts";

const ICMP = 1;
/** Destination unreachable, time exceeded, parameter problem (RFC 792). */
const ERRORS = 0x1808;
const UDP_HEADER = 8;

function placeOf(address: u32, port: u32, protocol: u32): u32 {
  const exact = places4.get({ address, port: u16(port), protocol: u16(protocol) });
  if (exact !== undefined) return exact;
  if (!ANY_PORT) return NOWHERE;
  const any = places4.get({ address, port: 0, protocol: u16(protocol) });
  return any === undefined ? NOWHERE : any;
}

export function four(packet: XdpContext): number {
  const ip = packet.at(Ip4, ETHERNET);
  if (!ip) return XDP.PASS;
  const header = (u32(ip.first) & 15) << 2;
  const length = u32(ip.length);
  if (u32(ip.first) >> 4 !== 4 || header < 20 || length < header || length + ETHERNET > packet.length) return XDP.PASS;
  let source: u32 = ip.source;
  let destination: u32 = ip.destination;
  let protocol = u32(ip.protocol);
  const service = u32(ip.service);
  const piece = u32(ip.piece) & 0x3fff;
  const id = u32(ip.id) | (protocol << 16);
  const later = (piece & 0x1fff) !== 0;
  let ports: u32 = 0;
  let flags: u32 = 0;
  let payload: u32 = 0;
  let about = false;
  /** The length of the header of the packet that an error is about. */
  let behind: u32 = 0;
  if (later) {
    // Its ports stand in the first piece.
  } else if (protocol === TCP) {
    const tcp = packet.at(Tcp, ETHERNET + header);
    if (!tcp) return XDP.PASS;
    ports = tcp.ports;
    flags = u32(tcp.flags);
  } else if (protocol === UDP) {
    const udp = packet.at(Udp, ETHERNET + header);
    if (!udp) return XDP.PASS;
    ports = udp.ports;
    payload = ETHERNET + header + UDP_HEADER;
  } else if (protocol === ICMP) {
    const icmp = packet.at(Icmp, ETHERNET + header);
    if (!icmp || icmp.type > 12 || ((ERRORS >> u32(icmp.type)) & 1) === 0) return XDP.PASS;
    const at = ETHERNET + header + 8;
    const inner = packet.at(Ip4, at);
    if (!inner) return XDP.PASS;
    behind = (u32(inner.first) & 15) << 2;
    if (u32(inner.first) >> 4 !== 4 || behind < 20 || (u32(inner.piece) & 0x1fff) !== 0) return XDP.PASS;
    protocol = u32(inner.protocol);
    if (protocol !== TCP && protocol !== UDP) return XDP.PASS;
    const both = packet.at(Ports, at + behind);
    if (!both) return XDP.PASS;
    // What the error is about went from the service to the client.
    ports = swapped(both.ports);
    source = inner.destination;
    destination = inner.source;
    about = true;
  } else return XDP.PASS;

  if (SNAT4 && !later && destination === SOURCE4) {
    if (!about) return toClient(packet, header, source, destination, ports, protocol);
    return errorToClient(packet, header, behind, source, destination, ports, protocol);
  }
  let hash: u32 = 0;
  let port: u32 = 0;
  const key = Key4({ source, destination, ports, protocol });
  let slot: u32 = NOWHERE;
  let place: u32 = NOWHERE;
  /** The server that its connection id names. */
  let named: u32 = NOWHERE;
  if (later) {
    const known = pieces4.get({ source, destination, id });
    hash = finished(id);
    if (known && isThere(known.server, known.stamp)) slot = known.server;
    else return places4.has({ address: destination, port: 0, protocol: 0 }) ? lost(NO_FIRST) : XDP.PASS;
  } else {
    hash = finished(mixed(mixed(mixed(protocol, ports), destination), source));
    if (QUIC && payload !== 0) {
      const number = idOf(packet, payload);
      if (number !== NOWHERE) {
        place = placeOf(destination, ports >> 16, protocol);
        named = byId(place, number);
      }
    }
    const flow = flows4.get(key);
    if (flow && (!QUIC || named === NOWHERE || named === flow.server) && goesOn(flow, flags)) {
      slot = flow.server;
      port = flow.port;
      if (!about) used(flow, (flags & OVER) !== 0);
    }
  }
  if (slot === NOWHERE) {
    if (place === NOWHERE) place = placeOf(destination, ports >> 16, protocol);
    if (place === NOWHERE) return XDP.PASS;
    if (QUIC) slot = named;
    if (SHARED && slot === NOWHERE) {
      const other = shared4.get(key);
      if (other && goesOn(other, flags)) {
        slot = other.server;
        port = other.port;
      }
    }
    if (slot === NOWHERE) slot = slotFor(place, hash, source, 0, 0, 0, !about);
    if (slot === NOWHERE) return lost(NO_SERVER);
    const server = servers.get(slot);
    if (!server) return XDP.DROP;
    if (!about) {
      const now = u32(helpers.bpf_jiffies64());
      flows4.set(key, { server: slot, stamp: server.stamp, seen: now, ended: 0, port });
      if (SHARED) shared4.set(key, { server: slot, stamp: server.stamp, seen: now, ended: 0, port });
      begun(slot);
    }
  }
  const server = servers.get(slot);
  if (!server) return XDP.DROP;
  if (SNAT4 && server.way === SNAT_WAY) {
    if (piece !== 0 || (about && port === 0)) return lost(NOT_CARRIED);
    if (about) return errorToServer(packet, server, slot, header, behind, ports, port);
    const its = portFor(server, source, destination, ports, protocol, hash, port);
    if (its === 0) return lost(NO_PORT);
    if (its !== port) {
      const known = flows4.get(key);
      if (known) known.port = its;
    }
    return toServer(packet, server, slot, header, protocol, ports, its);
  }
  if (piece !== 0 && !later) pieces4.set({ source, destination, id }, { server: slot, stamp: server.stamp });
  return send(packet, server, slot, 4, length, service, hash, false);
}
