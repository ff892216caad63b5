// Packets of control groups, which begin with IP's header: their addresses and ports.

import type { Block, FunctionBuilder, Value } from "../../compiler/index.ts";
import { swapped, variable } from "./decision.ts";

const IPV6_BYTES = 40;
const IPV4_BYTES = 20;

export interface ReadPacket {
  /** 4 or 6 */
  readonly family: Value;
  /** The address of the side that was asked for, as it lies in memory. */
  readonly words: readonly Value[];
  readonly protocol: Value;
  /** Where the header behind IP's begins. */
  readonly at: Value;
}

/** Reads IP's header. Other packets, and those that are too short, go to `otherwise`. */
export function readPacket(b: FunctionBuilder, side: "source" | "destination", otherwise: Block): ReadPacket {
  const head = b.slot(IPV6_BYTES);
  const load = (size: number): void =>
    b.must("eq", b.helper("skb_load_bytes", [b.param(0), b.const(0), head, b.const(size)]), 0, otherwise);
  const [family, protocol, at] = ["family", "protocol", "at"].map(variable) as [
    ReturnType<typeof variable>,
    ReturnType<typeof variable>,
    ReturnType<typeof variable>,
  ];
  const words = [0, 1, 2, 3].map((i) => variable(`word${i}`));
  b.zero(head, 0, IPV6_BYTES);
  load(IPV4_BYTES);
  const first = b.load("u8", head);
  const version = b.binary("shr", first, 4);
  const done = b.block("read");
  const six = b.block("six");
  b.must("eq", version, 4, six);
  b.write(family, b.const(4));
  b.write(protocol, b.load("u8", head, 9));
  b.write(at, b.binary("mul", b.and(first, 15), 4));
  for (const [i, word] of words.entries())
    b.write(word, i === 0 ? b.load("u32", head, side === "source" ? 12 : 16) : b.const(0));
  b.jump(done);
  b.enter(six);
  b.must("eq", version, 6, otherwise);
  load(IPV6_BYTES);
  b.write(family, b.const(6));
  b.write(protocol, b.load("u8", head, 6));
  b.write(at, b.const(IPV6_BYTES));
  for (const [i, word] of words.entries()) b.write(word, b.load("u32", head, (side === "source" ? 8 : 24) + 4 * i));
  b.jump(done);
  b.enter(done);
  return {
    family: b.read(family),
    protocol: b.read(protocol),
    at: b.read(at),
    words: words.map((word) => b.read(word)),
  };
}

export interface ReadPorts {
  readonly source: Value;
  readonly destination: Value;
  /** TCP's; of UDP any number. */
  readonly flags: Value;
  /** Bytes of the header. */
  readonly bytes: Value;
}

/** Reads the header of TCP or UDP. Packets of others go to `otherwise`. */
export function ports(b: FunctionBuilder, { protocol, at }: ReadPacket, otherwise: Block): ReadPorts {
  const head = b.slot(16);
  const bytes = variable("bytes");
  const known = b.block("known");
  const udp = b.block("udp");
  b.zero(head, 0, 16);
  b.must("eq", protocol, 6, udp);
  b.must("eq", b.helper("skb_load_bytes", [b.param(0), at, head, b.const(14)]), 0, otherwise);
  b.write(bytes, b.binary("mul", b.binary("shr", b.load("u8", head, 12), 4), 4));
  b.jump(known);
  b.enter(udp);
  b.must("eq", protocol, 17, otherwise);
  b.must("eq", b.helper("skb_load_bytes", [b.param(0), at, head, b.const(8)]), 0, otherwise);
  b.write(bytes, b.const(8));
  b.jump(known);
  b.enter(known);
  return {
    source: swapped(b, b.load("u16", head, 0)),
    destination: swapped(b, b.load("u16", head, 2)),
    flags: b.load("u8", head, 13),
    bytes: b.read(bytes),
  };
}
