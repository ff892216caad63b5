// What code that looks at headers of packets is made of: their structs, places in a packet, fields as they lie.

import type { CBinary, CComparison, CExpression, CStatement, CVariable } from "../../c/index.ts";
import { type Field, headerLayout, PROTOCOL_NAMES, type ProtocolName, protocolRow } from "../../packets/index.ts";
import { nearest, type Span } from "../../source/index.ts";
import { contextOf } from "./arguments.ts";
import { type Node, refuse } from "./ast.ts";
import { hostOrder, knownMember, networkType } from "./network.ts";
import type { PacketForm } from "./network-programs.ts";
import type { Reader } from "./reader.ts";
import type { Types } from "./types.ts";
import type { Value } from "./values.ts";

/** A header that a program has asked for. */
export interface Header {
  readonly protocol: ProtocolName;
  /** 1 where it is there. */
  readonly there: CVariable;
  /** A pointer to it, or the copy itself. */
  readonly root: CVariable;
  /** Behind the last byte of the packet; of copies none. */
  readonly end?: CVariable;
  /** Of copies: where the header is in the packet. */
  readonly offset?: CVariable;
  readonly form: PacketForm["form"];
  /** Of tc programs: what is known of places in the packet, which may have to be found again. */
  readonly places?: Places;
  /** Where code goes that is done before it is looked for, and when it is there. */
  readonly before: CStatement[];
  readonly found: CStatement[];
  /** What comes behind it, once somebody has asked: its number, and where it is (a pointer, or a distance). */
  behind?: Behind;
  tag?: { readonly there: CVariable; readonly root: CVariable };
}

/** A pointer into the packet, valid where `there` is not zero, to so many bytes. */
export interface Place {
  readonly there: CVariable;
  readonly root: CVariable;
  readonly bytes: number;
}

/** Pointers into a packet of a tc program, and where helpers are called that move it. */
export interface Places {
  readonly start: CVariable;
  readonly end: CVariable;
  readonly all: Place[];
  /** Code before such a call, and behind it. */
  readonly moves: { readonly before: CStatement[]; readonly after: CStatement[] }[];
}

export interface Behind {
  readonly carried: CVariable;
  readonly next: CVariable;
  /** The number is in the network's order, as it lies. */
  readonly swapped: boolean;
}

/** By the variable that leads to them. */
export const headers: WeakMap<CVariable, Header> = new WeakMap();

// --- types ----------------------------------------------------------------------------------------------------------

const typeName = (protocol: ProtocolName): string => `${protocol}_header`;

/** The header as a struct: fields that are no whole bytes are not among its members. */
export function headerType(types: Types, protocol: ProtocolName): number {
  const known = types.c.own(typeName(protocol), "struct");
  if (known !== undefined) return known;
  const { fields, bytes } = headerLayout(protocol);
  const members = [...fields.values()].flatMap((field) => {
    const type = wholeType(types, field);
    return type === undefined ? [] : [{ name: field.name, type, bitOffset: field.at, bitfieldSize: 0 }];
  });
  return types.c.add({ kind: "struct", name: typeName(protocol), size: bytes, members });
}

/** The type of a field of whole bytes, as it lies. */
export function wholeType(types: Types, { at, bits, address }: Field): number | undefined {
  if (address !== undefined) return networkType(types, address);
  if (at % 8 !== 0) return undefined;
  if (bits === 8) return types.number("u8");
  return bits === 16 || bits === 32 || bits === 64 ? networkType(types, `be${bits}`) : undefined;
}

export const numberType = (types: Types, bits: number): number =>
  types.number(bits === 1 ? "bool" : bits <= 8 ? "u8" : bits <= 16 ? "u16" : bits <= 32 ? "u32" : "u64") as number;

/** The protocol of a header's struct; undefined: it is another struct. */
export function protocolOf(types: Types, type: number): ProtocolName | undefined {
  const found = types.typing.resolve(type);
  if (found.kind !== "struct" || !found.name.endsWith("_header")) return undefined;
  return PROTOCOL_NAMES.find((name) => typeName(name) === found.name && types.c.own(found.name, "struct") === found.id);
}

// --- code -----------------------------------------------------------------------------------------------------------

/** Makes code for one place of the text. */
export class Code {
  readonly r: Reader;
  readonly span: Span;
  constructor(r: Reader, span: Span) {
    this.r = r;
    this.span = span;
  }
  get types(): Types {
    return this.r.types;
  }
  get byte(): number {
    return this.types.c.pointer(this.types.number("u8") as number);
  }
  read(variable: CVariable): CExpression {
    return this.r.read(variable, this.span);
  }
  number(value: number, type: number = this.types.u32): CExpression {
    return this.r.constant(value, type, this.span);
  }
  is(operator: CComparison, a: CExpression, b: CExpression | number): CExpression {
    return this.types.typing.compare(operator, a, typeof b === "number" ? this.number(b) : b, this.span);
  }
  op(operator: CBinary, a: CExpression, b: CExpression | number): CExpression {
    return this.types.typing.binary(operator, a, typeof b === "number" ? this.number(b) : b, this.span);
  }
  ahead(pointer: CExpression, by: CExpression | number): CExpression {
    const { typing } = this.types;
    const bytes = typeof by === "number" ? this.number(by, this.types.i64) : by;
    return typing.binary("+", typing.cast(pointer, this.byte, this.span), bytes, this.span);
  }
  set(variable: CVariable, value: CExpression | number): void {
    const given = typeof value === "number" ? this.number(value, variable.type) : value;
    const cast = this.types.typing.cast(given, variable.type, this.span);
    this.r.do({ kind: "assign", target: this.read(variable), value: cast, type: variable.type, span: this.span });
  }
  store(target: CExpression, value: CExpression): void {
    const cast = this.types.typing.cast(value, target.type, this.span);
    this.r.do({ kind: "assign", target, value: cast, type: target.type, span: this.span });
  }
  when(condition: CExpression, then: () => void, otherwise?: () => void): void {
    const { span } = this;
    const block = (write: () => void): CStatement => ({ kind: "block", statements: this.r.gathered(write), span });
    const not = otherwise === undefined ? {} : { otherwise: block(otherwise) };
    this.r.push({ kind: "if", condition, then: block(then), ...not, span });
  }
  variable(type: number, value: CExpression | number): CVariable {
    const given = typeof value === "number" ? this.number(value, type) : value;
    return this.r.held(given, type, this.span);
  }
  /** What lies so many bytes behind an address, as a value of this type: `u8`, `be16`. */
  at(pointer: CExpression, offset: number, type: number): CExpression {
    const { typing, c } = this.types;
    return typing.dereference(typing.cast(this.ahead(pointer, offset), c.pointer(type), this.span), this.span);
  }
  /** The same as a number of the machine's. */
  value(pointer: CExpression, offset: number, bytes: 1 | 2): CExpression {
    const type = bytes === 1 ? (this.types.number("u8") as number) : (networkType(this.types, "be16") as number);
    return hostOrder(this.types, this.at(pointer, offset, type));
  }
  /** The context of the program. */
  program(): CExpression {
    return contextOf(this.r, { ...this.span, type: "" });
  }
  /** A member of the context. */
  context(name: string): CExpression {
    const { typing } = this.types;
    const holder = typing.dereference(this.program(), this.span);
    return knownMember(this.types, holder.type, typing.member(holder, name, this.span), name);
  }
  pointer(name: string): CExpression {
    const { typing } = this.types;
    return typing.cast(typing.cast(this.context(name), this.types.u64, this.span), this.byte, this.span);
  }
}

/** Code at the end of a list that was made before. */
export function added(code: Code, list: CStatement[], write: () => void): void {
  list.push(...code.r.gathered(write));
}

/** Bytes of the packet in a place of the program's; true where there are so many. */
export function loaded(code: Code, offset: CExpression, place: CExpression, bytes: number): CExpression {
  const { r, span } = code;
  const to = code.types.typing.address(place, span);
  const call = r.call("bpf_skb_load_bytes", [code.program(), offset, to, code.number(bytes)], span);
  return code.is("==", code.types.typing.cast(call, code.types.i64, span), code.number(0, code.types.i64));
}

export const headerValue = (code: Code, { root, there }: Pick<Header, "root" | "there">): Value => {
  const { typing } = code.types;
  const of = typing.isPointer(root.type) ? typing.dereference(code.read(root), code.span) : code.read(root);
  return { kind: "maybe", present: code.read(there), of };
};

/** The header that a value is. */
export function headerOf(of: CExpression): Header | undefined {
  const root = of.kind === "dereference" ? of.pointer : of;
  return root.kind === "variable" ? headers.get(root.variable) : undefined;
}

// --- fields ---------------------------------------------------------------------------------------------------------

/** The bytes that hold a field which is no whole number of them. */
export function holding({ at, bits }: Field): {
  readonly bytes: 1 | 2 | 4;
  readonly offset: number;
  readonly shift: number;
} {
  for (const bytes of [1, 2, 4] as const) {
    const offset = Math.floor(at / 8 / bytes) * bytes;
    if (at + bits <= (offset + bytes) * 8) return { bytes, offset, shift: (offset + bytes) * 8 - at - bits };
  }
  throw new Error("a field that no word holds");
}

export function word(code: Code, of: CExpression, offset: number, bytes: 1 | 2 | 4): CExpression {
  const { types, span } = code;
  const type =
    bytes === 1 ? (types.number("u8") as number) : (networkType(types, bytes === 2 ? "be16" : "be32") as number);
  return code.at(types.typing.address(of, span), offset, type);
}

export function fieldOf(code: Code, protocol: ProtocolName, name: string, at?: Node): Field {
  const { fields } = headerLayout(protocol);
  const field = fields.get(name);
  if (field !== undefined) return field;
  const carries = Object.keys(protocolRow(protocol).carries ?? {});
  return refuse(
    "SCRY1404",
    `${protocolRow(protocol).title} has no field '${name}'`,
    at ?? code.span,
    ...nearest(name, [...fields.keys(), ...carries]),
  );
}

/** A field as it lies, or where it is not of whole bytes its number. */
export function fieldValue(code: Code, of: CExpression, protocol: ProtocolName, name: string, at?: Node): CExpression {
  const { types, span } = code;
  const field = fieldOf(code, protocol, name, at);
  if (wholeType(types, field) !== undefined) return types.typing.member(of, name, span);
  const { bytes, offset, shift } = holding(field);
  const raw = hostOrder(types, word(code, of, offset, bytes));
  if (field.bits === 1) {
    const set = code.is("!=", code.op("&", raw, 2 ** shift), 0);
    return types.typing.cast(set, numberType(types, 1), span);
  }
  const moved = shift === 0 ? raw : code.op(">>", raw, shift);
  const masked = code.op("&", moved, 2 ** field.bits - 1);
  return types.typing.cast(masked, numberType(types, field.bits), span);
}
