// Services for this machine's own processes, without packets: a connection to a service is one to a server from the start, as Cilium
// has it for the clients of a node. Who asks for the other end of a socket, or receives a datagram, is told of the service.

import {
  array,
  be16,
  bpf,
  cgroupConnect4,
  cgroupConnect6,
  cgroupGetpeername4,
  cgroupGetpeername6,
  cgroupRecvmsg4,
  cgroupRecvmsg6,
  cgroupSendmsg4,
  cgroupSendmsg6,
  hash,
  helpers,
  ipv4,
  ipv6,
  type KernelStruct,
  lruHash,
  perCpuArray,
  range,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from "scry/bpf";
import { FLOWS4, PLACES4, PLACES6, RING, RINGS, SERVERS, SERVICES } from "./settings.ts";

// As maps.bpf.ts has them, but that addresses are addresses.
const Place4 = struct({ address: ipv4, port: be16, protocol: u16 });
const Place6 = struct({ address: ipv6, port: be16, protocol: u16 });
const Service = struct({ ring: u32, flags: u32 });
const Server = struct({
  address: union({ four: ipv4, six: ipv6 }),
  state: u8,
  family: u8,
  way: u8,
  spare: u8,
  stamp: u32,
  sum: u32,
  limit: u32,
  port: be16,
  unused: u16,
});
const Counts = struct({ packets: u64, bytes: u64, flows: u64 });
/** A socket and its other end, as it is. */
const End4 = struct({ cookie: u64, address: ipv4, port: be16, unused: u16 });
const End6 = struct({ cookie: u64, address: ipv6, port: be16, unused: u16 });
/** As it is told. */
const Told4 = struct({ address: ipv4, port: be16, unused: u16 });
const Told6 = struct({ address: ipv6, port: be16, unused: u16 });

export const places4 = hash(Place4, u32, { maxEntries: PLACES4 });
export const places6 = hash(Place6, u32, { maxEntries: PLACES6 });
export const services = array(Service, { maxEntries: SERVICES });
export const rings = array(u32, { maxEntries: RING * RINGS });
export const servers = array(Server, { maxEntries: SERVERS });
export const counts = perCpuArray(Counts, { maxEntries: SERVERS });
export const ends4 = lruHash(End4, Told4, { maxEntries: FLOWS4 });
export const ends6 = lruHash(End6, Told6, { maxEntries: FLOWS4 });

type Call = KernelStruct<"bpf_sock_addr">;

const TRIES = 4;
const UP = 1;
const NOWHERE = 0xffff_ffff;
/** The call fails with EPERM. */
const REFUSED = 0;

/** A server that is up, by chance and weight; NOWHERE: there is none. */
function chosen(place: u32): u32 {
  const service = services.get(place);
  if (!service) return NOWHERE;
  let found: u32 = NOWHERE;
  for (const _ of range(TRIES)) {
    const slot = rings.get(service.ring + u32((u64(bpf.random()) * RING) >> 32));
    if (slot === undefined) break;
    const server = servers.get(slot);
    if (server?.state === UP) {
      found = slot;
      break;
    }
  }
  if (found !== NOWHERE) {
    const count = counts.get(found);
    if (count) count.flows += 1;
  }
  return found;
}

function placeOf4(address: ipv4, port: u16, protocol: u32): u32 {
  const exact = places4.get({ address, port, protocol: u16(protocol) });
  if (exact !== undefined) return exact;
  const any = places4.get({ address, port: 0, protocol: u16(protocol) });
  return any === undefined ? NOWHERE : any;
}

function toServer4(call: Call): number {
  const place = placeOf4(call.user_ip4, call.user_port, call.protocol);
  if (place === NOWHERE) return 1;
  const server = servers.get(chosen(place));
  if (!server) return REFUSED;
  const address = call.user_ip4;
  const port = call.user_port;
  const its = u16(server.port === 0 ? port : server.port);
  const cookie = helpers.bpf_get_socket_cookie(call);
  ends4.set({ cookie, address: server.address.four, port: its, unused: 0 }, { address, port, unused: 0 });
  call.user_ip4 = server.address.four;
  call.user_port = its;
  return 1;
}

function asTold4(call: Call): number {
  const cookie = helpers.bpf_get_socket_cookie(call);
  const told = ends4.get({ cookie, address: call.user_ip4, port: call.user_port, unused: 0 });
  if (told) {
    call.user_ip4 = told.address;
    call.user_port = told.port;
  }
  return 1;
}

function toServer6(call: Call): number {
  const protocol = u16(call.protocol);
  const port = call.user_port;
  let place: u32 = NOWHERE;
  const exact = places6.get({ address: call.user_ip6, port, protocol });
  if (exact !== undefined) place = exact;
  else {
    const any = places6.get({ address: call.user_ip6, port: 0, protocol });
    if (any !== undefined) place = any;
  }
  if (place === NOWHERE) return 1;
  const server = servers.get(chosen(place));
  if (!server) return REFUSED;
  const its = u16(server.port === 0 ? port : server.port);
  const cookie = helpers.bpf_get_socket_cookie(call);
  ends6.set({ cookie, address: server.address.six, port: its, unused: 0 }, { address: call.user_ip6, port, unused: 0 });
  call.user_ip6 = server.address.six;
  call.user_port = its;
  return 1;
}

function asTold6(call: Call): number {
  const cookie = helpers.bpf_get_socket_cookie(call);
  const told = ends6.get({ cookie, address: call.user_ip6, port: call.user_port, unused: 0 });
  if (told) {
    call.user_ip6 = told.address;
    call.user_port = told.port;
  }
  return 1;
}

export const connect4 = cgroupConnect4((call) => toServer4(call));
export const connect6 = cgroupConnect6((call) => toServer6(call));
export const sendmsg4 = cgroupSendmsg4((call) => toServer4(call));
export const sendmsg6 = cgroupSendmsg6((call) => toServer6(call));
export const recvmsg4 = cgroupRecvmsg4((call) => asTold4(call));
export const recvmsg6 = cgroupRecvmsg6((call) => asTold6(call));
export const getpeername4 = cgroupGetpeername4((call) => asTold4(call));
export const getpeername6 = cgroupGetpeername6((call) => asTold6(call));
