// Rows of the data plane's tables as bytes (the structs of plane/maps.bpf.ts), and back.

import type { ServerValue } from "./plan.ts";
import { idRows, type PlaceRow, type Plan, placeRows, type ServiceRow, serverValue, serviceValue } from "./plan.ts";
import type { Settings } from "./settings.ts";

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const words = (...all: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(all).buffer);
export const wordBytes = (word: number): Uint8Array => words(word);

/** Of tables that are arrays: their key is a number. */
export const serverRow = (slot: number, value: ServerValue): Row => ({
  key: words(slot),
  value: words(
    ...[value.a0, value.a1, value.a2, value.a3],
    value.state | (value.family << 8) | (value.way << 16) | (value.spare << 24),
    ...[value.stamp, value.sum, value.limit, (value.port | (value.mtu << 16)) >>> 0],
  ),
});

/** No server. */
export const emptyServer = (slot: number): Row => ({ key: words(slot), value: new Uint8Array(SERVER_BYTES) });
export const SERVER_BYTES = 36;

export function serviceRow(row: ServiceRow, half: 0 | 1, settings: Settings): Row {
  const { ring, flags } = serviceValue(row, half, settings);
  return { key: words(row.index), value: words(ring, flags) };
}

export function placeKey({ four, address, port, protocol }: PlaceRow): Uint8Array {
  const ports = (port | (protocol << 16)) >>> 0;
  return four ? words(address[0], ports) : words(...address, ports);
}

/** All rows but those of rings, by tables. */
export function rowsOf(
  plan: Plan,
  settings: Settings,
  halves: ReadonlyMap<number, 0 | 1> = new Map(),
): ReadonlyMap<string, readonly Row[]> {
  const places = placeRows(plan).map((row) => ({ four: row.four, key: placeKey(row), value: words(row.index) }));
  return new Map([
    ["servers", plan.servers.map((row) => serverRow(row.slot, serverValue(row, settings)))],
    ["services", plan.services.map((row) => serviceRow(row, halves.get(row.index) ?? 0, settings))],
    ["places4", places.filter(({ four }) => four)],
    ["places6", places.filter(({ four }) => !four)],
    ["ids", idRows(plan).map(({ service, id, slot }) => ({ key: words(service, id), value: words(slot) }))],
  ]);
}

/** A flow as its table has it. */
export interface FlowRow {
  readonly family: 4 | 6;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly port: number;
  readonly protocol: number;
  readonly slot: number;
  readonly stamp: number;
  /** In the kernel's ticks, 32 bits of them. */
  readonly seen: number;
  readonly ended: boolean;
  /** Of SNAT: the port that its server sees; 0: none. */
  readonly snatPort: number;
}

export const FLOW_BYTES = 20;
export const FLOW_KEY_BYTES = { 4: 16, 6: 40 } as const;

/** An entry of `flows4` (or `shared4`), `flows6`. Throws RangeError where it is not as long as those are. */
export function flowRow(family: 4 | 6, key: Uint8Array, value: Uint8Array): FlowRow {
  if (key.length !== FLOW_KEY_BYTES[family] || value.length < FLOW_BYTES)
    throw new RangeError(`a flow of ${key.length} and ${value.length} bytes`);
  const of = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const to = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const bytes = family === 4 ? 4 : 16;
  return {
    family,
    source: key.slice(0, bytes),
    destination: key.slice(bytes, bytes * 2),
    sourcePort: of.getUint16(bytes * 2),
    port: of.getUint16(bytes * 2 + 2),
    protocol: of.getUint32(bytes * 2 + 4, true),
    slot: to.getUint32(0, true),
    stamp: to.getUint32(4, true),
    seen: to.getUint32(8, true),
    ended: to.getUint32(12, true) !== 0,
    snatPort: to.getUint16(16),
  };
}

/** What many flows know, from values that lie one after the other. One object, which is written anew for each. */
export function* flowValues(
  values: Uint8Array,
  count: number,
): Iterable<Pick<FlowRow, "slot" | "stamp" | "seen" | "ended">> {
  const bytes = count === 0 ? 0 : values.length / count;
  if (count > 0 && bytes < FLOW_BYTES) throw new RangeError(`flows of ${bytes} bytes`);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const flow = { slot: 0, stamp: 0, seen: 0, ended: false };
  for (let at = 0; at < values.length; at += bytes) {
    flow.slot = view.getUint32(at, true);
    flow.stamp = view.getUint32(at + 4, true);
    flow.seen = view.getUint32(at + 8, true);
    flow.ended = view.getUint32(at + 12, true) !== 0;
    yield flow;
  }
}

/** The key of a flow. */
export function flowKey(
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  port: number,
  protocol: number,
): Uint8Array {
  const bytes = source.length;
  const key = new Uint8Array(bytes * 2 + 8);
  const view = new DataView(key.buffer);
  key.set(source, 0);
  key.set(destination, bytes);
  view.setUint16(bytes * 2, sourcePort);
  view.setUint16(bytes * 2 + 2, port);
  view.setUint32(bytes * 2 + 4, protocol, true);
  return key;
}
