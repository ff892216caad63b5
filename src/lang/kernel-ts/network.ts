// Values in the network's order. Numbers (`be16 be32 be64`, the kernel's `__be16`) lie swapped in memory and are read and written
// as numbers of the machine's order; addresses (`ipv4 ipv6 mac`) stay as they lie, and are compared with texts.
//
// An expression whose type is one of these holds the bits as they lie: `hostOrder` makes a number of it, `networkOrder` goes back.

import { NETWORK_BYTES, type NetworkKind, networkKind, networkMember, networkTypedef } from "../../btf/index.ts";
import type { CExpression } from "../../c/index.ts";
import { parseIpv4, parseIpv6, parseMac, type Span } from "../../source/index.ts";
import { type Node, refuse } from "./ast.ts";
import type { Types } from "./types.ts";

export type AddressKind = "ipv4" | "ipv6" | "mac";

export const NETWORK_NAMES: readonly string[] = Object.keys(NETWORK_BYTES);
const isKind = (name: string): name is NetworkKind => Object.hasOwn(NETWORK_BYTES, name);

/** Bytes by which addresses are aligned: those of the kernel's own structs are, and words are compared faster than bytes. */
const ALIGNED: Readonly<Record<string, number>> = { ipv6: 4, mac: 2 };

/** The type by its name, `be16` to `mac`; undefined: no such type. */
export function networkType(types: Types, name: string): number | undefined {
  if (!isKind(name)) return undefined;
  const typedef = networkTypedef(name);
  const known = types.c.own(typedef, "typedef");
  if (known !== undefined) return known;
  const bytes = NETWORK_BYTES[name];
  const held = ALIGNED[name] === undefined ? (types.number(`u${bytes * 8}`) as number) : types.bytes(bytes);
  const type = types.c.add({ kind: "typedef", name: typedef, type: held });
  if (ALIGNED[name] !== undefined) types.c.align(type, ALIGNED[name]);
  return type;
}

/** A member as it is known of the struct: contexts have numbers in the network's order whose types do not say it. */
export function knownMember(types: Types, holder: number, of: CExpression, name: string): CExpression {
  const struct = types.typing.resolve(holder);
  const kind = struct.kind === "struct" ? networkMember(struct.name, name) : undefined;
  if (kind === undefined || orderOf(types, of.type) !== undefined) return of;
  const own = networkType(types, kind) as number;
  // A port may stand in a wider word, which is read whole.
  const type =
    types.typing.size(own) === types.typing.size(of.type)
      ? own
      : types.c.add({ kind: "typedef", name: networkTypedef(kind), type: of.type });
  return { ...of, type };
}

export function orderOf(types: Types, type: number): NetworkKind | undefined {
  const found = types.typing.resolve(type);
  // The kernel's own addresses of IPv6 are a struct.
  if (found.kind === "struct" && found.name === "in6_addr") return "ipv6";
  return networkKind(types.c, type);
}

export function addressKind(types: Types, type: number): AddressKind | undefined {
  const kind = orderOf(types, type);
  return kind === "ipv4" || kind === "ipv6" || kind === "mac" ? kind : undefined;
}

/** Of a number that lies swapped, the number as it is computed with; else the type itself. */
export function hostType(types: Types, type: number): number {
  const kind = orderOf(types, type);
  return kind?.startsWith("be") === true ? (types.number(kind.replace("be", "u")) as number) : type;
}

function swapped(types: Types, of: CExpression, bytes: number, type: number, span: Span): CExpression {
  const { typing } = types;
  if (of.kind === "constant") {
    let rest = BigInt.asUintN(bytes * 8, of.value);
    let value = 0n;
    for (let i = 0; i < bytes; i++, rest >>= 8n) value = (value << 8n) | (rest & 255n);
    return typing.constant(value, type, span);
  }
  const number = types.number(`u${bytes * 8}`) as number;
  // Swapped twice it is itself.
  if (of.kind === "builtin" && of.name === `bswap${bytes * 8}`)
    return typing.cast(of.args[0] as CExpression, type, span);
  const swap: CExpression = {
    kind: "builtin",
    name: `bswap${bytes * 8}`,
    args: [typing.cast(of, number, span)],
    type: number,
    span,
  };
  return typing.size(type) === bytes && !typing.signed(type) ? { ...swap, type } : typing.cast(swap, type, span);
}

/** A number as it is computed with; anything else stays. */
export function hostOrder(types: Types, of: CExpression): CExpression {
  const host = hostType(types, of.type);
  return host === of.type ? of : swapped(types, of, types.typing.size(host), host, of.span);
}

/** A number of the machine's as one that lies swapped. */
export function networkOrder(types: Types, of: CExpression, type: number): CExpression {
  const bytes = NETWORK_BYTES[orderOf(types, type) as NetworkKind];
  return swapped(types, of, bytes, type, of.span);
}

/** The bits of an IPv4 address as a number of the machine's order, and back. */
export const ipv4Number = (types: Types, of: CExpression): CExpression => swapped(types, of, 4, types.u32, of.span);
export const ipv4Of = (types: Types, number: CExpression): CExpression =>
  swapped(types, number, 4, networkType(types, "ipv4") as number, number.span);

const PARSERS: Readonly<Record<AddressKind, (text: string) => Uint8Array | undefined>> = {
  ipv4: parseIpv4,
  ipv6: parseIpv6,
  mac: parseMac,
};
const EXAMPLES: Readonly<Record<AddressKind, string>> = {
  ipv4: '"10.0.0.1"',
  ipv6: '"2001:db8::1"',
  mac: '"02:00:5e:10:00:01"',
};

/** The bytes of an address that is written as text. */
export function addressBytes(kind: AddressKind, text: string, at: Node): Uint8Array {
  return (
    PARSERS[kind](text) ??
    refuse("SCRY1403", `"${text}" is no address of type ${kind}`, at, `They are written ${EXAMPLES[kind]}`)
  );
}

/** An address of so many bytes as a number in memory's order. */
export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Are the bytes of an address in memory those of another, or of a text? Words as wide as it is aligned. */
export function sameAddress(
  types: Types,
  place: CExpression,
  other: CExpression | Uint8Array,
  span: Span,
): CExpression {
  const { typing, c } = types;
  const bytes = typing.size(place.type);
  const kind = addressKind(types, place.type);
  const step = kind === undefined ? 1 : (ALIGNED[kind] ?? 4);
  const word = types.number(`u${step * 8}`) as number;
  const pointer = (of: CExpression): CExpression => typing.cast(typing.address(of, span), c.pointer(word), span);
  const wordOf = (of: CExpression, i: number): CExpression =>
    typing.index(pointer(of), typing.constant(BigInt(i), typing.long, span), span);
  let all: CExpression | undefined;
  for (let i = 0; i * step < bytes; i++) {
    const right =
      other instanceof Uint8Array
        ? typing.constant(littleEndian(other.subarray(i * step, (i + 1) * step)), word, span)
        : wordOf(other, i);
    const equal = typing.compare("==", wordOf(place, i), right, span);
    all = all === undefined ? equal : typing.logical("&&", all, equal, span);
  }
  return all as CExpression;
}
