// The guard against floods of SYNs: a listening socket's SYN-ACK is made here and carries a cookie (RFC 4987, 3.6), so that nothing is
// kept of who only begins. Whoever comes back with the cookie is known by it, and the kernel makes the connection
// (net/ipv4/syncookies.c). An acknowledgment that belongs to nothing and has no cookie is dropped.
//
//     no listener, a connection that is there ──▶ the kernel
//     SYN ──▶ bpf_tcp_gen_syncookie ──▶ SYN-ACK, sent back        (no cookies now ──▶ the kernel)
//     ACK ──▶ bpf_tcp_check_syncookie ──▶ the kernel, or dropped
//
// Sockets are those of the interface's network namespace, or of another that packets are routed to: the cookies' secret is one for all
// of a kernel's namespaces, and that a socket has sent cookies is noted at the socket.
//
// What is not plain TCP (tags, options of IPv4, extension headers, fragments) is the kernel's.

import { type Block, FunctionBuilder, type IrFunction, type Value } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { HOOKS } from "./hooks.ts";
import { packetBounds, swapped, swapped32 } from "./parse-packet.ts";
import { ADDRESSES, IP, internetSum, ipv4Header, swapAddresses, swapMacs, XDP_TX } from "./turn-packet.ts";

export const GUARD_FUNCTION = "guard";
/** What the guard has done: SYNs answered, acknowledgments with a cookie, and such that were dropped; packets, by CPU. */
export const GUARDED = "guarded";
export const GUARD_COUNTS = ["answered", "accepted", "dropped"] as const;
export type GuardCount = (typeof GUARD_COUNTS)[number];
export const guardMap: MapSpec = {
  name: GUARDED,
  type: "percpu_array",
  keySize: 4,
  valueSize: 8,
  maxEntries: GUARD_COUNTS.length,
};

const TCP_HEADER = 20;
/** The longest header: its length is four bits of words (RFC 9293, 3.1). */
const MOST_TCP_HEADER = 60;
/** A header and the option that says the largest segment (RFC 9293, 3.2). */
const ANSWER = TCP_HEADER + 4;
/** What may come before the kernel's first acknowledgment says more; less than any socket's own that is not made smaller. */
const WINDOW = 29_200;
const FLAGS = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;
/** struct bpf_sock_tuple (linux/bpf.h): both addresses, both ports. */
const TUPLE = { 4: 12, 6: 36 } as const;
/** BPF_F_CURRENT_NETNS: that of the interface. */
export const CURRENT_NETNS = -1;
/** `state` of struct bpf_sock, and BPF_TCP_LISTEN (linux/bpf.h). */
const SOCKET_STATE = 72;
const LISTEN = 10;
const EINVAL = 22;

/** The function that answers or checks a segment, given the context and the number of the sockets' namespace; its result is XDP's. */
export function guardFunction(): IrFunction {
  const b = new FunctionBuilder(GUARD_FUNCTION, [{ kind: "ctx" }, { kind: "int" }]);
  const pass = b.block("pass");
  const { start, end } = packetBounds(b, HOOKS.xdp);
  b.must("ule", b.add(start, IP + 20), end, pass);
  // To one machine: the group bit is the lowest of the first byte.
  b.must("eq", b.and(b.load("u8", start, 0), 1), 0, pass);
  const type = b.load("u16", start, 12);
  const four = b.block("four");
  const notFour = b.block("no_ipv4");
  const six = b.block("six");
  b.branch("eq", type, swapped(0x0800), four, notFour);
  b.enter(notFour);
  b.branch("eq", type, swapped(0x86dd), six, pass);
  b.enter(four);
  b.must("eq", b.load("u8", start, IP), 0x45, pass);
  b.must("eq", b.and(b.load("u16", start, IP + 6), swapped(0x3fff)), 0, pass);
  b.must("eq", b.load("u8", start, IP + 9), 6, pass);
  guarded(b, 4, start, end, pass);
  b.enter(six);
  b.must("ule", b.add(start, IP + 40), end, pass);
  b.must("eq", b.binary("shr", b.load("u8", start, IP), 4), 6, pass);
  b.must("eq", b.load("u8", start, IP + 6), 6, pass);
  guarded(b, 6, start, end, pass);
  b.enter(pass);
  b.return(HOOKS.xdp.allow);
  return b.finish();
}

/** Ends the block. */
function guarded(b: FunctionBuilder, family: 4 | 6, start: Value, end: Value, pass: Block): void {
  const header = family === 4 ? 20 : 40;
  const tcp = IP + header;
  b.must("ule", b.add(start, tcp + TCP_HEADER), end, pass);
  const tuple = b.slot(40);
  const { source } = ADDRESSES[family];
  for (let at = 0; at < TUPLE[family]; at += 4)
    b.store(32, tuple, at, b.load("u32", start, at < TUPLE[family] - 4 ? source + at : tcp));
  const socket = b.helper("skc_lookup_tcp", [b.param(0), tuple, b.const(TUPLE[family]), b.param(1), b.const(0)], {
    kind: "memory",
  });
  b.must("ne", socket, 0, pass);
  // The socket is held from here on: each way gives it back.
  const leave = b.block("leave");
  const release = (): void => void b.helper("sk_release", [socket]);
  b.must("eq", b.load("u32", socket, SOCKET_STATE), LISTEN, leave);
  const flags = b.load("u8", start, tcp + 13);
  const begins = b.block("begins");
  const goesOn = b.block("goes_on");
  b.branch("eq", b.and(flags, FLAGS.syn | FLAGS.ack | FLAGS.fin | FLAGS.rst), FLAGS.syn, begins, goesOn);

  b.enter(goesOn);
  b.must("eq", b.and(flags, FLAGS.ack | FLAGS.syn | FLAGS.rst), FLAGS.ack, leave);
  const checked = b.helper("tcp_check_syncookie", [
    socket,
    b.add(start, IP),
    b.const(header),
    b.add(start, tcp),
    b.const(TCP_HEADER),
  ]);
  release();
  const good = b.block("good");
  const wrong = b.block("wrong");
  b.branch("eq", checked, 0, good, wrong);
  b.enter(good);
  count(b, "accepted");
  b.jump(pass);
  b.enter(wrong);
  // Cookies are off, or this socket is none for this family.
  b.must("ne", checked, -EINVAL, pass);
  count(b, "dropped");
  b.return(HOOKS.xdp.deny);

  b.enter(begins);
  const length = b.binary("shr", b.and(b.load("u8", start, tcp + 12), 0xf0), 2);
  b.must("uge", length, TCP_HEADER, leave);
  b.must("ule", b.add(b.add(start, tcp), length), end, leave);
  // The verifier wants as many bytes as a header may ever have: the packet may have less, the copy has them.
  const copy = b.slot(MOST_TCP_HEADER + 4);
  b.zero(copy, 0, MOST_TCP_HEADER + 4);
  const copied = b.block("copied");
  for (let at = 0; at < MOST_TCP_HEADER; at += 4) {
    if (at >= TCP_HEADER) b.must("ule", b.add(start, tcp + at + 4), end, copied);
    b.store(32, copy, at, b.load("u32", start, tcp + at));
  }
  b.jump(copied);
  b.enter(copied);
  const cookie = b.helper("tcp_gen_syncookie", [socket, b.add(start, IP), b.const(header), copy, length]);
  release();
  b.must("sge", cookie, 0, pass);
  answer(b, family, tcp, cookie, start, end, pass);

  b.enter(leave);
  release();
  b.jump(pass);
}

/** Turns a SYN into its SYN-ACK. `cookie`: the number in the lower half, the largest segment in the bits above. Ends the block. */
function answer(
  b: FunctionBuilder,
  family: 4 | 6,
  tcp: number,
  cookie: Value,
  before: Value,
  beforeEnd: Value,
  pass: Block,
): void {
  // Longer frames than before are there from Linux 5.8 on; without them the kernel answers.
  const more = b.binary("sub", b.const(tcp + ANSWER), b.binary("sub", beforeEnd, before));
  b.must("eq", b.helper("xdp_adjust_tail", [b.param(0), more]), 0, pass);
  const { start, end } = packetBounds(b, HOOKS.xdp);
  b.must("ule", b.add(start, tcp + ANSWER), end, pass);
  const ports = b.load("u32", start, tcp);
  const sequence = b.bswap(b.load("u32", start, tcp + 4), 32);
  swapMacs(b, start);
  swapAddresses(b, family, start);
  if (family === 4) ipv4Header(b, start, 20 + ANSWER, 6);
  else {
    b.store(32, start, IP, swapped32(0x60000000));
    b.store(16, start, IP + 4, swapped(ANSWER));
    b.store(16, start, IP + 6, swapped(0x0640));
  }
  b.store(16, start, tcp, b.binary("shr", ports, 16));
  b.store(16, start, tcp + 2, ports);
  b.store(32, start, tcp + 4, b.bswap(cookie, 32));
  b.store(32, start, tcp + 8, b.bswap(b.binary("add", sequence, b.const(1), 32), 32));
  b.store(16, start, tcp + 12, swapped(0x6012));
  b.store(16, start, tcp + 14, swapped(WINDOW));
  b.store(32, start, tcp + 16, 0);
  const segment = b.and(b.binary("shr", cookie, 32), 0xffff);
  b.store(32, start, tcp + 20, b.bswap(b.binary("or", segment, b.const(0x0204_0000)), 32));
  const sum = internetSum(b, start, ADDRESSES[family].source, tcp + ANSWER, swapped(6) + swapped(ANSWER));
  b.store(16, start, tcp + 16, sum);
  count(b, "answered");
  b.return(XDP_TX);
}

function count(b: FunctionBuilder, what: GuardCount): void {
  const key = b.slot(8);
  b.store(32, key, 0, GUARD_COUNTS.indexOf(what));
  const place = b.helper("map_lookup_elem", [b.map(GUARDED), key], { kind: "map-value", map: GUARDED, nullable: true });
  b.when("ne", place, 0, () => b.store(64, place, 0, b.add(b.load("u64", place, 0), 1)));
}
