// Compilation units and the entries in them (DWARF 5, 7.5): headers, abbreviations, attribute values.

import type { ByteReader, FormatError } from "../source/index.ts";
import { Attribute, Form, Tag } from "./constants.ts";
import type { Sections } from "./sections.ts";
import { initialLength, sectionOffset } from "./unit-length.ts";

/** What an attribute says. Which of its two kinds an offset or index is, the attribute tells. */
export type Value =
  | { readonly kind: "number"; readonly value: number; readonly big?: bigint }
  | { readonly kind: "address"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "block"; readonly bytes: Uint8Array }
  /** An entry, by its place in .debug_info. */
  | { readonly kind: "reference"; readonly offset: number }
  /** A place in another section; `indexed`: through a table. */
  | { readonly kind: "offset"; readonly value: number; readonly indexed: boolean }
  | { readonly kind: "flag"; readonly value: boolean }
  /** In a file or unit that is not here. */
  | { readonly kind: "elsewhere" };

interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  /** Attribute, form, implicit constant; three numbers each. */
  readonly attributes: readonly number[];
}

/** One entry: its tag and attributes. Its children follow it in the section. */
export interface Entry {
  readonly unit: Unit;
  /** Its place in .debug_info. */
  readonly offset: number;
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: ReadonlyMap<number, Value>;
  /** Where the next entry begins: its first child, or what follows it. */
  readonly next: number;
}

export interface Unit {
  /** The file's units, of which it is one. */
  readonly units: Units;
  readonly offset: number;
  readonly end: number;
  readonly version: number;
  readonly wide: boolean;
  readonly addressSize: number;
  /** Where its first entry begins. */
  readonly first: number;
  readonly abbreviations: number;
  /** What a skeleton and its split unit have in common (DWARF 5, 7.5.1.2); before version 5 an attribute has it. */
  readonly id?: bigint;
}

/** Where what a unit finds through tables begins in their sections, and the base of its addresses. */
export interface Bases {
  str: number;
  addr: number;
  ranges: number;
  rnglists: number;
  loclists: number;
  low: number;
}

export class Units {
  readonly sections: Sections;
  #units: Unit[] | undefined;
  readonly #tables = new Map<number, ReadonlyMap<number, Abbreviation>>();
  readonly #bases = new Map<Unit, Bases>();
  readonly #skeleton: Bases | undefined;

  /** `skeleton`: of units that stand apart from their program, what the unit that they belong to says of its tables. */
  constructor(sections: Sections, skeleton?: Bases) {
    this.sections = sections;
    this.#skeleton = skeleton;
  }

  /** Whether its units stand apart from their program. */
  get split(): boolean {
    return this.#skeleton !== undefined;
  }

  /** All of them, in order. */
  all(): readonly Unit[] {
    if (this.#units !== undefined) return this.#units;
    const units: Unit[] = [];
    const cursor = this.sections.reader("info");
    while (cursor.at < cursor.end) {
      const offset = cursor.at;
      const { length, wide } = initialLength(cursor);
      const end = cursor.at + length;
      if (end > cursor.end) throw cursor.damage("a unit goes beyond the end", offset);
      const version = cursor.u16();
      if (version < 2 || version > 5) throw cursor.damage(`DWARF version ${version} is not known`, offset);
      let addressSize: number;
      let abbreviations: number;
      let id: bigint | undefined;
      if (version >= 5) {
        const type = cursor.u8();
        addressSize = cursor.u8();
        abbreviations = sectionOffset(cursor, wide);
        // Skeletons and split units have an id, type units a signature and an offset.
        if (type === 4 || type === 5) id = BigInt.asUintN(64, cursor.s64());
        else if (type === 2 || type === 6) cursor.skip(wide ? 16 : 12);
      } else {
        abbreviations = sectionOffset(cursor, wide);
        addressSize = cursor.u8();
      }
      const unit = { units: this, offset, end, version, wide, addressSize, first: cursor.at, abbreviations };
      units.push(id === undefined ? unit : { ...unit, id });
      cursor.at = end;
    }
    this.#units = units;
    return units;
  }

  /** The unit that an entry is in. */
  unitOf(offset: number): Unit {
    const units = this.all();
    let low = 0;
    let high = units.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((units[middle] as Unit).offset <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = units[low - 1];
    if (unit === undefined || offset >= unit.end)
      throw this.#damage("a reference to an entry that is not there", offset);
    return unit;
  }

  /** The entry at a place; undefined for the one that ends a list of children. */
  entry(unit: Unit, offset: number): Entry | undefined {
    const cursor = this.sections.reader("info", offset, unit.end);
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.#table(unit.abbreviations).get(code);
    if (abbreviation === undefined) throw cursor.damage(`abbreviation ${code} does not exist`, offset);
    const attributes = new Map<number, Value>();
    const list = abbreviation.attributes;
    for (let i = 0; i < list.length; i += 3)
      attributes.set(list[i] as number, this.#value(cursor, unit, list[i + 1] as number, list[i + 2] as number));
    return { unit, offset, tag: abbreviation.tag, hasChildren: abbreviation.children, attributes, next: cursor.at };
  }

  /** The same by its place alone, as references give it. */
  at(offset: number): Entry {
    const found = this.entry(this.unitOf(offset), offset);
    if (found === undefined) throw this.#damage("a reference to the end of a list", offset);
    return found;
  }

  root(unit: Unit): Entry {
    const root = this.entry(unit, unit.first);
    if (root === undefined) throw this.#damage("a unit without an entry", unit.offset);
    return root;
  }

  /** The entries below one, without those further down. */
  *children(parent: Entry): Generator<Entry> {
    if (!parent.hasChildren) return;
    let at = parent.next;
    while (at < parent.unit.end) {
      const child = this.entry(parent.unit, at);
      if (child === undefined) return;
      yield child;
      at = this.after(child);
    }
  }

  /** Where what follows an entry and all below it begins. */
  after(entry: Entry): number {
    if (!entry.hasChildren) return entry.next;
    const sibling = entry.attributes.get(Attribute.sibling);
    if (sibling?.kind === "reference") return this.#forward(entry, sibling.offset);
    let at = entry.next;
    for (let depth = 1; depth > 0; ) {
      const child = this.entry(entry.unit, at);
      if (child === undefined) {
        depth--;
        at++;
        continue;
      }
      if (!child.hasChildren) at = child.next;
      else {
        const past = child.attributes.get(Attribute.sibling);
        if (past?.kind === "reference") at = this.#forward(child, past.offset);
        else {
          depth++;
          at = child.next;
        }
      }
    }
    return at;
  }

  /** Entries only ever go forward: a list that goes back would never end. */
  #forward(entry: Entry, sibling: number): number {
    if (sibling < entry.next) throw this.#damage("an entry whose sibling stands before it", entry.offset);
    return sibling;
  }

  #damage(reason: string, offset: number): FormatError {
    return this.sections.reader("info").damage(reason, offset);
  }

  /** The C string at an offset of a section. */
  text(section: string, offset: number): string {
    return this.sections.reader(section, offset).text();
  }

  /** Bases that a unit's root gives for what is found through tables. */
  bases(unit: Unit): Bases {
    let bases = this.#bases.get(unit);
    if (bases !== undefined) return bases;
    // While the root itself is read, its own indexed strings cannot be: it is read again once the bases are known.
    const header = unit.wide ? 16 : 8;
    const lists = unit.wide ? 20 : 12;
    bases = { str: header, addr: header, ranges: 0, rnglists: lists, loclists: lists, low: 0 };
    this.#bases.set(unit, bases);
    if (this.#skeleton !== undefined) {
      // Its tables of strings and lists are its own, from their beginning; those before version 5 had no header.
      const { addr, ranges, low } = this.#skeleton;
      return Object.assign(bases, { addr, ranges, low, str: unit.version < 5 ? 0 : header });
    }
    const number = (attribute: number): number | undefined => {
      const value = this.root(unit).attributes.get(attribute);
      return value?.kind === "offset" || value?.kind === "number" || value?.kind === "address"
        ? value.value
        : undefined;
    };
    bases.str = number(Attribute.strOffsetsBase) ?? bases.str;
    bases.addr = number(Attribute.addrBase) ?? number(Attribute.gnuAddrBase) ?? bases.addr;
    bases.ranges = number(Attribute.gnuRangesBase) ?? 0;
    bases.rnglists = number(Attribute.rnglistsBase) ?? lists;
    bases.loclists = number(Attribute.loclistsBase) ?? lists;
    bases.low = number(Attribute.lowPc) ?? 0;
    return bases;
  }

  /** The n-th address of the unit's table (.debug_addr). */
  indexedAddress(unit: Unit, index: number): number {
    const at = this.bases(unit).addr + index * unit.addressSize;
    return this.sections.reader("addr", at).word(unit.addressSize);
  }

  #indexedText(unit: Unit, index: number): string {
    const at = this.bases(unit).str + index * (unit.wide ? 8 : 4);
    const table = this.sections.reader("str_offsets", at);
    if (at >= table.end) return "";
    return this.text("str", sectionOffset(table, unit.wide));
  }

  #table(offset: number): ReadonlyMap<number, Abbreviation> {
    let table = this.#tables.get(offset) as Map<number, Abbreviation> | undefined;
    if (table !== undefined) return table;
    table = new Map();
    const cursor = this.sections.reader("abbrev", offset);
    for (;;) {
      const code = cursor.uleb();
      if (code === 0) break;
      const tag = cursor.uleb();
      const children = cursor.u8() !== 0;
      const attributes: number[] = [];
      for (;;) {
        const attribute = cursor.uleb();
        const form = cursor.uleb();
        const constant = form === Form.implicitConst ? cursor.sleb() : 0;
        if (attribute === 0 && form === 0) break;
        attributes.push(attribute, form, constant);
      }
      table.set(code, { tag, children, attributes });
    }
    this.#tables.set(offset, table);
    return table;
  }

  #value(cursor: ByteReader, unit: Unit, named: number, constant: number): Value {
    let form = named;
    while (form === Form.indirect) form = cursor.uleb();
    const number = (value: number): Value => ({ kind: "number", value });
    const text = (value: string): Value => ({ kind: "text", text: value });
    const local = (value: number): Value => ({ kind: "reference", offset: unit.offset + value });
    const block = (size: number): Value => ({ kind: "block", bytes: cursor.block(size) });
    const indexed = (value: number): Value => ({ kind: "offset", value, indexed: true });
    switch (form) {
      case Form.addr:
        return { kind: "address", value: cursor.word(unit.addressSize) };
      case Form.addrx:
      case Form.gnuAddrIndex:
        return { kind: "address", value: this.indexedAddress(unit, cursor.uleb()) };
      case Form.addrx1:
        return { kind: "address", value: this.indexedAddress(unit, cursor.u8()) };
      case Form.addrx2:
        return { kind: "address", value: this.indexedAddress(unit, cursor.u16()) };
      case Form.addrx3:
        return { kind: "address", value: this.indexedAddress(unit, cursor.u24()) };
      case Form.addrx4:
        return { kind: "address", value: this.indexedAddress(unit, cursor.u32()) };
      case Form.data1:
        return number(cursor.u8());
      case Form.data2:
        return number(cursor.u16());
      case Form.data4:
        return number(cursor.u32());
      case Form.data8: {
        const big = cursor.s64();
        return { kind: "number", value: Number(BigInt.asUintN(64, big)), big };
      }
      case Form.data16:
        return block(16);
      case Form.sdata:
        return number(cursor.sleb());
      case Form.udata:
        return number(cursor.uleb());
      case Form.implicitConst:
        return number(constant);
      case Form.flag:
        return { kind: "flag", value: cursor.u8() !== 0 };
      case Form.flagPresent:
        return { kind: "flag", value: true };
      case Form.string:
        return text(cursor.text());
      case Form.strp:
        return text(this.text("str", sectionOffset(cursor, unit.wide)));
      case Form.lineStrp:
        return text(this.text("line_str", sectionOffset(cursor, unit.wide)));
      case Form.strx:
      case Form.gnuStrIndex:
        return text(this.#indexedText(unit, cursor.uleb()));
      case Form.strx1:
        return text(this.#indexedText(unit, cursor.u8()));
      case Form.strx2:
        return text(this.#indexedText(unit, cursor.u16()));
      case Form.strx3:
        return text(this.#indexedText(unit, cursor.u24()));
      case Form.strx4:
        return text(this.#indexedText(unit, cursor.u32()));
      case Form.block1:
        return block(cursor.u8());
      case Form.block2:
        return block(cursor.u16());
      case Form.block4:
        return block(cursor.u32());
      case Form.block:
      case Form.exprloc:
        return block(cursor.uleb());
      case Form.ref1:
        return local(cursor.u8());
      case Form.ref2:
        return local(cursor.u16());
      case Form.ref4:
        return local(cursor.u32());
      case Form.ref8:
        return local(cursor.u64());
      case Form.refUdata:
        return local(cursor.uleb());
      case Form.refAddr:
        // Version 2 had it as wide as an address.
        return {
          kind: "reference",
          offset: unit.version < 3 ? cursor.word(unit.addressSize) : sectionOffset(cursor, unit.wide),
        };
      case Form.secOffset:
        return { kind: "offset", value: sectionOffset(cursor, unit.wide), indexed: false };
      case Form.loclistx:
      case Form.rnglistx:
        return indexed(cursor.uleb());
      case Form.refSig8:
      case Form.refSup8:
        cursor.skip(8);
        return { kind: "elsewhere" };
      case Form.refSup4:
        cursor.skip(4);
        return { kind: "elsewhere" };
      case Form.strpSup:
      case Form.gnuRefAlt:
      case Form.gnuStrpAlt:
        sectionOffset(cursor, unit.wide);
        return { kind: "elsewhere" };
      default:
        throw cursor.damage(`form 0x${form.toString(16)} is not known`);
    }
  }
}

// --- what entries say --------------------------------------------------------------------------------------------------

/** An attribute of an entry, or of the one that it completes (its specification or abstract origin). */
export function inherited(entry: Entry, attribute: number): Value | undefined {
  let at: Entry | undefined = entry;
  for (let steps = 0; at !== undefined && steps < 8; steps++) {
    const own = at.attributes.get(attribute);
    if (own !== undefined) return own;
    const origin: Value | undefined =
      at.attributes.get(Attribute.abstractOrigin) ?? at.attributes.get(Attribute.specification);
    at = origin?.kind === "reference" ? entry.unit.units.at(origin.offset) : undefined;
  }
  return undefined;
}

export function nameOf(entry: Entry): string {
  const name = inherited(entry, Attribute.name);
  return name?.kind === "text" ? name.text : "";
}

/** The entries below one, without those further down. */
export const childrenOf = (parent: Entry): Generator<Entry> => parent.unit.units.children(parent);

export const rootOf = (unit: Unit): Entry => unit.units.root(unit);

export const isUnit = (tag: number): boolean =>
  tag === Tag.compileUnit || tag === Tag.partialUnit || tag === Tag.skeletonUnit || tag === Tag.typeUnit;
