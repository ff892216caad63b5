// pcap and pcapng, found out in bytes that lie in one place: where each packet is, without an object for any. What is between
// packets (headers, descriptions of interfaces) is told apart, so that a file of fewer packets is written by leaving some out.
//
//     pcap:    magic, version, zone, accuracy, snapshot length, link type │ seconds, fraction, kept, length, bytes │ …
//     pcapng:  blocks of { type, length, body, length }: section header, interface description, enhanced packet, …

import { FormatError } from "../source/index.ts";
import { type Interface, interfaceOf, OPTION_COMMENT, optionAt } from "./interfaces.ts";

/** Where packets are written down: by a number from 0 on. `record` and `at`: from the start of the bytes. */
export interface PacketTable {
  /** Packets that it holds. */
  readonly most: number;
  describe(index: number, record: number, at: number, kept: number, length: number): void;
}

/** What lies from `start` to `end`: packets of one link type, one behind the other, or something between packets. */
export type Stretch =
  | {
      readonly kind: "packets";
      readonly count: number;
      readonly linkType: number;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: "other"; readonly start: number; readonly end: number };

/** A packet's own description in its file. */
export interface PacketRecord {
  readonly data: Uint8Array;
  /** How long it was before it was cut. */
  readonly length: number;
  /** By the numbers of capture files. */
  readonly linkType: number;
  /** Since 1970, in nanoseconds; undefined where the file does not say. */
  readonly time: bigint | undefined;
  /** Of pcapng: the number of the interface in its section, and its name where the file says it. */
  readonly interface?: { readonly number: number; readonly name?: string };
  /** What the file says of it. */
  readonly comment?: string;
}

/** Bytes of a packet or block, at most: more is damage, not a packet. */
export const LARGEST: number = 1 << 24;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
export const SECTION = 0x0a0d0d0a;
export const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
export const ENHANCED_PACKET = 6;
/** Bytes of an enhanced packet's block before the packet, and around it. */
const BLOCK_HEAD = 28;
const BLOCK_LEAST = 32;

export class CaptureScanner {
  readonly #what: string;
  /** Bytes of the file that are behind. */
  #at = 0;
  #format: "pcap" | "pcapng" | undefined;
  #little = true;
  #pcap: Interface = { linkType: 0, ticks: 1_000_000n };
  #interfaces: Interface[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** `what` the file is called in what is said of its damage. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Bytes of the file that were read and understood. */
  get offset(): number {
    return this.#at;
  }

  /** "pcap" or "pcapng"; undefined before the first bytes. */
  get format(): "pcap" | "pcapng" | undefined {
    return this.#format;
  }

  /**
   * What the bytes from `from` to `to` begin with; undefined where too few have come. The next bytes of the file are those behind
   * it, at that place or another. Throws FormatError where they are damaged: nothing behind that place can be read.
   */
  scan(bytes: Uint8Array, from: number, to: number, table: PacketTable): Stretch | undefined {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    if (this.#format === undefined) {
      if (to - from < 4) return undefined;
      this.#recognise(from);
    }
    if (this.#format === "pcapng") return this.#blocks(from, to, table);
    if (this.#at === 0) return this.#header(from, to);
    return this.#records(from, to, table);
  }

  /** The file is at its end, with so many bytes that were not understood. Throws FormatError where there are any. */
  end(left: number): void {
    if (left === 0 && this.#format !== undefined) return;
    throw this.#damage(this.#format === undefined ? "it is neither pcap nor pcapng" : "it ends within a packet");
  }

  /** The packet whose record begins there, of the stretch that was scanned last. */
  packet(record: number): PacketRecord {
    const [view, little] = [this.#view, this.#little];
    if (this.#format === "pcap") {
      const { linkType, ticks } = this.#pcap;
      const kept = view.getUint32(record + 8, little);
      const fraction = BigInt(view.getUint32(record + 4, little));
      return {
        data: this.#bytes.subarray(record + PCAP_RECORD, record + PCAP_RECORD + kept),
        length: view.getUint32(record + 12, little),
        linkType,
        time: BigInt(view.getUint32(record, little)) * 1_000_000_000n + (fraction * 1_000_000_000n) / ticks,
      };
    }
    const type = view.getUint32(record, little);
    const size = view.getUint32(record + 4, little);
    if (type === SIMPLE_PACKET) {
      const length = view.getUint32(record + 8, little);
      const data = this.#bytes.subarray(record + 12, Math.min(record + 12 + length, record + size - 4));
      return { data, length, linkType: (this.#interfaces[0] as Interface).linkType, time: undefined };
    }
    const number = type === OLD_PACKET ? view.getUint16(record + 8, little) : view.getUint32(record + 8, little);
    const { linkType, ticks, name } = this.#interfaces[number] as Interface;
    const kept = view.getUint32(record + 20, little);
    const options = record + BLOCK_HEAD + ((kept + 3) & ~3);
    const comment =
      type === ENHANCED_PACKET ? optionAt(view, options, record + size - 4, little, OPTION_COMMENT) : undefined;
    const time = (BigInt(view.getUint32(record + 12, little)) << 32n) | BigInt(view.getUint32(record + 16, little));
    return {
      data: this.#bytes.subarray(record + BLOCK_HEAD, record + BLOCK_HEAD + kept),
      length: view.getUint32(record + 24, little),
      linkType,
      time: (time * 1_000_000_000n) / ticks,
      interface: { number, ...(name === undefined ? {} : { name }) },
      ...(comment === undefined ? {} : { comment: new TextDecoder().decode(comment) }),
    };
  }

  #damage(reason: string): FormatError {
    return new FormatError(this.#what, reason, this.#at);
  }

  #recognise(at: number): void {
    const view = this.#view;
    if (view.getUint32(at, true) === SECTION) {
      this.#format = "pcapng";
      return;
    }
    for (const little of [true, false]) {
      const number = view.getUint32(at, little);
      if (number !== 0xa1b2c3d4 && number !== 0xa1b23c4d) continue;
      this.#format = "pcap";
      this.#little = little;
      this.#pcap = { linkType: 0, ticks: number === 0xa1b23c4d ? 1_000_000_000n : 1_000_000n };
      return;
    }
    throw this.#damage("it is neither pcap nor pcapng");
  }

  #header(from: number, to: number): Stretch | undefined {
    if (to - from < PCAP_HEADER) return undefined;
    // The upper bits of a link type say how long a check sum is.
    this.#pcap = { ...this.#pcap, linkType: this.#view.getUint32(from + 20, this.#little) & 0xffff };
    this.#at = PCAP_HEADER;
    return { kind: "other", start: from, end: from + PCAP_HEADER };
  }

  #records(from: number, to: number, table: PacketTable): Stretch | undefined {
    const [view, little, most] = [this.#view, this.#little, table.most];
    let at = from;
    let count = 0;
    while (count < most && to - at >= PCAP_RECORD) {
      const kept = view.getUint32(at + 8, little);
      if (kept > LARGEST) {
        if (count > 0) break;
        throw this.#damage(`a packet has ${kept} bytes`);
      }
      if (kept > to - at - PCAP_RECORD) break;
      table.describe(count, at, at + PCAP_RECORD, kept, view.getUint32(at + 12, little));
      at += PCAP_RECORD + kept;
      count++;
    }
    if (count === 0) return undefined;
    this.#at += at - from;
    return { kind: "packets", count, linkType: this.#pcap.linkType, start: from, end: at };
  }

  #blocks(from: number, to: number, table: PacketTable): Stretch | undefined {
    const view = this.#view;
    const start = this.#at;
    let at = from;
    let count = 0;
    let linkType = 0;
    while (count < table.most) {
      const size = this.#size(at, to);
      if (size === undefined || (typeof size === "number" && at + size > to)) break;
      if (typeof size === "string" || view.getUint32(at + size - 4, this.#littleAt(at)) !== size) {
        // What comes before it is handed on first.
        if (count > 0) break;
        throw this.#damage(typeof size === "string" ? size : "a block has two lengths");
      }
      const type = view.getUint32(at, this.#little);
      if (type !== SIMPLE_PACKET && type !== ENHANCED_PACKET && type !== OLD_PACKET) {
        if (count > 0) break;
        this.#between(at, size);
        this.#at += size;
        return { kind: "other", start: at, end: at + size };
      }
      const of = this.#describe(type, at, size, count, table, count > 0 ? linkType : undefined);
      if (of === undefined) break;
      linkType = of;
      at += size;
      count++;
      this.#at = start + (at - from);
    }
    return count === 0 ? undefined : { kind: "packets", count, linkType, start: from, end: at };
  }

  #littleAt(at: number): boolean {
    if (this.#view.getUint32(at, true) !== SECTION) return this.#little;
    return this.#view.getUint32(at + 8, true) === 0x1a2b3c4d;
  }

  /** Bytes of a block; undefined where too few have come, what is wrong with it in words. */
  #size(at: number, to: number): number | string | undefined {
    if (to - at < 12) return undefined;
    const view = this.#view;
    const little = this.#littleAt(at);
    const section = view.getUint32(at, true) === SECTION;
    if (section && !little && view.getUint32(at + 8, false) !== 0x1a2b3c4d) return "a section has no byte order";
    const size = view.getUint32(at + 4, little);
    return size < 12 || size % 4 !== 0 || size > LARGEST ? `a block has ${size} bytes` : size;
  }

  /** What stands between packets. */
  #between(at: number, size: number): void {
    const view = this.#view;
    if (view.getUint32(at, true) === SECTION) {
      this.#little = this.#littleAt(at);
      this.#interfaces = [];
    } else if (view.getUint32(at, this.#little) === INTERFACE) {
      if (size < 20) throw this.#damage("the description of an interface is cut short");
      this.#interfaces.push(interfaceOf(view, at, size, this.#little));
    }
  }

  /** Writes a packet down and gives its link type; undefined: it is one for another stretch. */
  #describe(
    type: number,
    at: number,
    size: number,
    index: number,
    table: PacketTable,
    linkType: number | undefined,
  ): number | undefined {
    const [view, little] = [this.#view, this.#little];
    const wrong = (reason: string): undefined => {
      if (index === 0) throw this.#damage(reason);
      return undefined;
    };
    const simple = type === SIMPLE_PACKET;
    if (size < (simple ? 16 : BLOCK_LEAST)) return wrong("a packet is cut short");
    const number = simple ? 0 : type === OLD_PACKET ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
    const on = this.#interfaces[number];
    if (on === undefined) return wrong(`there is no interface ${number}`);
    if (linkType !== undefined && on.linkType !== linkType) return undefined;
    if (simple) {
      const length = view.getUint32(at + 8, little);
      table.describe(index, at, at + 12, Math.min(length, size - 16), length);
      return on.linkType;
    }
    const kept = view.getUint32(at + 20, little);
    if (kept > size - BLOCK_LEAST) return wrong(`a packet of ${kept} bytes does not fit into its block`);
    table.describe(index, at, at + BLOCK_HEAD, kept, view.getUint32(at + 24, little));
    return on.linkType;
  }
}
