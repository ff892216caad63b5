// Headers of packets: `packet.eth()?.ipv4()?.tcp()`. Each step is code that looks once whether the header lies within the packet,
// and remembers where it is; a field is then a load. What a protocol has comes from the table of `packets`.
//
// XDP and tc read the packet where it lies; socket filters and control groups copy a header from it, and cannot write.

import type { CExpression, CStatement, CVariable } from "../../c/index.ts";
import {
  headerLayout,
  IPV6_EXTENSIONS,
  PROTOCOL_NAMES,
  type ProtocolName,
  protocolRow,
  VLAN_TYPES,
} from "../../packets/index.ts";
import { nearest } from "../../source/index.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import {
  added,
  type Behind,
  Code,
  fieldValue,
  type Header,
  headerOf,
  headers,
  headerType,
  headerValue,
  loaded,
  type Places,
  protocolOf,
} from "./header-code.ts";
import { hostOrder } from "./network.ts";
import type { PacketForm } from "./network-programs.ts";
import { keepPlace } from "./packet-places.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./values.ts";

/** No number of a protocol. */
const NOTHING = 0xffff_ffff;
const PULLED = 128;
const LONGEST_CHAIN = 6;

/**
 * A header at `next` (a pointer, or a distance of copies), where `condition` holds and it lies within the packet. What it needs is
 * pushed; it stays as a variable.
 */
function headerAt(
  code: Code,
  protocol: ProtocolName,
  from: Pick<Header, "form" | "end" | "places">,
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
    const { form, end, places } = from;
    header = { protocol, there, root, end, form, before, found, ...(places === undefined ? {} : { places }) };
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
  keepPlace(code, header.places, { there, root: header.root, bytes });
  return header;
}

// --- what comes next ------------------------------------------------------------------------------------------------

/** A small part of the packet at a place, where it is there: a pointer to it. */
export function part(
  code: Code,
  header: Header,
  at: CExpression,
  bytes: number,
  then: (pointer: CExpression) => void,
): void {
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
export function carriedBy(code: Code, header: Header): Behind {
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
  keepPlace(code, header.places, { there: header.there, root: next, bytes: 0 });
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
    const { start, end, places } = ends(code, form);
    header = headerAt(code, protocol, { form: form.form, end, ...places }, code.read(start), undefined);
  }
  return headerValue(code, header);
}

/** Where the packet begins and ends. */
function ends(code: Code, { form }: PacketForm): { start: CVariable; end: CVariable; places: { places?: Places } } {
  const start = code.variable(code.byte, code.pointer("data"));
  const end = code.variable(code.byte, code.pointer("data_end"));
  if (form === "tc") pulled(code, start, end);
  return { start, end, places: form === "tc" ? { places: { start, end, all: [], moves: [] } } : {} };
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
export function innerHeader(
  r: Reader,
  value: Value,
  name: string,
  args: readonly Expression[],
  at: Node,
): Value | undefined {
  if (value.kind !== "maybe" && value.kind !== "plain") return undefined;
  const protocol = protocolOf(r.types, value.of.type);
  if (protocol === undefined) return undefined;
  if (name === "payload") return payload(r, value.of, args, at);
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

/** `udp.payload(Dns)`: what comes behind a header, as a struct of one's own, where the packet has so much. */
function payload(r: Reader, of: CExpression, args: readonly Expression[], at: Node): Value {
  const { types } = r;
  const { typing } = types;
  const [node] = args;
  const type = node === undefined ? undefined : r.value(node);
  if (type?.kind !== "static" || type.what.kind !== "type" || !typing.isComposite(type.what.type) || args.length > 1)
    return refuse("SCRY1405", "payload(T) with T = struct({ … })", at);
  const header = headerOf(of);
  if (header === undefined) return refuse("SCRY1405", "a header is known where the program asked for it", at);
  const code = new Code(r, spanOf(at));
  const { next } = carriedBy(code, header);
  // Of a header that is not there, nothing comes behind it: its place is 0.
  const known = typing.logical("&&", code.read(header.there), typing.truth(code.read(next)), code.span);
  return structAt(code, header, code.read(next), type.what.type, known);
}

/** A struct of the program's own at a place of the packet, where `known` holds and it lies within. */
function structAt(
  code: Code,
  from: Pick<Header, "end" | "places">,
  next: CExpression,
  wanted: number,
  known?: CExpression,
): Value {
  const { r } = code;
  const { typing, c } = code.types;
  const there = code.variable(typing.int, 0);
  const bytes = typing.size(wanted);
  let place: CExpression;
  let within: CExpression;
  if (from.end !== undefined) {
    const root = code.variable(c.pointer(wanted), next);
    place = typing.dereference(code.read(root), code.span);
    keepPlace(code, from.places, { there, root, bytes });
    within = code.is("<=", code.ahead(code.read(root), bytes), code.read(from.end));
  } else {
    const copy = r.temporary(wanted, code.span);
    copy.addressed = true;
    r.declare(copy);
    place = code.read(copy);
    within = loaded(code, next, place, bytes);
  }
  const all = known === undefined ? within : typing.logical("&&", known, within, code.span);
  code.when(all, () => code.set(there, 1));
  return { kind: "maybe", present: code.read(there), of: place };
}

/** `packet.at(T, offset)`: bytes of the packet from there on, as a struct of one's own; undefined where it has not so much. */
export function packetStruct(r: Reader, form: PacketForm, args: readonly Expression[], at: Node): Value {
  const { types } = r;
  const [node, offset] = args;
  const type = node === undefined ? undefined : r.value(node);
  if (
    type?.kind !== "static" ||
    type.what.kind !== "type" ||
    !types.typing.isComposite(type.what.type) ||
    args.length > 2
  )
    return refuse("SCRY1405", "at(T, offset) with T = struct({ … })", at);
  const code = new Code(r, spanOf(at));
  const by =
    offset === undefined ? code.number(0) : types.typing.cast(r.plain(offset, types.u32), types.u32, code.span);
  if (form.form === "loaded") return structAt(code, {}, by, type.what.type);
  const { start, end, places } = ends(code, form);
  return structAt(code, { end, ...places }, code.ahead(code.read(start), by), type.what.type);
}
