// Packets that are refused are answered: TCP with a reset, all else with an ICMP message that says so (RFC 9293, 3.10.7; RFC 792;
// RFC 4443, 3.1). The answer is made of the packet itself, cut to size, and sent back where it came from.
//
// Nothing is answered to broadcasts, to later fragments, to resets, and to ICMP: answers to answers have no end.

import { type Block, FunctionBuilder, type IrFunction, type Value, type Variable } from "../../compiler/index.ts";
import { HOOKS } from "./hooks.ts";
import { packetBounds, swapped, swapped32 } from "./parse-packet.ts";
import { ADDRESSES, cutTo, IP, internetSum, ipv4Header, swapAddresses, swapMacs } from "./turn-packet.ts";

export const REJECT_FUNCTION = "reject";
const INT = { kind: "int" } as const;
/** Communication administratively prohibited: ICMP 3/13, ICMPv6 1/1. */
const PROHIBITED = { 4: { type: 3, code: 13 }, 6: { type: 1, code: 1 } } as const;

/** The function that answers a packet, given the context; its result is XDP's. */
export function rejectFunction(): IrFunction {
  const b = new FunctionBuilder(REJECT_FUNCTION, [{ kind: "ctx" }]);
  const drop = b.block("drop");
  const { start, end } = packetBounds(b, HOOKS.xdp);
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
    reset(b, 4, start, end, transport, payload, drop);
    b.enter(other);
    b.must("ne", protocol, 1, drop);
    b.must("eq", header, 20, drop);
    prohibited(b, 4, drop);
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
    reset(b, 6, start, end, b.add(start, 14 + 40), payload, drop);
    b.enter(other);
    // Packets with extension headers are dropped; so is ICMPv6.
    const answered = b.block("answered");
    b.branch("eq", next, 17, answered, drop);
    b.enter(answered);
    prohibited(b, 6, drop);
  }
  b.enter(drop);
  b.return(HOOKS.xdp.deny);
  return b.finish();
}

/** Turns a TCP segment into its reset. Ends the block. */
function reset(
  b: FunctionBuilder,
  family: 4 | 6,
  start: Value,
  end: Value,
  transport: Value,
  payload: Value,
  drop: Block,
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
  swapMacs(b, start);
  swapAddresses(b, family, start);
  if (family === 4) ipv4Header(b, start, 40, 6);
  else {
    b.store(16, start, IP + 4, swapped(20));
    b.store(16, start, IP + 6, swapped(0x0640));
  }
  b.store(16, start, tcp, b.binary("shr", ports, 16));
  b.store(16, start, tcp + 2, ports);
  b.store(32, start, tcp + 4, b.read(words.sequence));
  b.store(32, start, tcp + 8, b.read(words.acknowledgment));
  b.store(16, start, tcp + 12, b.read(words.flags));
  b.store(16, start, tcp + 14, 0);
  b.store(32, start, tcp + 16, 0);
  const from = family === 4 ? IP + 12 : IP + 8;
  b.store(16, start, tcp + 16, internetSum(b, start, from, tcp + 20, swapped(6) + swapped(20)));
  cutTo(b, start, end, tcp + 20);
}

/** Puts an ICMP message before what the packet begins with. Ends the block. */
function prohibited(b: FunctionBuilder, family: 4 | 6, drop: Block): void {
  const header = family === 4 ? 20 : 40;
  const more = header + 8;
  // The network layer's header and eight bytes of what it carries come back.
  const quoted = header + 8;
  b.must("eq", b.helper("xdp_adjust_head", [b.param(0), b.const(-more)]), 0, drop);
  const { start, end } = packetBounds(b, HOOKS.xdp);
  const whole = IP + more + quoted;
  b.must("ule", b.add(start, whole), end, drop);
  // MAC addresses, the other way round.
  b.store(32, start, 0, b.load("u32", start, more + 6));
  b.store(16, start, 4, b.load("u16", start, more + 10));
  b.store(32, start, 6, b.load("u32", start, more));
  b.store(16, start, 10, b.load("u16", start, more + 4));
  b.store(16, start, 12, family === 4 ? swapped(0x0800) : swapped(0x86dd));
  const { source, destination, words } = ADDRESSES[family];
  for (let word = 0; word < words; word++) {
    b.store(32, start, source + word * 4, b.load("u32", start, more + destination + word * 4));
    b.store(32, start, destination + word * 4, b.load("u32", start, more + source + word * 4));
  }
  if (family === 4) ipv4Header(b, start, header + 8 + quoted, 1);
  else {
    b.store(32, start, IP, swapped32(0x60000000));
    b.store(16, start, IP + 4, swapped(8 + quoted));
    b.store(16, start, IP + 6, swapped(0x3a40));
  }
  const icmp = IP + header;
  const { type, code } = PROHIBITED[family];
  b.store(16, start, icmp, swapped((type << 8) | code));
  b.store(16, start, icmp + 2, 0);
  b.store(32, start, icmp + 4, 0);
  const sum =
    family === 4
      ? internetSum(b, start, icmp, icmp + 8 + quoted, 0)
      : internetSum(b, start, IP + 8, icmp + 8 + quoted, swapped(58) + swapped(8 + quoted));
  b.store(16, start, icmp + 2, sum);
  cutTo(b, start, end, whole);
}
