// A program's types in the form that the languages know: BTF types, made from debug information when they are asked for.
// Their ids go on where another BTF (the kernel's) ends, so that both can be spoken of in one script.

import { type Btf, BtfLayer, type BtfMember, type BtfType } from "../btf/index.ts";
import { ByteReader, FormatError } from "../source/index.ts";
import { Attribute, Encoding, Tag } from "./constants.ts";
import { type Entry, inherited, nameOf, type Units, type Value } from "./units.ts";

/** Where a type comes from; `void` and the helpers that BTF needs have no entry. */
type Source =
  | { readonly kind: "entry"; readonly units: Units; readonly entry: Entry }
  /** One dimension of an array, from its number on. */
  | { readonly kind: "dimension"; readonly element: number; readonly counts: readonly number[] }
  | { readonly kind: "index" };

export class DwarfTypes extends BtfLayer {
  readonly firstId: number;
  readonly #base: Btf | undefined;
  readonly #sources: Source[] = [];
  readonly #ids = new Map<Units, Map<number, number>>();
  readonly #types = new Map<number, BtfType>();
  #index: number | undefined;

  constructor(base: Btf | undefined) {
    super();
    this.#base = base;
    this.firstId = base?.count ?? 1;
  }

  protected below(): Btf | undefined {
    return this.#base;
  }

  get count(): number {
    return this.firstId + this.#sources.length;
  }

  /** The id of an entry's type: 0 (void) where there is none. */
  idOf(units: Units, reference: Value | undefined): number {
    if (reference?.kind !== "reference") return 0;
    let ids = this.#ids.get(units);
    if (ids === undefined) this.#ids.set(units, (ids = new Map()));
    const known = ids.get(reference.offset);
    if (known !== undefined) return known;
    const entry = units.at(reference.offset);
    // A declaration says only the name; its definition may stand in another unit, which is not searched for.
    const id = entry.tag === Tag.unspecifiedType ? 0 : this.#add({ kind: "entry", units, entry });
    ids.set(reference.offset, id);
    return id;
  }

  #add(source: Source): number {
    this.#sources.push(source);
    return this.firstId + this.#sources.length - 1;
  }

  type(id: number): BtfType {
    if (id < this.firstId) {
      if (this.#base !== undefined) return this.#base.type(id);
      if (id === 0) return { kind: "void", id: 0, name: "" };
    }
    let type = this.#types.get(id);
    if (type === undefined) {
      const source = this.#sources[id - this.firstId];
      if (source === undefined) throw new FormatError("debug information", `there is no type ${id}`);
      this.#types.set(id, (type = this.#make(id, source)));
    }
    return type;
  }

  #make(id: number, source: Source): BtfType {
    if (source.kind === "index")
      return {
        kind: "int",
        id,
        name: "unsigned long",
        size: 8,
        bits: 64,
        bitOffset: 0,
        signed: false,
        char: false,
        bool: false,
      };
    if (source.kind === "dimension") {
      const [count = 0, ...rest] = source.counts;
      const element = rest.length === 0 ? source.element : this.#add({ ...source, counts: rest });
      return { kind: "array", id, name: "", element, index: this.#indexType(), count };
    }
    const { units, entry } = source;
    const name = nameOf(entry);
    const target = (): number => this.idOf(units, inherited(entry, Attribute.type));
    const size = numberOf(inherited(entry, Attribute.byteSize)) ?? 0;
    switch (entry.tag) {
      case Tag.baseType:
        return baseType(id, name, size, numberOf(entry.attributes.get(Attribute.encoding)) ?? 0);
      case Tag.pointerType:
      case Tag.referenceType:
      case Tag.rvalueReferenceType:
        return { kind: "ptr", id, name: "", type: target() };
      case Tag.structureType:
      case Tag.classType:
      case Tag.unionType: {
        const kind = entry.tag === Tag.unionType ? "union" : "struct";
        if (entry.attributes.has(Attribute.declaration)) return { kind: "fwd", id, name, union: kind === "union" };
        return { kind, id, name, size, members: this.#members(units, entry) };
      }
      case Tag.enumerationType: {
        const values = [...units.children(entry)].flatMap((child) => {
          if (child.tag !== Tag.enumerator) return [];
          const value = child.attributes.get(Attribute.constValue);
          return value?.kind === "number" ? [{ name: nameOf(child), value: value.big ?? BigInt(value.value) }] : [];
        });
        return {
          kind: size > 4 ? "enum64" : "enum",
          id,
          name,
          size: size || 4,
          signed: values.some((v) => v.value < 0n),
          values,
        };
      }
      case Tag.arrayType: {
        const counts = [...units.children(entry)].flatMap((child) =>
          child.tag === Tag.subrangeType ? [countOf(child)] : [],
        );
        const [count = 0, ...rest] = counts;
        const of = target();
        const element = rest.length === 0 ? of : this.#add({ kind: "dimension", element: of, counts: rest });
        return { kind: "array", id, name: "", element, index: this.#indexType(), count };
      }
      case Tag.typedef:
        return { kind: "typedef", id, name, type: target() };
      case Tag.constType:
        return { kind: "const", id, name: "", type: target() };
      case Tag.restrictType:
        return { kind: "restrict", id, name: "", type: target() };
      case Tag.volatileType:
      case Tag.atomicType:
        return { kind: "volatile", id, name: "", type: target() };
      case Tag.subroutineType:
        return { kind: "func_proto", id, name: "", returns: 0, params: [], variadic: false };
      default:
        // What the languages have no word for: bytes of its size.
        return { kind: "struct", id, name, size, members: [] };
    }
  }

  #members(units: Units, entry: Entry): BtfMember[] {
    const members: BtfMember[] = [];
    for (const child of units.children(entry)) {
      if (child.tag !== Tag.member && child.tag !== Tag.inheritance) continue;
      // Static members of classes have no place in the object.
      if (child.attributes.has(Attribute.declaration)) continue;
      const type = this.idOf(units, child.attributes.get(Attribute.type));
      const byte = offsetOf(child.attributes.get(Attribute.dataMemberLocation));
      const bitSize = numberOf(child.attributes.get(Attribute.bitSize)) ?? 0;
      const bits = numberOf(child.attributes.get(Attribute.dataBitOffset));
      // Version 3 counted bit fields from the other end of their storage unit (DW_AT_bit_offset).
      const old = numberOf(child.attributes.get(0x0c));
      const storage = (): number => (numberOf(child.attributes.get(Attribute.byteSize)) ?? this.sizeof(type) ?? 4) * 8;
      const bitOffset = bits ?? (old === undefined ? byte * 8 : byte * 8 + storage() - old - bitSize);
      // A base class is a struct without a name inside of this one.
      members.push({
        name: child.tag === Tag.inheritance ? "" : nameOf(child),
        type,
        bitOffset,
        bitfieldSize: bitSize,
      });
    }
    return members;
  }

  #indexType(): number {
    return (this.#index ??= this.#add({ kind: "index" }));
  }
}

function baseType(id: number, name: string, size: number, encoding: number): BtfType {
  if (encoding === Encoding.float) return { kind: "float", id, name, size };
  return {
    kind: "int",
    id,
    name,
    size,
    bits: size * 8,
    bitOffset: 0,
    signed: encoding === Encoding.signed || encoding === Encoding.signedChar,
    char: encoding === Encoding.signedChar || (encoding === Encoding.unsignedChar && /\bchar\b/.test(name)),
    bool: encoding === Encoding.boolean,
  };
}

function countOf(subrange: Entry): number {
  const count = numberOf(subrange.attributes.get(Attribute.count));
  if (count !== undefined) return count;
  const upper = numberOf(subrange.attributes.get(Attribute.upperBound));
  // No bound: a flexible array. GCC writes -1 for the bound of an empty one.
  return upper === undefined || upper === -1 || upper >= 2 ** 32 - 1 ? 0 : upper + 1;
}

export const numberOf = (value: Value | undefined): number | undefined =>
  value?.kind === "number" || value?.kind === "address" ? value.value : undefined;

/** Bytes from the start of the struct: a number, or an expression that adds one (DW_OP_plus_uconst). */
function offsetOf(value: Value | undefined): number {
  if (value?.kind === "block" && value.bytes[0] === 0x23)
    return new ByteReader(value.bytes, "a member's place", 1).uleb();
  return numberOf(value) ?? 0;
}
