// Values in memory by their types: bytes → JavaScript and back, as `print-ts.ts` writes their types down.
//
// Numbers of up to 32 bits and bit fields of up to 32 are `number`, wider ones and addresses `bigint`, `_Bool` is `boolean`,
// an array of `char` text up to its first zero (UTF-8), another array an array, a struct an object with its fields, a
// union an object with all of its members; members of structs without a name are the holder's own. An enum is the name of
// its value, or the number where no enumerator has it. What is in the network's order (`network.ts`) is a number, or the text of
// an address. Numbers of 64 bits that are said to be so (`as-number.ts`) are numbers.

import { FormatError, formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from "../source/index.ts";
import { exactNumber, isAsNumber } from "./as-number.ts";
import { structDecoder } from "./decode-struct.ts";
import { keptTexts, MOST_KEPT } from "./decode-text.ts";
import { NETWORK_BYTES, type NetworkKind, networkKind } from "./network.ts";
import type { Btf, BtfArray, BtfComposite, BtfEnum, BtfInt, BtfType } from "./types.ts";

/** What a decoder gives. */
export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | undefined
  | readonly BtfValue[]
  | { readonly [member: string]: BtfValue };

/** Reads and writes values of one type. */
export interface ValueCodec {
  /** Bytes. */
  readonly size: number;
  /** The value that begins at `at`. `end`: where the bytes end, for an array without a length; the view's end, else. */
  decode(view: DataView, at: number, end?: number): BtfValue;
  /**
   * Writes a value at `at`; what it does not say (a member that is missing) stays as it is. Throws RangeError for one that
   * the type cannot have; `path` names it.
   */
  encode(view: DataView, at: number, value: unknown, path?: string): void;
  /** What `decode` does as an expression of JavaScript: of `view`, and an expression of the place. */
  readonly inline?: (at: string) => string;
}

/** How deep structs without names may stand in each other, and how many members a struct may have: files may be damaged. */
const DEPTH = 32;
const MOST_MEMBERS = 1 << 16;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Throws FormatError for a type that has no values (a function, `void`) or does not end. */
export function valueCodec(btf: Btf, id: number): ValueCodec {
  return codecOf({ btf, known: new Map() }, id);
}

interface Types {
  readonly btf: Btf;
  /** By their ids; null while one is being made. */
  readonly known: Map<number, ValueCodec | null>;
}

function codecOf(types: Types, id: number): ValueCodec {
  const network = networkKind(types.btf, id);
  // One that is no such number (a typedef of the same name) is what it is.
  if (network !== undefined && types.btf.sizeof(id) === NETWORK_BYTES[network]) return networkCodec(network);
  const type = types.btf.resolve(id);
  if (type.kind === "int" && type.size === 8 && isAsNumber(types.btf, id)) return asNumberCodec(type.signed);
  const known = types.known.get(type.id);
  if (known === null) throw new FormatError("BTF", `type ${type.id} is made of itself`);
  if (known !== undefined) return known;
  types.known.set(type.id, null);
  const codec = makeCodec(types, type);
  types.known.set(type.id, codec);
  return codec;
}

function makeCodec(types: Types, type: BtfType): ValueCodec {
  switch (type.kind) {
    case "int":
      return intCodec(type);
    case "ptr":
      return wideCodec(8, false);
    case "float":
      return floatCodec(type.size);
    case "enum":
    case "enum64":
      return enumCodec(type);
    case "array":
      return arrayCodec(types, type);
    case "struct":
    case "union":
      return compositeCodec(types, type);
    case "var":
      return codecOf(types, type.type);
    default:
      throw new FormatError("BTF", `type ${type.id}, ${type.kind} ${type.name}, has no values`);
  }
}

const wrong = (path: string, wanted: string, value: unknown): RangeError => {
  const shown = typeof value === "bigint" ? `${value}n` : typeof value === "object" ? "an object" : String(value);
  return new RangeError(`${path === "" ? "the value" : path} is ${wanted}, not ${shown}`);
};

/** A number within what so many bits hold, either sign's. */
function integer(value: unknown, bits: number, path: string): bigint {
  let given: bigint;
  if (typeof value === "bigint") given = value;
  else if (typeof value === "number" && Number.isInteger(value)) given = BigInt(value);
  else if (typeof value === "boolean") given = value ? 1n : 0n;
  else throw wrong(path, "a whole number", value);
  if (given >= 1n << BigInt(bits) || given < -(1n << BigInt(bits - 1)))
    throw wrong(path, `a number of ${bits} bits`, value);
  return BigInt.asUintN(bits, given);
}

function intCodec(type: BtfInt): ValueCodec {
  const { size, signed } = type;
  if (type.bool || type.name === "bool" || type.name === "_Bool")
    return {
      size,
      decode: (view, at) => view.getUint8(at) !== 0,
      inline: (at) => `view.getUint8(${at})!==0`,
      encode: (view, at, value, path = "") => view.setUint8(at, integer(value, 8, path) === 0n ? 0 : 1),
    };
  if (size > 4) return wideCodec(size, signed);
  const put = (view: DataView, at: number, value: unknown, path = ""): void => {
    const bits = Number(integer(value, size * 8, path));
    if (size === 4) view.setUint32(at, bits, true);
    else if (size === 2) view.setUint16(at, bits, true);
    else view.setUint8(at, bits);
  };
  switch (size) {
    case 1:
      return {
        size,
        decode: signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at),
        encode: put,
        inline: (at) => `view.get${signed ? "Int" : "Uint"}8(${at})`,
      };
    case 2:
      return {
        size,
        decode: signed ? (view, at) => view.getInt16(at, true) : (view, at) => view.getUint16(at, true),
        encode: put,
        inline: (at) => `view.get${signed ? "Int" : "Uint"}16(${at},true)`,
      };
    case 4:
      return {
        size,
        decode: signed ? (view, at) => view.getInt32(at, true) : (view, at) => view.getUint32(at, true),
        encode: put,
        inline: (at) => `view.get${signed ? "Int" : "Uint"}32(${at},true)`,
      };
    default:
      throw new FormatError("BTF", `${type.name}: a number of ${size} bytes`);
  }
}

/** Numbers of 8 bytes as JavaScript's numbers, as far as these are exact. */
function asNumberCodec(signed: boolean): ValueCodec {
  const { size, encode } = wideCodec(8, signed);
  return { size, encode, decode: (view, at) => exactNumber(view, at, signed) };
}

/** Numbers of 8 bytes, and `__int128`. */
function wideCodec(size: number, signed: boolean): ValueCodec {
  if (size !== 8 && size !== 16) throw new FormatError("BTF", `a number of ${size} bytes`);
  return {
    size,
    ...(size === 8 ? { inline: (at: string) => `view.getBig${signed ? "Int" : "Uint"}64(${at},true)` } : {}),
    decode:
      size === 8
        ? signed
          ? (view, at) => view.getBigInt64(at, true)
          : (view, at) => view.getBigUint64(at, true)
        : (view, at) => {
            const all = view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
            return signed ? BigInt.asIntN(128, all) : all;
          },
    encode: (view, at, value, path = "") => {
      const all = integer(value, size * 8, path);
      view.setBigUint64(at, BigInt.asUintN(64, all), true);
      if (size === 16) view.setBigUint64(at + 8, all >> 64n, true);
    },
  };
}

const ADDRESSES: Readonly<
  Record<
    string,
    { readonly what: string; parse(text: string): Uint8Array | undefined; format(bytes: Uint8Array): string }
  >
> = {
  ipv4: { what: "an IPv4 address", parse: parseIpv4, format: formatIpv4 },
  ipv6: { what: "an IPv6 address", parse: parseIpv6, format: formatIpv6 },
  mac: { what: "a MAC address", parse: parseMac, format: formatMac },
};

/** Numbers and addresses in the network's order. */
function networkCodec(kind: NetworkKind): ValueCodec {
  const size = NETWORK_BYTES[kind];
  const address = ADDRESSES[kind];
  if (address !== undefined)
    return {
      size,
      decode: (view, at) => address.format(new Uint8Array(view.buffer, view.byteOffset + at, size).slice()),
      encode: (view, at, value, path = "") => {
        const bytes = typeof value === "string" ? address.parse(value) : undefined;
        if (bytes === undefined) throw wrong(path, address.what, value);
        new Uint8Array(view.buffer, view.byteOffset + at, size).set(bytes);
      },
    };
  return {
    size,
    decode: (view, at) => (size === 8 ? view.getBigUint64(at) : size === 4 ? view.getUint32(at) : view.getUint16(at)),
    encode: (view, at, value, path = "") => {
      const all = integer(value, size * 8, path);
      if (size === 8) view.setBigUint64(at, all);
      else if (size === 4) view.setUint32(at, Number(all));
      else view.setUint16(at, Number(all));
    },
  };
}

function floatCodec(size: number): ValueCodec {
  if (size !== 4 && size !== 8) throw new FormatError("BTF", `a floating-point number of ${size} bytes`);
  return {
    size,
    decode: size === 4 ? (view, at) => view.getFloat32(at, true) : (view, at) => view.getFloat64(at, true),
    encode: (view, at, value, path = "") => {
      if (typeof value !== "number") throw wrong(path, "a number", value);
      if (size === 4) view.setFloat32(at, value, true);
      else view.setFloat64(at, value, true);
    },
  };
}

function enumCodec(type: BtfEnum): ValueCodec {
  const { size } = type;
  const number = intCodec({
    kind: "int",
    id: type.id,
    name: type.name,
    size,
    bits: size * 8,
    bitOffset: 0,
    signed: type.signed,
    char: false,
    bool: false,
  });
  const names = new Map<bigint, string>();
  const values = new Map<string, bigint>();
  for (const { name, value } of type.values) {
    if (!names.has(value)) names.set(value, name);
    values.set(name, value);
  }
  return {
    size,
    decode: (view, at) => {
      const value = number.decode(view, at) as number | bigint;
      return names.get(BigInt(value)) ?? value;
    },
    encode: (view, at, value, path = "") => {
      const named = typeof value === "string" ? values.get(value) : undefined;
      if (typeof value === "string" && named === undefined)
        throw wrong(path, `a name of enum ${type.name} (${[...values.keys()].slice(0, 6).join(", ")})`, value);
      number.encode(view, at, named ?? value, path);
    },
  };
}

function arrayCodec(types: Types, type: BtfArray): ValueCodec {
  const element = codecOf(types, type.element);
  const { count } = type;
  const size = element.size * count;
  const of = types.btf.resolve(type.element);
  if (of.kind === "int" && of.size === 1 && (of.char || of.name === "char")) return textCodec(count);
  return {
    size,
    decode: (view, at, end = view.byteLength) => {
      const values: BtfValue[] = [];
      if (element.size === 0) return values;
      const most = count > 0 ? count : Math.floor((end - at) / element.size);
      for (let i = 0; i < most; i++) values.push(element.decode(view, at + i * element.size));
      return values;
    },
    encode: (view, at, value, path = "") => {
      if (!Array.isArray(value) && !ArrayBuffer.isView(value)) throw wrong(path, "an array", value);
      const values = Array.from(value as Iterable<unknown>);
      if (values.length > count) throw wrong(`${path}.length`, `at most ${count}`, values.length);
      for (const [i, one] of values.entries()) element.encode(view, at + i * element.size, one, `${path}[${i}]`);
    },
  };
}

/** `char text[16]`; without a length it goes on to the end of the bytes. */
function textCodec(count: number): ValueCodec {
  const decode = (view: DataView, at: number, end = view.byteLength): string => {
    const most = count > 0 ? count : end - at;
    // Most texts are short and ASCII: then this is five times as fast as a decoder.
    let text = "";
    for (let i = 0; i < most; i++) {
      const byte = view.getUint8(at + i);
      if (byte === 0) return text;
      if (byte >= 128 || i === SHORT) return decodedText(new Uint8Array(view.buffer, view.byteOffset + at, most));
      text += String.fromCharCode(byte);
    }
    return text;
  };
  return {
    size: count,
    decode: count > 0 && count <= MOST_KEPT && count % 4 === 0 ? keptTexts(count, decode) : decode,
    encode: (view, at, value, path = "") => {
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      if (!(bytes instanceof Uint8Array)) throw wrong(path, "text", value);
      if (bytes.length > count) throw wrong(path, `text of at most ${count} bytes`, `one of ${bytes.length}`);
      const place = new Uint8Array(view.buffer, view.byteOffset + at, count);
      place.fill(0);
      place.set(bytes);
    },
  };
}

/** Longer texts are left to the decoder. */
const SHORT = 64;

function decodedText(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  // A copy: no decoder takes memory that others share.
  return decoder.decode(bytes.slice(0, zero < 0 ? bytes.length : zero));
}

interface Member {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly codec: ValueCodec;
}

function compositeCodec(types: Types, type: BtfComposite): ValueCodec {
  const { btf } = types;
  const members: Member[] = [];
  const collect = (composite: BtfComposite, base: number, level: number): void => {
    if (level > DEPTH || members.length > MOST_MEMBERS)
      throw new FormatError("BTF", `type ${type.id} is nested too deep`);
    for (const { name, type: id, bitOffset, bitfieldSize } of composite.members) {
      const held = btf.resolve(id);
      const at = base + bitOffset;
      if (name === "") {
        if (held.kind === "struct" || held.kind === "union") collect(held, at, level + 1);
        continue;
      }
      const codec = bitfieldSize > 0 ? bitFieldCodec(at & 7, bitfieldSize, held) : codecOf(types, id);
      if ((at >> 3) + codec.size > type.size)
        throw new FormatError("BTF", `${type.kind} ${type.name}: its member ${name} lies beyond its end`);
      members.push({ name, offset: at >> 3, codec });
    }
  };
  collect(type, 0, 0);
  return {
    size: type.size,
    decode: structDecoder(members),
    encode: (view, at, value, path = "") => {
      if (typeof value !== "object" || value === null)
        throw wrong(path, `a ${type.kind} ${type.name}`.trimEnd(), value);
      const given = value as Readonly<Record<string, unknown>>;
      for (const name of Object.keys(given)) {
        const member = members.find((one) => one.name === name);
        if (member === undefined)
          throw new RangeError(`${path === "" ? "the value" : path}: ${type.kind} ${type.name} has no member ${name}`);
        if (given[name] !== undefined)
          member.codec.encode(view, at + member.offset, given[name], path === "" ? name : `${path}.${name}`);
      }
    },
  };
}

/** `shift`: bits below it in its first byte. Of enums the names of values may be given, too. */
function bitFieldCodec(shift: number, bits: number, type: BtfType): ValueCodec {
  const signed = type.kind === "int" && type.signed;
  const names = type.kind === "enum" || type.kind === "enum64" ? type.values : [];
  const size = (shift + bits + 7) >> 3;
  const mask = (1n << BigInt(bits)) - 1n;
  const load = (view: DataView, at: number): bigint => {
    let all = 0n;
    for (let i = size - 1; i >= 0; i--) all = (all << 8n) | BigInt(view.getUint8(at + i));
    return all;
  };
  return {
    size,
    decode: (view, at) => {
      const raw = (load(view, at) >> BigInt(shift)) & mask;
      const value = signed ? BigInt.asIntN(bits, raw) : raw;
      return bits > 32 ? value : Number(value);
    },
    encode: (view, at, value, path = "") => {
      let all = load(view, at) & ~(mask << BigInt(shift));
      const named = names.find(({ name }) => name === value)?.value ?? value;
      all |= integer(named, bits, path) << BigInt(shift);
      for (let i = 0; i < size; i++, all >>= 8n) view.setUint8(at + i, Number(all & 255n));
    },
  };
}
