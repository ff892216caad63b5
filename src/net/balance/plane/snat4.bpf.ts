// SNAT of IPv4: packets to a server are from the balancer, with a port of its own for each flow; by that port the server's answers
// find their client. What is changed is changed in the checksums too (RFC 1624, RFC 3022).

import { range, u16, u32, type ValueOf, XDP, type XdpContext } from "scry/bpf";
import { ETHERNET, Icmp, Ip4, Ports, swapped, TCP, Tcp, Udp } from "./headers.bpf.ts";
import { Key4, returns4, type Server } from "./maps.bpf.ts";
import { folded, halves, onward4, towards, without } from "./route.bpf.ts";
import { mixed, PORT_TRIES, portOf } from "./servers.bpf.ts";
import { SOURCE4 } from "./settings.ts";

type ServerOf = ValueOf<typeof Server>;

/** The port that a flow's server sees, as it lies; 0: none is free. `wanted`: the one that the flow has had. */
export function portFor(
  server: ServerOf,
  source: u32,
  destination: u32,
  ports: u32,
  protocol: u32,
  hash: u32,
  wanted: u32,
): u32 {
  let found: u32 = 0;
  let h: u32 = hash;
  const its: u32 = server.port === 0 ? ports >> 16 : u32(server.port);
  for (const i of range(PORT_TRIES)) {
    const port = i === 0 && wanted !== 0 ? wanted : portOf(h);
    const key = Key4({ source: server.a0, destination: SOURCE4, ports: its | (port << 16), protocol });
    const known = returns4.get(key);
    if (known) {
      if (known.client === source && known.service === destination && known.ports === ports) {
        found = port;
        break;
      }
    } else if (returns4.insert(key, { client: source, service: destination, ports })) {
      found = port;
      break;
    }
    h = mixed(h, i + 1);
  }
  return found;
}

/** Writes addresses and ports; false where the packet has no such headers, which was looked at before. */
function written(packet: XdpContext, header: u32, protocol: u32, source: u32, destination: u32, ports: u32): boolean {
  const ip = packet.at(Ip4, ETHERNET);
  if (!ip) return false;
  const moved: u32 = without(ip.source) + without(ip.destination) + halves(source) + halves(destination);
  ip.source = source;
  ip.destination = destination;
  ip.sum = folded((u32(ip.sum) ^ 0xffff) + moved);
  if (protocol === TCP) {
    const tcp = packet.at(Tcp, ETHERNET + header);
    if (!tcp) return false;
    tcp.sum = folded((u32(tcp.sum) ^ 0xffff) + moved + without(tcp.ports) + halves(ports));
    tcp.ports = ports;
    return true;
  }
  const udp = packet.at(Udp, ETHERNET + header);
  if (!udp) return false;
  if (udp.sum !== 0) {
    const sum = folded((u32(udp.sum) ^ 0xffff) + moved + without(udp.ports) + halves(ports));
    udp.sum = u16(sum === 0 ? 0xffff : sum);
  }
  udp.ports = ports;
  return true;
}

/** A packet of a client to its server; `port`: what the server sees, as it lies. */
export function toServer(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  header: u32,
  protocol: u32,
  ports: u32,
  port: u32,
): number {
  const its: u32 = server.port === 0 ? ports >> 16 : u32(server.port);
  if (!written(packet, header, protocol, SOURCE4, server.a0, port | (its << 16))) return XDP.DROP;
  return towards(packet, server, slot);
}

/**
 * Writes an error of ICMP (RFC 5508, 4.2): where it goes, and the packet that it is about, whose own header has `behind` bytes. The
 * checksum of that packet's TCP or UDP may be cut off, and nobody asks for it.
 */
function errorWritten(
  packet: XdpContext,
  header: u32,
  behind: u32,
  to: u32,
  source: u32,
  destination: u32,
  ports: u32,
): boolean {
  const ip = packet.at(Ip4, ETHERNET);
  const icmp = packet.at(Icmp, ETHERNET + header);
  const inner = packet.at(Ip4, ETHERNET + 8 + header);
  const both = packet.at(Ports, ETHERNET + 8 + header + behind);
  if (!ip || !icmp || !inner || !both) return false;
  ip.sum = folded((u32(ip.sum) ^ 0xffff) + without(ip.destination) + halves(to));
  ip.destination = to;
  const moved: u32 = without(inner.source) + without(inner.destination) + halves(source) + halves(destination);
  const before = u32(inner.sum) ^ 0xffff;
  const after = folded(before + moved);
  const changed: u32 = moved + before + u32(after) + without(both.ports) + halves(ports);
  icmp.sum = folded((u32(icmp.sum) ^ 0xffff) + changed);
  inner.sum = after;
  inner.source = source;
  inner.destination = destination;
  both.ports = ports;
  return true;
}

/** An error about a server's answer, to that server. */
export function errorToServer(
  packet: XdpContext,
  server: ServerOf,
  slot: u32,
  header: u32,
  behind: u32,
  ports: u32,
  port: u32,
): number {
  const its: u32 = server.port === 0 ? ports >> 16 : u32(server.port);
  if (!errorWritten(packet, header, behind, server.a0, server.a0, SOURCE4, its | (port << 16))) return XDP.DROP;
  return towards(packet, server, slot);
}

/** An error about a packet to a server, to its client. */
export function errorToClient(
  packet: XdpContext,
  header: u32,
  behind: u32,
  source: u32,
  destination: u32,
  ports: u32,
  protocol: u32,
): number {
  const known = returns4.get({ source, destination, ports, protocol });
  if (!known) return XDP.PASS;
  const { client, service } = known;
  if (!errorWritten(packet, header, behind, client, client, service, known.ports)) return XDP.DROP;
  return onward4(packet, client);
}

/** A server's answer, or whatever else comes to the balancer's own address. */
export function toClient(
  packet: XdpContext,
  header: u32,
  source: u32,
  destination: u32,
  ports: u32,
  protocol: u32,
): number {
  const known = returns4.get({ source, destination, ports, protocol });
  if (!known) return XDP.PASS;
  const { client, service } = known;
  if (!written(packet, header, protocol, service, client, swapped(known.ports))) return XDP.DROP;
  return onward4(packet, client);
}
