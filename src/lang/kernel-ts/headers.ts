// Headers of packets: `packet.eth()?.ipv4()?.tcp()`. Each step is code that looks once whether the header lies within the packet,
// and remembers where it is; a field is then a load. What a protocol has comes from the table of `packets`.
//
// XDP and tc read the packet where it lies; socket filters and control groups copy a header from it, and cannot write.

import type { CBinary, CComparison, CExpression, CStatement, CVariable } from "../../c/index.ts";
import {
  type Field,
  headerLayout,
  IPV6_EXTENSIONS,
  PROTOCOL_NAMES,
  type ProtocolName,
  protocolRow,
  VLAN_TYPES,
} from "../../packets/index.ts";
import { nearest, type Span } from "../../source/index.ts";
import { contextOf } from "./arguments.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { hostOrder, knownMember, networkOrder, networkType, orderOf } from "./network.ts";
import type { PacketForm } from "./network-programs.ts";
import type { Reader } from "./reader.ts";
import type { Types } from "./types.ts";
import type { Value } from "./values.ts";

/** A header that a program has asked for. */
interface Header {
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
  /** Where code goes that is done before it is looked for, and when it is there. */
  readonly before: CStatement[];
  readonly found: CStatement[];
  /** What comes behind it, once somebody has asked: its number, and where it is (a pointer, or a distance). */
  behind?: Behind;
  tag?: { readonly there: CVariable; readonly root: CVariable };
}

interface Behind {
  readonly carried: CVariable;
  readonly next: CVariable;
  /** The number is in the network's order, as it lies. */
  readonly swapped: boolean;
}

/** By the variable that leads to them. */
const headers = new WeakMap<CVariable, Header>();

/** No number of a protocol. */
const NOTHING = 0xffff_ffff;
const PULLED = 128;
const LONGEST_CHAIN = 6;

// --- types ----------------------------------------------------------------------------------------------------------

const typeName = (protocol: ProtocolName): string => `${protocol}_header`;

/** The header as a struct: fields that are no whole bytes are not among its members. */
function headerType(types: Types, protocol: ProtocolName): number {
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
function wholeType(types: Types, { at, bits, address }: Field): number | undefined {
  if (address !== undefined) return networkType(types, address);
  if (at % 8 !== 0) return undefined;
  if (bits === 8) return types.number("u8");
  return bits === 16 || bits === 32 || bits === 64 ? networkType(types, `be${bits}`) : undefined;
}

const numberType = (types: Types, bits: number): number =>
  types.number(bits === 1 ? "bool" : bits <= 8 ? "u8" : bits <= 16 ? "u16" : bits <= 32 ? "u32" : "u64") as number;

/** The protocol of a header's struct; undefined: it is another struct. */
export function protocolOf(types: Types, type: number): ProtocolName | undefined {
  const found = types.typing.resolve(type);
  if (found.kind !== "struct" || !found.name.endsWith("_header")) return undefined;
  return PROTOCOL_NAMES.find((name) => typeName(name) === found.name && types.c.own(found.name, "struct") === found.id);
}

// --- code -----------------------------------------------------------------------------------------------------------

/** Makes code for one place of the text. */
class Code {
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
  number(value: number, type = this.types.u32): CExpression {
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
function added(code: Code, list: CStatement[], write: () => void): void {
  list.push(...code.r.gathered(write));
}

/**
 * A header at `next` (a pointer, or a distance of copies), where `condition` holds and it lies within the packet. What it needs is
 * pushed; it stays as a variable.
 */
function headerAt(
  code: Code,
  protocol: ProtocolName,
  from: Pick<Header, "form" | "end">,
  next: CExpression,
  condition: CExpression | undefined,
): Header {
  const { r, types, span } = code;
  const { typing, c } = types;
  const type = headerType(types, protocol);
  const bytes = typing.size(type);
  const there = code.variable(typing.int, 0);
  const before: CStatement[] = [];
  const found: CStatement[] = [];
  r.push({ kind: "block", statements: before, span });
  let header: Header;
  let within: CExpression;
  if (from.end !== undefined) {
    const root = code.variable(c.pointer(type), next);
    header = { protocol, there, root, end: from.end, form: from.form, before, found };
    within = code.is("<=", code.ahead(code.read(root), bytes), code.read(from.end));
  } else {
    const root = r.temporary(type, span);
    root.addressed = true;
    r.declare(root);
    const offset = code.variable(types.u32, next);
    header = { protocol, there, root, offset, form: from.form, before, found };
    within = loaded(code, code.read(offset), code.read(root), bytes);
  }
  const all = condition === undefined ? within : typing.logical("&&", condition, within, span);
  code.when(all, () => {
    code.set(there, 1);
    r.push({ kind: "block", statements: found, span });
  });
  headers.set(header.root, header);
  return header;
}

/** Bytes of the packet in a place of the program's; true where there are so many. */
function loaded(code: Code, offset: CExpression, place: CExpression, bytes: number): CExpression {
  const { r, span } = code;
  const to = code.types.typing.address(place, span);
  const call = r.call("bpf_skb_load_bytes", [code.program(), offset, to, code.number(bytes)], span);
  return code.is("==", code.types.typing.cast(call, code.types.i64, span), code.number(0, code.types.i64));
}

const headerValue = (code: Code, { root, there }: Pick<Header, "root" | "there">): Value => {
  const { typing } = code.types;
  const of = typing.isPointer(root.type) ? typing.dereference(code.read(root), code.span) : code.read(root);
  return { kind: "maybe", present: code.read(there), of };
};

/** The header that a value is. */
function headerOf(of: CExpression): Header | undefined {
  const root = of.kind === "dereference" ? of.pointer : of;
  return root.kind === "variable" ? headers.get(root.variable) : undefined;
}

// --- what comes next ------------------------------------------------------------------------------------------------

/** A small part of the packet at a place, where it is there: a pointer to it. */
function part(code: Code, header: Header, at: CExpression, bytes: number, then: (pointer: CExpression) => void): void {
  const { types, r, span } = code;
  if (header.end !== undefined) {
    const pointer = code.variable(code.byte, at);
    code.when(code.is("<=", code.ahead(code.read(pointer), bytes), code.read(header.end)), () =>
      then(code.read(pointer)),
    );
    return;
  }
  const copy = r.temporary(types.bytes(bytes), span);
  copy.addressed = true;
  r.declare(copy);
  code.when(loaded(code, at, code.read(copy), bytes), () => then(types.typing.address(code.read(copy), span)));
}

/** What a header carries, worked out where it was found. */
function carriedBy(code: Code, header: Header): Behind {
  if (header.behind !== undefined) return header.behind;
  const { types, span, r } = code;
  const { protocol } = header;
  const row = protocolRow(protocol);
  const { bytes } = headerLayout(protocol);
  const of = (headerValue(code, header) as Extract<Value, { kind: "maybe" }>).of;
  const field = (name: string): CExpression => hostOrder(types, fieldValue(code, of, protocol, name));
  const start = code.read(header.offset ?? header.root);
  const carried = r.temporary(types.u32, span);
  const next = r.temporary(header.offset === undefined ? code.byte : types.u32, span);
  const forward = (by: CExpression | number): CExpression =>
    header.offset === undefined ? code.ahead(start, by) : code.op("+", start, by);
  // Before the packet is looked at, so that they have a value where it is too short.
  added(code, header.before, () => {
    r.declare(carried, code.number(NOTHING));
    r.declare(next, code.number(0, next.type));
  });
  added(code, header.found, () => {
    const by = row.by === undefined ? code.number(0) : fieldValue(code, of, protocol, row.by);
    if (protocol === "ipv4") {
      const length = code.variable(types.u32, code.op("*", field("headerLength"), 4));
      const whole = code.is("==", field("fragmentOffset"), 0);
      code.set(next, forward(code.read(length)));
      code.when(types.typing.logical("&&", code.is(">=", code.read(length), bytes), whole, span), () =>
        code.set(carried, by),
      );
      return;
    }
    code.set(carried, by);
    let length: CExpression | number = bytes;
    if (row.length !== undefined)
      length = code.op("+", code.op("*", field(row.length.field), row.length.unit), row.length.plus);
    for (const [flag, more] of Object.entries(row.optional ?? {}))
      length = code.op("+", typeof length === "number" ? code.number(length) : length, code.op("*", field(flag), more));
    code.set(next, forward(length));
    if (protocol === "eth") tags(code, header, carried, next);
    if (protocol === "ipv6") extensions(code, header, carried, next);
  });
  const selector = row.by === undefined ? undefined : headerLayout(protocol).fields.get(row.by);
  header.behind = { carried, next, swapped: selector?.bits === 16 };
  return header.behind;
}

const swapped16 = (number: number): number => ((number & 255) << 8) | (number >> 8);

/** Passes over VLAN tags, two at most. */
function tags(code: Code, header: Header, carried: CVariable, next: CVariable): void {
  const { typing } = code.types;
  const one = (depth: number): void => {
    const tagged = VLAN_TYPES.map((type) => code.is("==", code.read(carried), swapped16(type))).reduce((a, b) =>
      typing.logical("||", a, b, code.span),
    );
    code.when(tagged, () =>
      part(code, header, code.read(next), 4, (tag) => {
        code.set(carried, code.at(tag, 2, code.types.number("u16") as number));
        const at = code.read(next);
        code.set(next, header.offset === undefined ? code.ahead(at, 4) : code.op("+", at, 4));
        if (depth < 2) one(depth + 1);
      }),
    );
  };
  one(1);
}

/** Passes over the headers between IPv6 and what it carries; of a fragment that is not the first, nothing is known. */
function extensions(code: Code, header: Header, carried: CVariable, next: CVariable): void {
  const { types, span, r } = code;
  const { typing } = types;
  const rows = Object.entries(IPV6_EXTENSIONS);
  const count = code.variable(types.u32, 0);
  const among = (numbers: readonly string[]): CExpression =>
    numbers
      .map((number) => code.is("==", code.read(carried), Number(number)))
      .reduce((a, b) => typing.logical("||", a, b, span));
  const condition = typing.logical(
    "&&",
    among(rows.map(([number]) => number)),
    code.is("<", code.read(count), LONGEST_CHAIN),
    span,
  );
  const statements = r.gathered(() => {
    code.set(count, code.op("+", code.read(count), 1));
    const kind = code.variable(types.u32, code.read(carried));
    code.set(carried, NOTHING);
    part(code, header, code.read(next), 8, (pointer) => {
      const units = code.variable(types.u32, code.value(pointer, 1, 1));
      const length = code.variable(types.u32, code.op("*", code.op("+", code.read(units), 1), 8));
      code.when(code.is("==", code.read(kind), 51), () =>
        code.set(length, code.op("*", code.op("+", code.read(units), 2), 4)),
      );
      const rest = code.op("&", code.value(pointer, 2, 2), 0xfff8);
      const later = typing.logical("&&", code.is("==", code.read(kind), 44), code.is("!=", rest, 0), span);
      code.when(
        later,
        () => undefined,
        () => {
          code.set(carried, code.value(pointer, 0, 1));
          const at = code.read(next);
          const by = code.read(length);
          code.set(next, header.offset === undefined ? code.ahead(at, by) : code.op("+", at, by));
        },
      );
    });
  });
  r.push({ kind: "loop", form: "while", condition, body: { kind: "block", statements, span }, span });
}

// --- fields ---------------------------------------------------------------------------------------------------------

/** The bytes that hold a field which is no whole number of them. */
function holding({ at, bits }: Field): { readonly bytes: 1 | 2 | 4; readonly offset: number; readonly shift: number } {
  for (const bytes of [1, 2, 4] as const) {
    const offset = Math.floor(at / 8 / bytes) * bytes;
    if (at + bits <= (offset + bytes) * 8) return { bytes, offset, shift: (offset + bytes) * 8 - at - bits };
  }
  throw new Error("a field that no word holds");
}

function word(code: Code, of: CExpression, offset: number, bytes: 1 | 2 | 4): CExpression {
  const { types, span } = code;
  const type =
    bytes === 1 ? (types.number("u8") as number) : (networkType(types, bytes === 2 ? "be16" : "be32") as number);
  return code.at(types.typing.address(of, span), offset, type);
}

function fieldOf(code: Code, protocol: ProtocolName, name: string, at?: Node): Field {
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
function fieldValue(code: Code, of: CExpression, protocol: ProtocolName, name: string, at?: Node): CExpression {
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

/** A member of a header: a field, or a VLAN tag; undefined: this is no header. */
export function headerMember(r: Reader, of: CExpression, name: string, at: Node): Value | undefined {
  const protocol = protocolOf(r.types, of.type);
  if (protocol === undefined) return undefined;
  const code = new Code(r, spanOf(at));
  const header = headerOf(of);
  if (protocol === "eth" && name === "vlan" && header !== undefined) return headerValue(code, vlanTag(code, header));
  return { kind: "plain", of: fieldValue(code, of, protocol, name, at) };
}

/** The tag behind an Ethernet header, where there is one. */
function vlanTag(code: Code, header: Header): NonNullable<Header["tag"]> {
  if (header.tag !== undefined) return header.tag;
  const { types } = code;
  const { bytes } = headerLayout("eth");
  const of = (headerValue(code, header) as Extract<Value, { kind: "maybe" }>).of;
  const type = hostOrder(types, fieldValue(code, of, "eth", "type"));
  const tagged = VLAN_TYPES.map((number) => code.is("==", type, number)).reduce((a, b) =>
    types.typing.logical("||", a, b, code.span),
  );
  const start = code.read(header.offset ?? header.root);
  const at = header.offset === undefined ? code.ahead(start, bytes) : code.op("+", start, bytes);
  const there = types.typing.logical("&&", code.read(header.there), tagged, code.span);
  header.tag = headerAt(code, "vlan", header, at, there);
  return header.tag;
}

// --- methods --------------------------------------------------------------------------------------------------------

/** `packet.eth()`: the first header, or undefined where the program's packets do not begin with it. */
export function firstHeader(r: Reader, form: PacketForm, name: string, args: readonly Expression[], at: Node): Value {
  const protocol = form.first.find((one) => one === name);
  if (protocol === undefined)
    return refuse(
      "SCRY1404",
      `packets of this program have no '${name}'`,
      at,
      `They begin with ${form.first.map((one) => `${one}()`).join(" or ")}`,
    );
  if (args.length > 0) refuse("SCRY1405", `${name} takes no arguments`, at);
  const code = new Code(r, spanOf(at));
  const { types } = code;
  let header: Header;
  if (form.form === "loaded") {
    const ethernet = protocol === "ipv4" ? 0x0800 : protocol === "ipv6" ? 0x86dd : undefined;
    const kind = hostOrder(types, code.context("protocol"));
    const condition = ethernet === undefined ? undefined : code.is("==", kind, ethernet);
    header = headerAt(code, protocol, { form: "loaded" }, code.number(0), condition);
  } else {
    const start = code.variable(code.byte, code.pointer("data"));
    const end = code.variable(code.byte, code.pointer("data_end"));
    if (form.form === "tc") pulled(code, start, end);
    header = headerAt(code, protocol, { form: form.form, end }, code.read(start), undefined);
  }
  return headerValue(code, header);
}

/** Headers of a packet that is in pieces are brought together. */
function pulled(code: Code, start: CVariable, end: CVariable): void {
  const { r, types, span } = code;
  const { typing } = types;
  const short = code.is(">", code.ahead(code.read(start), PULLED), code.read(end));
  code.when(short, () => {
    const length = code.variable(types.u32, code.context("len"));
    const linear = typing.cast(typing.binary("-", code.read(end), code.read(start), span), types.u32, span);
    code.when(code.is(">", code.read(length), linear), () => {
      code.when(code.is(">", code.read(length), PULLED), () => code.set(length, PULLED));
      r.do(r.call("bpf_skb_pull_data", [code.program(), code.read(length)], span));
      code.set(start, code.pointer("data"));
      code.set(end, code.pointer("data_end"));
    });
  });
}

/** `ip.tcp()`: what lies in a header; undefined: this is no header. */
export function innerHeader(r: Reader, value: Value, name: string, at: Node): Value | undefined {
  if (value.kind !== "maybe" && value.kind !== "plain") return undefined;
  const protocol = protocolOf(r.types, value.of.type);
  if (protocol === undefined) return undefined;
  const row = protocolRow(protocol);
  const wanted = PROTOCOL_NAMES.find((one) => one === name);
  const carries = row.carries ?? {};
  const number = wanted === undefined || !Object.hasOwn(carries, wanted) ? undefined : carries[wanted];
  if (wanted === undefined || number === undefined)
    return refuse("SCRY1404", `no '${name}' lies in ${row.title}`, at, ...nearest(name, Object.keys(carries)));
  const header = headerOf(value.of);
  if (header === undefined) return refuse("SCRY1405", "a header is known where the program asked for it", at);
  const code = new Code(r, spanOf(at));
  const { carried, next, swapped } = carriedBy(code, header);
  // Where the header itself is missing, it carries nothing.
  const condition = code.is("==", code.read(carried), swapped ? swapped16(number) : number);
  const inner = headerAt(code, wanted, header, code.read(next), condition);
  return headerValue(code, inner);
}

// --- writing --------------------------------------------------------------------------------------------------------

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
