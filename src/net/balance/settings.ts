// What of a configuration is folded into the data plane: `plane/settings.ts` for this configuration. What it does not use is not
// in the program; sizes leave room for a configuration that grows.

import { parseMac } from "../../source/index.ts";
import { isFour } from "./config.ts";
import { RING_SIZES } from "./maglev.ts";
import type { Balancer, Service } from "./types.ts";
import { addressWords, swapped16 } from "./words.ts";

/** The constants of plane/settings.ts by their names. */
export interface Settings {
  readonly FOUR: boolean;
  readonly SIX: boolean;
  readonly OUTER4: boolean;
  readonly OUTER6: boolean;
  readonly IPIP: boolean;
  readonly GUE: boolean;
  readonly SNAT4: boolean;
  readonly SNAT6: boolean;
  readonly ANY_PORT: boolean;
  readonly QUIC: boolean;
  readonly AFFINITY: boolean;
  readonly LIMITS: boolean;
  readonly SHARED: boolean;
  readonly NEXT: 0 | 1 | 2;
  readonly NEXT_TO: number;
  readonly NEXT_TO2: number;
  readonly SOURCE4: number;
  readonly SOURCE6_0: number;
  readonly SOURCE6_1: number;
  readonly SOURCE6_2: number;
  readonly SOURCE6_3: number;
  readonly GUE_PORT: number;
  readonly MTU: number;
  readonly TOLD: number;
  readonly RING: number;
  readonly RINGS: number;
  readonly SERVICES: number;
  readonly SERVERS: number;
  readonly PLACES4: number;
  readonly PLACES6: number;
  readonly FLOWS4: number;
  readonly FLOWS6: number;
  readonly SHARED4: number;
  readonly SHARED6: number;
  readonly FRAGMENTS: number;
  readonly SOURCES: number;
  readonly IDS: number;
  readonly RETURNS4: number;
  readonly RETURNS6: number;
  readonly SNAT_FROM: number;
  readonly SNAT_COUNT: number;
  readonly ID_AT: number;
  readonly ID_BYTES: 1 | 2 | 4;
  readonly UNDO: boolean;
}

/** Slots of a ring for each server: with these, one of a hundred servers that leaves moves less than one flow in 200 of the others. */
const SLOTS_PER_SERVER = 1_300;

export const packetServices = ({ services }: Balancer): readonly Service[] =>
  services.filter(({ mode }) => mode === "packets");

/** What there is for sockets, as a balancer of its own; undefined: nothing. Its tables are the same. */
export function socketsAlone(balancer: Balancer): Balancer | undefined {
  const services = balancer.services.filter(({ mode }) => mode === "sockets");
  if (services.length === 0) return undefined;
  const { shared: _, ...rest } = balancer;
  return { ...rest, services: services.map((service) => ({ ...service, mode: "packets", forward: "ipip" })) };
}

/** Keys that a service has in the table of places; one more says that the address is one. */
const placesOf = ({ ports }: Service): number => (ports === "any" ? 1 : ports.to - ports.from + 1) + 1;

/** At least so many, and as much again to grow. */
const roomFor = (count: number, least: number): number => Math.max(least, 2 ** Math.ceil(Math.log2(count * 2 + 1)));

/** The ring's size: what is said, or by the service with the most servers. */
export function ringSize(balancer: Balancer): number {
  if (balancer.ring !== undefined) return balancer.ring;
  const most = Math.max(1, ...packetServices(balancer).map(({ servers }) => servers.length));
  return RING_SIZES.find((size) => size >= most * SLOTS_PER_SERVER) ?? (RING_SIZES.at(-1) as number);
}

/** Of Ethernet, and of an interface of which nothing is known. */
const MTU = 1500;
/** As many errors as the kernel sends by itself (net.ipv4.icmp_msgs_per_sec). */
const TOLD = 1000;

/** Those of a configuration; `mtu`: that of the interface. */
export function settingsOf(balancer: Balancer, mtu: number = MTU): Settings {
  const services = packetServices(balancer);
  const servers = services.flatMap((service) => service.servers.map((server) => ({ service, server })));
  const four = services.filter(({ address }) => isFour(address));
  const six = services.filter(({ address }) => !isFour(address));
  const has = (test: (service: Service) => boolean): boolean => services.some(test);
  const mac = typeof balancer.next === "object" ? parseMac(balancer.next.mac) : undefined;
  const [s0, s1, s2, s3] = addressWords(balancer.source6 ?? "::");
  const { snatPorts, quicId, shared, flows } = balancer;
  const [snat4, snat6] = [four, six].map((list) => list.some(({ forward }) => forward === "snat")) as [
    boolean,
    boolean,
  ];
  const affinity = has(({ affinity }) => affinity === "source");
  const word = (at: number): number =>
    mac === undefined
      ? 0
      : ((mac[at] ?? 0) | ((mac[at + 1] ?? 0) << 8) | ((mac[at + 2] ?? 0) << 16) | ((mac[at + 3] ?? 0) << 24)) >>> 0;
  return {
    FOUR: four.length > 0,
    SIX: six.length > 0,
    OUTER4: servers.some(({ server }) => isFour(server.address)),
    OUTER6: servers.some(({ server }) => !isFour(server.address)),
    IPIP: has(({ forward }) => forward === "ipip"),
    GUE: has(({ forward }) => forward === "gue"),
    SNAT4: snat4,
    SNAT6: snat6,
    ANY_PORT: has(({ ports }) => ports === "any"),
    QUIC: has(({ protocol }) => protocol === "quic"),
    AFFINITY: affinity,
    LIMITS: servers.some(({ server }) => server.connections !== undefined),
    SHARED: shared !== undefined,
    NEXT: balancer.next === "routes" ? 0 : balancer.next === "sender" ? 1 : 2,
    NEXT_TO: word(0),
    NEXT_TO2: mac === undefined ? 0 : (mac[4] ?? 0) | ((mac[5] ?? 0) << 8),
    SOURCE4: addressWords(balancer.source ?? "0.0.0.0")[0],
    SOURCE6_0: s0,
    SOURCE6_1: s1,
    SOURCE6_2: s2,
    SOURCE6_3: s3,
    GUE_PORT: swapped16(balancer.guePort),
    MTU: mtu,
    TOLD,
    RING: ringSize(balancer),
    RINGS: roomFor(services.length, 4) * 2,
    SERVICES: roomFor(services.length, 4),
    SERVERS: roomFor(servers.length, 16),
    PLACES4: roomFor(
      four.reduce((all, one) => all + placesOf(one), 0),
      16,
    ),
    PLACES6: roomFor(
      six.reduce((all, one) => all + placesOf(one), 0),
      16,
    ),
    FLOWS4: four.length > 0 ? flows : 1,
    FLOWS6: six.length > 0 ? flows : 1,
    SHARED4: shared !== undefined && four.length > 0 ? shared.entries : 1,
    SHARED6: shared !== undefined && six.length > 0 ? shared.entries : 1,
    FRAGMENTS: 4096,
    SOURCES: affinity ? flows : 1,
    IDS: has(({ protocol }) => protocol === "quic") ? roomFor(servers.length, 16) : 1,
    RETURNS4: snat4 ? flows : 1,
    RETURNS6: snat6 ? flows : 1,
    SNAT_FROM: snatPorts.from,
    SNAT_COUNT: snatPorts.to - snatPorts.from + 1,
    ID_AT: quicId.offset,
    ID_BYTES: quicId.bytes,
    UNDO: false,
  };
}

/** The text of plane/settings.ts. */
export const settingsText = (settings: Settings): string =>
  Object.entries(settings)
    .map(([name, value]: [string, number | boolean]) => `export const ${name} = ${value};\n`)
    .join("");

/** Sizes of tables that are written anew, which do not shrink. */
const SIZES = new Set(["RING", "RINGS", "SERVICES", "SERVERS", "PLACES4", "PLACES6", "IDS"]);
/** Sizes of tables with what is remembered, which stay once there is such a table. */
const KEPT = new Set(["FLOWS4", "FLOWS6", "SHARED4", "SHARED6", "SOURCES", "RETURNS4", "RETURNS6"]);

/** Settings for a configuration that follows another: tables stay as they are where they can. */
export function settingsAfter(before: Settings, wanted: Settings): Settings {
  const rows = Object.entries(wanted).map(([name, value]: [string, number | boolean]) => {
    const old = before[name as keyof Settings];
    if (typeof value !== "number" || typeof old !== "number") return [name, value];
    if (SIZES.has(name)) return [name, Math.max(value, old)];
    return [name, KEPT.has(name) && old > 1 ? old : value];
  });
  return Object.fromEntries(rows) as unknown as Settings;
}
