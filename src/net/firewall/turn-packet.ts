// A packet turned round in place: addresses swapped, headers written anew, checksums, and the cut to size before XDP sends it back.

import type { FunctionBuilder, Value } from "../../compiler/index.ts";
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

export function swapMacs(b: FunctionBuilder, start: Value): void {
  const [high, low] = [b.load("u32", start, 0), b.load("u16", start, 4)];
  b.store(32, start, 0, b.load("u32", start, 6));
  b.store(16, start, 4, b.load("u16", start, 10));
  b.store(32, start, 6, high);
  b.store(16, start, 10, low);
}

export function swapAddresses(b: FunctionBuilder, family: 4 | 6, start: Value): void {
  const { source, destination, words } = ADDRESSES[family];
  for (let word = 0; word < words; word++) {
    const from = b.load("u32", start, source + word * 4);
    b.store(32, start, source + word * 4, b.load("u32", start, destination + word * 4));
    b.store(32, start, destination + word * 4, from);
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
