// VLAN tags, one or two: taken off a frame before its packet is looked at, and put on again behind it, whatever has become of it. So
// no other part knows of them, and frames without any pay for two comparisons.

import { be16, i32, struct, u16, u32, type u64, XDP, type XdpContext } from "scry/bpf";
import { Ethernet } from "./headers.bpf.ts";
import { lost, NO_ROOM } from "./maps.bpf.ts";
import { FOUR, SIX } from "./settings.ts";

export const ADDRESSES = 12;
/** What is behind them, as it lies: a tag, then another one, or a type and two bytes more. */
export const Behind = struct({ first: u32, second: u32 });
/** The same behind two tags. */
const Type = struct({ type: be16, behind: u16 });

/** IEEE 802.1Q, 802.1ad. */
export const isTag = (type: u32): boolean => type === 0x8100 || type === 0x88a8;
/** A word that begins with one, as it lies. */
const isTagWord = (word: u32): boolean => (word & 0xffff) === 0x0081 || (word & 0xffff) === 0xa888;
/** Packets of a family that has services. */
export const isBalanced = (type: u32): boolean => (FOUR && type === 0x0800) || (SIX && type === 0x86dd);

/** Is what is behind a frame's tags balanced? `second`: the second word behind the addresses. */
export function carriesBalanced(packet: XdpContext, second: u32): boolean {
  let at: u32 = ADDRESSES + 4;
  if (isTagWord(second)) at += 4;
  const carried = packet.at(Type, at);
  return carried !== undefined && isBalanced(u32(carried.type));
}

const bytesOf = (tags: u64): i32 => (isTagWord(u32(tags >> 32)) ? i32(8) : i32(4));

/** Moves the addresses of a frame by so many bytes, to its new beginning; false where there is no room. */
function moved(packet: XdpContext, by: i32): boolean {
  const before = packet.at(Ethernet);
  if (!before) return false;
  const { to, to2, from, from2 } = before;
  if (!packet.adjustHead(by)) return false;
  const after = packet.at(Ethernet);
  if (!after) return false;
  after.to = to;
  after.to2 = to2;
  after.from = from;
  after.from2 = from2;
  return true;
}

/** Takes a frame's tags off, which are what is behind its addresses, the second word in the upper half; false: it has become no frame. */
export const untagged = (packet: XdpContext, tags: u64): boolean => moved(packet, bytesOf(tags));

/** What has become of a frame, with its tags again: the verdict. */
export function retagged(packet: XdpContext, verdict: number, tags: u64): number {
  if (verdict === XDP.DROP) return verdict;
  if (!moved(packet, -bytesOf(tags))) return lost(NO_ROOM);
  const behind = packet.at(Behind, ADDRESSES);
  if (!behind) return XDP.DROP;
  behind.first = u32(tags);
  if (isTagWord(u32(tags >> 32))) behind.second = u32(tags >> 32);
  return verdict;
}
