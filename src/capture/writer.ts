// pcapng, written: a section, its interfaces, packets with what is known of them (draft-ietf-opsawg-pcapng).

import { OPTION_NAME, OPTION_RESOLUTION } from "./interfaces.ts";
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
const OPTION_COMMENT = 1;
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
export function packetBlock(packet: WrittenPacket): Uint8Array {
  const { data, direction, comment } = packet;
  const options = new Options();
  if (direction !== undefined) options.add(OPTION_FLAGS, Uint8Array.of(direction === "in" ? 1 : 2, 0, 0, 0));
  options.text(OPTION_COMMENT, comment);
  return block(ENHANCED_PACKET, ENHANCED_HEAD - 8 + padded(data.length), options, (view) => {
    view.setUint32(8, packet.interface, true);
    setTime(view, 12, packet.nanoseconds);
    view.setUint32(20, data.length, true);
    view.setUint32(24, packet.length, true);
    new Uint8Array(view.buffer).set(data, ENHANCED_HEAD);
  });
}
