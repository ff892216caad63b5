// The two codes of Zstandard (RFC 8878, 4): FSE, whose states are rows of a table, and Huffman's, read from the end of their bits.

/** Thrown for bytes that are none of this format; who reads knows where. */
export class ZstdDamage extends Error {}

export function damaged(reason: string): never {
  throw new ZstdDamage(reason);
}

const highestBit = (value: number): number => 31 - Math.clz32(value);

/** Bits that are read from their end: the last byte has a mark before which the first of them stands. */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  /** Bits that are left; below 0 where more were read than there were. */
  left: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? (bytes[end - 1] as number) : 0;
    if (last === 0) damaged("bits have no end");
    this.#bytes = bytes;
    this.#start = start;
    this.left = (end - start - 1) * 8 + highestBit(last);
  }

  /** The next bits without reading them, 24 at most; zeros behind the last. */
  peek(count: number): number {
    let at = this.left - count;
    let wanted = count;
    let shift = 0;
    if (at < 0) {
      shift = -at;
      wanted += at;
      at = 0;
      if (wanted <= 0) return 0;
    }
    const byte = this.#start + (at >>> 3);
    const bytes = this.#bytes;
    const word =
      ((bytes[byte] as number) |
        ((bytes[byte + 1] ?? 0) << 8) |
        ((bytes[byte + 2] ?? 0) << 16) |
        ((bytes[byte + 3] ?? 0) << 24)) >>>
      (at & 7);
    return (word & ((1 << wanted) - 1)) << shift;
  }

  /** The next bits, 32 at most. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return high * 0x10000 + this.read(16);
    }
    const value = this.peek(count);
    this.left -= count;
    return value;
  }
}

export interface FseTable {
  readonly accuracy: number;
  /** By state: the symbol, bits to read for the next state, and what they are added to. */
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** A table by how often each symbol comes; -1: less than once. */
export function fseTable(counts: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  const next = counts.map((count) => Math.abs(count));
  let high = size;
  counts.forEach((count, symbol) => {
    if (count === -1) symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  });
  if (at !== 0) damaged("a table does not add up");
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const order = next[symbol] as number;
    next[symbol] = order + 1;
    bits[state] = accuracy - highestBit(order);
    bases[state] = (order << (bits[state] as number)) - size;
  }
  return { accuracy, symbols, bits, bases };
}

/** The table of a single symbol. */
export const constantTable = (symbol: number): FseTable => ({
  accuracy: 0,
  symbols: Uint8Array.of(symbol),
  bits: new Uint8Array(1),
  bases: new Uint16Array(1),
});

/** A table as it is written, from a byte on; where it ends. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  mostAccuracy: number,
  mostSymbols: number,
): { readonly table: FseTable; readonly end: number } {
  let bit = start * 8;
  const take = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, bit++) value |= (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1) << i;
    return value;
  };
  const accuracy = take(4) + 5;
  if (accuracy > mostAccuracy) damaged("a table is too large");
  const counts: number[] = [];
  for (let left = 1 << accuracy; left > 0; ) {
    if (counts.length >= mostSymbols || bit > end * 8) damaged("a table has no end");
    const width = highestBit(left + 1) + 1;
    let value = take(width);
    const lower = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 1 - (left + 1);
    if ((value & lower) < threshold) {
      bit--;
      value &= lower;
    } else if (value > lower) value -= threshold;
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (left < 0) damaged("a table does not add up");
    if (count !== 0) continue;
    for (let zeros = 3; zeros === 3; ) {
      zeros = take(2);
      for (let i = 0; i < zeros; i++) counts.push(0);
      if (counts.length > mostSymbols) damaged("a table has too many symbols");
    }
  }
  const close = (bit + 7) >> 3;
  if (close > end || counts.length > mostSymbols) damaged("a table has no end");
  return { table: fseTable(counts, accuracy), end: close };
}

export interface HuffmanTable {
  /** Bits of the longest code; by so many bits: the symbol, and how long its code is. */
  readonly most: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const MOST_CODE = 11;

/** A tree as it is written, from a byte on; where it ends. */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly table: HuffmanTable; readonly end: number } {
  const head = bytes[start] ?? damaged("a tree is not there");
  if (start >= end) damaged("a tree is not there");
  if (head >= 128) {
    const count = head - 127;
    const close = start + 1 + ((count + 1) >> 1);
    if (close > end) damaged("a tree is cut short");
    const weights = Array.from({ length: count }, (_, i) => {
      const byte = bytes[start + 1 + (i >> 1)] as number;
      return i % 2 === 0 ? byte >> 4 : byte & 15;
    });
    return { table: huffmanTable(weights), end: close };
  }
  const close = start + 1 + head;
  if (close > end) damaged("a tree is cut short");
  const { table, end: bitsFrom } = readFseTable(bytes, start + 1, close, 6, 256);
  return { table: huffmanTable(readWeights(table, new BackwardBits(bytes, bitsFrom, close))), end: close };
}

/** Two states take turns until there are no more bits. */
function readWeights({ accuracy, symbols, bits, bases }: FseTable, from: BackwardBits): number[] {
  const weights: number[] = [];
  const states = [from.read(accuracy), from.read(accuracy)] as [number, number];
  if (from.left < 0) damaged("weights are cut short");
  for (let turn: 0 | 1 = 0; ; turn = turn === 0 ? 1 : 0) {
    const state = states[turn];
    weights.push(symbols[state] as number);
    if (weights.length > 255) damaged("there are too many weights");
    const count = bits[state] as number;
    if (from.left < count) {
      weights.push(symbols[states[turn === 0 ? 1 : 0]] as number);
      return weights;
    }
    states[turn] = (bases[state] as number) + from.read(count);
  }
}

function huffmanTable(weights: number[]): HuffmanTable {
  const sum = weights.reduce((total, weight) => total + (weight === 0 ? 0 : 2 ** (weight - 1)), 0);
  if (sum === 0 || weights.some((weight) => weight > MOST_CODE + 1)) damaged("a tree does not add up");
  const most = highestBit(sum) + 1;
  const left = 2 ** most - sum;
  // The last weight is what is left.
  if (most > MOST_CODE || (left & (left - 1)) !== 0 || weights.length > 255) damaged("a tree does not add up");
  const all = [...weights, highestBit(left) + 1];
  const symbols = new Uint8Array(1 << most);
  const bits = new Uint8Array(1 << most);
  let at = 0;
  for (let weight = 1; weight <= most; weight++) {
    all.forEach((own, symbol) => {
      if (own !== weight) return;
      const size = 1 << (weight - 1);
      symbols.fill(symbol, at, at + size);
      bits.fill(most + 1 - weight, at, at + size);
      at += size;
    });
  }
  if (at !== 1 << most) damaged("a tree does not add up");
  return { most, symbols, bits };
}

/** Reads so many symbols of a stream, which must end with them. */
export function readHuffman(
  { most, symbols, bits }: HuffmanTable,
  from: BackwardBits,
  out: Uint8Array,
  start: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const entry = from.peek(most);
    out[start + i] = symbols[entry] as number;
    from.left -= bits[entry] as number;
    if (from.left < 0) damaged("literals are cut short");
  }
  if (from.left !== 0) damaged("literals do not end where they should");
}
