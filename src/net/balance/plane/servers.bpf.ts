// Which server a flow is for, where it is not known yet.

import { be16, be32, helpers, range, struct, u8, u32, u64, type ValueOf, type XdpContext } from "scry/bpf";
import { SYN } from "./headers.bpf.ts";
import { counts, type Flow, ids, open, rings, type Server, servers, services, sources } from "./maps.bpf.ts";
import { AFFINITY, ID_AT, ID_BYTES, LIMITS, RING, SNAT_COUNT, SNAT_FROM } from "./settings.ts";

type ServerOf = ValueOf<typeof Server>;
type FlowOf = ValueOf<typeof Flow>;

/** Places of a ring that are looked at before a flow is refused. */
const TRIES = 4;
/** Ports that are tried for a flow of SNAT. */
export const PORT_TRIES = 8;
export const UP = 1;
/** No slot. */
export const NOWHERE = 0xffff_ffff;
const BY_SOURCE = 1;
const BY_ID = 2;

const First = struct({ first: u8 });
const Id1 = struct({ id: u8 });
const Id2 = struct({ id: be16 });
const Id4 = struct({ id: be32 });

/** One more word into a hash. */
export function mixed(hash: u32, more: u32): u32 {
  const all = u32((hash ^ more) * 0x9e37_79b1);
  return all ^ (all >> 15);
}

/** The last turns of a hash: its upper bits choose the slot. */
export function finished(hash: u32): u32 {
  const all = u32(hash * 0x85eb_ca6b);
  return u32((all ^ (all >> 13)) * 0xc2b2_ae35);
}

/** The port of SNAT that a hash leads to, as it lies. */
export function portOf(hash: u32): u32 {
  const number = SNAT_FROM + u32((u64(hash) * SNAT_COUNT) >> 32);
  return ((number & 255) << 8) | (number >> 8);
}

/** Is the slot still that server's, and is it up? */
export function isThere(slot: u32, stamp: u32): boolean {
  const server = servers.get(slot);
  return server !== undefined && server.state !== 0 && server.stamp === stamp;
}

/** Does a flow that is known go on at its server? What begins anew does so at one that takes new flows. */
export function goesOn(flow: FlowOf, flags: u32): boolean {
  const server = servers.get(flow.server);
  if (!server || server.stamp !== flow.stamp || server.state === 0) return false;
  return (flags & SYN) === 0 || (server.state === UP && flow.ended === 0);
}

/** A flow was used; `over`: its client says that it is done. */
export function used(flow: FlowOf, over: boolean): void {
  flow.seen = u32(helpers.bpf_jiffies64());
  if (over && flow.ended === 0) {
    flow.ended = 1;
    if (LIMITS) open.add(flow.server, 0xffff_ffff);
  }
}

/** One more flow of a server. */
export function begun(slot: u32): void {
  const count = counts.get(slot);
  if (count) count.flows += 1;
  if (LIMITS) open.add(slot, 1);
}

function hasRoom(slot: u32, server: ServerOf): boolean {
  if (!LIMITS || server.limit === 0) return true;
  const now = open.get(slot);
  return now !== undefined && now < server.limit;
}

/** By the ring: a server that takes new flows. */
function byRing(ring: u32, hash: u32): u32 {
  let found: u32 = NOWHERE;
  let h: u32 = hash;
  for (const _ of range(TRIES)) {
    const slot = rings.get(ring + u32((u64(h) * RING) >> 32));
    if (slot === undefined) break;
    const server = servers.get(slot);
    if (server?.state === UP && hasRoom(slot, server)) {
      found = slot;
      break;
    }
    h = mixed(h, 1);
  }
  return found;
}

/** The number that a server has put into the connection id of a packet with a short header (RFC 9000, 17.3); NOWHERE: none. */
export function idOf(packet: XdpContext, payload: u32): u32 {
  const quic = packet.at(First, payload);
  if (!quic || (u32(quic.first) & 0xc0) !== 0x40) return NOWHERE;
  if (ID_BYTES === 1) {
    const one = packet.at(Id1, payload + 1 + ID_AT);
    return one ? u32(one.id) : NOWHERE;
  }
  if (ID_BYTES === 2) {
    const two = packet.at(Id2, payload + 1 + ID_AT);
    return two ? u32(two.id) : NOWHERE;
  }
  const four = packet.at(Id4, payload + 1 + ID_AT);
  return four ? u32(four.id) : NOWHERE;
}

/** The slot of a server by its number in connection ids, of a service that goes by them; NOWHERE: none that is up. */
export function byId(place: u32, id: u32): u32 {
  const service = services.get(place);
  if (!service || (service.flags & BY_ID) === 0) return NOWHERE;
  const slot = ids.get({ service: place, id });
  if (slot === undefined) return NOWHERE;
  const server = servers.get(slot);
  return server && server.state !== 0 ? slot : NOWHERE;
}

/**
 * The slot for a flow of a service that is not known; NOWHERE: there is no server. `keep`: the source is to go there from now on.
 */
export function slotFor(place: u32, hash: u32, s0: u32, s1: u32, s2: u32, s3: u32, keep: boolean): u32 {
  const service = services.get(place);
  if (!service) return NOWHERE;
  const { ring, flags } = service;
  if (!AFFINITY || (flags & BY_SOURCE) === 0) return byRing(ring, hash);
  const known = sources.get({ service: place, s0, s1, s2, s3 });
  if (known) {
    const server = servers.get(known.server);
    if (server && server.state === UP && server.stamp === known.stamp) return known.server;
  }
  const slot = byRing(ring, finished(mixed(mixed(mixed(mixed(0, s0), s1), s2), s3)));
  if (slot !== NOWHERE && keep) {
    const server = servers.get(slot);
    if (server) sources.set({ service: place, s0, s1, s2, s3 }, { server: slot, stamp: server.stamp });
  }
  return slot;
}
