// A packet turned round: addresses swapped, headers written anew, checksums, and what sends it back. XDP's is turned in place and cut to
// size. tc's is written in memory and then stored, for the program's own writes would make the kernel copy each packet that it meets.

import type { Block, FunctionBuilder, Value } from "../../compiler/index.ts";
import { SK_BUFF } from "./hooks.ts";
import { swapped, swapped32 } from "./parse-packet.ts";

/** XDP_TX (linux/bpf.h). */
export const XDP_TX = 3;
/** Where the network layer begins behind an Ethernet header without tags. */
export const IP = 14;
/** Where addresses lie in the frame, and how many bytes each has. */
export const ADDRESSES = {
  4: { source: 26, destination: 30, words: 1 },
  6: { source: 22, destination: 38, words: 4 },
} as const;

/** Each word is read before the one that takes its place is written: `from` and `to` may be the same. */
export function swapMacs(b: FunctionBuilder, from: Value, to: Value = from): void {
  const [high, low] = [b.load("u32", from, 0), b.load("u16", from, 4)];
  b.store(16, to, 0, b.load("u16", from, 6));
  b.store(32, to, 2, b.load("u32", from, 8));
  b.store(32, to, 6, high);
  b.store(16, to, 10, low);
}

export function swapAddresses(b: FunctionBuilder, family: 4 | 6, from: Value, to: Value = from): void {
  const { source, destination, words } = ADDRESSES[family];
  for (let word = 0; word < words; word++) {
    const own = b.load("u32", from, source + word * 4);
    b.store(32, to, source + word * 4, b.load("u32", from, destination + word * 4));
    b.store(32, to, destination + word * 4, own);
  }
}

/** All of a header without options but its addresses. */
export function ipv4Header(b: FunctionBuilder, start: Value, length: number, protocol: number): void {
  b.store(32, start, IP, swapped32((0x4500_0000 | length) >>> 0));
  b.store(32, start, IP + 4, swapped32(0x4000));
  b.store(16, start, IP + 8, swapped((64 << 8) | protocol));
  b.store(16, start, IP + 10, 0);
  b.store(16, start, IP + 10, internetSum(b, start, IP, IP + 20, 0));
}

/** The Internet checksum of bytes from `from` up to `to`, an even number of them, added to `first`; as it lies in the packet. */
export function internetSum(b: FunctionBuilder, start: Value, from: number, to: number, first: number): Value {
  let sum: Value = b.const(first);
  let at = from;
  for (; at + 4 <= to; at += 4) sum = b.add(sum, b.load("u32", start, at));
  if (at < to) sum = b.add(sum, b.load("u16", start, at));
  // Sixty-four bits become sixteen.
  sum = b.add(b.binary("shr", sum, 32), b.and(sum, b.const(0xffff_ffffn)));
  for (let i = 0; i < 3; i++) sum = b.add(b.binary("shr", sum, 16), b.and(sum, 0xffff));
  return b.and(b.binary("xor", sum, 0xffff), 0xffff);
}

export function cutTo(b: FunctionBuilder, start: Value, end: Value, bytes: number): void {
  const more = b.binary("sub", b.const(bytes), b.binary("sub", end, start));
  b.helper("xdp_adjust_tail", [b.param(0), more]);
  b.return(XDP_TX);
}

/** More than may lie before the checksum that a network card was to fill in: what a tc packet is pulled by. */
const SHIFT = 80;
/** BPF_ADJ_ROOM_NET: behind the network layer's header. */
const BEHIND_NETWORK = 0;
/** BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH. */
const STORE_FLAGS = 3;

/**
 * Puts `bytes` of memory in the place of tc's packet, and sends it out of the interface that it came in at, by the same VLAN. First
 * the packet gets another length, by which it is no longer many in one (GSO); then it is pulled beyond where a checksum was to be
 * filled in, so that nobody fills in one of the answer's (net/core/filter.c: bpf_skb_change_tail; linux/skbuff.h:
 * skb_postpull_rcsum). Ends the block.
 */
export function storeAndSend(b: FunctionBuilder, memory: Value, bytes: number, drop: Block): void {
  const context = b.param(0);
  const done = (helper: string, ...args: Value[]): void => b.must("eq", b.helper(helper, [context, ...args]), 0, drop);
  done("skb_change_tail", b.const(bytes + SHIFT), b.const(0));
  done("skb_adjust_room", b.const(-SHIFT), b.const(BEHIND_NETWORK), b.const(0));
  done("skb_store_bytes", b.const(0), memory, b.const(bytes), b.const(STORE_FLAGS));
  b.return(b.helper("redirect", [b.load("u32", context, SK_BUFF.ifindex), b.const(0)]));
}
