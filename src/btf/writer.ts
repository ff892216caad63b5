// Writes BTF for our own objects: types are added one by one and get ids in order; equal simple types are shared.
//
//     ┌────────┬───────────────────────────┬─────────────────────────┐
//     │ header │ types: 12 bytes + extra…  │ strings, each with a \0 │
//     │ 24     │                           │ the first one empty     │
//     └────────┴───────────────────────────┴─────────────────────────┘

import { FormatError } from "../source/index.ts";
import { KIND_NUMBERS } from "./layout.ts";
import { openBtf } from "./reader.ts";
import type { Btf, BtfEnumerator, BtfKind, BtfLinkage, BtfMember, BtfParam, BtfSectionVariable } from "./types.ts";

const LINKAGE: { readonly [linkage in BtfLinkage]: number } = { static: 0, global: 1, extern: 2 };
const encoder = new TextEncoder();

/** Builds BTF; every method gives the id of the type it added (or found, for ints, pointers and modifiers). */
export class BtfWriter {
  #words: Uint32Array = new Uint32Array(256);
  #length = 0;
  #count = 1;
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #texts: Uint8Array[] = [new Uint8Array(1)];
  #stringBytes = 1;
  readonly #shared = new Map<string, number>();

  /** Empty, or starting with the types of another BTF, which keep their ids (it must not be split). */
  constructor(start?: Btf) {
    if (start === undefined) return;
    if (start.base !== undefined) throw new FormatError("BTF", "split BTF cannot be written on its own");
    const view = new DataView(start.bytes.buffer, start.bytes.byteOffset, start.bytes.byteLength);
    const header = view.getUint32(4, true);
    const types = header + view.getUint32(8, true);
    const typeEnd = types + view.getUint32(12, true);
    const strings = header + view.getUint32(16, true);
    const text = start.bytes.slice(strings, strings + view.getUint32(20, true));
    this.#words = new Uint32Array(start.bytes.slice(types, typeEnd).buffer);
    this.#length = this.#words.length;
    this.#count = start.count;
    this.#texts[0] = text;
    this.#stringBytes = text.length;
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf(0, at);
      const name = start.string(at);
      if (!this.#strings.has(name)) this.#strings.set(name, at);
      if (end < 0) break;
      at = end + 1;
    }
  }

  /** The id that the next new type will get. */
  get nextId(): number {
    return this.#count;
  }

  /** The offset of a text in the string section; equal texts are stored once. */
  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    if (text.includes("\0")) throw new FormatError("BTF", `a BTF string cannot hold a NUL: ${JSON.stringify(text)}`);
    const bytes = encoder.encode(`${text}\0`);
    const offset = this.#stringBytes;
    this.#strings.set(text, offset);
    this.#texts.push(bytes);
    this.#stringBytes += bytes.length;
    return offset;
  }

  int(
    name: string,
    size: number,
    options: { signed?: boolean; char?: boolean; bool?: boolean; bits?: number } = {},
  ): number {
    // The kernel takes one flag at most (kernel/bpf/btf.c, btf_int_check_meta): the most telling one is kept.
    const encoding = options.bool ? 4 : options.char ? 2 : options.signed ? 1 : 0;
    const bits = options.bits ?? size * 8;
    return this.#once(`int ${name} ${size} ${encoding} ${bits}`, () =>
      this.#add("int", name, 0, false, size, [(encoding << 24) | bits]),
    );
  }
  float(name: string, size: number): number {
    return this.#once(`float ${name} ${size}`, () => this.#add("float", name, 0, false, size, []));
  }
  ptr(type: number): number {
    return this.#once(`ptr ${type}`, () => this.#add("ptr", "", 0, false, type, []));
  }
  const(type: number): number {
    return this.#once(`const ${type}`, () => this.#add("const", "", 0, false, type, []));
  }
  volatile(type: number): number {
    return this.#once(`volatile ${type}`, () => this.#add("volatile", "", 0, false, type, []));
  }
  restrict(type: number): number {
    return this.#once(`restrict ${type}`, () => this.#add("restrict", "", 0, false, type, []));
  }
  typeTag(tag: string, type: number): number {
    return this.#once(`type_tag ${type} ${tag}`, () => this.#add("type_tag", tag, 0, false, type, []));
  }
  typedef(name: string, type: number): number {
    return this.#once(`typedef ${type} ${name}`, () => this.#add("typedef", name, 0, false, type, []));
  }
  /** `index` is the type of the index, by convention an int; the kernel refuses 0. */
  array(element: number, count: number, index: number): number {
    return this.#once(`array ${element} ${count} ${index}`, () =>
      this.#add("array", "", 0, false, 0, [element, index, count]),
    );
  }
  struct(name: string, size: number, members: readonly BtfMember[]): number {
    return this.#composite("struct", name, size, members);
  }
  union(name: string, size: number, members: readonly BtfMember[]): number {
    return this.#composite("union", name, size, members);
  }
  fwd(name: string, kind: "struct" | "union"): number {
    return this.#add("fwd", name, 0, kind === "union", 0, []);
  }
  /** Values of 32 bits; `size` in bytes is that of the enum type. */
  enum(name: string, size: number, values: readonly BtfEnumerator[], signed = false): number {
    const extra: number[] = [];
    for (const { name: label, value } of values) extra.push(this.string(label), Number(BigInt.asUintN(32, value)));
    return this.#add("enum", name, values.length, signed, size, extra);
  }
  enum64(name: string, size: number, values: readonly BtfEnumerator[], signed = false): number {
    const extra: number[] = [];
    for (const { name: label, value } of values) {
      extra.push(this.string(label), Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
    }
    return this.#add("enum64", name, values.length, signed, size, extra);
  }
  funcProto(returns: number, params: readonly BtfParam[], variadic = false): number {
    const extra: number[] = [];
    for (const param of params) extra.push(this.string(param.name), param.type);
    if (variadic) extra.push(0, 0);
    return this.#add("func_proto", "", extra.length / 2, false, returns, extra);
  }
  func(name: string, proto: number, linkage: BtfLinkage = "static"): number {
    return this.#add("func", name, LINKAGE[linkage], false, proto, []);
  }
  var(name: string, type: number, linkage: BtfLinkage = "global"): number {
    return this.#add("var", name, 0, false, type, [LINKAGE[linkage]]);
  }
  datasec(name: string, size: number, variables: readonly BtfSectionVariable[]): number {
    const extra: number[] = [];
    for (const variable of variables) extra.push(variable.type, variable.offset, variable.size);
    return this.#add("datasec", name, variables.length, false, size, extra);
  }
  /** `component`: which member or parameter is meant; -1: the declaration itself. */
  declTag(tag: string, type: number, component = -1): number {
    return this.#add("decl_tag", tag, 0, false, type, [component >>> 0]);
  }

  /** The whole BTF blob, as BPF_BTF_LOAD and a `.BTF` section take it. */
  encode(): Uint8Array {
    const typeBytes = this.#length * 4;
    const out = new Uint8Array(24 + typeBytes + this.#stringBytes);
    const view = new DataView(out.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    view.setUint32(4, 24, true);
    view.setUint32(12, typeBytes, true);
    view.setUint32(16, typeBytes, true);
    view.setUint32(20, this.#stringBytes, true);
    for (let i = 0; i < this.#length; i++) view.setUint32(24 + i * 4, this.#words[i] as number, true);
    let at = 24 + typeBytes;
    for (const text of this.#texts) {
      out.set(text, at);
      at += text.length;
    }
    return out;
  }

  /** What was written so far, to read. */
  btf(): Btf {
    return openBtf(this.encode());
  }

  #composite(kind: "struct" | "union", name: string, size: number, members: readonly BtfMember[]): number {
    const bitfields = members.some((member) => member.bitfieldSize !== 0);
    const extra: number[] = [];
    for (const member of members) {
      const offset = bitfields ? ((member.bitfieldSize << 24) | member.bitOffset) >>> 0 : member.bitOffset;
      extra.push(this.string(member.name), member.type, offset);
    }
    return this.#add(kind, name, members.length, bitfields, size, extra);
  }

  #once(key: string, add: () => number): number {
    let id = this.#shared.get(key);
    if (id === undefined) this.#shared.set(key, (id = add()));
    return id;
  }

  #add(kind: BtfKind, name: string, vlen: number, flag: boolean, sizeOrType: number, extra: readonly number[]): number {
    if (vlen > 0xffff)
      throw new FormatError("BTF", `${kind} ${name}: ${vlen} elements are more than BTF can hold (65535)`);
    const need = this.#length + 3 + extra.length;
    if (need > this.#words.length) {
      const grown = new Uint32Array(Math.max(need, this.#words.length * 2));
      grown.set(this.#words);
      this.#words = grown;
    }
    const words = this.#words;
    words[this.#length++] = this.string(name);
    words[this.#length++] = ((flag ? 0x80000000 : 0) | (KIND_NUMBERS[kind] << 24) | vlen) >>> 0;
    words[this.#length++] = sizeOrType;
    for (const word of extra) words[this.#length++] = word;
    return this.#count++;
  }
}
