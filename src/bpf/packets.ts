// Packets and their headers as programs see them: by the table of protocols.

import type { CarriedBy, FieldsOf, ProtocolName } from "../packets/index.ts";
import type { ipv4, ipv6, KernelStruct, mac, Type, u8, u16, u32, u64 } from "./types.ts";

/** A field by its bits: a flag, a number as wide as need be, an address. */
type FieldOf<W> = W extends number
  ? W extends 1
    ? boolean
    : W extends 2 | 3 | 4 | 5 | 6 | 7 | 8
      ? u8
      : W extends 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16
        ? u16
        : W extends 64
          ? u64
          : u32
  : W extends "ipv4"
    ? ipv4
    : W extends "ipv6"
      ? ipv6
      : mac;

/** The fields of a header, in the machine's order; what is written repairs checksums (XDP; of IPv4's own fields tc too). */
export type HeaderFields<P extends ProtocolName> = { -readonly [F in keyof FieldsOf<P>]: FieldOf<FieldsOf<P>[F]> };

/** A header: its fields, and what lies in it. */
export type Header<P extends ProtocolName> = HeaderFields<P> & {
  readonly [C in CarriedBy<P>]: () => Header<C> | undefined;
} & {
  /** What comes behind it as a struct of one's own, `udp.payload(Dns)`; undefined where the packet has not so much. */
  payload<T>(type: Type<T>): T | undefined;
} & (P extends "eth" ? { /** The first VLAN tag. */ readonly vlan: Header<"vlan"> | undefined } : unknown);

/** A packet that begins with one of these headers. */
export type Packet<P extends ProtocolName> = {
  readonly [C in P]: () => Header<C> | undefined;
} & {
  /** Bytes of the whole packet. */
  readonly length: u32;
  /** Bytes of it from an offset on, of 0 unless said otherwise, as a struct of one's own; undefined where it has not so much. */
  at<T>(type: Type<T>, offset?: number): T | undefined;
};

/** A packet at the driver. */
export interface XdpPacket extends Packet<"eth"> {
  /** Moves the packet's start by so many bytes, below zero for more room; false where there is none. Headers are asked for again. */
  adjustHead(by: number): boolean;
  /** The same of its end. */
  adjustTail(by: number): boolean;
  /** The same of the bytes in front of it that other programs see. */
  adjustMeta(by: number): boolean;
}
export type XdpContext = KernelStruct<"xdp_md"> & XdpPacket;
export type SocketBuffer<P extends ProtocolName> = KernelStruct<"__sk_buff"> & Packet<P>;
