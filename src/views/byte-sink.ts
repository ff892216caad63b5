// Where output is put together before it is written: bytes go into one buffer, which is handed on when it is full.

import { type Looks, type Part, PLAIN } from "../source/index.ts";

/**
 * Gets the bytes collected so far, and pairs of positions of control bytes in them that are meant (see `own`). They are
 * only valid during the call: write them out or copy them.
 */
export type Flush = (bytes: Uint8Array, own: readonly number[]) => void;

const CHUNK = 64 * 1024;
const encoder = new TextEncoder();

/**
 * A buffer that is handed to `flush` when a chunk is full, and when asked. It grows where one piece is longer than a
 * chunk. Hot paths reserve room and then write into `bytes` at `at` themselves.
 */
export class ByteSink {
  bytes: Uint8Array;
  /** Where the next byte goes. */
  at = 0;
  /** How parts of it look; absent: it has no colours. */
  readonly looks: Looks | undefined;
  readonly #own: number[] = [];
  readonly #flush: Flush;
  readonly #chunk: number;

  constructor(flush: Flush, chunk: number = CHUNK, looks?: Looks) {
    this.looks = looks;
    this.#flush = flush;
    this.#chunk = chunk;
    this.bytes = new Uint8Array(chunk);
  }

  /** Makes room for `size` more bytes at `at`; hands on what is there where the chunk would overflow. */
  reserve(size: number): void {
    if (this.at + size <= this.#chunk) return;
    this.flush();
    if (size > this.bytes.length) this.bytes = new Uint8Array(size);
  }

  /** As `reserve`, but keeps what is there: for a piece whose start may still be moved. */
  extend(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.at + size, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  /** Hands on everything collected so far. */
  flush(): void {
    if (this.at === 0) return;
    const bytes = this.bytes.subarray(0, this.at);
    this.at = 0;
    this.#flush(bytes, this.#own);
    this.#own.length = 0;
    if (this.bytes.length > this.#chunk * 16) this.bytes = new Uint8Array(this.#chunk);
  }

  text(text: string): void {
    this.append(text);
    if (this.at >= this.#chunk) this.flush();
  }

  /** As `text`, but never hands anything on: for a piece of a line whose start may still be moved. */
  append(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.extend(text.length * 3);
    const { bytes } = this;
    let at = this.at;
    if (text.length <= 64) {
      // Short ASCII text, the common case, is faster by hand.
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit >= 0x80) break;
        bytes[at++] = unit;
      }
      if (i === text.length) {
        this.at = at;
        return;
      }
    }
    this.at += encoder.encodeInto(text, bytes.subarray(this.at)).written;
  }

  /** Says that the last `size` bytes are the script's own words, and control bytes among them meant. */
  own(size: number): void {
    this.#own.push(this.at - size, this.at);
  }

  /** As `append`, of text whose control bytes are all meant. */
  meant(text: string): void {
    const before = this.at;
    this.append(text);
    this.own(this.at - before);
  }

  /** As `append`, looking as a part of this kind does. */
  painted(text: string, part: Part): void {
    if (this.looks !== undefined) this.meant(this.looks[part]);
    this.append(text);
    if (this.looks !== undefined) this.meant(PLAIN);
  }

  raw(piece: Uint8Array): void {
    this.reserve(piece.length);
    this.bytes.set(piece, this.at);
    this.at += piece.length;
  }
}
