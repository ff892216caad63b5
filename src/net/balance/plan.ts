// What the tables of the data plane hold for a configuration. Services and servers keep their numbers from one configuration to the
// next, so that the flows that are remembered go on.

import { isFour } from "./config.ts";
import { textHash } from "./hash.ts";
import { maglev, NO_SLOT, type RingMember } from "./maglev.ts";
import { packetServices, type Settings } from "./settings.ts";
import type { Balancer, Server, Service } from "./types.ts";
import { addressWords, halves, swapped16 } from "./words.ts";

/** How a server stands: by its health, and by what is left of its slow start. */
export interface Standing {
  readonly state: "up" | "draining" | "down";
  /** What part of its weight it has: 0 to 1. */
  readonly share: number;
}
export const STANDING: Standing = { state: "up", share: 1 };

/** As the data plane has them. */
export const STATES = { down: 0, up: 1, draining: 2 } as const;
export const WAYS = { ipip: 0, gue: 1, snat: 2 } as const;
const BY_SOURCE = 1;
const BY_ID = 2;
export const PROTOCOLS = { tcp: 6, udp: 17, quic: 17 } as const;

/** Why a packet of a service was not sent, by its number in the table of reasons. */
export const REASONS = [
  "no server takes new flows",
  "no route to the server, or its neighbour is not known",
  "no room for the outer header",
  "a fragment whose first part was not seen",
  "no port is free for SNAT",
  "a fragment of SNAT, or an ICMP error about no flow of it",
  "too long for the way to the server, which its sender was told",
  "too long for the way to the server, and nobody was to be told",
] as const;

export interface ServerRow {
  readonly slot: number;
  /** Who it is: of the service's name, its address and port. */
  readonly identity: string;
  readonly service: Service;
  readonly server: Server;
  readonly standing: Standing;
  /** It is in the configuration no more, and keeps its flows until they end. */
  readonly leaving: boolean;
}

export interface ServiceRow {
  readonly index: number;
  readonly service: Service;
  readonly servers: readonly ServerRow[];
}

export interface Slots {
  readonly services: ReadonlyMap<string, number>;
  readonly servers: ReadonlyMap<string, number>;
}
export const NO_SLOTS: Slots = { services: new Map(), servers: new Map() };

export interface Plan {
  readonly services: readonly ServiceRow[];
  readonly servers: readonly ServerRow[];
  readonly slots: Slots;
}

export const identityOf = (service: Service, { address, port }: Server): string =>
  `${service.name} ${address} ${port ?? 0}`;

/** Who a server is in the flow table; 0 is nobody. */
export const stampOf = (identity: string): number => (textHash(identity) | 1) >>> 0;

/** The lowest numbers that nobody has. */
function numbered(names: readonly string[], before: ReadonlyMap<string, number>): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of names) {
    const known = before.get(name);
    if (known !== undefined) found.set(name, known);
  }
  const taken = new Set(found.values());
  let next = 0;
  for (const name of names) {
    if (found.has(name)) continue;
    while (taken.has(next)) next++;
    taken.add(next);
    found.set(name, next);
  }
  return found;
}

/** `leaving`: rows of servers that the configuration has no more, and that still have flows. */
export function planOf(
  balancer: Balancer,
  standingOf: (identity: string) => Standing = () => STANDING,
  before: Slots = NO_SLOTS,
  leaving: readonly ServerRow[] = [],
): Plan {
  const services = packetServices(balancer);
  const wanted = services.flatMap((service) =>
    service.servers.map((server) => ({ identity: identityOf(service, server), service, server })),
  );
  const here = new Set(wanted.map(({ identity }) => identity));
  const staying = leaving.filter(({ identity }) => !here.has(identity));
  const slots: Slots = {
    services: numbered(
      services.map(({ name }) => name),
      before.services,
    ),
    servers: numbered(
      [...wanted, ...staying].map(({ identity }) => identity),
      before.servers,
    ),
  };
  const slotOf = (identity: string): number => slots.servers.get(identity) as number;
  const rows = wanted.map(({ identity, service, server }): ServerRow => {
    const standing = standingOf(identity);
    const state = server.drain && standing.state === "up" ? "draining" : standing.state;
    return { identity, service, server, slot: slotOf(identity), standing: { ...standing, state }, leaving: false };
  });
  return {
    slots,
    services: services.map((service) => ({
      index: slots.services.get(service.name) as number,
      service,
      servers: rows.filter((row) => row.service === service),
    })),
    servers: [
      ...rows,
      ...staying.map((row): ServerRow => {
        const standing: Standing = { state: standingOf(row.identity).state === "down" ? "down" : "draining", share: 0 };
        return { ...row, slot: slotOf(row.identity), standing, leaving: true };
      }),
    ],
  };
}

/** Its tables are large enough for this plan. */
export function fits(plan: Plan, settings: Settings): boolean {
  const most = (numbers: readonly number[]): number => Math.max(-1, ...numbers);
  return (
    most(plan.servers.map(({ slot }) => slot)) < settings.SERVERS &&
    most(plan.services.map(({ index }) => index)) < settings.SERVICES &&
    placeRows(plan).filter(({ four }) => four).length <= settings.PLACES4 &&
    placeRows(plan).filter(({ four }) => !four).length <= settings.PLACES6
  );
}

// --- rows of tables --------------------------------------------------------------------------------------------------

/** An entry of `servers`. */
export interface ServerValue {
  readonly a0: number;
  readonly a1: number;
  readonly a2: number;
  readonly a3: number;
  readonly state: number;
  readonly family: number;
  readonly way: number;
  readonly spare: number;
  readonly stamp: number;
  readonly sum: number;
  readonly limit: number;
  readonly port: number;
  /** 0: as the kernel's routes say. */
  readonly mtu: number;
}

export function serverValue({ identity, service, server, standing }: ServerRow, settings: Settings): ServerValue {
  const [a0, a1, a2, a3] = addressWords(server.address);
  const four = isFour(server.address);
  // Words of an IPv4 header as they lie: version and length; "do not fragment"; 64 hops; both addresses.
  const sum = four ? 0x45 + 0x40 + 64 + halves(settings.SOURCE4) + halves(a0) : 0;
  return {
    ...{ a0, a1, a2, a3, sum },
    state: STATES[standing.state],
    family: four ? 4 : 6,
    way: WAYS[service.forward],
    spare: 0,
    stamp: stampOf(identity),
    limit: server.connections ?? 0,
    port: swapped16(server.port ?? 0),
    mtu: service.mtu ?? (settings.NEXT === 0 ? 0 : Math.min(settings.MTU, 0xffff)),
  };
}

/** An entry of `services`; `half`: which of its two rings is in use. */
export function serviceValue(
  { index, service }: ServiceRow,
  half: 0 | 1,
  { RING }: Settings,
): { ring: number; flags: number } {
  const flags = (service.affinity === "source" ? BY_SOURCE : 0) | (service.protocol === "quic" ? BY_ID : 0);
  return { ring: (index * 2 + half) * RING, flags };
}

/** The service's ring: slots of servers. Those that drain or are down are not in it. */
export function ringOf({ servers }: ServiceRow, { RING }: Pick<Settings, "RING">): Uint32Array {
  const members = ringMembers(servers);
  const ring = maglev(members, RING);
  for (const [at, index] of ring.entries()) {
    const slot = servers[index]?.slot;
    ring[at] = index === NO_SLOT || slot === undefined ? NO_SLOT : slot;
  }
  return ring;
}

export const ringMembers = (servers: readonly ServerRow[]): readonly RingMember[] =>
  servers.map(({ server, standing }) => ({
    key: `${server.address} ${server.port ?? 0}`,
    weight: standing.state === "up" ? server.weight * standing.share : 0,
  }));

/** A key of `places4` or `places6`, and the service that is there. */
export interface PlaceRow {
  readonly four: boolean;
  readonly address: readonly [number, number, number, number];
  /** As it lies; 0 with a protocol: all ports, without: the address is one of a service. */
  readonly port: number;
  readonly protocol: number;
  readonly index: number;
}

export function placeRows(plan: Plan): readonly PlaceRow[] {
  const known = new Set<string>();
  return plan.services.flatMap(({ index, service }) => {
    const four = isFour(service.address);
    const address = addressWords(service.address);
    const row = (port: number, protocol: number): PlaceRow => ({
      four,
      address,
      port: swapped16(port),
      protocol,
      index,
    });
    const { ports } = service;
    const all =
      ports === "any"
        ? [row(0, PROTOCOLS[service.protocol])]
        : Array.from({ length: ports.to - ports.from + 1 }, (_, i) => row(ports.from + i, PROTOCOLS[service.protocol]));
    if (known.has(service.address)) return all;
    known.add(service.address);
    return [...all, row(0, 0)];
  });
}

/** Entries of `ids`. */
export const idRows = (
  plan: Plan,
): readonly { readonly service: number; readonly id: number; readonly slot: number }[] =>
  plan.services.flatMap(({ index, servers }) =>
    servers.flatMap(({ server, slot }) => (server.id === undefined ? [] : [{ service: index, id: server.id, slot }])),
  );
