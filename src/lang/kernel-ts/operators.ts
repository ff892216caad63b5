// Operators, by the rules of docs/kernel-typescript.md ("Numbers on one page"): those of C but where numbers of both signs are
// compared, and where bits would be lost without a word.

import { type CBinary, type CComparison, type CExpression, computed } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { writeField as writeHeaderField } from "./header-writes.ts";
import {
  type AddressKind,
  addressBytes,
  addressKind,
  hostOrder,
  littleEndian,
  networkOrder,
  orderOf,
  sameAddress,
} from "./network.ts";
import { type HeaderField, PlaceReader } from "./places.ts";
import type { Reader } from "./reader.ts";
import { decided, type Value } from "./values.ts";

const ARITHMETIC: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
const COMPARISONS: Readonly<Record<string, CComparison>> = {
  "===": "==",
  "==": "==",
  "!==": "!=",
  "!=": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};

export abstract class OperatorReader extends PlaceReader {
  protected unary(node: Extract<Expression, { type: "UnaryExpression" }>): Value {
    const span = spanOf(node);
    const { operator } = node;
    if (operator === "!") {
      const asked = this.value(node.argument);
      const known = decided(asked);
      if (known !== undefined) return { kind: "static", what: { kind: "number", value: known ? 0n : 1n } };
      const of = this.truthOf(asked, node.argument);
      return { kind: "plain", of: this.types.typing.unary("!", of, span) };
    }
    if (operator !== "-" && operator !== "+" && operator !== "~")
      return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, node);
    const value = this.value(node.argument);
    if (value.kind === "static" && value.what.kind === "number") {
      const n = value.what.value;
      return { kind: "static", what: { kind: "number", value: operator === "-" ? -n : operator === "~" ? ~n : n } };
    }
    return { kind: "plain", of: this.types.typing.unary(operator, this.asPlain(value, node.argument), span) };
  }

  protected binary(operator: string, leftNode: Expression, rightNode: Expression, at: Node): Value {
    const before = this.value(leftNode);
    const mark = this.mark();
    const right = this.value(rightNode);
    const left = this.keptFrom(mark, before);
    const span = spanOf(at);
    const comparison = COMPARISONS[operator];
    if (
      left.kind === "static" &&
      right.kind === "static" &&
      left.what.kind === "number" &&
      right.what.kind === "number"
    )
      return {
        kind: "static",
        what: { kind: "number", value: folded(operator, left.what.value, right.what.value, at) },
      };
    if (comparison !== undefined) {
      const compared = this.#compared(comparison, left, right, leftNode, rightNode, span);
      return { kind: "plain", of: this.#whereThere(comparison, [left, right], compared, span) };
    }
    if (operator === ">>>") return refuse("SCRY1402", "'>>>' is '>>' of an unsigned number here: u64(x) >> n", at);
    if (!ARITHMETIC.has(operator)) return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
    const [a, b] = this.#together(left, right, leftNode, rightNode);
    for (const [of, node] of [
      [a, leftNode],
      [b, rightNode],
    ] as const)
      if (addressKind(this.types, of.type) !== undefined)
        refuse("SCRY1403", "nothing is computed with addresses", node, "u32(address) is the number of an IPv4 address");
    return { kind: "plain", of: this.types.typing.binary(operator as CBinary, a, b, span) };
  }

  /** Both as numbers; a literal is of the other's type. */
  #together(left: Value, right: Value, leftNode: Node, rightNode: Node): readonly [CExpression, CExpression] {
    const { typing } = this.types;
    const own = (of: CExpression): number => (typing.isInteger(of.type) ? typing.promote(of).type : this.types.i64);
    if (left.kind === "static") {
      const b = this.asPlain(right, rightNode);
      return [this.asPlain(left, leftNode, own(b)), b];
    }
    const a = this.asPlain(left, leftNode);
    return [a, this.asPlain(right, rightNode, own(a))];
  }

  /** What is missing is unlike anything else: its place is not looked at. */
  #whereThere(operator: CComparison, sides: readonly Value[], compared: CExpression, span: Span): CExpression {
    const { typing } = this.types;
    if (sides.some(({ kind }) => kind === "undefined")) return compared;
    return sides.reduce((all, side) => {
      if (side.kind !== "maybe") return all;
      const present = typing.truth(side.present);
      return operator === "!="
        ? typing.logical("||", typing.unary("!", present, span), all, span)
        : typing.logical("&&", present, all, span);
    }, compared);
  }

  #compared(
    operator: CComparison,
    left: Value,
    right: Value,
    leftNode: Node,
    rightNode: Node,
    span: Span,
  ): CExpression {
    const { typing } = this.types;
    // With undefined: is it there?
    for (const [one, other, node] of [
      [left, right, leftNode],
      [right, left, rightNode],
    ] as const) {
      if (other.kind !== "undefined") continue;
      if (one.kind === "undefined") return this.constant(operator === "==" ? 1 : 0, typing.int, span);
      const known =
        one.kind === "maybe" || one.kind === "map" ? one.present : one.kind === "plain" ? one.within : undefined;
      const present = known ?? this.asPlain(one, node);
      if (known === undefined && !typing.isPointer(present.type))
        return refuse("SCRY1403", `this is never undefined: it is of type ${this.types.name(present.type)}`, node);
      const truth = typing.truth(present);
      return operator === "=="
        ? typing.unary("!", truth, span)
        : typing.unary("!", typing.unary("!", truth, span), span);
    }
    const addresses = this.#addresses(operator, left, right, leftNode, rightNode, span);
    if (addresses !== undefined) return addresses;
    const [a, b] = this.#together(left, right, leftNode, rightNode);
    const [first, second] = [this.types.textLength(a.type), this.types.textLength(b.type)];
    if (first !== undefined && second !== undefined && (operator === "==" || operator === "!=")) {
      const length = Math.min(first, second);
      const compared: CExpression = {
        kind: "builtin",
        name: "memcmp",
        args: [
          typing.value(this.addressable(a)),
          typing.value(this.addressable(b)),
          this.constant(length, this.types.u64, span),
        ],
        type: typing.int,
        span,
      };
      return typing.compare(operator, compared, this.constant(0, typing.int, span), span);
    }
    return this.#bySign(operator, a, b, span);
  }

  /** Addresses of one kind, or one and a text, are the same or not; undefined: these are no addresses. */
  #addresses(
    operator: CComparison,
    left: Value,
    right: Value,
    leftNode: Node,
    rightNode: Node,
    span: Span,
  ): CExpression | undefined {
    const { types } = this;
    const kindOf = (value: Value): AddressKind | undefined =>
      value.kind === "plain" || value.kind === "maybe" ? addressKind(types, value.of.type) : undefined;
    const [first, second] = [kindOf(left), kindOf(right)];
    const kind = first ?? second;
    if (kind === undefined) return undefined;
    const [one, other, oneNode, otherNode] =
      first === undefined ? [right, left, rightNode, leftNode] : [left, right, leftNode, rightNode];
    if (operator !== "==" && operator !== "!=")
      refuse("SCRY1403", "addresses are the same or not: they have no order", span);
    const text = other.kind === "static" && other.what.kind === "text" ? other.what.text : undefined;
    const place = this.asPlain(one, oneNode);
    const against = text === undefined ? this.asPlain(other, otherNode) : addressBytes(kind, text, otherNode);
    if (!(against instanceof Uint8Array) && addressKind(types, against.type) !== kind)
      refuse("SCRY1403", `${kind} is compared with ${kind} and with texts`, otherNode);
    const { typing } = types;
    if (kind === "ipv4") {
      const bits = against instanceof Uint8Array ? this.constant(littleEndian(against), types.u32, span) : against;
      return typing.compare(operator, place, bits, span);
    }
    const same = sameAddress(
      types,
      this.addressable(place),
      against instanceof Uint8Array ? against : this.addressable(against),
      span,
    );
    return operator === "==" ? same : typing.unary("!", same, span);
  }

  /** Numbers of both signs are compared as what they are, not as bits. */
  #bySign(operator: CComparison, a: CExpression, b: CExpression, span: Span): CExpression {
    const { typing } = this.types;
    if (!typing.isInteger(a.type) || !typing.isInteger(b.type)) return typing.compare(operator, a, b, span);
    const [x, y] = [this.#nonNegative(a, b), this.#nonNegative(b, a)];
    if (typing.signed(x.type) === typing.signed(y.type)) return typing.compare(operator, x, y, span);
    const unsigned = typing.signed(x.type) ? y : x;
    if (typing.size(unsigned.type) < 8)
      return typing.compare(operator, typing.cast(x, this.types.i64), typing.cast(y, this.types.i64), span);
    const signed = typing.signed(x.type) ? x : y;
    if (signed.kind === "constant" && signed.value >= 0n) return typing.compare(operator, x, y, span);
    const zero = this.constant(0, this.types.i64, span);
    const below = typing.compare("<", typing.cast(signed, this.types.i64), zero, span);
    const bits = typing.compare(operator, typing.cast(x, this.types.u64), typing.cast(y, this.types.u64), span);
    // A negative number is below every unsigned one.
    const negative = operator === "!=" || (signed === x ? /</ : />/).test(operator);
    return typing.conditional(below, this.constant(negative ? 1 : 0, typing.int, span), bits, span);
  }

  /** A number to compute with; where the other one has no sign, a small one that has none gets none. */
  #nonNegative(of: CExpression, other: CExpression): CExpression {
    const { typing } = this.types;
    const small = typing.isInteger(of.type) && typing.size(of.type) < 4 && !typing.signed(of.type);
    const promoted = typing.promote(other).type;
    return small && !typing.signed(promoted) ? typing.cast(of, promoted) : typing.promote(of);
  }

  /** The lesser or the greater of two numbers. */
  chosen(operator: "<" | ">", leftNode: Expression, rightNode: Expression, at: Node): Value {
    const { typing } = this.types;
    const span = spanOf(at);
    const before = this.value(leftNode);
    const mark = this.mark();
    const right = this.value(rightNode);
    const left = this.keptFrom(mark, before);
    const [a, b] = this.#together(left, right, leftNode, rightNode);
    const [x, y] = [a, b].map((of) => this.read(this.held(of, typing.promote(of).type, span), span)) as [
      CExpression,
      CExpression,
    ];
    return { kind: "plain", of: typing.conditional(this.#bySign(operator, x, y, span), x, y, span) };
  }

  protected logical(operator: string, leftNode: Expression, rightNode: Expression, at: Node): Value {
    const { typing } = this.types;
    const span = spanOf(at);
    if (operator === "??") {
      const left = this.value(leftNode);
      // An element of constants, by an index that is known: tsc asks for what to take instead all the same.
      if (left.kind === "static" && left.what.kind === "number") return left;
      const given =
        left.kind === "maybe"
          ? left
          : left.kind === "plain" && typing.isPointer(left.of.type)
            ? { present: left.of, of: left.of }
            : left.kind === "plain" && left.within !== undefined
              ? { present: left.within, of: left.of }
              : refuse("SCRY1403", "this is never undefined", leftNode);
      const own = this.asPlain({ kind: "plain", of: given.of }, leftNode);
      const right = this.contained(() => this.plain(rightNode, own.type));
      return { kind: "plain", of: typing.conditional(given.present, own, right, span) };
    }
    const asked = this.value(leftNode);
    const known = decided(asked);
    if (known === (operator === "||")) return { kind: "static", what: { kind: "number", value: known ? 1n : 0n } };
    if (known !== undefined) {
      const rest = this.value(rightNode);
      return decided(rest) === undefined ? { kind: "plain", of: this.truthOf(rest, rightNode) } : rest;
    }
    const left = this.truthOf(asked, leftNode);
    const right = this.contained(() => this.truth(rightNode));
    return { kind: "plain", of: typing.logical(operator as "&&", left, right, span) };
  }

  protected assignment(operator: string, targetNode: Expression, valueNode: Expression, at: Node): Value {
    const { typing } = this.types;
    const span = spanOf(at);
    const field = this.headerField(targetNode);
    if (field !== undefined) return this.#writtenField(field, operator, valueNode, at);
    const target = this.place(targetNode);
    if (operator === "=") {
      if (!typing.isScalar(target.type)) {
        this.into(target, valueNode);
        return { kind: "plain", of: target };
      }
      const value = this.fittingPlace(this.plain(valueNode, target.type), target, valueNode);
      return { kind: "plain", of: { kind: "assign", target, value, type: target.type, span } };
    }
    const sign = operator.slice(0, -1);
    if (!ARITHMETIC.has(sign)) return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
    const right = this.plain(valueNode, typing.isInteger(target.type) ? typing.promote(target).type : undefined);
    return this.updated(target, (old) => typing.binary(sign as CBinary, old, right, span), false, at);
  }

  /** A field of a header, whose checksums are kept right. */
  #writtenField({ of, name }: HeaderField, operator: string, valueNode: Expression, at: Node): Value {
    const { typing } = this.types;
    const span = spanOf(at);
    const sign = operator.slice(0, -1);
    if (operator !== "=" && !ARITHMETIC.has(sign))
      return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
    this.writeField(
      of,
      name,
      at,
      (old, type) => {
        if (operator === "=") return this.plain(valueNode, type);
        const right = this.plain(valueNode, typing.promote(old).type);
        return typing.cast(typing.binary(sign as CBinary, old, right, span), type, span);
      },
      valueNode,
    );
    return { kind: "plain", of: this.constant(0, typing.int, span) };
  }

  /** Writes a field, of its old value's number and the type of that; `valueNode`: where the new one is said. */
  protected writeField(
    of: CExpression,
    name: string,
    at: Node,
    made: (old: CExpression, type: number) => CExpression,
    valueNode: Node,
  ): void {
    const { types } = this;
    writeHeaderField(
      this as unknown as Reader,
      of,
      name,
      (old) => {
        const number = hostOrder(types, old);
        if (addressKind(types, old.type) !== undefined && !types.typing.isScalar(old.type)) return made(old, old.type);
        return this.fitting(made(number, number.type === old.type ? old.type : number.type), old.type, valueNode);
      },
      at,
    );
  }

  /** A place whose new value is made of its old one. */
  protected updated(target: CExpression, made: (old: CExpression) => CExpression, post: boolean, at: Node): Value {
    const { types } = this;
    const span = spanOf(at);
    const { type } = target;
    if (addressKind(types, type) !== undefined)
      refuse("SCRY1403", `nothing is computed with addresses`, at, "u32(address) is the number of an IPv4 address");
    const before = this.variable("before", type, span);
    const sum = made(hostOrder(types, this.read(before)));
    const value =
      orderOf(types, type) === undefined ? types.typing.cast(sum, type, span) : networkOrder(types, sum, type);
    return { kind: "plain", of: { kind: "update", target, before, value, post, type, span } };
  }
}

/** Of numbers that are known, without regard to bits. */
function folded(operator: string, a: bigint, b: bigint, at: Node): bigint {
  const comparison = COMPARISONS[operator];
  if (comparison !== undefined) {
    const holds = { "==": a === b, "!=": a !== b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[comparison];
    return holds ? 1n : 0n;
  }
  if (operator === "**") return b < 0n || b > 64n ? refuse("SCRY1403", "this number is too large", at) : a ** b;
  if (!ARITHMETIC.has(operator)) return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
  if (b === 0n && /[/%]/.test(operator)) return refuse("SCRY1403", "this divides by zero", at);
  if ((b < 0n || b > 63n) && /<<|>>/.test(operator)) return refuse("SCRY1403", "this shifts by more than 63", at);
  return computed(operator as CBinary, a, b);
}
