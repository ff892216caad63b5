// Packets that are refused are answered: TCP with a reset, all else with an ICMP message that says so (RFC 9293, 3.10.7; RFC 792;
// RFC 4443, 3.1). The answer is made of the packet, and sent back where it came from: at XDP in the packet's place, at tc in a map
// (the stack is full where rules have rates and content).
//
// Nothing is answered to broadcasts, to later fragments, to resets, and to ICMP: answers to answers have no end.

import { type Block, FunctionBuilder, type IrFunction, type Value, type Variable } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { HOOKS, type HookName } from "./hooks.ts";
import { packetBounds, swapped, swapped32 } from "./parse-packet.ts";
import { cutTo, IP, internetSum, ipv4Header, storeAndSend, swapAddresses, swapMacs } from "./turn-packet.ts";

export const REJECT_FUNCTION = "reject";
const INT = { kind: "int" } as const;
const ETHER_TYPE = { 4: swapped(0x0800), 6: swapped(0x86dd) } as const;
/** Communication administratively prohibited: ICMP 3/13, ICMPv6 1/1. */
const PROHIBITED = { 4: { type: 3, code: 13 }, 6: { type: 1, code: 1 } } as const;

/** Where tc's answers are written: the longest is an ICMPv6 message with what it quotes. */
const ANSWER = "answer";
export const answerMap: MapSpec = {
  name: ANSWER,
  type: "percpu_array",
  keySize: 4,
  valueSize: 112,
  maxEntries: 1,
};

/** Where a packet lies and ends, and where its answer is written: the same place at XDP, memory at tc. */
interface Turned {
  readonly start: Value;
  readonly end: Value;
  readonly memory: Value | undefined;
  readonly drop: Block;
}

/** The function that answers a packet, given the context; its result is the hook's. */
export function rejectFunction(name: HookName): IrFunction {
  const hook = HOOKS[name];
  const b = new FunctionBuilder(REJECT_FUNCTION, [{ kind: "ctx" }]);
  const drop = b.block("drop");
  const { start, end } = packetBounds(b, hook);
  const memory = name === "xdp" ? undefined : answerMemory(b, drop);
  const turned: Turned = { start, end, memory, drop };
  b.must("ule", b.add(start, 14 + 20), end, drop);
  // The group bit is the lowest of the first byte.
  b.must("eq", b.and(b.load("u8", start, 0), 1), 0, drop);
  const type = b.load("u16", start, 12);
  const six = b.block("six");
  const notFour = b.block("no_ipv4");
  const four = b.block("four");
  b.branch("eq", type, swapped(0x0800), four, notFour);
  b.enter(notFour);
  b.branch("eq", type, swapped(0x86dd), six, drop);
  b.enter(four);
  {
    b.must("eq", b.and(b.load("u16", start, 14 + 6), swapped(0x1fff)), 0, drop);
    const header = b.binary("shl", b.and(b.load("u8", start, 14), 15), 2);
    b.must("uge", header, 20, drop);
    const protocol = b.load("u8", start, 14 + 9);
    const payload = b.binary("sub", b.bswap(b.load("u16", start, 14 + 2), 16), header);
    const transport = b.add(b.add(start, 14), header);
    const other = b.block("other");
    const tcp = b.block("tcp");
    b.branch("eq", protocol, 6, tcp, other);
    b.enter(tcp);
    reset(b, 4, turned, transport, payload);
    b.enter(other);
    b.must("ne", protocol, 1, drop);
    b.must("eq", header, 20, drop);
    prohibited(b, 4, turned);
  }
  b.enter(six);
  {
    b.must("ule", b.add(start, 14 + 40), end, drop);
    const next = b.load("u8", start, 14 + 6);
    const payload = b.bswap(b.load("u16", start, 14 + 4), 16);
    const other = b.block("other6");
    const tcp = b.block("tcp6");
    b.branch("eq", next, 6, tcp, other);
    b.enter(tcp);
    reset(b, 6, turned, b.add(start, 14 + 40), payload);
    b.enter(other);
    // Packets with extension headers are dropped; so is ICMPv6.
    const answered = b.block("answered");
    b.branch("eq", next, 17, answered, drop);
    b.enter(answered);
    prohibited(b, 6, turned);
  }
  b.enter(drop);
  b.return(hook.deny);
  return b.finish();
}

function answerMemory(b: FunctionBuilder, drop: Block): Value {
  const key = b.slot(8);
  b.store(32, key, 0, 0);
  const place = b.helper("map_lookup_elem", [b.map(ANSWER), key], { kind: "map-value", map: ANSWER, nullable: true });
  b.must("ne", place, 0, drop);
  return place;
}

/** Turns a TCP segment into its reset. Ends the block. */
function reset(
  b: FunctionBuilder,
  family: 4 | 6,
  { start, end, memory, drop }: Turned,
  transport: Value,
  payload: Value,
): void {
  b.must("ule", b.add(transport, 20), end, drop);
  const flags = b.load("u8", transport, 13);
  b.must("eq", b.and(flags, 4), 0, drop);
  const ports = b.load("u32", transport, 0);
  const sequence = b.bswap(b.load("u32", transport, 4), 32);
  const acknowledgment = b.load("u32", transport, 8);
  const offset = b.binary("shl", b.binary("shr", b.load("u8", transport, 12), 4), 2);
  // What the segment takes of the numbers: its bytes, one for SYN and one for FIN.
  const taken = b.add(b.binary("sub", payload, offset), b.add(b.and(flags, 1), b.and(b.binary("shr", flags, 1), 1)));
  const words: Record<"sequence" | "acknowledgment" | "flags", Variable> = {
    sequence: { name: "sequence", type: INT },
    acknowledgment: { name: "acknowledgment", type: INT },
    flags: { name: "flags", type: INT },
  };
  b.when(
    "ne",
    b.and(flags, 16),
    0,
    () => {
      b.write(words.sequence, acknowledgment);
      b.write(words.acknowledgment, b.const(0));
      b.write(words.flags, b.const(swapped(0x5004)));
    },
    {
      otherwise: () => {
        b.write(words.sequence, b.const(0));
        b.write(words.acknowledgment, b.bswap(b.binary("add", sequence, taken, 32), 32));
        b.write(words.flags, b.const(swapped(0x5014)));
      },
    },
  );
  const header = family === 4 ? 20 : 40;
  const tcp = IP + header;
  b.must("ule", b.add(start, tcp + 20), end, drop);
  const to = memory ?? start;
  swapMacs(b, start, to);
  b.store(16, to, 12, ETHER_TYPE[family]);
  swapAddresses(b, family, start, to);
  if (family === 4) ipv4Header(b, to, 40, 6);
  else {
    b.store(32, to, IP, b.load("u32", start, IP));
    b.store(16, to, IP + 4, swapped(20));
    b.store(16, to, IP + 6, swapped(0x0640));
  }
  b.store(16, to, tcp, b.binary("shr", ports, 16));
  b.store(16, to, tcp + 2, ports);
  b.store(32, to, tcp + 4, b.read(words.sequence));
  b.store(32, to, tcp + 8, b.read(words.acknowledgment));
  b.store(16, to, tcp + 12, b.read(words.flags));
  b.store(16, to, tcp + 14, 0);
  b.store(32, to, tcp + 16, 0);
  const from = family === 4 ? IP + 12 : IP + 8;
  b.store(16, to, tcp + 16, internetSum(b, to, from, tcp + 20, swapped(6) + swapped(20)));
  if (memory === undefined) cutTo(b, start, end, tcp + 20);
  else storeAndSend(b, memory, tcp + 20, drop);
}

/** Puts an ICMP message before what the packet begins with. Ends the block. */
function prohibited(b: FunctionBuilder, family: 4 | 6, { memory, ...before }: Turned): void {
  const header = family === 4 ? 20 : 40;
  const more = header + 8;
  // The network layer's header and eight bytes of what it carries come back.
  const quoted = header + 8;
  const whole = IP + more + quoted;
  const { drop } = before;
  if (memory === undefined) {
    b.must("eq", b.helper("xdp_adjust_head", [b.param(0), b.const(-more)]), 0, drop);
    const { start, end } = packetBounds(b, HOOKS.xdp);
    b.must("ule", b.add(start, whole), end, drop);
    message(b, family, b.add(start, more), start);
    cutTo(b, start, end, whole);
    return;
  }
  b.must("ule", b.add(before.start, IP + quoted), before.end, drop);
  for (let at = IP; at < IP + quoted; at += 4) b.store(32, memory, more + at, b.load("u32", before.start, at));
  message(b, family, before.start, memory);
  storeAndSend(b, memory, whole, drop);
}

/** Writes what stands before the quoted bytes, which are there. `from`: the packet's headers, from the Ethernet header on. */
function message(b: FunctionBuilder, family: 4 | 6, from: Value, to: Value): void {
  const header = family === 4 ? 20 : 40;
  const quoted = header + 8;
  swapMacs(b, from, to);
  b.store(16, to, 12, ETHER_TYPE[family]);
  swapAddresses(b, family, from, to);
  if (family === 4) ipv4Header(b, to, header + 8 + quoted, 1);
  else {
    b.store(32, to, IP, swapped32(0x60000000));
    b.store(16, to, IP + 4, swapped(8 + quoted));
    b.store(16, to, IP + 6, swapped(0x3a40));
  }
  const icmp = IP + header;
  const { type, code } = PROHIBITED[family];
  b.store(16, to, icmp, swapped((type << 8) | code));
  b.store(16, to, icmp + 2, 0);
  b.store(32, to, icmp + 4, 0);
  const sum =
    family === 4
      ? internetSum(b, to, icmp, icmp + 8 + quoted, 0)
      : internetSum(b, to, IP + 8, icmp + 8 + quoted, swapped(58) + swapped(8 + quoted));
  b.store(16, to, icmp + 2, sum);
}
