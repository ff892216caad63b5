// Values as numbers and addresses, and the places that they are written to: variables, members, what is in memory.

import type { CExpression } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import {
  type ArrayExpression,
  bare,
  type Expression,
  type Node,
  type ObjectExpression,
  refuse,
  spanOf,
} from "./ast.ts";
import { protocolOf } from "./header-code.ts";
import {
  type AddressKind,
  addressBytes,
  addressKind,
  hostOrder,
  hostType,
  littleEndian,
  networkOrder,
  orderOf,
} from "./network.ts";
import type { Value } from "./values.ts";
import { Writer } from "./writer.ts";

export interface HeaderField {
  readonly of: CExpression;
  readonly name: string;
}

export abstract class PlaceReader extends Writer {
  /** The value of an expression, whatever it is. */
  abstract value(node: Expression): Value;

  /** The value as a number, an address or a place. A literal takes the type that is wanted. */
  plain(node: Expression, wanted?: number): CExpression {
    return this.asPlain(this.value(node), node, wanted);
  }

  asPlain(value: Value, at: Node, wanted?: number): CExpression {
    const span = spanOf(at);
    const { typing } = this.types;
    switch (value.kind) {
      case "plain":
      case "maybe":
        return hostOrder(this.types, value.of);
      case "resource":
        return refuse(
          "SCRY1402",
          "this has to be given back: using it = …",
          at,
          "using gives it back where its block ends",
        );
      case "iterator":
        return refuse("SCRY1402", "this is gone through: for (const x of …)", at);
      case "static":
        if (value.what.kind === "number") return this.number(value.what.value, span, wanted);
        if (value.what.kind === "text") {
          const kind = wanted === undefined ? undefined : addressKind(this.types, wanted);
          if (kind !== undefined) return this.#address(kind, value.what.text, wanted as number, at);
          return this.#text(value.what.text, span);
        }
        if (value.what.kind === "fraction")
          return refuse("SCRY1402", `there are no fractions in the kernel: this is ${value.what.value}`, at);
        if (value.what.kind === "live") return hostOrder(this.types, this.read(value.what.variable, span));
        if (value.what.kind === "list") return this.read(this.module.table(value.what, at), span);
        return refuse("SCRY1403", "a value is needed here", at);
      case "map":
        return refuse("SCRY1403", "a value is needed here, not a map", at);
      case "written": {
        const place = this.zeroed(value.type, span);
        this.push(...value.into(this.read(place, span), value.type));
        return this.read(place, span);
      }
      case "object": {
        if (wanted === undefined || !this.types.typing.isComposite(wanted))
          return refuse("SCRY1403", "nothing says which struct this is: write T({ … }) with T = struct({ … })", at);
        const place = this.zeroed(wanted, span);
        this.members(this.read(place, span), value.node);
        return this.read(place, span);
      }
      case "array": {
        if (wanted === undefined || typing.resolve(wanted).kind !== "array")
          return refuse("SCRY1403", "nothing says what these are elements of: write list(u32, 4)([…])", at);
        const place = this.zeroed(wanted, span);
        this.#elementsInto(this.read(place, span), value.node);
        return this.read(place, span);
      }
      case "undefined":
        return this.constant(
          0,
          wanted !== undefined && this.types.typing.isScalar(wanted) ? wanted : this.types.c.pointer(0),
          span,
        );
    }
  }

  /** A literal: of the type that is wanted where it fits, else of 64 bits. */
  number(value: bigint, span: Span, place?: number): CExpression {
    const { types } = this;
    const wanted = place === undefined || addressKind(types, place) !== undefined ? undefined : hostType(types, place);
    const fits = (type: number): boolean =>
      types.typing.cut(value, type) === value || BigInt.asUintN(64, types.typing.cut(value, type)) === value;
    if (wanted !== undefined && types.typing.isInteger(wanted) && fits(wanted))
      return this.constant(value, wanted, span);
    return this.constant(value, value > 0x7fff_ffff_ffff_ffffn ? types.u64 : types.i64, span);
  }

  /** An address that is written as text. */
  #address(kind: AddressKind, text: string, type: number, at: Node): CExpression {
    const bytes = addressBytes(kind, text, at);
    const span = spanOf(at);
    if (kind === "ipv4") return this.constant(littleEndian(bytes), type, span);
    const place = this.zeroed(type, span);
    for (const [i, byte] of bytes.entries())
      if (byte !== 0) {
        const element = this.types.typing.index(this.read(place), this.constant(i, this.types.i64, span), span);
        const value = this.constant(byte, element.type, span);
        this.do({ kind: "assign", target: element, value, type: element.type, span });
      }
    return this.read(place);
  }

  #text(text: string, span: Span): CExpression {
    const bytes = new TextEncoder().encode(`${text}\0`);
    return { kind: "text", bytes, type: this.types.text(bytes.length), span };
  }

  /** Anything as true or false. */
  truth(node: Expression): CExpression {
    return this.truthOf(this.value(node), node);
  }
  truthOf(value: Value, at: Node): CExpression {
    const { typing } = this.types;
    if (value.kind === "maybe") {
      if (!typing.isInteger(value.of.type)) return value.present;
      return typing.logical("&&", value.present, value.of, spanOf(at));
    }
    if (value.kind === "map") return typing.truth(value.present);
    if (value.kind === "undefined") return this.constant(0, typing.int, spanOf(at));
    const plain = this.asPlain(value, at);
    if (!typing.isScalar(plain.type)) return this.constant(1, typing.int, spanOf(at));
    return typing.truth(plain);
  }

  /** A number as one of this type; what would lose bits without a word is refused. */
  fitting(value: CExpression, type: number, at: Node): CExpression {
    const { typing } = this.types;
    const order = orderOf(this.types, type);
    if (order?.startsWith("be") === true)
      return networkOrder(this.types, this.fitting(value, hostType(this.types, type), at), type);
    if ((order ?? addressKind(this.types, value.type)) !== undefined && order !== orderOf(this.types, value.type))
      refuse(
        "SCRY1403",
        `${this.types.name(value.type)} is no ${this.types.name(type)}`,
        at,
        "ipv4(number) makes an address of a number, u32(address) a number of an address",
      );
    if (typing.isInteger(value.type) && typing.isInteger(type)) {
      const narrower = typing.size(value.type) > typing.size(type);
      const constant = value.kind === "constant" && typing.cut(value.value, type) !== value.value;
      const promoted = /^(?:binary|unary|conditional|update)$/.test(value.kind) && typing.size(value.type) <= 4;
      if ((value.kind === "constant" ? constant : narrower && !promoted) && !this.#isBool(type))
        refuse(
          "SCRY1403",
          `${this.types.name(value.type)} does not fit into ${this.types.name(type)}`,
          at,
          `${this.types.name(type)}(…) says that the rest may go`,
        );
    }
    if (!typing.isScalar(value.type) || !typing.isScalar(type))
      refuse("SCRY1403", `${this.types.name(value.type)} cannot be made into ${this.types.name(type)}`, at);
    return typing.cast(value, type);
  }
  /** The same of a place, which may have fewer bits than its type. */
  fittingPlace(value: CExpression, place: CExpression, at: Node): CExpression {
    const bits = place.kind === "member" ? place.bitfieldSize : 0;
    if (bits > 0 && value.kind === "constant" && BigInt.asUintN(bits, value.value) !== value.value) {
      const signed = this.types.typing.signed(place.type) && BigInt.asIntN(bits, value.value) === value.value;
      if (!signed) refuse("SCRY1403", `${value.value} does not fit into ${bits} bits`, at);
    }
    return this.fitting(value, place.type, at);
  }
  #isBool(type: number): boolean {
    const found = this.types.typing.resolve(type);
    return found.kind === "int" && found.bool;
  }

  // --- places -----------------------------------------------------------------------------------------------------

  /** A field of a header by the name of its header: `ip.ttl`; undefined: it is something else. */
  headerField(node: Expression): HeaderField | undefined {
    const target = bare(node);
    if (target.type !== "MemberExpression" || target.computed || target.property.type !== "Identifier")
      return undefined;
    const object = bare(target.object as Expression);
    if (object.type !== "Identifier") return undefined;
    const value = this.value(object);
    if (value.kind !== "plain" && value.kind !== "maybe") return undefined;
    return protocolOf(this.types, value.of.type) === undefined
      ? undefined
      : { of: value.of, name: target.property.name };
  }

  /** Something that can be assigned to. */
  place(node: Expression): CExpression {
    const value = this.value(node);
    if (value.kind === "static" && value.what.kind === "live")
      return refuse("SCRY1403", "what is live is set by its value", node, "Write .value behind it");
    const of = value.kind === "plain" || value.kind === "maybe" ? value.of : undefined;
    if (of === undefined || !/^(?:variable|dereference|member|element)$/.test(of.kind))
      return refuse("SCRY1403", "nothing can be assigned to this", node);
    if (of.kind === "member" && protocolOf(this.types, of.of.type) !== undefined)
      return refuse("SCRY1403", "a header is written to by its name: const ip = …; ip.ttl = 64", node);
    return of;
  }

  /** In memory, so that its address can be taken. */
  addressable(of: CExpression): CExpression {
    if (/^(?:variable|dereference|member|element|literal|text)$/.test(of.kind)) {
      let root: CExpression = of;
      while (root.kind === "member" || root.kind === "element") root = root.of;
      if (root.kind === "variable") root.variable.addressed = true;
      return of;
    }
    const variable = this.held(of, of.type, of.span);
    variable.addressed = true;
    return this.read(variable, of.span);
  }

  /** The address of a value of this type in memory: of keys and values of maps. */
  addressOf(node: Expression, type: number): CExpression {
    const { typing } = this.types;
    const span = spanOf(node);
    const value = this.value(node);
    if (
      value.kind === "plain" &&
      !typing.isScalar(type) &&
      typing.resolve(value.of.type).id === typing.resolve(type).id
    )
      return typing.address(this.addressable(value.of), span);
    const variable = typing.isScalar(type) ? this.temporary(type, span) : this.zeroed(type, span);
    if (typing.isScalar(type)) this.declare(variable, this.fitting(this.asPlain(value, node, type), type, node));
    else this.intoValue(this.read(variable, span), value, node);
    variable.addressed = true;
    return typing.address(this.read(variable, span), span);
  }

  /** Writes what an expression gives into a place. */
  into(place: CExpression, node: Expression): void {
    this.intoValue(place, this.value(node), node);
  }

  intoValue(place: CExpression, value: Value, at: Node): void {
    const { typing } = this.types;
    const span = spanOf(at);
    if (value.kind === "object") this.members(place, value.node);
    else if (value.kind === "array") this.#elementsInto(place, value.node);
    else if (value.kind === "written") this.push(...value.into(place, place.type));
    else if (value.kind === "static" && value.what.kind === "text" && this.types.textLength(place.type) !== undefined)
      this.#textInto(place, value.what.text, at);
    else {
      const plain = this.asPlain(value, at, place.type);
      if (typing.isScalar(place.type))
        this.do({ kind: "assign", target: place, value: this.fittingPlace(plain, place, at), type: place.type, span });
      else this.#copied(place, plain, this.#copiedBytes(place, plain, at), span);
    }
  }

  /** How much of one value another one takes: texts of different lengths the shorter. */
  #copiedBytes(place: CExpression, from: CExpression, at: Node): number {
    const { typing } = this.types;
    const [length, given] = [this.types.textLength(place.type), this.types.textLength(from.type)];
    if (length !== undefined && given !== undefined) return Math.min(length, given);
    if (typing.size(place.type) !== typing.size(from.type))
      refuse("SCRY1403", `${this.types.name(from.type)} cannot be made into ${this.types.name(place.type)}`, at);
    return typing.size(place.type);
  }

  #copied(place: CExpression, from: CExpression, bytes: number, span: Span): void {
    const { typing } = this.types;
    const address = (of: CExpression): CExpression => typing.address(this.addressable(of), span);
    this.do({
      kind: "builtin",
      name: "memcpy",
      args: [address(place), address(from), this.constant(bytes, this.types.u64, span)],
      type: this.types.c.pointer(0),
      span,
    });
  }

  #textInto(place: CExpression, text: string, at: Node): void {
    const length = this.types.textLength(place.type) ?? 0;
    const bytes = new TextEncoder().encode(text);
    if (bytes.length >= length)
      refuse("SCRY1403", `this text has ${bytes.length} bytes; text(${length}) has room for ${length - 1}`, at);
    const variable = this.temporary(place.type, spanOf(at));
    variable.addressed = true;
    const padded = new Uint8Array(length);
    padded.set(bytes);
    const span = spanOf(at);
    variable.initial = {
      entries: [
        { offset: 0, bits: 0, type: place.type, value: { kind: "text", bytes: padded, type: place.type, span } },
      ],
      span,
    };
    this.push({ kind: "declare", variable, span });
    this.#copied(place, this.read(variable, span), length, span);
  }

  /** Writes the elements that are named; the others stay. */
  #elementsInto(place: CExpression, node: ArrayExpression): void {
    const { typing } = this.types;
    const found = typing.resolve(place.type);
    if (found.kind !== "array") refuse("SCRY1403", `${this.types.name(place.type)} has no elements`, node);
    if (node.elements.length > found.count) refuse("SCRY1403", `there is room for ${found.count} elements`, node);
    for (const [i, element] of node.elements.entries()) {
      if (element === null || element.type === "SpreadElement")
        refuse("SCRY1402", "elements stand one by one here", node);
      this.into(typing.index(place, this.constant(i, typing.int, spanOf(element)), spanOf(element)), element);
    }
  }

  /** Writes the members that an object literal names. */
  members(place: CExpression, node: ObjectExpression): void {
    const { typing } = this.types;
    const found = typing.resolve(place.type);
    if (found.kind !== "struct" && found.kind !== "union")
      refuse("SCRY1403", `${this.types.name(place.type)} is no struct`, node);
    for (const property of node.properties) {
      // Another struct of the same kind, of which the members that follow are others.
      if (property.type === "SpreadElement") {
        this.into(place, property.argument);
        continue;
      }
      if (property.type !== "Property" || property.computed || property.method || property.kind !== "init") {
        refuse("SCRY1402", "members are named one by one here", property);
        continue;
      }
      const { key } = property;
      const name = key.type === "Identifier" ? key.name : key.type === "Literal" ? String(key.value) : "";
      this.into(typing.member(place, name, spanOf(key)), property.value as Expression);
    }
  }
}
