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
  protocolOf,
  wholeType,
  word,
} from "./header-code.ts";
import { carriedBy, part } from "./headers.ts";
import { hostOrder, networkOrder, orderOf } from "./network.ts";
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
  if (header.form === "tc" && (row.checksum?.over === "message" || address))
    refuse(
      "SCRY1403",
      `in tc programs ${row.title}'s ${name} cannot be written yet: its checksum may be left to the network card`,
      at,
      "xdp programs can",
    );
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
  if (summed) {
    const sum = fieldOf(code, protocol, "checksum").at / 8;
    repaired(code, pointer, sum, code.read(difference), row.checksum?.optional === true);
  }
  if (address) repairedBeyond(code, header, code.read(difference));
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
  const carries = protocolRow(header.protocol).carries ?? {};
  for (const inner of PROTOCOL_NAMES) {
    const row = protocolRow(inner);
    const number = Object.hasOwn(carries, inner) ? carries[inner] : undefined;
    if (row.checksum?.pseudo !== true || number === undefined) continue;
    const { fields, bytes } = headerLayout(inner);
    code.when(code.is("==", code.read(carried), number), () =>
      part(code, header, code.read(next), bytes, (pointer) =>
        repaired(code, pointer, (fields.get("checksum")?.at ?? 0) / 8, change, row.checksum?.optional === true),
      ),
    );
  }
}
