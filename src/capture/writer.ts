// pcapng, written: a section, its interfaces, packets with what is known of them (draft-ietf-opsawg-pcapng).

import { OPTION_COMMENT, OPTION_NAME, OPTION_RESOLUTION } from "./interfaces.ts";
import { ENHANCED_PACKET, INTERFACE, SECTION } from "./scanner.ts";

export interface WrittenInterface {
  readonly name: string;
  /** By the numbers of capture files. */
  readonly linkType: number;
  /** Bytes of a packet that are kept, at most. */
  readonly snapshotLength: number;
  /** What packets must have matched. */
  readonly filter?: string;
}

export interface WrittenPacket {
  /** Since 1970. */
  readonly nanoseconds: bigint;
  /** In the order in which interfaces were written. */
  readonly interface: number;
  readonly data: Uint8Array;
  /** How long it was before it was cut. */
  readonly length: number;
  readonly direction?: "in" | "out";
  readonly comment?: string;
}

const STATISTICS = 5;
const OPTION_FLAGS = 2;
const OPTION_FILTER = 11;
const OPTION_APPLICATION = 4;
const OPTION_RECEIVED = 4;
const OPTION_DROPPED = 5;
const ENHANCED_HEAD = 28;

const encoder = new TextEncoder();
const padded = (bytes: number): number => (bytes + 3) & ~3;

/** Options, and the end of them where there are any. */
class Options {
  readonly #parts: { readonly code: number; readonly bytes: Uint8Array }[] = [];

  add(code: number, bytes: Uint8Array): this {
    this.#parts.push({ code, bytes });
    return this;
  }
  text(code: number, text: string | undefined): this {
    return text === undefined ? this : this.add(code, encoder.encode(text).subarray(0, 0xffff));
  }

  get size(): number {
    return this.#parts.reduce((sum, { bytes }) => sum + 4 + padded(bytes.length), this.#parts.length > 0 ? 4 : 0);
  }

  write(view: DataView, start: number): void {
    let at = start;
    for (const { code, bytes } of this.#parts) {
      view.setUint16(at, code, true);
      view.setUint16(at + 2, bytes.length, true);
      new Uint8Array(view.buffer, view.byteOffset).set(bytes, at + 4);
      at += 4 + padded(bytes.length);
    }
  }
}

function block(type: number, head: number, options: Options, fill: (view: DataView) => void): Uint8Array {
  const size = 12 + head + options.size;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  view.setUint32(size - 4, size, true);
  fill(view);
  options.write(view, 8 + head);
  return bytes;
}

/** What a file begins with. */
export const sectionBlock = (application: string): Uint8Array =>
  block(SECTION, 16, new Options().text(OPTION_APPLICATION, application), (view) => {
    view.setUint32(8, 0x1a2b3c4d, true);
    view.setUint16(12, 1, true);
    // How long the section is nobody knows yet.
    view.setBigInt64(16, -1n, true);
  });

/** An interface, with a clock of nanoseconds. */
export function interfaceBlock({ name, linkType, snapshotLength, filter }: WrittenInterface): Uint8Array {
  const options = new Options().text(OPTION_NAME, name).add(OPTION_RESOLUTION, Uint8Array.of(9));
  // The kind of filter (0: a text for libpcap) comes first.
  if (filter !== undefined && filter !== "")
    options.add(OPTION_FILTER, Uint8Array.of(0, ...encoder.encode(filter).subarray(0, 0xff00)));
  return block(INTERFACE, 8, options, (view) => {
    view.setUint16(8, linkType, true);
    view.setUint32(12, snapshotLength, true);
  });
}

function setTime(view: DataView, at: number, nanoseconds: bigint): void {
  view.setUint32(at, Number((nanoseconds >> 32n) & 0xffffffffn), true);
  view.setUint32(at + 4, Number(nanoseconds & 0xffffffffn), true);
}

/** How many packets an interface had by then, and how many of them were lost. */
export const statisticsBlock = (
  number: number,
  nanoseconds: bigint,
  { received, dropped }: { readonly received: number; readonly dropped: number },
): Uint8Array => {
  const count = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
  const options = new Options().add(OPTION_RECEIVED, count(received)).add(OPTION_DROPPED, count(dropped));
  return block(STATISTICS, 12, options, (view) => {
    view.setUint32(8, number, true);
    setTime(view, 12, nanoseconds);
  });
};

/** A packet. */
export function packetBlock({ nanoseconds, data, direction, comment, ...packet }: WrittenPacket): Uint8Array {
  let block: Uint8Array = new Uint8Array(0);
  const writer = new BlockWriter((bytes) => {
    block = bytes.slice();
  }, 0);
  const flags = direction === undefined ? 0 : direction === "in" ? INBOUND : OUTBOUND;
  const [seconds, rest] = [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)];
  writer.packet(packet.interface, seconds, rest, data, 0, data.length, packet.length, flags, 0, comment);
  writer.flush();
  return block;
}

/** Of a packet, which way it went and to whom (`epb_flags`). */
export const INBOUND = 1;
export const OUTBOUND = 2;
/** To one, to some, to all, and to others. */
export const RECEPTION: Readonly<Record<"unicast" | "multicast" | "broadcast" | "promiscuous", number>> = {
  unicast: 1 << 2,
  multicast: 2 << 2,
  broadcast: 3 << 2,
  promiscuous: 4 << 2,
};

const FLAGS_BYTES = 8;
const END_BYTES = 4;
/** Shorter packets are copied by a loop: a call for each costs more. */
const SHORT = 256;
const VLAN_AT = 12;
const VLAN_BYTES = 4;

const halvesOf = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);

/** Blocks, put together in a buffer of its own: no packet is an object. */
export class BlockWriter {
  readonly #write: (bytes: Uint8Array) => void;
  #bytes: Uint8Array;
  #halves: Uint16Array;
  #view: DataView;
  #from: Uint8Array | undefined;
  #fromHalves: Uint16Array | undefined;
  #at = 0;
  #seconds = -1;
  #low = 0;
  #high = 0;
  /** Bytes handed over and to be handed over. */
  written = 0;

  /** `write` takes bytes that are others when it is back; it is called when `size` bytes are there. */
  constructor(write: (bytes: Uint8Array) => void, size: number = 1 << 20) {
    this.#write = write;
    this.#bytes = new Uint8Array(Math.max(size, 1 << 12));
    this.#halves = halvesOf(this.#bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes of other blocks. */
  add(block: Uint8Array): void {
    this.#reserve(block.length);
    this.#bytes.set(block, this.#at);
    this.#at += block.length;
  }

  /** Hands over what is there, and then bytes of other blocks, which are not copied. */
  pass(blocks: Uint8Array): void {
    this.flush();
    this.written += blocks.length;
    if (blocks.length > 0) this.#write(blocks);
  }

  #reserve(size: number): void {
    this.written += size;
    if (this.#at + size <= this.#bytes.length) return;
    this.flush();
    if (size <= this.#bytes.length) return;
    this.#bytes = new Uint8Array((size + 0xffff) & ~0xffff);
    this.#halves = halvesOf(this.#bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Hands over what is there. */
  flush(): void {
    if (this.#at > 0) this.#write(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
  }

  /**
   * A packet of `kept` bytes from `at` on, with flags where they are not 0. `vlan`: a tag that belongs behind the first 12 bytes, its
   * type in the upper half; 0: none.
   */
  packet(
    on: number,
    seconds: number,
    nanoseconds: number,
    from: Uint8Array,
    at: number,
    kept: number,
    length: number,
    flags: number,
    vlan: number,
    comment?: string,
  ): void {
    const text = comment === undefined ? undefined : encoder.encode(comment).subarray(0, 0xffff);
    const tag = vlan !== 0 && kept >= VLAN_AT ? VLAN_BYTES : 0;
    const body = padded(kept + tag);
    const options = (flags === 0 ? 0 : FLAGS_BYTES) + (text === undefined ? 0 : 4 + padded(text.length));
    const size = ENHANCED_HEAD + body + options + (options > 0 ? END_BYTES : 0) + 4;
    this.#reserve(size);
    const view = this.#view;
    const start = this.#at;
    view.setUint32(start, ENHANCED_PACKET, true);
    view.setUint32(start + 4, size, true);
    view.setUint32(start + 8, on, true);
    if (seconds !== this.#seconds) this.#begin(seconds);
    const low = this.#low + nanoseconds;
    view.setUint32(start + 12, low >= 0x1_0000_0000 ? this.#high + 1 : this.#high, true);
    view.setUint32(start + 16, low, true);
    view.setUint32(start + 20, kept + tag, true);
    view.setUint32(start + 24, length + tag, true);
    let to = start + ENHANCED_HEAD;
    if (tag === 0) this.#copy(from, at, kept, to);
    else {
      this.#copy(from, at, VLAN_AT, to);
      view.setUint32(to + VLAN_AT, vlan, false);
      this.#copy(from, at + VLAN_AT, kept - VLAN_AT, to + VLAN_AT + VLAN_BYTES);
    }
    for (let i = to + kept + tag; i < to + body; i++) this.#bytes[i] = 0;
    to += body;
    if (flags !== 0) {
      view.setUint32(to, OPTION_FLAGS | (4 << 16), true);
      view.setUint32(to + 4, flags, true);
      to += FLAGS_BYTES;
    }
    if (text !== undefined) {
      view.setUint32(to, OPTION_COMMENT | (text.length << 16), true);
      this.#bytes.fill(0, to + 4, to + 4 + padded(text.length));
      this.#bytes.set(text, to + 4);
      to += 4 + padded(text.length);
    }
    if (options > 0) {
      view.setUint32(to, 0, true);
      to += END_BYTES;
    }
    view.setUint32(to, size, true);
    this.#at = to + 4;
  }

  /** The nanoseconds at which a second begins, in two halves, by numbers that stay exact. */
  #begin(seconds: number): void {
    const upper = Math.floor(seconds / 0x10000) * 1e9;
    const lower = (seconds % 0x10000) * 1e9;
    const low = (upper % 0x10000) * 0x10000 + (lower % 0x1_0000_0000);
    this.#seconds = seconds;
    this.#low = low % 0x1_0000_0000;
    this.#high = Math.floor(upper / 0x10000) + Math.floor(lower / 0x1_0000_0000) + (low >= 0x1_0000_0000 ? 1 : 0);
  }

  #copy(from: Uint8Array, at: number, count: number, to: number): void {
    if (count > SHORT) {
      this.#bytes.set(from.subarray(at, at + count), to);
      return;
    }
    if (from !== this.#from) {
      this.#from = from;
      this.#fromHalves = from.byteOffset % 2 === 0 ? halvesOf(from) : undefined;
    }
    const bytes = this.#bytes;
    const halves = this.#fromHalves;
    let i = 0;
    // In rings packets begin at even places.
    if (halves !== undefined && ((at | to) & 1) === 0) {
      const here = this.#halves;
      const [source, target, whole] = [at >> 1, to >> 1, count >> 1];
      for (let half = 0; half < whole; half++) here[target + half] = halves[source + half] as number;
      i = count & ~1;
    }
    for (; i < count; i++) bytes[to + i] = from[at + i] as number;
  }
}
