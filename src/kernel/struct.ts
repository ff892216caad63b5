// C structs by the names of their fields: a layout says which fields there are, in C's order, and everything else follows:
// little endian, each field aligned as C aligns it, pointers to buffers that stay referenced.

/** What gives the addresses of buffers, for pointers. */
export interface Addresses {
  /** The address of a buffer's first byte. It stays valid only as long as the buffer is referenced. */
  addressOf(buffer: Uint8Array): bigint;
}

/** `ptr` is `__aligned_u64`: the address of something. */
export type ScalarType = "u8" | "u16" | "u32" | "s32" | "u64" | "ptr";
export type ArrayType = `char[${number}]` | `u8[${number}]`;

/**
 * A struct's fields in C's order. `a|b` are names of one field, as a union of scalars gives it several. A struct inside is
 * a layout of its own; that called `union` has no name in C, and its members all begin at one place.
 */
export interface Layout {
  readonly [field: string]: ScalarType | ArrayType | Layout;
}

type Names<K> = K extends `${infer First}|${infer Rest}` ? First | Names<Rest> : K;
type Fields<L> = { readonly [K in Exclude<keyof L, "union"> as Names<K> & string]: L[K] } & (L extends {
  readonly union: infer U;
}
  ? Fields<U>
  : unknown);
type Value<T> = T extends "ptr"
  ? Uint8Array | string | readonly string[] | bigint | number
  : T extends "u64"
    ? bigint | number
    : T extends ScalarType
      ? number
      : T extends ArrayType
        ? string | Uint8Array
        : Values<T>;

/**
 * Values for some fields. For a pointer: a buffer, a text (as C has it, with its ending zero), an array of texts (as
 * pointers to them), or an address.
 */
export type Values<L> = { readonly [K in keyof Fields<L>]?: Value<Fields<L>[K]> | undefined };

/** The names of a layout's fields. */
export type FieldName<L> = keyof Fields<L> & string;

/** Where one field lies, in bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
  readonly type: ScalarType | ArrayType | Layout;
}

/** A layout whose fields have found their places. */
export interface PlacedLayout {
  /** Bytes, as `sizeof` has it. */
  readonly size: number;
  readonly alignment: number;
  /** Every name of every field, also those of a union without a name. */
  readonly places: ReadonlyMap<string, Place>;
}

const sizes: Readonly<Record<ScalarType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, ptr: 8 };
const placed = new WeakMap<Layout, PlacedLayout>();

/** The places of a layout's fields, by C's rules for x86_64 and arm64; worked out once. */
export function placesOf(layout: Layout): PlacedLayout {
  let known = placed.get(layout);
  if (known === undefined) placed.set(layout, (known = place(layout, false)));
  return known;
}

function place(layout: Layout, union: boolean): PlacedLayout {
  const places = new Map<string, Place>();
  let end = 0;
  let at = 0;
  let alignment = 1;
  for (const [names, type] of Object.entries(layout)) {
    const inner = typeof type === "string" ? undefined : names === "union" ? place(type, true) : placesOf(type);
    const size = inner?.size ?? sizeOfType(type as ScalarType | ArrayType);
    const step = inner?.alignment ?? sizes[type as ScalarType] ?? 1;
    alignment = Math.max(alignment, step);
    const offset = union ? 0 : roundUp(at, step);
    at = offset + size;
    end = Math.max(end, at);
    if (names === "union" && inner !== undefined) {
      for (const [name, { offset: within, ...rest }] of inner.places)
        places.set(name, { ...rest, offset: offset + within });
    } else for (const name of names.split("|")) places.set(name, { offset, size, type });
  }
  return { size: roundUp(end, alignment), alignment, places };
}

const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;

function sizeOfType(type: ScalarType | ArrayType): number {
  const length = /\[(\d+)\]$/.exec(type)?.[1];
  return length === undefined ? sizes[type as ScalarType] : Number(length);
}

/** Bytes of a struct, as `sizeof` has it. */
export const sizeOf = (layout: Layout): number => placesOf(layout).size;

/** Bytes from the start of the struct to a field. */
export const offsetOf = <L extends Layout>(layout: L, field: FieldName<L>): number =>
  placeIn(placesOf(layout).places, field).offset;

function placeIn(places: ReadonlyMap<string, Place>, field: string): Place {
  const found = places.get(field);
  if (found === undefined) throw new RangeError(`a struct has no field "${field}"`);
  return found;
}

/**
 * One struct: its bytes, all zero but for the values that are given. It keeps every buffer that it points to referenced,
 * since an address alone would let the garbage collector take the bytes away.
 */
export class Struct<L extends Layout> {
  readonly layout: L;
  readonly bytes: Uint8Array;
  readonly #addresses: Addresses;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #view: DataView;
  readonly #kept = new Map<number, readonly Uint8Array[]>();

  constructor(addresses: Addresses, layout: L, values?: Values<L>) {
    this.layout = layout;
    this.#addresses = addresses;
    const { size, places } = placesOf(layout);
    this.#places = places;
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
    if (values !== undefined) this.set(values);
  }

  /** Writes the fields that are given; those that are undefined stay as they are. */
  set(values: Values<L>): this {
    this.#write(0, this.#places, values as Readonly<Record<string, unknown>>);
    return this;
  }

  /** Takes the bytes of one that the kernel has written; what is too much of them is left. */
  fill(bytes: Uint8Array): this {
    this.bytes.set(bytes.subarray(0, this.bytes.length));
    return this;
  }

  /** Writes one field. */
  put<F extends FieldName<L>>(field: F, value: Value<Fields<L>[F]>): this {
    this.#put(0, placeIn(this.#places, field), value);
    return this;
  }

  /** A field of up to 32 bits. */
  get(field: FieldName<L>): number {
    const { offset, type } = placeIn(this.#places, field);
    if (type === "u8") return this.#view.getUint8(offset);
    if (type === "u16") return this.#view.getUint16(offset, true);
    return type === "s32" ? this.#view.getInt32(offset, true) : this.#view.getUint32(offset, true);
  }

  /** A field of 64 bits. */
  getBig(field: FieldName<L>): bigint {
    return this.#view.getBigUint64(placeIn(this.#places, field).offset, true);
  }

  /** The bytes of a field, shared. */
  getBytes(field: FieldName<L>): Uint8Array {
    const { offset, size } = placeIn(this.#places, field);
    return this.bytes.subarray(offset, offset + size);
  }

  #write(base: number, places: ReadonlyMap<string, Place>, values: Readonly<Record<string, unknown>>): void {
    for (const field in values) {
      const value = values[field];
      if (value !== undefined) this.#put(base, placeIn(places, field), value);
    }
  }

  #put(base: number, { offset, size, type }: Place, value: unknown): void {
    const at = base + offset;
    if (typeof type !== "string") this.#write(at, placesOf(type).places, value as Readonly<Record<string, unknown>>);
    else if (type === "u32" || type === "s32") this.#view.setUint32(at, value as number, true);
    else if (type === "u64" || type === "ptr") this.#view.setBigUint64(at, this.#word(at, value), true);
    else if (type === "u16") this.#view.setUint16(at, value as number, true);
    else if (type === "u8") this.#view.setUint8(at, value as number);
    else {
      const bytes = typeof value === "string" ? encoder.encode(value) : (value as Uint8Array);
      if (bytes.length > size) throw new RangeError(`${bytes.length} bytes for a field of ${size}`);
      this.bytes.fill(0, at, at + size).set(bytes, at);
    }
  }

  #word(at: number, value: unknown): bigint {
    if (typeof value === "bigint" || typeof value === "number") return BigInt.asUintN(64, BigInt(value));
    const kept =
      value instanceof Uint8Array ? [value] : Array.isArray(value) ? this.#texts(value) : [cString(`${value}`)];
    this.#kept.set(at, kept);
    return this.#addresses.addressOf(kept[0] as Uint8Array);
  }

  /** Pointers to C strings, and the strings behind each other. */
  #texts(texts: readonly string[]): Uint8Array[] {
    const parts = texts.map(cString);
    const all = concatenated(parts);
    let at = this.#addresses.addressOf(all);
    const pointers = parts.map((part) => {
      const pointer = at;
      at += BigInt(part.length);
      return pointer;
    });
    return [wordBytes(pointers), all];
  }
}

const encoder = new TextEncoder();

/** A C string's bytes with the ending zero. */
export const cString = (text: string): Uint8Array => encoder.encode(`${text}\0`);

/** The text of a buffer up to its first zero, or its end. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The 64-bit numbers as bytes. */
export const wordBytes = (values: readonly (bigint | number)[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, BigInt(value))).buffer);

/** A name as the kernel takes it for programs and maps: letters, digits, `_` and `.`, at most 15 (bpf_obj_name_cpy). */
export function objectName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]+/g, "_").slice(0, 15);
}

/** All pieces as one. */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
