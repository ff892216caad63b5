// Blocks of a packet socket's ring as pcapng, by WebAssembly: at a million packets a second, what a packet costs decides what is
// lost. It writes what `BlockWriter.packet` writes. Who has sent a packet, and which interface it is of, is asked once for many.

import { compileWasm, createWasmMemory, instantiateWasm, type WasmFunction } from "../wasm/index.ts";
import {
  COMMENT_SLOTS,
  commentSlot,
  INTERFACE_SLOTS,
  LEFT_OUT,
  RingHeader,
  RingMemory,
  ringModule,
  Stopped,
  TEXT_BYTES,
} from "./ring-code.ts";

const PAGE = 65536;
/** Bytes of a comment, at most, with what stands before it. */
const MOST_TEXT = 256;
const OPTION_COMMENT = 1;
const encoder = new TextEncoder();

/** A packet that a comment is asked for: its bytes from `at` on, `kept` of them; the type of packet and kind of interface. */
export interface CommentedPacket {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly kept: number;
  /** `sll_pkttype` */
  readonly type: number;
  /** `ARPHRD_…` of linux/if_arp.h */
  readonly hardware: number;
}

export interface RingBlocksOptions {
  /** Bytes of a block of the ring, at most. */
  readonly blockBytes: number;
  /** `epb_flags` of packets by their type (`sll_pkttype`), never 0. */
  readonly flags: readonly number[];
  /** Of loopback, the type of packets that are left out: what it sends it receives as well. */
  readonly without?: number;
  /** The number in the file of an interface, by its index; undefined: its packets are left out. Absent: all are of interface 0. */
  readonly interfaceOf?: (index: number) => number | undefined;
  /** What is said of TCP and UDP packets with these ports, until `forgetComments`; at most 248 bytes of it. */
  readonly commentOf?: (packet: CommentedPacket) => string | undefined;
}

/** Where it stops before the block's end: behind so many packets, so many bytes, or before a second. */
export interface RingLimits {
  readonly packets?: number;
  readonly bytes?: number;
  readonly until?: number;
}

export interface RingPart {
  /** Others at the next call. */
  readonly bytes: Uint8Array;
  readonly packets: number;
  /** `end`: the block is used up; `room`: there is more of it, and all is written that there was room for. */
  readonly stopped: "end" | "room" | "packets" | "bytes" | "until";
}

export class RingBlocks {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #out: number;
  readonly #outEnd: number;
  readonly #convert: WasmFunction;
  readonly #options: RingBlocksOptions;
  #at = 0;
  #left = 0;
  #text: number = RingMemory.TEXTS;

  constructor(options: RingBlocksOptions) {
    const { blockBytes, flags } = options;
    this.#options = options;
    this.#out = (RingMemory.START + blockBytes + 64 + 7) & ~7;
    this.#outEnd = this.#out + blockBytes;
    // One packet more may begin before the end, which is no longer than a block.
    const pages = Math.ceil((this.#outEnd + blockBytes + MOST_TEXT + 64) / PAGE);
    const memory = createWasmMemory(pages);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#words.set(flags, RingMemory.FLAGS / 4);
    // No interface has these indices in these places.
    for (let slot = 0; slot < INTERFACE_SLOTS; slot++) this.#words[RingMemory.INTERFACES / 4 + slot * 2] = slot + 1;
    const { convert } = instantiateWasm(compileWasm(ringModule(pages)), { env: { memory } });
    if (convert === undefined) throw new Error("the module has no function");
    this.#convert = convert;
  }

  /** Takes a block of so many bytes, of which the first packet is `first` bytes behind its start. */
  begin(ring: Uint8Array, block: number, bytes: number, first: number, packets: number): void {
    this.#left = packets;
    this.#at = RingMemory.START + first;
    if (packets > 0) this.#bytes.set(ring.subarray(block, block + bytes), RingMemory.START);
  }

  /** The packets of the block that come next. */
  next({ packets: most = 0xffffffff, bytes = Number.POSITIVE_INFINITY, until = 0 }: RingLimits = {}): RingPart {
    const limit = Math.min(this.#outEnd, this.#out + bytes);
    const { without = 0xff, commentOf } = this.#options;
    const words = this.#words;
    let end = this.#out;
    let written = 0;
    for (;;) {
      const commented = commentOf === undefined ? 0 : 1;
      end = this.#convert(this.#at, this.#left, end, limit, most - written, until, without, commented);
      written += words[RingMemory.COUNT / 4] as number;
      this.#at = words[RingMemory.AT / 4] as number;
      this.#left = words[RingMemory.LEFT / 4] as number;
      const why = words[RingMemory.WHY / 4];
      if (why === Stopped.INTERFACE) this.#learnInterface();
      else if (why === Stopped.COMMENT) this.#learnComment();
      else {
        const stopped =
          why === Stopped.END
            ? "end"
            : why === Stopped.LATE
              ? "until"
              : why === Stopped.ENOUGH
                ? "packets"
                : end >= this.#outEnd
                  ? "room"
                  : "bytes";
        return { bytes: this.#bytes.subarray(this.#out, end), packets: written, stopped };
      }
    }
  }

  /** Asks anew for what is said of packets. */
  forgetComments(): void {
    this.#words.fill(0, RingMemory.COMMENTS / 4, RingMemory.COMMENTS / 4 + COMMENT_SLOTS * 4);
    this.#text = RingMemory.TEXTS;
  }

  #learnInterface(): void {
    const index = this.#view.getUint32(this.#at + RingHeader.INDEX, true);
    const { interfaceOf = () => 0 } = this.#options;
    const slot = RingMemory.INTERFACES / 4 + (index & (INTERFACE_SLOTS - 1)) * 2;
    this.#words[slot] = index;
    this.#words[slot + 1] = interfaceOf(index) ?? LEFT_OUT;
  }

  #learnComment(): void {
    const view = this.#view;
    const at = this.#at;
    const text = this.#options.commentOf?.({
      bytes: this.#bytes,
      at: at + view.getUint16(at + RingHeader.MAC, true),
      kept: view.getUint32(at + RingHeader.KEPT, true),
      type: view.getUint8(at + RingHeader.TYPE),
      hardware: view.getUint16(at + RingHeader.HARDWARE, true),
    });
    const encoded = text === undefined ? undefined : encoder.encode(text).subarray(0, MOST_TEXT - 8);
    const bytes = encoded === undefined ? 0 : 4 + ((encoded.length + 3) & ~3);
    if (this.#text + bytes > RingMemory.TEXTS + TEXT_BYTES) this.forgetComments();
    if (encoded !== undefined) {
      this.#bytes.fill(0, this.#text, this.#text + bytes);
      view.setUint32(this.#text, OPTION_COMMENT | (encoded.length << 16), true);
      this.#bytes.set(encoded, this.#text + 4);
    }
    const [ports, key] = [this.#words[RingMemory.PORTS / 4] as number, this.#words[RingMemory.KEY / 4] as number];
    const entry = RingMemory.COMMENTS + commentSlot(ports, key) * 16;
    this.#words.set([ports, key, this.#text, bytes], entry / 4);
    this.#text += bytes;
  }
}
