// The balancer in plain TypeScript: what the data plane does, said once more in another way. The fuzz test holds the program against
// it, and `explain` tells by it.

import { formatIpv4, formatIpv6 } from "../../source/index.ts";
import { outerBytes } from "./config.ts";
import { finished, mixed, ringPlace } from "./hash.ts";
import { type Parsed, parsePacket } from "./parse-packet.ts";
import {
  idRows,
  type Plan,
  placeRows,
  REASONS,
  ringOf,
  type ServerRow,
  type ServerValue,
  serverValue,
} from "./plan.ts";
import type { Settings } from "./settings.ts";

/** A flow that is remembered. */
export interface KnownFlow {
  readonly slot: number;
  readonly stamp: number;
  ended: boolean;
  /** Of SNAT: the port that the server sees. */
  port: number;
}

interface Entry {
  readonly row: ServerRow;
  readonly value: ServerValue;
}
interface Answer {
  readonly client: string;
  readonly clientPort: number;
  readonly service: string;
  readonly servicePort: number;
}

/** All that the balancer knows and remembers. */
export interface State {
  readonly settings: Settings;
  /** By slots. */
  readonly servers: Map<number, Entry>;
  readonly services: Map<
    number,
    { readonly name: string; readonly ring: Uint32Array; readonly bySource: boolean; readonly byId: boolean }
  >;
  /** By `address protocol port`. */
  readonly places: Map<string, number>;
  readonly addresses: Set<string>;
  readonly ids: Map<string, number>;
  readonly flows: Map<string, KnownFlow>;
  readonly shared: Map<string, KnownFlow>;
  readonly pieces: Map<string, { readonly slot: number; readonly stamp: number }>;
  readonly sources: Map<string, { readonly slot: number; readonly stamp: number }>;
  readonly answers: Map<string, Answer>;
  /** Flows of each slot. */
  readonly open: Map<number, number>;
}

export type Decision =
  | { readonly kind: "pass"; readonly why: string }
  | { readonly kind: "drop"; readonly why: string }
  | {
      readonly kind: "send";
      readonly slot: number;
      readonly row: ServerRow;
      readonly how: string;
      readonly hash: number;
      readonly packet: Parsed;
      /** Of SNAT. */
      readonly port?: number;
    }
  | { readonly kind: "answer"; readonly packet: Parsed; readonly to: Answer }
  /** It is too long: who sent it is told how long it may be. */
  | { readonly kind: "tell"; readonly packet: Parsed; readonly mtu: number; readonly why: string };

/** What of a packet is sent back where it is too long. */
export const TOLD_BYTES = 512;
/** What every network of IPv6 carries. */
const LEAST6 = 1280;
const TRIES = 4;
const PORT_TRIES = 8;
const SYN = 2;
const OVER = 5;

export function stateOf(plan: Plan, settings: Settings): State {
  const places = new Map<string, number>();
  const addresses = new Set<string>();
  for (const { four, address, port, protocol, index } of placeRows(plan)) {
    const text = addressText(address, four);
    if (protocol === 0) addresses.add(text);
    else places.set(`${text} ${protocol} ${((port & 255) << 8) | (port >> 8)}`, index);
  }
  return {
    settings,
    servers: new Map(plan.servers.map((row) => [row.slot, { row, value: serverValue(row, settings) }])),
    services: new Map(
      plan.services.map((one) => [
        one.index,
        {
          name: one.service.name,
          ring: ringOf(one, settings),
          bySource: one.service.affinity === "source",
          byId: one.service.protocol === "quic",
        },
      ]),
    ),
    places,
    addresses,
    ids: new Map(idRows(plan).map(({ service, id, slot }) => [`${service} ${id}`, slot])),
    flows: new Map(),
    shared: new Map(),
    pieces: new Map(),
    sources: new Map(),
    answers: new Map(),
    open: new Map(),
  };
}

function addressText(words: readonly number[], four: boolean): string {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  return four ? formatIpv4(bytes.subarray(0, 4)) : formatIpv6(bytes);
}

const pass = (why: string): Decision => ({ kind: "pass", why });
const drop = (reason: number): Decision => ({ kind: "drop", why: REASONS[reason] as string });

/** Words of an address as they lie. */
const wordsOf = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
};
const portsWord = (source: number, destination: number): number => {
  const lying = (port: number): number => ((port & 255) << 8) | (port >> 8);
  return (lying(source) | (lying(destination) << 16)) >>> 0;
};

/** The hash of a flow, from a client to a service. */
export const flowHash = (
  protocol: number,
  sourcePort: number,
  port: number,
  source: Uint8Array,
  destination: Uint8Array,
): number =>
  finished([portsWord(sourcePort, port), ...wordsOf(destination), ...wordsOf(source)].reduce(mixed, protocol));

/** Where a packet goes; what is remembered of it is written into the state. */
export function decide(bytes: Uint8Array, state: State): Decision {
  const { settings } = state;
  const packet = parsePacket(bytes, settings);
  if (typeof packet === "string") return pass(packet);
  const { source, destination, about, piece, protocol, flags } = packet;
  const from = textOf(source);
  const to = textOf(destination);
  if (piece?.later === true) {
    const known = state.pieces.get(`${from} ${to} ${piece.id}`);
    const entry = known === undefined ? undefined : state.servers.get(known.slot);
    if (known !== undefined && entry !== undefined && entry.value.state !== 0 && entry.value.stamp === known.stamp)
      return carried(sent(packet, entry, "the server of its first fragment", finished(piece.id)), entry, settings);
    return state.addresses.has(to) ? drop(3) : pass("a fragment for no service");
  }
  if (isOwn(destination, settings)) {
    const answer = state.answers.get(`${from}:${packet.sourcePort} ${protocol} ${packet.port}`);
    return answer === undefined ? pass("for the balancer itself") : { kind: "answer", packet, to: answer };
  }
  const hash = flowHash(protocol, packet.sourcePort, packet.port, source, destination);
  const key = `${from}:${packet.sourcePort} ${to}:${packet.port} ${protocol}`;
  let slot: number | undefined;
  let how = "the server of its flow";
  let port = 0;
  const place = state.places.get(`${to} ${protocol} ${packet.port}`) ?? state.places.get(`${to} ${protocol} 0`);
  const named = place === undefined ? undefined : byId(packet, place, state);
  const flow = state.flows.get(key);
  if (flow !== undefined && (named ?? flow.slot) === flow.slot && goesOn(flow, flags, state)) {
    slot = flow.slot;
    port = flow.port;
    if (!about && (flags & OVER) !== 0 && !flow.ended) {
      flow.ended = true;
      if (settings.LIMITS) count(state.open, slot, -1);
    }
  }
  if (slot === undefined) {
    if (place === undefined) return pass("for no service");
    const other = settings.SHARED ? state.shared.get(key) : undefined;
    if (named !== undefined) {
      slot = named;
      how = `the server of connection id ${packet.connectionId}`;
    } else if (other !== undefined && goesOn(other, flags, state)) {
      slot = other.slot;
      port = other.port;
      how = "the server of its flow, which another balancer knows";
    } else {
      const chosen = slotFor(packet, place, hash, state);
      if (chosen === undefined) return drop(0);
      ({ slot, how } = chosen);
    }
    if (!about) {
      const stamp = state.servers.get(slot)?.value.stamp as number;
      state.flows.set(key, { slot, stamp, ended: false, port });
      if (settings.SHARED) state.shared.set(key, { slot, stamp, ended: false, port });
      if (settings.LIMITS) count(state.open, slot, 1);
    }
  }
  const entry = state.servers.get(slot) as Entry;
  if (entry.row.service.forward === "snat") {
    if (piece !== undefined || (about && port === 0)) return drop(5);
    if (about) return { ...sent(packet, entry, how, hash), port } as Decision;
    const its = portFor(packet, entry, hash, port, state);
    if (its === 0) return drop(4);
    const known = state.flows.get(key);
    if (known !== undefined) known.port = its;
    return { ...sent(packet, entry, how, hash), port: its } as Decision;
  }
  if (piece !== undefined) state.pieces.set(`${from} ${to} ${piece.id}`, { slot, stamp: entry.value.stamp });
  return carried(sent(packet, entry, how, hash), entry, settings);
}

type Sent = Extract<Decision, { kind: "send" }>;
function sent(packet: Parsed, { row }: Entry, how: string, hash: number): Sent {
  return { kind: "send", slot: row.slot, row, how, hash, packet };
}

/** What is put into another packet, where that fits; else whoever may be told is told how long it may be. */
function carried(decision: Sent, { row: { service, server }, value }: Entry, settings: Settings): Decision {
  if (service.forward === "snat") return decision;
  const { packet } = decision;
  const room = (value.mtu === 0 ? settings.MTU : value.mtu) - outerBytes(service.forward, server.address);
  const length = packet.family === 4 ? packet.length : packet.length + 40;
  if (length <= room) return decision;
  const mtu = packet.family === 4 ? room : Math.max(room, LEAST6);
  const untold = packet.about || packet.piece?.later === true || !packet.whole || length <= mtu || length < TOLD_BYTES;
  return untold ? drop(7) : { kind: "tell", packet, mtu, why: REASONS[6] };
}

const count = (map: Map<number, number>, key: number, by: number): void => {
  map.set(key, ((map.get(key) ?? 0) + by) >>> 0);
};

export const textOf = (address: Uint8Array): string =>
  address.length === 4 ? formatIpv4(address) : formatIpv6(address);

function goesOn(flow: KnownFlow, flags: number, { servers }: State): boolean {
  const value = servers.get(flow.slot)?.value;
  if (value === undefined || value.stamp !== flow.stamp || value.state === 0) return false;
  return (flags & SYN) === 0 || (value.state === 1 && !flow.ended);
}

/** The address that servers of SNAT see. */
function isOwn(address: Uint8Array, settings: Settings): boolean {
  const { SNAT4, SNAT6, SOURCE4, SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3 } = settings;
  const own = address.length === 4 ? [SOURCE4] : [SOURCE6_0, SOURCE6_1, SOURCE6_2, SOURCE6_3];
  return (address.length === 4 ? SNAT4 : SNAT6) && wordsOf(address).every((word, i) => word === own[i]);
}

/** The slot that a datagram's connection id names. */
function byId({ connectionId }: Parsed, place: number, state: State): number | undefined {
  if (connectionId === undefined || state.services.get(place)?.byId !== true) return undefined;
  const slot = state.ids.get(`${place} ${connectionId}`);
  return slot !== undefined && (state.servers.get(slot)?.value.state ?? 0) !== 0 ? slot : undefined;
}

function slotFor(packet: Parsed, place: number, hash: number, state: State): { slot: number; how: string } | undefined {
  const service = state.services.get(place);
  if (service === undefined) return undefined;
  if (!service.bySource) return byRing(service.ring, hash, state);
  const source = `${place} ${textOf(packet.source)}`;
  const known = state.sources.get(source);
  const value = known === undefined ? undefined : state.servers.get(known.slot)?.value;
  if (known !== undefined && value?.state === 1 && value.stamp === known.stamp)
    return { slot: known.slot, how: "the server of its source" };
  const words = wordsOf(packet.source);
  while (words.length < 4) words.push(0);
  const found = byRing(service.ring, finished(words.reduce(mixed, 0)), state);
  if (found !== undefined && !packet.about)
    state.sources.set(source, { slot: found.slot, stamp: state.servers.get(found.slot)?.value.stamp as number });
  return found;
}

function byRing(ring: Uint32Array, hash: number, state: State): { slot: number; how: string } | undefined {
  let h = hash;
  for (let i = 0; i < TRIES; i++) {
    const place = ringPlace(h, ring.length);
    const slot = ring[place] as number;
    const value = state.servers.get(slot)?.value;
    const full =
      value !== undefined && state.settings.LIMITS && value.limit !== 0 && (state.open.get(slot) ?? 0) >= value.limit;
    if (value?.state === 1 && !full)
      return { slot, how: `slot ${place} of ${ring.length}${i === 0 ? "" : `, the ${i + 1}. that was looked at`}` };
    h = mixed(h, 1);
  }
  return undefined;
}

/** The port that the server sees of a flow; 0: none is free. */
function portFor(
  packet: Parsed,
  { row, value }: Entry,
  hash: number,
  wanted: number,
  { settings, answers }: State,
): number {
  const its = value.port === 0 ? packet.port : (row.server.port as number);
  let h = hash;
  for (let i = 0; i < PORT_TRIES; i++) {
    const port = i === 0 && wanted !== 0 ? wanted : settings.SNAT_FROM + ringPlace(h, settings.SNAT_COUNT);
    const key = `${row.server.address}:${its} ${packet.protocol} ${port}`;
    const known = answers.get(key);
    const mine: Answer = {
      client: textOf(packet.source),
      clientPort: packet.sourcePort,
      service: textOf(packet.destination),
      servicePort: packet.port,
    };
    if (known === undefined) answers.set(key, mine);
    if (known === undefined || JSON.stringify(known) === JSON.stringify(mine)) return port;
    h = mixed(h, i + 1);
  }
  return 0;
}
