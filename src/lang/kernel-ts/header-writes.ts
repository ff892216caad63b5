// Fields of headers that programs write, and the checksums that they count in.

import type { CExpression } from "../../c/index.ts";
import { type Field, headerLayout, PROTOCOL_NAMES, type ProtocolName, protocolRow } from "../../packets/index.ts";
import { type Node, refuse, spanOf } from "./ast.ts";
import {
  Code,
  fieldOf,
  type Header,
  headerOf,
  holding,
  numberType,
  type Places,
  protocolOf,
  wholeType,
  word,
} from "./header-code.ts";
import { carriedBy, part } from "./headers.ts";
import { hostOrder, networkOrder, orderOf } from "./network.ts";
import { moving } from "./packet-places.ts";
import type { Reader } from "./reader.ts";

/** Writes a field of a header, and repairs what is a sum of it (RFC 1624). `made` gives the new number of the old one. */
export function writeField(
  r: Reader,
  of: CExpression,
  name: string,
  made: (old: CExpression) => CExpression,
  at: Node,
): void {
  const code = new Code(r, spanOf(at));
  const { types } = code;
  const protocol = protocolOf(types, of.type) as ProtocolName;
  const header = headerOf(of);
  const row = protocolRow(protocol);
  const field = fieldOf(code, protocol, name, at);
  if (header === undefined || header.end === undefined)
    refuse("SCRY1403", "programs of this kind read copies of headers: they cannot write to packets", at);
  const address = protocol === "ipv4" || protocol === "ipv6" ? name === "source" || name === "destination" : false;
  if (row.crc === true && name !== "checksum")
    refuse("SCRY1403", `${row.title}'s checksum is one of all its bytes, which is not repaired`, at);
  const summed = row.checksum !== undefined && name !== "checksum";
  const pointer = types.typing.address(of, code.span);
  const words = wordsOf(field);
  const loads = (): CExpression[] => words.map((offset) => code.at(pointer, offset, types.number("u16") as number));
  const old = summed || address ? loads().map((load) => code.variable(types.u32, load)) : [];
  stored(code, of, field, made);
  if (old.length === 0) return;
  // What is added to the complement of a sum for each word that has changed: the complement of the old one, and the new one.
  const change = [
    ...old.map((variable) => code.op("^", code.read(variable), 0xffff)),
    ...loads().map((load) => types.typing.cast(load, types.u32, code.span)),
  ].reduce((a, b) => code.op("+", a, b));
  const difference = code.variable(types.u32, change);
  const sum = summed ? fieldOf(code, protocol, "checksum").at / 8 : 0;
  const { places } = header;
  // Of messages the network card may have to make it, which the kernel knows.
  const message = row.checksum?.over === "message";
  if (summed && !(message && places !== undefined))
    repaired(code, pointer, sum, code.read(difference), row.checksum?.optional === true);
  if (places === undefined) {
    if (address) repairedBeyond(code, header, code.read(difference));
    return;
  }
  if (summed && message)
    moving(code, places, () =>
      replaced(code, places, code.read(header.root), sum, code.read(difference), optionalFlag(protocol)),
    );
  if (!address) return;
  const { carried, next } = carriedBy(code, header);
  moving(code, places, () => {
    for (const { inner, number, at: offset } of summedBeyond(header))
      code.when(code.is("==", code.read(carried), number), () =>
        replaced(code, places, code.read(next), offset, code.read(difference), PSEUDO | optionalFlag(inner)),
      );
  });
}

/** BPF_F_PSEUDO_HDR, BPF_F_MARK_MANGLED_0 */
const PSEUDO = 0x10;
const MANGLED = 0x20;
/** A sum of zero stands for none. */
const optionalFlag = (protocol: ProtocolName): number =>
  protocolRow(protocol).checksum?.optional === true ? MANGLED : 0;

/** The kernel itself repairs a checksum that lies so far behind a place (`bpf_l4_csum_replace`). */
function replaced(
  code: Code,
  { start }: Places,
  place: CExpression,
  offset: number,
  difference: CExpression,
  flags: number,
): void {
  const { r, types, span } = code;
  const { typing } = types;
  const distance = typing.binary("-", typing.cast(place, code.byte, span), code.read(start), span);
  const at = code.op("+", typing.cast(distance, types.u32, span), offset);
  const none = code.number(0, types.u64);
  const given = typing.cast(difference, types.u64, span);
  r.do(r.call("bpf_l4_csum_replace", [code.program(), at, none, given, code.number(flags, types.u64)], span));
}

/** What may lie in a header of IP and sums up its addresses: by its number, and where that sum is. */
function summedBeyond(header: Header): readonly { inner: ProtocolName; number: number; at: number }[] {
  const carries = protocolRow(header.protocol).carries ?? {};
  return PROTOCOL_NAMES.flatMap((inner) => {
    const number = Object.hasOwn(carries, inner) ? carries[inner] : undefined;
    if (protocolRow(inner).checksum?.pseudo !== true || number === undefined) return [];
    return [{ inner, number, at: (headerLayout(inner).fields.get("checksum")?.at ?? 0) / 8 }];
  });
}

/** Offsets of the words of 16 bits that a field lies in. */
function wordsOf({ at, bits }: Field): number[] {
  const first = Math.floor(at / 16);
  return Array.from({ length: Math.ceil((at + bits) / 16) - first }, (_, i) => (first + i) * 2);
}

function stored(code: Code, of: CExpression, field: Field, made: (old: CExpression) => CExpression): void {
  const { types } = code;
  if (wholeType(types, field) !== undefined) {
    const place = types.typing.member(of, field.name, code.span);
    if (types.typing.isScalar(place.type)) code.store(place, made(place));
    else code.r.intoValue(place, { kind: "plain", of: made(place) }, { ...code.span, type: "" });
    return;
  }
  const { bytes, offset, shift } = holding(field);
  const place = word(code, of, offset, bytes);
  const mask = 2 ** field.bits - 1;
  const old = code.variable(types.u32, hostOrder(types, place));
  const current = code.op("&", code.op(">>", code.read(old), shift), mask);
  const number = types.typing.cast(
    made(types.typing.cast(current, numberType(types, field.bits), code.span)),
    types.u32,
    code.span,
  );
  const placed = code.op("<<", code.op("&", number, mask), shift);
  const all = code.op("|", code.op("&", code.read(old), (~(mask * 2 ** shift) & 0xffff_ffff) >>> 0), placed);
  code.store(place, orderOf(types, place.type) === undefined ? all : networkOrder(types, all, place.type));
}

/** The checksum at an address, after so much has changed of what it is of. */
function repaired(code: Code, pointer: CExpression, offset: number, change: CExpression, optional: boolean): void {
  const { types } = code;
  const place = code.at(pointer, offset, types.number("u16") as number);
  const repair = (): void => {
    const sum = code.variable(types.u32, code.op("+", code.op("^", place, 0xffff), change));
    for (let i = 0; i < 2; i++)
      code.set(sum, code.op("+", code.op("&", code.read(sum), 0xffff), code.op(">>", code.read(sum), 16)));
    code.set(sum, code.op("^", code.read(sum), 0xffff));
    // A sum of zero is written as its other zero.
    if (optional) code.when(code.is("==", code.read(sum), 0), () => code.set(sum, 0xffff));
    code.store(place, code.read(sum));
  };
  if (optional) code.when(code.is("!=", place, 0), repair);
  else repair();
}

/** Addresses of IP count in the checksums of what it carries. */
function repairedBeyond(code: Code, header: Header, change: CExpression): void {
  const { carried, next } = carriedBy(code, header);
  for (const { inner, number, at } of summedBeyond(header))
    code.when(code.is("==", code.read(carried), number), () =>
      part(code, header, code.read(next), headerLayout(inner).bytes, (pointer) =>
        repaired(code, pointer, at, change, optionalFlag(inner) !== 0),
      ),
    );
}
