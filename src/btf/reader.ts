// Reads BTF lazily. Opening checks the header only. The first question makes one tight scan over the type section that
// notes where each type begins (the kernel's: 126,000 types); a name is searched in the strings first, as text, and then
// by its offset among the types, so that asking for one struct decodes one struct.

import { globExpression } from "./glob.ts";
import { KIND_NUMBERS, KINDS } from "./layout.ts";
import {
  type Btf,
  type BtfEntry,
  type BtfEnumerator,
  BtfError,
  type BtfField,
  type BtfKind,
  type BtfLinkage,
  type BtfMember,
  type BtfParam,
  type BtfSectionVariable,
  type BtfType,
} from "./types.ts";

export interface OpenBtfOptions {
  /** For split BTF: what ids and strings continue from. */
  readonly base?: Btf;
  /** What `exportIndex` gave for the same bytes; another one's is refused. */
  readonly index?: Uint8Array;
}

const MAGIC = 0xeb9f;
const VOID: BtfType = { kind: "void", id: 0, name: "void" };
const LINKAGES: readonly BtfLinkage[] = ["static", "global", "extern"];
/** How deep modifiers or nested structs may go before we take it for a cycle. */
const DEPTH_LIMIT = 64;

/** Opens BTF; throws BtfError where the header makes no sense. The bytes must not change afterwards. */
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
  readonly #stringBytes: Uint8Array;
  /** Offset that the first string of this BTF has: 0, or the length of the base's strings. */
  readonly #firstString: number;
  #text: string | undefined;
  #offsets: Uint32Array | undefined;
  readonly #types = new Map<number, BtfType>();

  constructor(bytes: Uint8Array, options: OpenBtfOptions) {
    this.bytes = bytes;
    if (bytes.length < 24) throw new BtfError("BTF: shorter than its header");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint16(0, true) !== MAGIC) {
      throw new BtfError(
        view.getUint16(0, false) === MAGIC ? "BTF: big endian is not supported" : "BTF: no magic number",
      );
    }
    if (view.getUint8(2) !== 1) throw new BtfError(`BTF: version ${view.getUint8(2)} is not supported`);
    const header = view.getUint32(4, true);
    const typeStart = header + view.getUint32(8, true);
    const typeBytes = view.getUint32(12, true);
    const stringStart = header + view.getUint32(16, true);
    const stringBytes = view.getUint32(20, true);
    if (header < 24 || typeStart + typeBytes > bytes.length || stringStart + stringBytes > bytes.length) {
      throw new BtfError("BTF: a section goes beyond the end");
    }
    if (typeBytes % 4 !== 0) throw new BtfError("BTF: the type section is no whole number of words");
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
      if (size === 255) throw new BtfError(`BTF: type ${this.firstId + count - 1} is of unknown kind ${kind}`);
      at += size + (each[kind] as number) * (info & 0xffff);
    }
    if (at !== end) throw new BtfError("BTF: the last type goes beyond the end of the type section");
    this.#offsets = offsets.subarray(0, count);
    return this.#offsets;
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
      throw new BtfError("BTF: the saved index belongs to other bytes");
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
    if (start >= bytes.length) throw new BtfError(`BTF: string offset ${offset} is beyond the end`);
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
    if (at === undefined) throw new BtfError(`BTF: there is no type ${id} (ids end at ${this.count - 1})`);
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
    if (type === undefined) this.#types.set(id, (type = this.#decode(id)));
    return type;
  }

  #decode(id: number): BtfType {
    const at = this.#place(id);
    const info = this.#word(at + 1);
    const kind = (KINDS[(info >>> 24) & 31] as { kind: BtfKind }).kind;
    const name = this.string(this.#word(at));
    const flag = info >>> 31 === 1;
    const vlen = info & 0xffff;
    const value = this.#word(at + 2);
    const extra = at + 3;
    switch (kind) {
      case "void":
        throw new BtfError(`BTF: type ${id} is of kind 0`);
      case "int": {
        const word = this.#word(extra);
        const encoding = (word >>> 24) & 15;
        return {
          kind,
          id,
          name,
          size: value,
          bits: word & 0xff,
          bitOffset: (word >>> 16) & 0xff,
          signed: (encoding & 1) !== 0,
          char: (encoding & 2) !== 0,
          bool: (encoding & 4) !== 0,
        };
      }
      case "ptr":
        return { kind, id, name, type: value };
      case "array":
        return {
          kind,
          id,
          name,
          element: this.#word(extra),
          index: this.#word(extra + 1),
          count: this.#word(extra + 2),
        };
      case "struct":
      case "union": {
        const members: BtfMember[] = [];
        for (let i = 0, p = extra; i < vlen; i++, p += 3) {
          const place = this.#word(p + 2);
          members.push({
            name: this.string(this.#word(p)),
            type: this.#word(p + 1),
            bitOffset: flag ? place & 0xffffff : place,
            bitfieldSize: flag ? place >>> 24 : 0,
          });
        }
        return { kind, id, name, size: value, members };
      }
      case "enum":
      case "enum64": {
        const values: BtfEnumerator[] = [];
        const step = kind === "enum" ? 2 : 3;
        for (let i = 0, p = extra; i < vlen; i++, p += step) {
          const low = BigInt(this.#word(p + 1));
          const all = kind === "enum" ? low : low | (BigInt(this.#word(p + 2)) << 32n);
          values.push({
            name: this.string(this.#word(p)),
            value: flag ? BigInt.asIntN(kind === "enum" ? 32 : 64, all) : all,
          });
        }
        return { kind, id, name, size: value, signed: flag, values };
      }
      case "fwd":
        return { kind, id, name, union: flag };
      case "typedef":
      case "volatile":
      case "const":
      case "restrict":
      case "type_tag":
        return { kind, id, name, type: value };
      case "func":
        return { kind, id, name, type: value, linkage: linkage(vlen, id) };
      case "func_proto": {
        const params: BtfParam[] = [];
        let variadic = false;
        for (let i = 0, p = extra; i < vlen; i++, p += 2) {
          const type = this.#word(p + 1);
          if (i === vlen - 1 && type === 0) variadic = true;
          else params.push({ name: this.string(this.#word(p)), type });
        }
        return { kind, id, name, returns: value, params, variadic };
      }
      case "var":
        return { kind, id, name, type: value, linkage: linkage(this.#word(extra), id) };
      case "datasec": {
        const variables: BtfSectionVariable[] = [];
        for (let i = 0, p = extra; i < vlen; i++, p += 3) {
          variables.push({ type: this.#word(p), offset: this.#word(p + 1), size: this.#word(p + 2) });
        }
        return { kind, id, name, size: value, variables };
      }
      case "float":
        return { kind, id, name, size: value };
      case "decl_tag":
        return { kind, id, name, type: value, component: this.#word(extra) | 0 };
    }
  }

  // --- look-up --------------------------------------------------------------------------------------------------

  find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    if (name === "") return undefined;
    const offsets = this.#offsetsOf(name);
    if (offsets.length > 0) {
      const mask = kindMask(kinds);
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
        ) {
          return this.firstId + i;
        }
      }
    }
    return this.base?.find(name, kinds);
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
    let type = this.type(id);
    for (let depth = 0; depth < DEPTH_LIMIT; depth++) {
      switch (type.kind) {
        case "typedef":
        case "volatile":
        case "const":
        case "restrict":
        case "type_tag":
          type = this.type(type.type);
          break;
        default:
          return type;
      }
    }
    throw new BtfError(`BTF: the modifiers of type ${id} do not end`);
  }

  sizeof(id: number): number | undefined {
    let elements = 1;
    let type = this.resolve(id);
    for (let depth = 0; type.kind === "array"; depth++) {
      if (depth > DEPTH_LIMIT) throw new BtfError(`BTF: the array of type ${id} does not end`);
      elements *= type.count;
      type = this.resolve(type.element);
    }
    switch (type.kind) {
      case "ptr":
        return elements * this.pointerSize;
      case "int":
      case "float":
      case "struct":
      case "union":
      case "enum":
      case "enum64":
      case "datasec":
        return elements * type.size;
      case "var":
        return this.sizeof(type.type);
      default:
        return undefined;
    }
  }

  members(id: number): readonly BtfMember[] {
    const type = this.resolve(id);
    return type.kind === "struct" || type.kind === "union" ? type.members : [];
  }

  field(id: number, path: string | readonly string[]): BtfField | undefined {
    const steps =
      typeof path === "string"
        ? path
            .replaceAll("[", ".[")
            .split(".")
            .filter((step) => step !== "")
        : path;
    let place: BtfField = { bitOffset: 0, bitfieldSize: 0, type: id };
    for (const step of steps) {
      const next = this.#step(place, step, 0);
      if (next === undefined) return undefined;
      place = next;
    }
    return place;
  }

  #step(from: BtfField, step: string, depth: number): BtfField | undefined {
    if (depth > DEPTH_LIMIT) return undefined;
    const type = this.resolve(from.type);
    if (type.kind === "array") {
      const match = /^\[?(\d+)\]?$/.exec(step);
      const size = this.sizeof(type.element);
      if (match === null || size === undefined) return undefined;
      const element = Number(match[1]);
      // A flexible array has no elements of its own but may be stepped into.
      if (type.count !== 0 && element >= type.count) return undefined;
      return { bitOffset: from.bitOffset + element * size * 8, bitfieldSize: 0, type: type.element };
    }
    if (type.kind !== "struct" && type.kind !== "union") return undefined;
    for (const member of type.members) {
      const here = {
        bitOffset: from.bitOffset + member.bitOffset,
        bitfieldSize: member.bitfieldSize,
        type: member.type,
      };
      if (member.name === step) return here;
      if (member.name !== "") continue;
      const inner = this.#step(here, step, depth + 1);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
}

function linkage(number: number, id: number): BtfLinkage {
  const found = LINKAGES[number];
  if (found === undefined) throw new BtfError(`BTF: type ${id} has linkage ${number}`);
  return found;
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
