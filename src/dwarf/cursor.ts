// Reads DWARF's bytes one after another (DWARF 5, chapter 7): little endian, LEB128, initial lengths.

/** Bytes that are no debug information that we can read. */
export class DwarfError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DwarfError";
  }
}

const decoder = new TextDecoder();

export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = Math.min(end, bytes.length);
  }

  #take(size: number): number {
    const at = this.at;
    if (at + size > this.end || at < 0) throw new DwarfError("the debug information is cut short");
    this.at = at + size;
    return at;
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
        throw new DwarfError(`a number of ${size} bytes`);
    }
  }

  /** ULEB128; exact below 2^53. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  /** SLEB128; exact below 2^53 in size. */
  sleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
    }
  }

  /** A C string. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) throw new DwarfError("a string without an end");
    const text = decoder.decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  block(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }

  /** The length that a unit begins with: 32 bits, or 64 behind an escape (7.4); and which of them, in bytes. */
  initialLength(): { readonly length: number; readonly wide: boolean } {
    const first = this.u32();
    if (first !== 0xffffffff) {
      if (first >= 0xfffffff0) throw new DwarfError("a reserved unit length");
      return { length: first, wide: false };
    }
    return { length: this.u64(), wide: true };
  }

  /** An offset into another section. */
  offset(wide: boolean): number {
    return wide ? this.u64() : this.u32();
  }
}

/** The C string at an offset of a section. */
export function textAtOffset(section: Uint8Array, offset: number): string {
  return new Cursor(section, offset).text();
}
