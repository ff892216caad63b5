// pcap and pcapng, from bytes that come piece by piece. What is between packets (headers, descriptions of interfaces) is handed
// on as it stands, so that a file of fewer packets is written by leaving some out.
//
//     pcap:    magic, version, zone, accuracy, snapshot length, link type │ seconds, fraction, kept, length, bytes │ …
//     pcapng:  blocks of { type, length, body, length }: section header, interface description, enhanced packet, …

import { FormatError } from "../source/index.ts";

export interface CapturedPacket {
  readonly kind: "packet";
  /** As it stands in the file. */
  readonly raw: Uint8Array;
  readonly data: Uint8Array;
  /** How long it was before it was cut. */
  readonly length: number;
  /** By the numbers of capture files. */
  readonly linkType: number;
  /** Since 1970, in nanoseconds; undefined where the file does not say. */
  readonly time: bigint | undefined;
}

export type CaptureItem = CapturedPacket | { readonly kind: "other"; readonly raw: Uint8Array };

interface Interface {
  readonly linkType: number;
  /** Ticks of its clock in a second. */
  readonly ticks: bigint;
}

/** Bytes of a packet or block, at most: more is damage, not a packet. */
const LARGEST = 1 << 24;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const OPTION_RESOLUTION = 9;

export class CaptureReader {
  readonly #what: string;
  /** Bytes that are not read yet, and where in the file they begin. */
  #rest: Uint8Array = new Uint8Array(0);
  #at = 0;
  #format: "pcap" | "pcapng" | undefined;
  #little = true;
  #linkType = 0;
  #nanoseconds = false;
  #interfaces: Interface[] = [];

  /** `what` the file is called in what is said of its damage. */
  constructor(what: string) {
    this.#what = what;
  }

  /** What the bytes so far hold. Throws FormatError where they are damaged: nothing behind that place can be read. */
  *read(bytes: Uint8Array): Generator<CaptureItem> {
    let rest = bytes;
    if (this.#rest.length > 0) {
      rest = new Uint8Array(this.#rest.length + bytes.length);
      rest.set(this.#rest);
      rest.set(bytes, this.#rest.length);
    }
    const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
    const start = this.#at;
    let at = 0;
    try {
      for (;;) {
        const size = this.#size(view, at);
        if (size === undefined || at + size > rest.length) break;
        const item = this.#item(rest.subarray(at, at + size));
        at += size;
        this.#at = start + at;
        yield item;
      }
    } finally {
      this.#rest = rest.slice(at);
      this.#at = start + at;
    }
  }

  /** The file is at its end. Throws FormatError where that is within a packet. */
  end(): void {
    if (this.#rest.length === 0 && this.#format !== undefined) return;
    throw this.#damage(this.#format === undefined ? "it is neither pcap nor pcapng" : "it ends within a packet");
  }

  #damage(reason: string, at: number = this.#at): FormatError {
    return new FormatError(this.#what, reason, at);
  }

  /** Bytes of what begins there; undefined where too few have come. */
  #size(view: DataView, at: number): number | undefined {
    const left = view.byteLength - at;
    if (this.#format === undefined) {
      if (left < 4) return undefined;
      this.#recognise(view, at);
    }
    if (this.#format === "pcap") {
      if (this.#at === 0) return PCAP_HEADER;
      if (left < PCAP_RECORD) return undefined;
      const kept = view.getUint32(at + 8, this.#little);
      if (kept > LARGEST) throw this.#damage(`a packet has ${kept} bytes`);
      return PCAP_RECORD + kept;
    }
    if (left < 12) return undefined;
    const section = view.getUint32(at, true) === SECTION;
    const little = section ? view.getUint32(at + 8, true) === 0x1a2b3c4d : this.#little;
    if (section && !little && view.getUint32(at + 8, false) !== 0x1a2b3c4d)
      throw this.#damage("a section has no byte order");
    const size = view.getUint32(at + 4, little);
    if (size < 12 || size % 4 !== 0 || size > LARGEST) throw this.#damage(`a block has ${size} bytes`);
    return size;
  }

  #recognise(view: DataView, at: number): void {
    const magic = view.getUint32(at, true);
    if (magic === SECTION) {
      this.#format = "pcapng";
      return;
    }
    for (const little of [true, false]) {
      const number = view.getUint32(at, little);
      if (number !== 0xa1b2c3d4 && number !== 0xa1b23c4d) continue;
      this.#format = "pcap";
      this.#little = little;
      this.#nanoseconds = number === 0xa1b23c4d;
      return;
    }
    throw this.#damage("it is neither pcap nor pcapng");
  }

  #item(raw: Uint8Array): CaptureItem {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return this.#format === "pcap" ? this.#record(raw, view) : this.#block(raw, view);
  }

  #record(raw: Uint8Array, view: DataView): CaptureItem {
    if (this.#at === 0) {
      // The upper bits of a link type say how long a check sum is.
      this.#linkType = view.getUint32(20, this.#little) & 0xffff;
      return { kind: "other", raw };
    }
    const fraction = BigInt(view.getUint32(4, this.#little));
    const seconds = BigInt(view.getUint32(0, this.#little));
    return {
      kind: "packet",
      raw,
      data: raw.subarray(PCAP_RECORD),
      length: view.getUint32(12, this.#little),
      linkType: this.#linkType,
      time: seconds * 1_000_000_000n + (this.#nanoseconds ? fraction : fraction * 1000n),
    };
  }

  #block(raw: Uint8Array, view: DataView): CaptureItem {
    if (view.getUint32(0, true) === SECTION) {
      this.#little = view.getUint32(8, true) === 0x1a2b3c4d;
      this.#interfaces = [];
    }
    const little = this.#little;
    if (view.getUint32(raw.length - 4, little) !== raw.length) throw this.#damage("a block has two lengths");
    const type = view.getUint32(0, little);
    if (type === INTERFACE) {
      if (raw.length < 20) throw this.#damage("the description of an interface is cut short");
      this.#interfaces.push({ linkType: view.getUint16(8, little), ticks: resolution(view, little) });
    }
    if (type === SIMPLE_PACKET) return this.#simple(raw, view);
    if (type !== ENHANCED_PACKET && type !== OLD_PACKET) return { kind: "other", raw };
    if (raw.length < 32) throw this.#damage("a packet is cut short");
    const number = type === OLD_PACKET ? view.getUint16(8, little) : view.getUint32(8, little);
    const on = this.#interfaces[number];
    if (on === undefined) throw this.#damage(`there is no interface ${number}`);
    const kept = view.getUint32(20, little);
    if (kept > raw.length - 32) throw this.#damage(`a packet of ${kept} bytes does not fit into its block`);
    const ticks = (BigInt(view.getUint32(12, little)) << 32n) | BigInt(view.getUint32(16, little));
    return {
      kind: "packet",
      raw,
      data: raw.subarray(28, 28 + kept),
      length: view.getUint32(24, little),
      linkType: on.linkType,
      time: (ticks * 1_000_000_000n) / on.ticks,
    };
  }

  #simple(raw: Uint8Array, view: DataView): CaptureItem {
    const on = this.#interfaces[0];
    if (raw.length < 16 || on === undefined) throw this.#damage("a packet is cut short, or has no interface");
    const length = view.getUint32(8, this.#little);
    const data = raw.subarray(12, Math.min(12 + length, raw.length - 4));
    return { kind: "packet", raw, data, length, linkType: on.linkType, time: undefined };
  }
}

/** Ticks in a second: a power of ten, or of two; a millionth where it is not said. */
function resolution(view: DataView, little: boolean): bigint {
  for (let at = 16; at + 4 <= view.byteLength - 4; ) {
    const [option, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (option === 0) break;
    if (option === OPTION_RESOLUTION && length >= 1 && at + 4 < view.byteLength) {
      const value = view.getUint8(at + 4);
      return (value & 0x80) !== 0 ? 1n << BigInt(value & 0x7f) : 10n ** BigInt(value);
    }
    at += 4 + ((length + 3) & ~3);
  }
  return 1_000_000n;
}
