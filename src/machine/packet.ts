// Packets in the machine's memory, and the contexts that describe them: `xdp_md` and `__sk_buff` of linux/bpf.h, laid out
// as programs see them. Since an address fits in 32 bits here, `data` and `data_end` are simply there.

import { PROGRAM_TYPES, type ProgramType, SkBuff, XdpMd } from "../object/index.ts";
import { CONTEXT, type Memory, State } from "./memory.ts";

/** Room before a packet, XDP_PACKET_HEADROOM. */
export const HEADROOM = 256;
/** What BPF_PROG_TEST_RUN gives a packet in all (a page less `struct skb_shared_info`), and never less than this here. */
const FRAME_ROOM = 4096 - 320;
export const PACKET_BYTES: number = HEADROOM + 65536 + FRAME_ROOM;
/** `struct xdp_frame`, which has to fit before the packet. */
const XDP_FRAME_BYTES = 40;
const ETHERNET = 14;

/** What there is to say of a packet beside its bytes; all 0 where absent. */
export interface PacketFields {
  readonly ingressIfindex?: number;
  readonly ifindex?: number;
  readonly rxQueue?: number;
  readonly egressIfindex?: number;
  readonly mark?: number;
  readonly priority?: number;
  readonly pktType?: number;
  readonly hash?: number;
  readonly vlanTci?: number;
  /** Nanoseconds. */
  readonly tstamp?: bigint;
}

export type PacketKind = "xdp" | "skb";

/** Which context a program type gets with a packet. */
export function packetKind(type: ProgramType): PacketKind {
  return type === "xdp" ? "xdp" : "skb";
}

/** Where a program type's packet starts: 0 at the link layer, 14 behind an Ethernet header. */
export const packetOffset = (type: ProgramType): number => (PROGRAM_TYPES[type].linkLayer === true ? 0 : ETHERNET);

/** Puts a packet into its area and its context before the program; throws RangeError for one that does not fit. */
export function placePacket(
  memory: Memory,
  area: { readonly start: number; readonly end: number },
  type: ProgramType,
  packet: Uint8Array,
  fields: PacketFields,
): void {
  const start = area.start + HEADROOM;
  memory.u32[State.AREA >>> 2] = area.start;
  memory.u32[State.AREA_END >>> 2] = area.end;
  if (start + packet.length > area.end) throw new RangeError(`a packet of ${packet.length} bytes; 65536 is the most`);
  memory.u8.set(packet, start);
  const data = start + Math.min(packet.length, packetOffset(type));
  const { i32, view } = memory;
  const word = (offset: number, value: number): void => {
    i32[(CONTEXT + offset) >>> 2] = value;
  };
  setPacket(memory, data, start + packet.length);
  i32[State.PACKET_NETWORK >>> 2] = start + ETHERNET;
  if (packetKind(type) === "xdp") {
    word(XdpMd.INGRESS_IFINDEX, fields.ingressIfindex ?? 1);
    word(XdpMd.RX_QUEUE_INDEX, fields.rxQueue ?? 0);
    word(XdpMd.EGRESS_IFINDEX, fields.egressIfindex ?? 0);
    memory.allow(CONTEXT, XdpMd.BYTES, "read");
    describeXdp(memory, data);
    return;
  }
  memory.u8.fill(0, CONTEXT, CONTEXT + SkBuff.BYTES);
  memory.allow(CONTEXT, SkBuff.BYTES, "write");
  word(SkBuff.PKT_TYPE, fields.pktType ?? 0);
  word(SkBuff.MARK, fields.mark ?? 0);
  word(SkBuff.PRIORITY, fields.priority ?? 0);
  word(SkBuff.INGRESS_IFINDEX, fields.ingressIfindex ?? 0);
  word(SkBuff.IFINDEX, fields.ifindex ?? 1);
  word(SkBuff.QUEUE_MAPPING, fields.rxQueue ?? 0);
  word(SkBuff.HASH, fields.hash ?? 0);
  word(SkBuff.VLAN_TCI, fields.vlanTci ?? 0);
  word(SkBuff.VLAN_PRESENT, fields.vlanTci === undefined ? 0 : 1);
  // Big endian, as the header has it.
  if (packet.length >= ETHERNET) word(SkBuff.PROTOCOL, view.getUint16(start + 12, true));
  view.setBigUint64(CONTEXT + SkBuff.TSTAMP, BigInt.asUintN(64, fields.tstamp ?? 0n), true);
  describeSkb(memory);
}

/** Moves the bounds of the packet, in the state page and in the shadow. */
export function setPacket(memory: Memory, data: number, end: number): void {
  const { u32 } = memory;
  const oldData = u32[State.PACKET >>> 2] as number;
  const oldEnd = u32[State.PACKET_END >>> 2] as number;
  if (oldEnd > oldData) memory.allow(oldData & ~7, oldEnd - (oldData & ~7), "none");
  u32[State.PACKET >>> 2] = data;
  u32[State.PACKET_END >>> 2] = end;
  // A start between two words lets at the bytes before it in its word: they are the packet's own area.
  memory.allow(data & ~7, end - (data & ~7), "write");
}

function describeXdp(memory: Memory, meta: number): void {
  const { u32 } = memory;
  u32[(CONTEXT + XdpMd.DATA) >>> 2] = u32[State.PACKET >>> 2] as number;
  u32[(CONTEXT + XdpMd.DATA_END) >>> 2] = u32[State.PACKET_END >>> 2] as number;
  u32[(CONTEXT + XdpMd.DATA_META) >>> 2] = meta;
}

function describeSkb(memory: Memory): void {
  const { u32 } = memory;
  const data = u32[State.PACKET >>> 2] as number;
  const end = u32[State.PACKET_END >>> 2] as number;
  u32[(CONTEXT + SkBuff.DATA) >>> 2] = data;
  u32[(CONTEXT + SkBuff.DATA_META) >>> 2] = data;
  u32[(CONTEXT + SkBuff.DATA_END) >>> 2] = end;
  u32[(CONTEXT + SkBuff.LEN) >>> 2] = end - data;
  u32[(CONTEXT + SkBuff.WIRE_LEN) >>> 2] = end - data;
}

const areaStart = (memory: Memory): number => memory.u32[State.AREA >>> 2] as number;
const metaOf = (memory: Memory): number => memory.u32[(CONTEXT + XdpMd.DATA_META) >>> 2] as number;

/** `bpf_xdp_adjust_head`: the conditions of net/core/filter.c. */
export function adjustHead(memory: Memory, delta: number): boolean {
  const data = memory.u32[State.PACKET >>> 2] as number;
  const end = memory.u32[State.PACKET_END >>> 2] as number;
  const meta = metaOf(memory);
  const metaBytes = data - meta;
  const moved = data + delta;
  if (moved < areaStart(memory) + XDP_FRAME_BYTES + metaBytes || moved > end - ETHERNET) return false;
  if (metaBytes > 0) {
    memory.u8.copyWithin(meta + delta, meta, data);
    memory.allow(meta, (metaBytes + 7) & ~7, "none");
    memory.allow((meta + delta) & ~7, metaBytes, "write");
  }
  // What is new at the front is not cleared: the kernel leaves there what was.
  setPacket(memory, moved, end);
  describeXdp(memory, moved - metaBytes);
  return true;
}

/** `bpf_xdp_adjust_tail`: what is added is zero. */
export function adjustTail(memory: Memory, delta: number): boolean {
  const data = memory.u32[State.PACKET >>> 2] as number;
  const end = memory.u32[State.PACKET_END >>> 2] as number;
  const moved = end + delta;
  if (delta > 0 && moved > areaStart(memory) + FRAME_ROOM) return false;
  if (moved < data + ETHERNET) return false;
  if (delta > 0) memory.u8.fill(0, end, moved);
  const meta = metaOf(memory);
  setPacket(memory, data, moved);
  describeXdp(memory, meta);
  return true;
}

/** `bpf_xdp_adjust_meta`: at most 252 bytes, a multiple of 4. */
export function adjustMeta(memory: Memory, delta: number): boolean {
  const data = memory.u32[State.PACKET >>> 2] as number;
  const meta = metaOf(memory) + delta;
  const bytes = data - meta;
  if (meta < areaStart(memory) + XDP_FRAME_BYTES || bytes < 0 || (bytes & 3) !== 0 || bytes > 252) return false;
  memory.allow(meta & ~7, data - (meta & ~7), "write");
  describeXdp(memory, meta);
  return true;
}

/** Makes an skb's packet longer or shorter at its end; what is added is zero. */
export function changeTail(memory: Memory, length: number): boolean {
  const data = memory.u32[State.PACKET >>> 2] as number;
  const end = memory.u32[State.PACKET_END >>> 2] as number;
  if (length < ETHERNET || data + length > (memory.u32[State.AREA_END >>> 2] as number)) return false;
  if (data + length > end) memory.u8.fill(0, end, data + length);
  setPacket(memory, data, data + length);
  describeSkb(memory);
  return true;
}

/** Opens (or closes) a gap of `bytes` at `offset` from the start of an skb's packet, moving what is before it. */
export function changeRoom(memory: Memory, offset: number, bytes: number): boolean {
  const data = memory.u32[State.PACKET >>> 2] as number;
  const end = memory.u32[State.PACKET_END >>> 2] as number;
  const moved = data - bytes;
  if (moved < areaStart(memory) || data + offset > end || (bytes < 0 && data + offset - bytes > end)) return false;
  memory.u8.copyWithin(moved, data, data + offset);
  if (bytes > 0) memory.u8.fill(0, moved + offset, moved + offset + bytes);
  setPacket(memory, moved, end);
  memory.i32[State.PACKET_NETWORK >>> 2] = moved + ETHERNET;
  describeSkb(memory);
  return true;
}
