// What is remembered of a stream (a flow of TCP in one direction), and how rules of content use it: which flows are followed, and
// where in a map's value lies what.
//
//     ┌ begin 4 ┬ flags 4 ┬ seen 4 ┬ ahead 4 ┬ for each kind: found 8, state 8 ┬ a bit for each byte that is there ┬ the bytes ┐
//
// `seen` counts the bytes that are there from the beginning on; behind a gap, bytes are there up to `ahead`.

import type { MapSpec } from "../../../object/index.ts";
import { TCP } from "../fields.ts";
import { has, type Intervals, normalised } from "../intervals.ts";
import { FLOW } from "../parse-packet.ts";
import { type CompiledContent, KEPT_ROOM, startOf, streamPart } from "../patterns/index.ts";
import type { Range, Rule } from "../rules.ts";

export const STREAMS = "streams";
/** A stream as it begins, to be copied. */
export const BLANK = "blank_stream";
/** What the program and the function that follows streams tell each other, for each CPU. */
export const TOLD = "stream_told";

export const HEADER = { begin: 0, flags: 4, seen: 8, ahead: 12, bytes: 16 } as const;
export const FLAGS = {
  /** Its SYN has been seen: where it begins is known. */
  syn: 1,
  /** It is so long that its numbers come round: the first bytes are not looked for any more. */
  past: 2,
  /** Its greeting of TLS goes on in a second record. */
  cut: 4,
} as const;
const KIND_BYTES = 16;
/** Behind the bits: they are read two bytes at a time. */
const BITS_ROOM = 8;
const RDONLY_PROG = 0x80;
const MOST_NUMBERS = 32;
/** Memory for all streams: kernels take it when the map is made. */
const MEMORY = 64 << 20;
/** What the kernel needs for an entry besides (struct htab_elem, pointers, padding). */
const ENTRY = 96;

export interface StreamLayout {
  /** Bytes of a stream that are kept: a power of two. */
  readonly size: number;
  /** Of the kind with this number: what it has found, and the state that it is in. */
  readonly found: (kind: number) => number;
  readonly state: (kind: number) => number;
  readonly bitmap: number;
  readonly kept: number;
  /** In the memory between program and function: the flow, an answer for each kind, numbers of the function's own, bytes of a packet. */
  readonly answer: (kind: number) => number;
  readonly number: (index: number) => number;
  readonly scratch: number;
  readonly maps: readonly MapSpec[];
}

export function streamLayout({ matchers }: CompiledContent): StreamLayout {
  const size = 2 ** Math.ceil(Math.log2(Math.max(64, ...matchers.map((one) => streamPart(one).to))));
  const bitmap = HEADER.bytes + KIND_BYTES * matchers.length;
  const kept = bitmap + size / 8 + BITS_ROOM;
  const valueSize = kept + size + KEPT_ROOM;
  const state = (kind: number): number => HEADER.bytes + KIND_BYTES * kind + 8;
  const numbers = FLOW.bytes + 8 * matchers.length;
  const scratch = numbers + 2 * MOST_NUMBERS;
  const initial = new Uint8Array(bitmap);
  const view = new DataView(initial.buffer);
  for (const [kind, { table }] of matchers.entries()) view.setUint16(state(kind), startOf(table), true);
  return {
    size,
    found: (kind) => HEADER.bytes + KIND_BYTES * kind,
    state,
    bitmap,
    kept,
    answer: (kind) => FLOW.bytes + 8 * kind,
    number: (index) => {
      if (index >= MOST_NUMBERS) throw new RangeError(`${index} numbers`);
      return numbers + 2 * index;
    },
    scratch,
    maps: [
      {
        name: STREAMS,
        type: "lru_hash",
        keySize: FLOW.bytes,
        valueSize,
        maxEntries: Math.floor(MEMORY / (FLOW.bytes + valueSize + ENTRY)),
      },
      { name: BLANK, type: "array", keySize: 4, valueSize, maxEntries: 1, flags: RDONLY_PROG, initial },
      { name: TOLD, type: "percpu_array", keySize: 4, valueSize: scratch + size + KEPT_ROOM, maxEntries: 1 },
    ],
  };
}

/**
 * Ports to which streams go that rules ask about, as few ranges; undefined: no rule asks about any. All others are left alone. A flow is
 * followed by its ports, not by what else a rule asks: its packets may differ in all of that, and none may be missing.
 */
export function followedPorts(rules: readonly Rule[]): Intervals | undefined {
  const asking = rules.filter(
    ({ content, protocol }) => content !== undefined && (protocol === undefined || has(normalised(protocol), TCP)),
  );
  if (asking.length === 0) return undefined;
  const all: Range = [0, 0xffff];
  const usual = (rule: Rule): Range => (rule.content?.every(({ pattern }) => "dns" in pattern) ? DNS_PORTS : all);
  const ports = normalised(asking.flatMap((rule) => rule["destination-port"] ?? [usual(rule)]));
  return ports.length > 2 * MOST_RANGES ? all : ports;
}
/** Where DNS is spoken over TCP, if a rule names no port. */
const DNS_PORTS: Range = [53, 53];

/** Does a rule ask only packets of TCP? What they say, their streams say. */
export const isOfStreams = ({ protocol }: Rule): boolean =>
  protocol?.every(([low, high]) => low === TCP && high === TCP) ?? false;

/** So many comparisons cost less than to follow a flow that nobody asks about. */
const MOST_RANGES = 8;
