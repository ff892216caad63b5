// Reads bytes of others one after another, little endian, and never beyond their end: whoever asks for more gets a
// FormatError that says where.

import { FormatError } from "./format-error.ts";

const decoder = new TextDecoder();
/** Bytes of a LEB128 number: 10 hold 64 bits; some writers fill up to a fixed width. */
const MOST_LEB = 16;
/** Bytes of a string: mangled names of C++ have reached 300 KB. */
const MOST_TEXT = 1 << 20;

export class ByteReader {
  readonly bytes: Uint8Array;
  /** What they are, for messages: `.debug_info`. */
  readonly what: string;
  readonly #view: DataView;
  at: number;
  end: number;

  /** From `at` up to `end`, which is cut to the bytes that there are. */
  constructor(bytes: Uint8Array, what: string, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = Math.min(end, bytes.length);
  }

  /** The damage that was noticed here. */
  damage(reason: string, offset: number = this.at): FormatError {
    return new FormatError(this.what, reason, offset);
  }

  #take(size: number): number {
    const at = this.at;
    // Said so that a place that is no number is refused too.
    if (!(at >= 0 && at + size <= this.end && size >= 0)) throw this.damage("it is cut short");
    this.at = at + size;
    return at;
  }

  /** Goes to an offset; what is read there is checked when it is read. */
  seek(at: number): this {
    this.at = at;
    return this;
  }

  skip(size: number): void {
    this.#take(size);
  }

  u8(): number {
    return this.bytes[this.#take(1)] as number;
  }

  s8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  s16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u24(): number {
    return this.u16() | (this.u8() << 16);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  s32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Exact below 2^53. */
  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  s64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  /** A number of 1, 2, 4 or 8 bytes. */
  word(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 4:
        return this.u32();
      case 8:
        return this.u64();
      default:
        throw this.damage(`a number of ${size} bytes`);
    }
  }

  /** ULEB128; exact below 2^53. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < MOST_LEB; n++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw this.damage("a number that does not end");
  }

  /** SLEB128; exact below 2^53 in size. */
  sleb(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < MOST_LEB; n++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
    }
    throw this.damage("a number that does not end");
  }

  /** A C string, its end passed. */
  text(): string {
    const { at } = this;
    if (!(at >= 0 && at <= this.end)) throw this.damage("it is cut short");
    const most = Math.min(this.end, at + MOST_TEXT);
    const end = this.bytes.indexOf(0, at);
    if (end < 0 || end >= most) throw this.damage("a string without an end");
    this.at = end + 1;
    return decoder.decode(this.bytes.subarray(at, end));
  }

  block(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }
}
