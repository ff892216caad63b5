// The tables of the balancer. Addresses and ports are words as they lie in packets: nothing is swapped to compare or keep them.

import { array, hash, lruHash, perCpuArray, struct, u8, u16, u32, u64, XDP } from "scry/bpf";
import {
  FLOWS4,
  FLOWS6,
  FRAGMENTS,
  IDS,
  PLACES4,
  PLACES6,
  RETURNS4,
  RETURNS6,
  RING,
  RINGS,
  SERVERS,
  SERVICES,
  SHARED4,
  SHARED6,
  SOURCES,
} from "./settings.ts";

/** How a server is reached whose packets are rewritten. */
export const SNAT_WAY = 2;
/** Each CPU has a list of its own of what was used last (BPF_F_NO_COMMON_LRU); all see each other's entries. */
const OWN_LISTS = 2;

/** Where a service is; port 0: at all ports, protocol 0: the address is one of a service. */
export const Place4 = struct({ address: u32, port: u16, protocol: u16 });
export const Place6 = struct({ a0: u32, a1: u32, a2: u32, a3: u32, port: u16, protocol: u16 });
export const Service = struct({
  /** Where its ring begins in `rings`. */
  ring: u32,
  /** Flags: 1 by source alone, 2 QUIC. */
  flags: u32,
});
export const Server = struct({
  a0: u32,
  a1: u32,
  a2: u32,
  a3: u32,
  /** 0 there is none, or it is down; 1 it takes new flows; 2 it keeps those that it has. */
  state: u8,
  /** 4 or 6. */
  family: u8,
  /** 0 IPIP, 1 GUE, 2 SNAT. */
  way: u8,
  spare: u8,
  /** Who it is: flows of another server that had the slot before do not go to it. */
  stamp: u32,
  /** Of an IPv4 header to it, all but its length and type of service, summed up. */
  sum: u32,
  /** Flows that it may have at once; 0: any number. */
  limit: u32,
  /** Where it listens, as it lies, where that is another port than the service's; else 0. */
  port: u16,
  /** How long a packet may be on its way to it; 0: as the kernel's routes say. */
  mtu: u16,
});
export const Key4 = struct({ source: u32, destination: u32, ports: u32, protocol: u32 });
export const Key6 = struct({
  s0: u32,
  s1: u32,
  s2: u32,
  s3: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  ports: u32,
  protocol: u32,
});
export const Flow = struct({
  server: u32,
  stamp: u32,
  /** When it was used last, in the kernel's ticks. */
  seen: u32,
  /** The client has said that it is done. */
  ended: u32,
  /** Of SNAT: the port that the server sees, as it lies. */
  port: u32,
});
const Counts = struct({ packets: u64, bytes: u64, flows: u64 });
export const Piece = struct({ server: u32, stamp: u32 });
export const PieceKey4 = struct({ source: u32, destination: u32, id: u32 });
/** Of SNAT: whose answers those to a port are; of IPv6 from the client to the service. */
export const Return4 = struct({ client: u32, service: u32, ports: u32 });
export const Return6 = struct({ s0: u32, s1: u32, s2: u32, s3: u32, d0: u32, d1: u32, d2: u32, d3: u32, ports: u32 });
export const PieceKey6 = struct({
  s0: u32,
  s1: u32,
  s2: u32,
  s3: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  id: u32,
});
const Source = struct({ service: u32, s0: u32, s1: u32, s2: u32, s3: u32 });
const Id = struct({ service: u32, id: u32 });

export const places4 = hash(Place4, u32, { maxEntries: PLACES4 });
export const places6 = hash(Place6, u32, { maxEntries: PLACES6 });
export const services = array(Service, { maxEntries: SERVICES });
/** Slots of servers: RING for each ring. */
export const rings = array(u32, { maxEntries: RING * RINGS });
export const servers = array(Server, { maxEntries: SERVERS });
/** Flows that a server has, as far as it is known: of servers with a limit. */
export const open = array(u32, { maxEntries: SERVERS });
/** By servers. */
export const counts = perCpuArray(Counts, { maxEntries: SERVERS });
/** What was not sent, by why: see `Reason`. */
export const reasons = perCpuArray(u64, { maxEntries: 8 });
export const flows4 = lruHash(Key4, Flow, { maxEntries: FLOWS4, flags: OWN_LISTS });
export const flows6 = lruHash(Key6, Flow, { maxEntries: FLOWS6, flags: OWN_LISTS });
/** Shared with other balancers. */
export const shared4 = lruHash(Key4, Flow, { maxEntries: SHARED4 });
export const shared6 = lruHash(Key6, Flow, { maxEntries: SHARED6 });
export const pieces4 = lruHash(PieceKey4, Piece, { maxEntries: FRAGMENTS });
export const pieces6 = lruHash(PieceKey6, Piece, { maxEntries: FRAGMENTS });
export const sources = lruHash(Source, Piece, { maxEntries: SOURCES });
/** By what servers send back. */
export const returns4 = lruHash(Key4, Return4, { maxEntries: RETURNS4 });
export const returns6 = lruHash(Key6, Return6, { maxEntries: RETURNS6 });
export const ids = hash(Id, u32, { maxEntries: IDS });
/** Where packets to a server leave, by the kernel's routes, until some tick. */
export const hops = perCpuArray(
  struct({ until: u32, ifindex: u32, to: u32, from2: u32, to2: u16, from: u16, known: u32, mtu: u32 }),
  {
    maxEntries: SERVERS,
  },
);

/** How many senders this CPU has told in a second (2^30 ns) that a packet is too long. */
export const told = perCpuArray(struct({ second: u32, count: u32 }), { maxEntries: 1 });

/** Why a packet of a service was not sent (`Reason` of ../plan.ts). */
export const NO_SERVER = 0;
export const NO_ROUTE = 1;
export const NO_ROOM = 2;
export const NO_FIRST = 3;
export const NO_PORT = 4;
export const NOT_CARRIED = 5;
export const TOO_LONG = 6;
export const TOO_LONG_UNTOLD = 7;

/** One packet that is dropped. */
export function lost(why: u32): number {
  reasons.add(why, 1);
  return XDP.DROP;
}
