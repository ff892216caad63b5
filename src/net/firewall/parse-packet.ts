// The beginning of every firewall's program: a packet's headers are found, and what rules ask of them is put into words of memory.
// Of fields that no rule asks for nothing is read.

import type { Block, FunctionBuilder, Value, Variable } from "../../compiler/index.ts";
import { IPV6_EXTENSIONS } from "../../packets/index.ts";
import { AUTHENTICATION, FRAGMENT, MOST_EXTENSIONS, NO_VLAN } from "./facts.ts";
import { type FieldName, ICMP, ICMP6, PORT_PROTOCOLS, TCP, type Word, type World } from "./fields.ts";
import { forgotten } from "./forgotten.ts";
import { type Hook, SK_BUFF } from "./hooks.ts";

/** `struct flow`: what tells flows apart, as maps have it. IPv4 addresses are mapped (::ffff:a.b.c.d), all as on the wire. */
export const FLOW = {
  source: 0,
  destination: 16,
  sourcePort: 32,
  destinationPort: 34,
  protocol: 36,
  /** 4 or 6; 0: the packet has no addresses. */
  version: 37,
  bytes: 40,
} as const;

export interface ParseOptions {
  readonly hook: Hook;
  /** Where each word lies in `fields`. */
  readonly words: ReadonlyMap<Word, number>;
  readonly fields: Value;
  /** Filled in where it is given: `FLOW.bytes` of memory, which is zero. */
  readonly flow?: Value;
  /** Called in each way's last block: the world is known, and where its packets' transport header lies, and that of IP. It ends the block. */
  readonly done: (world: World, transport: Value | undefined, start: Value, network: Value) => void;
  /** Called once where a frame has no Ethernet header. It ends the block. */
  readonly runt: () => void;
  /** Adds what sets of the map say of an address; the address is at this place of the packet. */
  readonly sets?: (side: "source" | "destination", family: "ipv4" | "ipv6", address: Value) => void;
}

const INT = { kind: "int" } as const;
const PACKET = { kind: "packet" } as const;

export interface PacketBounds {
  readonly start: Value;
  readonly end: Value;
}

/** The packet's start and end as they are here: a helper that moves the packet changes them. */
function boundsNow(b: FunctionBuilder, hook: Hook): PacketBounds {
  const read = (offset: number, kind: "packet" | "packet-end"): Value =>
    b.emit({ op: "load", size: "u32", offset, volatile: true }, [b.param(0)], { kind });
  return { start: read(hook.data, "packet"), end: read(hook.dataEnd, "packet-end") };
}

/** The packet's start and end. In tc, what of its head lies elsewhere is fetched first. */
export function packetBounds(b: FunctionBuilder, hook: Hook): PacketBounds {
  const read = (): PacketBounds => boundsNow(b, hook);
  // Those of a control group cannot be fetched: the protocols have done so, for a socket is known.
  if (hook.type !== "sched_cls") return read();
  const first = read();
  const start: Variable = { name: "start", type: PACKET };
  const end: Variable = { name: "end", type: { kind: "packet-end" } };
  b.write(start, first.start);
  b.write(end, first.end);
  b.when(
    "ugt",
    b.add(first.start, HEAD),
    first.end,
    () => {
      const length = b.load("u32", b.param(0), SK_BUFF.len);
      const most: Variable = { name: "most", type: INT };
      b.write(most, length);
      b.when("ugt", length, HEAD, () => b.write(most, b.const(HEAD)));
      b.helper("skb_pull_data", [b.param(0), b.read(most)]);
      const again = read();
      b.write(start, again.start);
      b.write(end, again.end);
    },
    { unlikely: "then" },
  );
  return { start: b.read(start), end: b.read(end) };
}
const ETHERNET = 14;
/** Beyond 40 bytes and six extension headers of 2,048. */
const FARTHEST = 0x3fff;
/** Bytes of headers that are looked at: tags, IPv6 and some extensions, TCP. */
const HEAD = 128;

export function parsePacket(b: FunctionBuilder, options: ParseOptions): void {
  const { hook, words, fields, done } = options;
  const { start, end } = packetBounds(b, hook);
  const wants = (name: FieldName): boolean => words.has(name);
  const put = (name: FieldName, value: () => Value): void => {
    const at = words.get(name);
    if (at !== undefined) b.store(32, fields, at, value());
  };
  const u16 = (at: Value, offset: number): Value => b.bswap(b.load("u16", at, offset), 16);
  const u32 = (at: Value, offset: number): Value => b.bswap(b.load("u32", at, offset), 32);
  const within = (at: Value, bytes: number, otherwise: Block): void =>
    b.must("ule", b.add(at, bytes), end, otherwise, { unlikely: "else" });

  put("length", () => (hook.type === "xdp" ? b.binary("sub", end, start) : b.load("u32", b.param(0), SK_BUFF.len)));
  const runt = b.block("runt");
  /** What an Ethernet frame carries, as it lies in memory, and where, behind tags. */
  const ethernetFrame = (): { type: Value; at: Value } => {
    within(start, ETHERNET, runt);
    put("destinationMacHigh", () => u16(start, 0));
    put("destinationMacLow", () => u32(start, 2));
    put("sourceMacHigh", () => u16(start, 6));
    put("sourceMacLow", () => u32(start, 8));

    // Tags. The type is compared as it lies in memory.
    const type: Variable = { name: "type", type: INT };
    /** Bytes from the start. */
    const network: Variable = { name: "network", type: INT };
    const tag: Variable = { name: "tag", type: INT };
    b.write(type, b.load("u16", start, 12));
    b.write(network, b.const(ETHERNET));
    if (wants("vlan")) {
      b.write(tag, b.const(NO_VLAN));
      if (hook.type !== "xdp")
        b.when("ne", b.load("u32", b.param(0), SK_BUFF.vlanPresent), 0, () =>
          b.write(tag, b.and(b.load("u32", b.param(0), SK_BUFF.vlanTci), 0xfff)),
        );
    }
    const untagged = b.block("untagged");
    for (let i = 0; i < 2; i++) {
      const tagged = b.block("tagged");
      const other = b.block("other");
      b.branch("eq", b.read(type), swapped(0x8100), tagged, other, { unlikely: "then" });
      b.enter(other);
      const provider = b.block("provider");
      b.branch("eq", b.read(type), swapped(0x88a8), provider, untagged, { unlikely: "then" });
      b.enter(provider);
      b.jump(tagged);
      b.enter(tagged);
      const at = b.add(start, b.read(network));
      within(at, 4, untagged);
      if (wants("vlan")) b.when("eq", b.read(tag), NO_VLAN, () => b.write(tag, b.and(u16(at, 0), 0xfff)));
      b.write(type, b.load("u16", at, 2));
      b.write(network, b.add(b.read(network), 4));
    }
    b.jump(untagged);
    b.enter(untagged);
    if (wants("vlan")) put("vlan", () => b.read(tag));
    return { type: b.read(type), at: b.add(start, forgotten(b, b.read(network), 31)) };
  };
  const { type: kind, at } =
    hook.link === 0 ? { type: b.load("u32", b.param(0), SK_BUFF.protocol), at: start } : ethernetFrame();
  put("etherType", () => b.bswap(kind, 16));
  const other = b.block("no_ip");
  const four = b.block("ipv4");
  const notFour = b.block("no_ipv4");
  const six = b.block("ipv6");
  b.branch("eq", kind, swapped(0x0800), four, notFour);
  b.enter(notFour);
  b.branch("eq", kind, swapped(0x86dd), six, other);

  /** Goes by what the network layer carries. */
  const carried = (family: "ipv4" | "ipv6", protocol: Value, transport: Value, alone: Block): void => {
    const ports = (): void => {
      put("sourcePort", () => u16(transport, 0));
      put("destinationPort", () => u16(transport, 2));
      if (options.flow !== undefined) b.store(32, options.flow, FLOW.sourcePort, b.load("u32", transport, 0));
    };
    const tcp = b.block("tcp");
    const notTcp = b.block("no_tcp");
    b.branch("eq", protocol, TCP, tcp, notTcp);
    b.enter(tcp);
    within(transport, 20, alone);
    ports();
    put("flags", () => b.load("u8", transport, 13));
    done(`${family} tcp`, transport, start, at);
    b.enter(notTcp);
    const withPorts = b.block("ports");
    for (const one of PORT_PROTOCOLS) {
      const not = b.block("not");
      b.branch("eq", protocol, one, withPorts, not);
      b.enter(not);
    }
    const icmp = b.block("icmp");
    b.branch("eq", protocol, family === "ipv4" ? ICMP : ICMP6, icmp, alone);
    b.enter(withPorts);
    within(transport, 8, alone);
    ports();
    done(`${family} ports`, transport, start, at);
    b.enter(icmp);
    within(transport, 8, alone);
    put("icmpType", () => b.load("u8", transport, 0));
    put("icmpCode", () => b.load("u8", transport, 1));
    done(`${family} icmp`, transport, start, at);
    b.enter(alone);
    done(family, undefined, start, at);
  };

  b.enter(four);
  {
    within(at, 20, other);
    const first = b.load("u8", at, 0);
    b.must("eq", b.binary("shr", first, 4), 4, other, { unlikely: "else" });
    const header = b.binary("shl", b.and(first, 15), 2);
    b.must("uge", header, 20, other, { unlikely: "else" });
    const alone = b.block("alone");
    put("dscp", () => b.binary("shr", b.load("u8", at, 1), 2));
    put("ttl", () => b.load("u8", at, 8));
    const protocol = b.load("u8", at, 9);
    // Read by itself: what the verifier learns of the one is not to be known of the other, or rules are followed for each protocol.
    put("protocol", () => b.emit({ op: "load", size: "u8", offset: 9, volatile: true }, [at], INT));
    put("source", () => u32(at, 12));
    put("destination", () => u32(at, 16));
    if (options.flow !== undefined) {
      for (const [offset, from] of [
        [FLOW.source, 12],
        [FLOW.destination, 16],
      ] as const) {
        b.store(32, options.flow, offset + 8, swapped32(0xffff));
        b.store(32, options.flow, offset + 12, b.load("u32", at, from));
      }
      b.store(8, options.flow, FLOW.protocol, protocol);
      b.store(8, options.flow, FLOW.version, 4);
    }
    options.sets?.("source", "ipv4", b.add(at, 12));
    options.sets?.("destination", "ipv4", b.add(at, 16));
    const fragment = b.and(b.load("u16", at, 6), swapped(0x3fff));
    put("fragment", () => b.const(0));
    const whole = b.block("whole");
    const part = b.block("part");
    b.branch("eq", fragment, 0, whole, part, { unlikely: "else" });
    b.enter(part);
    const later = b.block("later");
    const firstPart = b.block("first");
    b.branch("ne", b.and(fragment, swapped(0x1fff)), 0, later, firstPart);
    b.enter(later);
    put("fragment", () => b.const(2));
    b.jump(alone);
    b.enter(firstPart);
    put("fragment", () => b.const(1));
    b.jump(whole);
    b.enter(whole);
    carried("ipv4", protocol, b.add(at, header), alone);
  }

  b.enter(six);
  {
    within(at, 40, other);
    const first = b.load("u8", at, 0);
    b.must("eq", b.binary("shr", first, 4), 6, other, { unlikely: "else" });
    put("dscp", () => b.binary("or", b.binary("shl", b.and(first, 15), 2), b.binary("shr", b.load("u8", at, 1), 6)));
    put("ttl", () => b.load("u8", at, 7));
    for (const word of [0, 1, 2, 3] as const) {
      put(`source${word}`, () => u32(at, 8 + word * 4));
      put(`destination${word}`, () => u32(at, 24 + word * 4));
    }
    if (options.flow !== undefined) {
      for (let word = 0; word < 8; word++) b.store(32, options.flow, word * 4, b.load("u32", at, 8 + word * 4));
      b.store(8, options.flow, FLOW.version, 6);
    }
    options.sets?.("source", "ipv6", b.add(at, 8));
    options.sets?.("destination", "ipv6", b.add(at, 24));
    put("fragment", () => b.const(0));
    const next: Variable = { name: "next", type: INT };
    /** Bytes from the network layer's start. */
    const header: Variable = { name: "header", type: INT };
    const known = b.block("known");
    const alone = b.block("alone6");
    const last = b.block("last6");
    b.write(next, b.load("u8", at, 6));
    b.write(header, b.const(40));
    const mask = Object.keys(IPV6_EXTENSIONS).reduce((sum, one) => sum | (1n << BigInt(one)), 0n);
    for (let i = 0; i < MOST_EXTENSIONS; i++) {
      const number = b.read(next);
      const low = b.block("low");
      b.branch("ult", number, 64, low, known);
      b.enter(low);
      b.must("ne", b.and(b.binary("shr", b.const(mask), number), 1), 0, known);
      const place = b.add(at, b.read(header));
      within(place, 8, last);
      b.write(next, b.load("u8", place, 0));
      const length = b.load("u8", place, 1);
      const after = b.block("after");
      const fragment = b.block("fragment");
      const plain = b.block("plain");
      b.branch("eq", number, FRAGMENT, fragment, plain, { unlikely: "then" });
      b.enter(fragment);
      const offset = b.load("u16", place, 2);
      const later = b.block("later6");
      const early = b.block("early6");
      b.branch("ne", b.and(offset, swapped(0xfff8)), 0, later, early);
      b.enter(later);
      put("fragment", () => b.const(2));
      b.jump(last);
      b.enter(early);
      b.when("ne", b.and(offset, swapped(1)), 0, () => put("fragment", () => b.const(1)));
      b.write(header, b.add(b.read(header), 8));
      b.jump(after);
      b.enter(plain);
      const bytes: Variable = { name: "bytes", type: INT };
      b.write(bytes, b.binary("shl", b.add(length, 1), 3));
      b.when("eq", number, AUTHENTICATION, () => b.write(bytes, b.binary("shl", b.add(length, 2), 2)));
      b.write(header, b.add(b.read(header), b.read(bytes)));
      b.jump(after);
      b.enter(after);
    }
    b.jump(known);
    b.enter(last);
    // What it carries cannot be read: it is known by its number alone.
    put("protocol", () => b.read(next));
    if (options.flow !== undefined) b.store(8, options.flow, FLOW.protocol, b.read(next));
    done("ipv6", undefined, start, at);
    b.enter(known);
    const protocol = b.read(next);
    put("protocol", () => forgotten(b, protocol, 0xff));
    if (options.flow !== undefined) b.store(8, options.flow, FLOW.protocol, protocol);
    carried("ipv6", protocol, b.add(at, forgotten(b, b.read(header), FARTHEST)), alone);
  }

  b.enter(other);
  done("other", undefined, start, at);
  if (hook.link === 0) return;
  b.enter(runt);
  options.runt();
}

/** A number of 16 or 32 bits as a little-endian machine reads it from the wire. */
export const swapped = (value: number): number => ((value & 0xff) << 8) | (value >> 8);
export const swapped32 = (value: number): number =>
  (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
