// Streams in plain TypeScript, byte by byte: what the program must agree with.

import type { PacketFacts } from "../facts.ts";
import { has } from "../intervals.ts";
import { type CompiledContent, MOST_OFFSET, matchStream } from "../patterns/index.ts";
import type { Rule } from "../rules.ts";
import { BEFORE, FAR } from "./follow.ts";
import { followedPorts, streamLayout } from "./layout.ts";

/** What a packet says by its stream. */
export interface StreamWords {
  /** It says other bytes than its stream has, or what they are cannot be seen. */
  readonly unclear: boolean;
  /** By the functions' names. */
  readonly answers: ReadonlyMap<string, bigint>;
}

interface Stream {
  readonly begin: number;
  readonly syn: boolean;
  past: boolean;
  readonly bytes: Uint8Array;
  /** 1 for each byte that is there. */
  readonly there: Uint8Array;
}

export interface StreamsReference {
  /** Takes a packet of a flow that is followed; undefined: its flow is not. `remember` false: as if it were the only one. */
  readonly follow: (flow: string, frame: Uint8Array, facts: PacketFacts, remember?: boolean) => StreamWords | undefined;
}

export function referenceStreams(content: CompiledContent, rules: readonly Rule[]): StreamsReference {
  const ports = followedPorts(rules);
  const { size } = streamLayout(content);
  const streams = new Map<string, Stream>();
  const none = new Map<string, bigint>();

  /** Whether the packet fits what is there. */
  const fits = (stream: Stream, { sequence, offset, strange }: Segment, payload: Uint8Array): boolean => {
    if (payload.length === 0 || stream.past) return true;
    const at = (sequence - stream.begin) >>> 0;
    if (at >= BEFORE) return !stream.syn;
    if (at >= size) {
      if (at >= FAR && stream.there.every((one) => one === 1)) stream.past = true;
      return true;
    }
    if (strange || offset > MOST_OFFSET) return false;
    let same = true;
    for (const [i, byte] of payload.subarray(0, size - at).entries()) {
      if (stream.there[at + i] === 0) {
        stream.bytes[at + i] = byte;
        stream.there[at + i] = 1;
      } else same &&= stream.bytes[at + i] === byte;
    }
    return same;
  };

  return {
    follow: (flow, frame, facts, remember = true) => {
      const port = facts.fields.get("destinationPort");
      const segment = segmentOf(frame, facts);
      if (ports === undefined || segment === undefined || port === undefined || !has(ports, port)) return undefined;
      const payload = frame.subarray(segment.offset, segment.offset + segment.length);
      let stream = remember ? streams.get(flow) : undefined;
      if (stream === undefined && payload.length === 0 && !segment.syn) return { unclear: false, answers: none };
      if (stream === undefined || (segment.syn && stream.begin !== segment.sequence)) {
        stream = {
          begin: segment.sequence,
          syn: segment.syn,
          past: false,
          bytes: new Uint8Array(size),
          there: new Uint8Array(size),
        };
        if (remember) streams.set(flow, stream);
      }
      const same = fits(stream, segment, payload);
      const gap = stream.there.indexOf(0);
      const seen = stream.bytes.subarray(0, gap < 0 ? size : gap);
      const said = content.matchers.map((matcher) => ({ name: matcher.functionName, ...matchStream(matcher, seen) }));
      return {
        unclear: !same || said.some(({ cut }) => cut),
        answers: new Map(said.map(({ name, found }) => [name, found])),
      };
    },
  };
}

interface Segment {
  /** The number of its first byte: behind that of a SYN. */
  readonly sequence: number;
  /** Where its payload lies in the frame, and how long it is by the header of IP, at most to the frame's end. */
  readonly offset: number;
  readonly length: number;
  readonly syn: boolean;
  /** A fragment, or with urgent data. */
  readonly strange: boolean;
}

const [SYN, URG] = [2, 0x20];

function segmentOf(frame: Uint8Array, { world, network, transport, fields }: PacketFacts): Segment | undefined {
  if (!world.endsWith("tcp") || network === undefined || transport === undefined) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const said = world === "ipv4 tcp" ? view.getUint16(network + 2) : view.getUint16(network + 4);
  const end = said === 0 ? frame.length : network + said + (world === "ipv4 tcp" ? 0 : 40);
  const offset = transport + (view.getUint8(transport + 12) >> 4) * 4;
  const flags = view.getUint8(transport + 13);
  const syn = (flags & SYN) !== 0;
  return {
    sequence: (view.getUint32(transport + 4) + (syn ? 1 : 0)) >>> 0,
    offset,
    length: Math.max(0, Math.min(end, frame.length) - offset),
    syn,
    strange: fields.get("fragment") !== 0 || (flags & URG) !== 0,
  };
}
