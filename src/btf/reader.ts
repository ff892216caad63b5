// Reads BTF lazily. Opening checks the header only. The first question makes one tight scan over the type section that
// notes where each type begins (the kernel's: 126,000 types); a name is searched in the strings first, as text, and then
// by its offset among the types, so that asking for one struct decodes one struct.

import { ByteReader, FormatError } from "../source/index.ts";
import { decodeType } from "./decode.ts";
import { globExpression } from "./glob.ts";
import { KIND_NUMBERS, KINDS } from "./layout.ts";
import type { Btf, BtfEntry, BtfField, BtfKind, BtfMember, BtfType } from "./types.ts";
import { fieldOf, membersOf, resolveType, sizeOfType } from "./walk.ts";

export interface OpenBtfOptions {
  /** For split BTF: what ids and strings continue from. */
  readonly base?: Btf;
  /** What `exportIndex` gave for the same bytes; another one's is refused. */
  readonly index?: Uint8Array;
}

const MAGIC = 0xeb9f;
const MAGIC_SWAPPED = 0x9feb;
const VOID: BtfType = { kind: "void", id: 0, name: "void" };

/** Opens BTF; throws FormatError where the header makes no sense. The bytes must not change afterwards. */
export function openBtf(bytes: Uint8Array, options: OpenBtfOptions = {}): Btf {
  return new Reader(bytes, options);
}

class Reader implements Btf {
  readonly bytes: Uint8Array;
  readonly base?: Btf;
  readonly firstId: number;
  readonly pointerSize = 8;
  /** The type section as words. */
  readonly #words: Uint32Array;
  /** Where that begins, in bytes. */
  readonly #typeStart: number;
  readonly #stringBytes: Uint8Array;
  /** Offset that the first string of this BTF has: 0, or the length of the base's strings. */
  readonly #firstString: number;
  #text: string | undefined;
  #offsets: Uint32Array | undefined;
  readonly #types = new Map<number, BtfType>();
  /** What was searched before, by kinds and name: the first type, and all of them. */
  readonly #first = new Map<string, number | undefined>();
  readonly #each = new Map<string, readonly number[]>();

  constructor(bytes: Uint8Array, options: OpenBtfOptions) {
    this.bytes = bytes;
    const reader = new ByteReader(bytes, "BTF");
    const magic = reader.u16();
    if (magic !== MAGIC)
      throw new FormatError("BTF", magic === MAGIC_SWAPPED ? "big endian is not supported" : "no magic number");
    const version = reader.u8();
    if (version !== 1) throw new FormatError("BTF", `version ${version} is not supported`);
    const header = reader.seek(4).u32();
    const typeStart = header + reader.u32();
    const typeBytes = reader.u32();
    const stringStart = header + reader.u32();
    const stringBytes = reader.u32();
    if (header < 24 || typeStart + typeBytes > bytes.length || stringStart + stringBytes > bytes.length)
      throw reader.damage("a section goes beyond the end", 4);
    if (typeBytes % 4 !== 0) throw reader.damage("the type section is no whole number of words", 12);
    this.#typeStart = typeStart;
    const place = bytes.byteOffset + typeStart;
    this.#words =
      place % 4 === 0
        ? new Uint32Array(bytes.buffer, place, typeBytes / 4)
        : new Uint32Array(bytes.slice(typeStart, typeStart + typeBytes).buffer);
    this.#stringBytes = bytes.subarray(stringStart, stringStart + stringBytes);
    if (options.base === undefined) {
      this.firstId = 1;
      this.#firstString = 0;
    } else {
      this.base = options.base;
      this.firstId = options.base.count;
      this.#firstString = stringSectionEnd(options.base);
    }
    if (options.index !== undefined) this.#offsets = this.#importIndex(options.index);
  }

  get count(): number {
    return this.firstId + this.#index().length;
  }

  /** Where each own type begins, in words from the start of the type section. */
  #index(): Uint32Array {
    if (this.#offsets !== undefined) return this.#offsets;
    const words = this.#words;
    const end = words.length;
    // No type is shorter than three words.
    const offsets = new Uint32Array(Math.ceil(end / 3));
    const fixed = new Uint8Array(32).fill(255);
    const each = new Uint8Array(32);
    KINDS.forEach((layout, kind) => {
      if (kind === 0) return;
      fixed[kind] = layout.fixed + 3;
      each[kind] = layout.each;
    });
    let count = 0;
    let at = 0;
    while (at < end) {
      offsets[count++] = at;
      const info = words[at + 1] as number;
      const kind = (info >>> 24) & 31;
      const size = fixed[kind] as number;
      if (size === 255)
        throw this.#damage(`type ${this.firstId + count - 1} is of unknown kind ${kind}`, offsets[count - 1]);
      at += size + (each[kind] as number) * (info & 0xffff);
    }
    if (at !== end) throw this.#damage("the last type goes beyond the end of the type section", offsets[count - 1]);
    this.#offsets = offsets.subarray(0, count);
    return this.#offsets;
  }

  /** `at`: in words from the start of the type section. */
  #damage(reason: string, at = 0): FormatError {
    return new FormatError("BTF", reason, this.#typeStart + at * 4);
  }

  exportIndex(): Uint8Array {
    const offsets = this.#index();
    const out = new Uint32Array(offsets.length + 2);
    out[0] = this.#words.length;
    out[1] = this.#stringBytes.length;
    out.set(offsets, 2);
    return new Uint8Array(out.buffer);
  }

  #importIndex(index: Uint8Array): Uint32Array {
    const words = new Uint32Array(
      index.byteOffset % 4 === 0 && index.length % 4 === 0 ? index.buffer : index.slice(0, index.length & ~3).buffer,
      index.byteOffset % 4 === 0 && index.length % 4 === 0 ? index.byteOffset : 0,
      index.length >> 2,
    );
    if (words[0] !== this.#words.length || words[1] !== this.#stringBytes.length) {
      throw new FormatError("BTF", "the saved index belongs to other bytes");
    }
    return words.subarray(2);
  }

  // --- strings --------------------------------------------------------------------------------------------------

  /** All strings as one text, in which offsets count as in the bytes: decoding and searching it are native and fast. */
  #strings(): string {
    if (this.#text === undefined) {
      let text = new TextDecoder().decode(this.#stringBytes);
      // Names are C identifiers; should anything else stand among them, keep one character a byte.
      if (text.length !== this.#stringBytes.length) {
        const parts: string[] = [];
        for (let at = 0; at < this.#stringBytes.length; at += 8192) {
          parts.push(String.fromCharCode(...this.#stringBytes.subarray(at, at + 8192)));
        }
        text = parts.join("");
      }
      this.#text = text;
    }
    return this.#text;
  }

  string(offset: number): string {
    if (offset === 0) return "";
    if (offset < this.#firstString) return (this.base as Btf).string(offset);
    const start = offset - this.#firstString;
    const bytes = this.#stringBytes;
    if (start >= bytes.length) throw new FormatError("BTF", `string offset ${offset} is beyond the end`);
    let end = start;
    let ascii = true;
    while (end < bytes.length && bytes[end] !== 0) if ((bytes[end++] as number) >= 128) ascii = false;
    if (!ascii) return new TextDecoder().decode(bytes.subarray(start, end));
    let text = "";
    for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
    return text;
  }

  /**
   * The offsets at which this BTF's strings hold the text. Writers store equal strings once, so a whole string is
   * enough; where there is none, it may be the end of another.
   */
  #offsetsOf(name: string): number[] {
    const text = this.#strings();
    const wanted = /^[\x01-\x7f]*$/.test(name) ? name : String.fromCharCode(...new TextEncoder().encode(name));
    const whole = text.indexOf(`\0${wanted}\0`);
    if (whole >= 0) return [whole + 1 + this.#firstString];
    const found: number[] = [];
    for (let at = text.indexOf(`${wanted}\0`); at >= 0; at = text.indexOf(`${wanted}\0`, at + 1))
      found.push(at + this.#firstString);
    return found;
  }

  // --- types ----------------------------------------------------------------------------------------------------

  #place(id: number): number {
    const at = this.#index()[id - this.firstId];
    if (at === undefined) throw new FormatError("BTF", `there is no type ${id} (ids end at ${this.count - 1})`);
    return at;
  }

  #word(at: number): number {
    return this.#words[at] as number;
  }

  name(id: number): string {
    if (id === 0) return "void";
    if (id < this.firstId) return (this.base as Btf).name(id);
    return this.string(this.#word(this.#place(id)));
  }

  kind(id: number): BtfKind {
    if (id === 0) return "void";
    if (id < this.firstId) return (this.base as Btf).kind(id);
    return (KINDS[(this.#word(this.#place(id) + 1) >>> 24) & 31] as { kind: BtfKind }).kind;
  }

  type(id: number): BtfType {
    if (id === 0) return VOID;
    if (id < this.firstId) return (this.base as Btf).type(id);
    let type = this.#types.get(id);
    if (type === undefined)
      this.#types.set(id, (type = decodeType(this.#words, this.#place(id), id, (at) => this.string(at))));
    return type;
  }

  // --- look-up --------------------------------------------------------------------------------------------------

  find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    const mask = kindMask(kinds);
    const key = `${mask} ${name}`;
    const each = this.#each.get(key);
    let id = each === undefined ? this.#first.get(key) : each[0];
    if (each === undefined && id === undefined && !this.#first.has(key)) {
      id = this.#named(name, mask).next().value as number | undefined;
      this.#first.set(key, id);
    }
    return id ?? (name === "" ? undefined : this.base?.find(name, kinds));
  }

  findEach(name: string, kinds?: BtfKind | readonly BtfKind[]): number[] {
    const mask = kindMask(kinds);
    const key = `${mask} ${name}`;
    let found = this.#each.get(key);
    if (found === undefined) this.#each.set(key, (found = [...this.#named(name, mask)]));
    return [...found];
  }

  /** Own types of this name and these kinds. Each search goes through all types: 0.2 ms of the kernel's. */
  *#named(name: string, mask: number): Generator<number, undefined> {
    const offsets = name === "" ? [] : this.#offsetsOf(name);
    if (offsets.length === 0) return;
    const index = this.#index();
    const words = this.#words;
    const only = offsets.length === 1 ? (offsets[0] as number) : -1;
    const several = only < 0 ? new Set(offsets) : undefined;
    for (let i = 0; i < index.length; i++) {
      const at = index[i] as number;
      const word = words[at] as number;
      if (
        (several === undefined ? word === only : several.has(word)) &&
        (mask >>> (((words[at + 1] as number) >>> 24) & 31)) & 1
      )
        yield this.firstId + i;
    }
  }

  findAll(pattern: string | RegExp, kinds?: BtfKind | readonly BtfKind[]): BtfEntry[] {
    const expression = typeof pattern === "string" ? globExpression(pattern) : pattern;
    const mask = kindMask(kinds);
    const index = this.#index();
    const words = this.#words;
    const found: BtfEntry[] = [];
    const text = this.#strings();
    for (let i = 0; i < index.length; i++) {
      const at = index[i] as number;
      const offset = words[at] as number;
      const kind = ((words[at + 1] as number) >>> 24) & 31;
      if (offset === 0 || ((mask >>> kind) & 1) === 0) continue;
      const start = offset - this.#firstString;
      const name = start < 0 ? this.string(offset) : text.slice(start, text.indexOf("\0", start));
      expression.lastIndex = 0;
      if (expression.test(name))
        found.push({ id: this.firstId + i, name, kind: (KINDS[kind] as { kind: BtfKind }).kind });
    }
    return found;
  }

  enumerator(name: string): { readonly type: number; readonly value: bigint } | undefined {
    if (name === "") return undefined;
    const offsets = new Set(this.#offsetsOf(name));
    if (offsets.size > 0) {
      const index = this.#index();
      for (let i = 0; i < index.length; i++) {
        const at = index[i] as number;
        const info = this.#word(at + 1);
        const kind = (info >>> 24) & 31;
        if (kind !== KIND_NUMBERS.enum && kind !== KIND_NUMBERS.enum64) continue;
        const step = kind === KIND_NUMBERS.enum ? 2 : 3;
        for (let n = info & 0xffff, p = at + 3; n > 0; n--, p += step) {
          if (!offsets.has(this.#word(p))) continue;
          const id = this.firstId + i;
          const type = this.type(id);
          if (type.kind !== "enum" && type.kind !== "enum64") continue;
          const entry = type.values.find((value) => value.name === name);
          if (entry !== undefined) return { type: id, value: entry.value };
        }
      }
    }
    return this.base?.enumerator(name);
  }

  resolve(id: number): BtfType {
    return resolveType(this, id);
  }

  sizeof(id: number): number | undefined {
    return sizeOfType(this, id);
  }

  members(id: number): readonly BtfMember[] {
    return membersOf(this, id);
  }

  field(id: number, path: string | readonly string[]): BtfField | undefined {
    return fieldOf(this, id, path);
  }
}

function kindMask(kinds: BtfKind | readonly BtfKind[] | undefined): number {
  if (kinds === undefined) return -1;
  if (typeof kinds === "string") return 1 << KIND_NUMBERS[kinds];
  return kinds.reduce((mask, kind) => mask | (1 << KIND_NUMBERS[kind]), 0);
}

/** Where the strings of a BTF end, counting its base's: what a split BTF's own offsets begin at. */
function stringSectionEnd(btf: Btf): number {
  const view = new DataView(btf.bytes.buffer, btf.bytes.byteOffset, btf.bytes.byteLength);
  return view.getUint32(20, true) + (btf.base === undefined ? 0 : stringSectionEnd(btf.base));
}
