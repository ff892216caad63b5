// The symbol tables of an ELF file, read where they lie: 100,000 symbols cost nothing until one is asked for by name,
// by address or by pattern.
//
//     64 bits: u32 name, u8 info (bind << 4 | type), u8 other, u16 section, u64 value, u64 size      24 bytes
//     32 bits: u32 name, u32 value, u32 size, u8 info, u8 other, u16 section                          16 bytes

export type SymbolType = "notype" | "object" | "func" | "section" | "file" | "common" | "tls" | "ifunc" | "other";
const TYPES: readonly SymbolType[] = [
  "notype",
  "object",
  "func",
  "section",
  "file",
  "common",
  "tls",
  "other",
  "other",
  "other",
  "ifunc",
];

export type SymbolBind = "local" | "global" | "weak" | "other";
const BINDS: readonly SymbolBind[] = ["local", "global", "weak"];

export interface ElfSymbol {
  readonly name: string;
  /** An address, or in a relocatable file an offset in its section. */
  readonly value: number;
  /** Bytes; 0 where it is not known. */
  readonly size: number;
  readonly type: SymbolType;
  readonly bind: SymbolBind;
  /** Index of its section; 0: not defined here; 0xfff1: absolute. */
  readonly section: number;
  /** Known only to those that are linked together (`STV_INTERNAL`, `STV_HIDDEN`). */
  readonly hidden: boolean;
  /** True when it comes from .dynsym. */
  readonly dynamic: boolean;
}

/** A symbol table and its strings, as their sections hold them. */
export interface SymbolSource {
  readonly table: Uint8Array;
  readonly strings: Uint8Array;
  readonly wide: boolean;
  readonly dynamic: boolean;
}

class Table {
  readonly source: SymbolSource;
  /** The table as words: 6 a symbol in 64 bits, 4 in 32. */
  readonly words: Uint32Array;
  readonly step: number;
  readonly count: number;
  #text: string | undefined;

  constructor(source: SymbolSource) {
    this.source = source;
    this.step = source.wide ? 6 : 4;
    const { table } = source;
    this.count = Math.floor(table.length / 4 / this.step);
    const length = this.count * this.step;
    this.words =
      table.byteOffset % 4 === 0
        ? new Uint32Array(table.buffer, table.byteOffset, length)
        : new Uint32Array(table.slice(0, length * 4).buffer);
  }

  /** info | other << 8 | section << 16 */
  flags(index: number): number {
    return this.words[index * this.step + (this.source.wide ? 1 : 3)] as number;
  }
  value(index: number): number {
    const at = index * this.step;
    return this.source.wide
      ? (this.words[at + 2] as number) + (this.words[at + 3] as number) * 2 ** 32
      : (this.words[at + 1] as number);
  }
  size(index: number): number {
    const at = index * this.step;
    return this.source.wide
      ? (this.words[at + 4] as number) + (this.words[at + 5] as number) * 2 ** 32
      : (this.words[at + 2] as number);
  }

  /** The strings as one text with one character a byte, for native search. */
  text(): string {
    if (this.#text === undefined) {
      const bytes = this.source.strings;
      const text = new TextDecoder().decode(bytes);
      this.#text = text.length === bytes.length ? text : new TextDecoder("latin1").decode(bytes);
    }
    return this.#text;
  }
  name(index: number): string {
    const start = this.words[index * this.step] as number;
    const text = this.text();
    const end = text.indexOf("\0", start);
    return text.slice(start, end < 0 ? undefined : end);
  }
  symbol(index: number, name = this.name(index)): ElfSymbol {
    const flags = this.flags(index);
    return {
      name,
      value: this.value(index),
      size: this.size(index),
      type: TYPES[flags & 15] ?? "other",
      bind: BINDS[(flags >>> 4) & 15] ?? "other",
      section: flags >>> 16,
      hidden: ((flags >>> 8) & 3) === 1 || ((flags >>> 8) & 3) === 2,
      dynamic: this.source.dynamic,
    };
  }
}

const FUNCTION = (1 << 2) | (1 << 10);

export class ElfSymbols {
  readonly #tables: readonly Table[];
  /** Defined functions by ascending address: table number and index, made on the first question by address. */
  #byAddress: { readonly starts: Float64Array; readonly where: Uint32Array } | undefined;

  constructor(sources: readonly SymbolSource[]) {
    this.#tables = sources.map((source) => new Table(source));
  }

  /** Entries of all tables, undefined symbols and the empty first ones included. */
  get count(): number {
    return this.#tables.reduce((sum, table) => sum + table.count, 0);
  }

  /** Every entry in order, .symtab's first. */
  *[Symbol.iterator](): IterableIterator<ElfSymbol> {
    for (const table of this.#tables) for (let index = 0; index < table.count; index++) yield table.symbol(index);
  }

  /** The symbol at an index of .symtab (or of .dynsym where that is the only table), as relocations name it. */
  at(index: number): ElfSymbol | undefined {
    const table = this.#tables[0];
    return table === undefined || index >= table.count ? undefined : table.symbol(index);
  }

  /** The defined symbol with this name; a global one before a weak one before a local one, .symtab before .dynsym. */
  find(name: string): ElfSymbol | undefined {
    if (name === "") return undefined;
    const wanted = new TextEncoder().encode(name);
    const length = wanted.length;
    const first = wanted[0];
    const last = wanted[length - 1];
    for (const table of this.#tables) {
      const { words, step, count } = table;
      // Every symbol's name is compared where it lies: a name may share the tail of a longer one, and this way the
      // strings need not be decoded.
      const { strings } = table.source;
      let best = -1;
      let bestRank = 9;
      for (let index = 0; index < count; index++) {
        const at = words[index * step] as number;
        if (strings[at + length] !== 0 || strings[at] !== first || strings[at + length - 1] !== last) continue;
        let same = true;
        for (let i = 1; same && i < length - 1; i++) same = strings[at + i] === wanted[i];
        if (!same) continue;
        const flags = table.flags(index);
        if (flags >>> 16 === 0) continue;
        const bind = (flags >>> 4) & 15;
        const rank = bind === 1 ? 0 : bind === 2 ? 1 : 2;
        if (rank < bestRank) {
          best = index;
          bestRank = rank;
        }
      }
      if (best >= 0) return table.symbol(best);
    }
    return undefined;
  }

  /** Defined functions whose name the expression matches, each address and name once, by ascending address. */
  functions(expression: RegExp): ElfSymbol[] {
    const found: ElfSymbol[] = [];
    // Of most names there is one; those of static functions may stand for several.
    const seen = new Map<string, number | Set<number>>();
    for (const table of this.#tables) {
      for (let index = 0; index < table.count; index++) {
        if (!isFunction(table, index)) continue;
        const name = table.name(index);
        expression.lastIndex = 0;
        if (!expression.test(name)) continue;
        const value = table.value(index);
        const before = seen.get(name);
        if (before === undefined) seen.set(name, value);
        else if (typeof before === "number") {
          if (before === value) continue;
          seen.set(name, new Set([before, value]));
        } else if (before.has(value)) continue;
        else before.add(value);
        found.push(table.symbol(index, name));
      }
    }
    return found.sort((a, b) => a.value - b.value);
  }

  /** The names of defined functions, each once, as the tables have them; `wanted` is asked with the address. */
  functionNames(expression: RegExp, wanted: (address: number) => boolean): Set<string> {
    const names = new Set<string>();
    for (const table of this.#tables) {
      for (let index = 0; index < table.count; index++) {
        if (!isFunction(table, index)) continue;
        const name = table.name(index);
        expression.lastIndex = 0;
        if (expression.test(name) && wanted(table.value(index))) names.add(name);
      }
    }
    return names;
  }

  /** The function that an address lies in; one without a size reaches up to the next. */
  covering(address: number): ElfSymbol | undefined {
    const { starts, where } = (this.#byAddress ??= this.#sort());
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= address) low = middle + 1;
      else high = middle;
    }
    // Among aliases at one address, the one that reaches far enough and is global.
    let best: ElfSymbol | undefined;
    const start = starts[low - 1];
    for (let at = low - 1; at >= 0 && starts[at] === start; at--) {
      const packed = where[at] as number;
      const symbol = (this.#tables[packed & 1] as Table).symbol(packed >>> 1);
      if (symbol.size !== 0 && address >= symbol.value + symbol.size) continue;
      if (
        best === undefined ||
        (best.bind !== "global" && symbol.bind === "global") ||
        (best.size === 0 && symbol.size !== 0)
      )
        best = symbol;
    }
    return best;
  }

  #sort(): { starts: Float64Array; where: Uint32Array } {
    const entries: number[] = [];
    let highest = 0;
    this.#tables.forEach((table, number) => {
      for (let index = 0; index < table.count; index++) {
        if (!isFunction(table, index)) continue;
        entries.push(index * 2 + number);
        highest = Math.max(highest, table.value(index));
      }
    });
    const address = (packed: number): number => (this.#tables[packed & 1] as Table).value(packed >>> 1);
    let where: Uint32Array;
    if (highest < 2 ** 40 && entries.every((packed) => packed < 2 ** 24)) {
      // Address and entry in one 64-bit number, since sorting numbers without a comparison function is native.
      const keys = new BigUint64Array(entries.length);
      const halves = new Uint32Array(keys.buffer);
      entries.forEach((packed, i) => {
        const value = address(packed);
        halves[i * 2] = ((value % 256) << 24) | packed;
        halves[i * 2 + 1] = Math.floor(value / 256);
      });
      keys.sort();
      where = Uint32Array.from(entries, (_, i) => (halves[i * 2] as number) & 0xffffff);
    } else {
      where = Uint32Array.from(entries).sort((a, b) => address(a) - address(b));
    }
    return { starts: Float64Array.from(where, address), where };
  }
}

function isFunction(table: Table, index: number): boolean {
  const flags = table.flags(index);
  return flags >>> 16 !== 0 && ((FUNCTION >>> (flags & 15)) & 1) === 1;
}
