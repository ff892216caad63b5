// Zstandard, unpacked as it comes (RFC 8878): for captures that are packed so, where the platform cannot unpack it. Checksums are not
// checked, and dictionaries are not known.

import { FormatError } from "../source/index.ts";
import {
  BackwardBits,
  constantTable,
  damaged,
  type FseTable,
  type HuffmanTable,
  readFseTable,
  readHuffman,
  readHuffmanTable,
  ZstdDamage,
} from "./zstd-entropy.ts";
import { KINDS, type KindName, LITERAL_BITS, LITERAL_LEASTS, MATCH_BITS, MATCH_LEASTS } from "./zstd-tables.ts";

const MAGIC = 0xfd2fb528;
const SKIPPED = 0x184d2a50;
const MOST_BLOCK = 1 << 17;
/** As `zstd` has it without --ultra --long=28 and beyond. */
const MOST_WINDOW = 1 << 27;
const FIRST_BYTES = 1 << 20;

interface Frame {
  readonly window: number;
  readonly checksum: boolean;
  /** What blocks have in common. */
  readonly tables: { [K in KindName]?: FseTable };
  huffman: HuffmanTable | undefined;
  readonly repeated: [number, number, number];
}

export class ZstdReader {
  readonly #what: string;
  #rest: Uint8Array = new Uint8Array(0);
  #at = 0;
  #frame: Frame | undefined;
  #skip = 0;
  #last = false;
  #began = false;
  /** What was unpacked, as far back as it is asked for again. */
  #out: Uint8Array = new Uint8Array(FIRST_BYTES);
  #end = 0;
  readonly #literals = new Uint8Array(MOST_BLOCK);

  /** `what` the file is called in what is said of its damage. */
  constructor(what: string) {
    this.#what = what;
  }

  /** What the bytes so far hold; each piece is another by the time of the next. Throws FormatError. */
  *read(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = 0;
    try {
      for (;;) {
        const size = this.#size(all, at);
        if (size === undefined || at + size > all.length) break;
        const made = this.#take(all, at, size);
        at += size;
        this.#at += size;
        if (made > 0) yield this.#out.subarray(this.#end - made, this.#end);
      }
    } catch (error) {
      if (error instanceof ZstdDamage) throw new FormatError(this.#what, error.message, this.#at);
      throw error;
    } finally {
      this.#rest = all.slice(at);
    }
  }

  /** The file is at its end. Throws FormatError where that is within a frame. */
  end(): void {
    if (this.#began && this.#frame === undefined && this.#skip === 0 && this.#rest.length === 0) return;
    throw new FormatError(this.#what, "it ends within what zstd has packed", this.#at);
  }

  /** Bytes of what comes next; undefined where too few have come to know. */
  #size(bytes: Uint8Array, at: number): number | undefined {
    const left = bytes.length - at;
    if (this.#skip > 0) return left === 0 ? undefined : Math.min(this.#skip, left);
    if (this.#frame === undefined) {
      if (left < 5) return undefined;
      if ((wordAt(bytes, at) & 0xfffffff0) >>> 0 === SKIPPED) return 8;
      return headerBytes(bytes[at + 4] as number);
    }
    if (this.#last) return 4;
    if (left < 3) return undefined;
    const { type, size } = blockHeader(bytes, at);
    return 3 + (type === 1 ? 1 : size);
  }

  /** Gives bytes that were unpacked. */
  #take(bytes: Uint8Array, at: number, size: number): number {
    if (this.#skip > 0) {
      this.#skip -= size;
      return 0;
    }
    if (this.#frame === undefined) {
      this.#began = true;
      const magic = wordAt(bytes, at);
      if ((magic & 0xfffffff0) >>> 0 === SKIPPED) this.#skip = wordAt(bytes, at + 4);
      else if (magic === MAGIC) this.#frame = frameOf(bytes, at + 4);
      else damaged("a frame of zstd does not begin here");
      return 0;
    }
    if (this.#last) {
      this.#finish();
      return 0;
    }
    const { last, type, size: content } = blockHeader(bytes, at);
    if (content > MOST_BLOCK) damaged(`a block has ${content} bytes`);
    const before = this.#reserve();
    if (type === 0) this.#put(bytes.subarray(at + 3, at + 3 + content));
    else if (type === 1) {
      this.#out.fill(bytes[at + 3] as number, this.#end, this.#end + content);
      this.#end += content;
    } else if (type === 2) this.#block(this.#frame, bytes, at + 3, at + 3 + content);
    else damaged("a block is of no kind");
    const made = this.#end - before;
    if (last && this.#frame.checksum) this.#last = true;
    else if (last) this.#finish();
    return made;
  }

  #finish(): void {
    this.#frame = undefined;
    this.#last = false;
  }

  #put(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Makes room for a block. What lies further back than the window is let go. Gives where the block begins. */
  #reserve(): number {
    if (this.#end + MOST_BLOCK <= this.#out.length) return this.#end;
    const { window } = this.#frame as Frame;
    const kept = Math.min(this.#end, window);
    if (kept + MOST_BLOCK + FIRST_BYTES / 2 > this.#out.length) {
      const larger = new Uint8Array(Math.min(this.#out.length * 2, window) + MOST_BLOCK + FIRST_BYTES);
      larger.set(this.#out.subarray(this.#end - kept, this.#end));
      this.#out = larger;
    } else this.#out.copyWithin(0, this.#end - kept, this.#end);
    this.#end = kept;
    return kept;
  }

  #block(frame: Frame, bytes: Uint8Array, start: number, end: number): void {
    const literals = this.#readLiterals(frame, bytes, start, end);
    let at = literals.end;
    if (at >= end) damaged("a block has no sequences");
    let count = bytes[at++] as number;
    if (count === 255) {
      count = (bytes[at] ?? 0) + ((bytes[at + 1] ?? 0) << 8) + 0x7f00;
      at += 2;
    } else if (count >= 128) count = ((count - 128) << 8) + (bytes[at++] ?? 0);
    if (count === 0) {
      this.#put(this.#literals.subarray(0, literals.count));
      return;
    }
    const modes = bytes[at++] ?? damaged("a block is cut short");
    if ((modes & 3) !== 0) damaged("a block has modes that are not known");
    const table = (kind: KindName, mode: number): FseTable => {
      const made = this.#table(frame, kind, mode, bytes, at, end);
      at = made.end;
      frame.tables[kind] = made.table;
      return made.table;
    };
    const lengths = table("literals", modes >> 6);
    const offsets = table("offsets", (modes >> 4) & 3);
    const matches = table("matches", (modes >> 2) & 3);
    this.#sequences(frame, { lengths, offsets, matches }, new BackwardBits(bytes, at, end), count, literals.count);
  }

  #table(
    frame: Frame,
    kind: KindName,
    mode: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): { readonly table: FseTable; readonly end: number } {
    const { usual, mostAccuracy, symbols } = KINDS[kind];
    if (mode === 0) return { table: usual, end: at };
    if (mode === 2) return readFseTable(bytes, at, end, mostAccuracy, symbols);
    if (mode === 3)
      return { table: frame.tables[kind] ?? damaged("a table is repeated that was never there"), end: at };
    const symbol = at < end ? (bytes[at] as number) : damaged("a block is cut short");
    if (symbol >= symbols) damaged("a table has a symbol that is none");
    return { table: constantTable(symbol), end: at + 1 };
  }

  /** Reads the literals of a block; how many there are, and where they end. */
  #readLiterals(
    frame: Frame,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): { readonly count: number; readonly end: number } {
    const byte = (i: number): number =>
      start + i < end ? (bytes[start + i] as number) : damaged("a block is cut short");
    const head = byte(0);
    const [type, format] = [head & 3, (head >> 2) & 3];
    if (type < 2) {
      const size = (format & 1) === 0 ? 1 : format === 1 ? 2 : 3;
      const count =
        size === 1
          ? head >> 3
          : size === 2
            ? (head >> 4) + (byte(1) << 4)
            : (head >> 4) + (byte(1) << 4) + (byte(2) << 12);
      const at = start + size;
      const close = at + (type === 1 ? 1 : count);
      if (count > MOST_BLOCK || close > end) damaged("literals are cut short");
      if (type === 1) this.#literals.fill(bytes[at] as number, 0, count);
      else this.#literals.set(bytes.subarray(at, close));
      return { count, end: close };
    }
    const bits = format < 2 ? 10 : format === 2 ? 14 : 18;
    const size = format < 2 ? 3 : format === 2 ? 4 : 5;
    let number = 0;
    for (let i = size - 1; i >= 0; i--) number = number * 256 + byte(i);
    const count = Math.floor(number / 16) % 2 ** bits;
    const packed = Math.floor(number / 2 ** (4 + bits));
    let at = start + size;
    const close = at + packed;
    if (count > MOST_BLOCK || close > end) damaged("literals are cut short");
    if (type === 2) {
      const tree = readHuffmanTable(bytes, at, close);
      frame.huffman = tree.table;
      at = tree.end;
    }
    const table = frame.huffman ?? damaged("a tree is repeated that was never there");
    if (format === 0) readHuffman(table, new BackwardBits(bytes, at, close), this.#literals, 0, count);
    else this.#fourStreams(table, bytes, at, close, count);
    return { count, end: close };
  }

  #fourStreams(table: HuffmanTable, bytes: Uint8Array, at: number, end: number, count: number): void {
    if (at + 6 > end) damaged("literals are cut short");
    const sizes = [0, 2, 4].map((i) => (bytes[at + i] as number) | ((bytes[at + i + 1] as number) << 8));
    const part = (count + 3) >> 2;
    let from = at + 6;
    for (let i = 0; i < 4; i++) {
      const to = i < 3 ? from + (sizes[i] as number) : end;
      const own = i < 3 ? part : count - 3 * part;
      if (to > end || own < 0) damaged("literals are cut short");
      readHuffman(table, new BackwardBits(bytes, from, to), this.#literals, i * part, own);
      from = to;
    }
  }

  /** Copies literals, and what was there before, by turns. */
  #sequences(
    { repeated, window }: Frame,
    { lengths, offsets, matches }: Readonly<Record<"lengths" | "offsets" | "matches", FseTable>>,
    bits: BackwardBits,
    count: number,
    literals: number,
  ): void {
    const out = this.#out;
    const begin = this.#end;
    let to = begin;
    let literal = 0;
    let length = bits.read(lengths.accuracy);
    let offset = bits.read(offsets.accuracy);
    let match = bits.read(matches.accuracy);
    for (let i = 0; i < count; i++) {
      const offsetCode = offsets.symbols[offset] as number;
      const value = 2 ** offsetCode + bits.read(offsetCode);
      const matchCode = matches.symbols[match] as number;
      const matched = (MATCH_LEASTS[matchCode] as number) + bits.read(MATCH_BITS[matchCode] as number);
      const lengthCode = lengths.symbols[length] as number;
      const copied = (LITERAL_LEASTS[lengthCode] as number) + bits.read(LITERAL_BITS[lengthCode] as number);
      if (i + 1 < count) {
        length = (lengths.bases[length] as number) + bits.read(lengths.bits[length] as number);
        match = (matches.bases[match] as number) + bits.read(matches.bits[match] as number);
        offset = (offsets.bases[offset] as number) + bits.read(offsets.bits[offset] as number);
      }
      if (bits.left < 0) damaged("sequences are cut short");
      const back = backwards(repeated, value, copied);
      if (literal + copied > literals || to + copied + matched - begin > MOST_BLOCK) damaged("sequences are too long");
      for (let n = 0; n < copied; n++) out[to + n] = this.#literals[literal + n] as number;
      to += copied;
      literal += copied;
      if (back <= 0 || back > to || back > Math.max(window, MOST_BLOCK)) damaged("a sequence leads before the start");
      // What is copied may overlap what it is copied to: byte for byte.
      for (let n = 0; n < matched; n++) out[to + n] = out[to + n - back] as number;
      to += matched;
    }
    if (bits.left !== 0) damaged("sequences do not end where they should");
    if (to + literals - literal - begin > MOST_BLOCK) damaged("a block is too long");
    out.set(this.#literals.subarray(literal, literals), to);
    this.#end = to + literals - literal;
  }
}

/** How far back a sequence leads; the last three distances have short names. */
function backwards(repeated: [number, number, number], value: number, copied: number): number {
  const [first, second, third] = repeated;
  let back: number;
  if (value > 3) {
    back = value - 3;
    repeated[2] = second;
    repeated[1] = first;
  } else {
    const which = value - 1 + (copied === 0 ? 1 : 0);
    if (which === 0) return first;
    back = which === 1 ? second : which === 2 ? third : first - 1;
    if (which !== 1) repeated[2] = second;
    repeated[1] = first;
  }
  repeated[0] = back;
  return back;
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;

function blockHeader(
  bytes: Uint8Array,
  at: number,
): { readonly last: boolean; readonly type: number; readonly size: number } {
  const head = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return { last: (head & 1) !== 0, type: (head >> 1) & 3, size: head >> 3 };
}

const DICTIONARY_BYTES = [0, 1, 2, 4] as const;

const sizeBytes = (descriptor: number): number =>
  descriptor >> 6 === 0 ? ((descriptor & 0x20) !== 0 ? 1 : 0) : 1 << (descriptor >> 6);

/** Bytes of a frame's header, its magic number with it. */
const headerBytes = (descriptor: number): number =>
  5 + ((descriptor & 0x20) !== 0 ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] ?? 0) + sizeBytes(descriptor);

/** A frame by its header behind the magic number. */
function frameOf(bytes: Uint8Array, start: number): Frame {
  const descriptor = bytes[start] as number;
  if ((descriptor & 0x08) !== 0) damaged("a frame is of another version");
  let at = start + 1;
  let window = 0;
  const single = (descriptor & 0x20) !== 0;
  if (!single) {
    const byte = bytes[at++] as number;
    const base = 2 ** (10 + (byte >> 3));
    window = base + (base / 8) * (byte & 7);
  }
  const dictionary = DICTIONARY_BYTES[descriptor & 3] ?? 0;
  for (let i = 0; i < dictionary; i++)
    if (bytes[at + i] !== 0) damaged("it is packed with a dictionary, which is not here");
  at += dictionary;
  if (single) {
    const count = sizeBytes(descriptor);
    for (let i = count - 1; i >= 0; i--) window = window * 256 + (bytes[at + i] as number);
    if (count === 2) window += 256;
  }
  if (window > MOST_WINDOW) damaged(`it needs ${window} bytes at once to be unpacked`);
  return { window, checksum: (descriptor & 4) !== 0, tables: {}, huffman: undefined, repeated: [1, 4, 8] };
}
