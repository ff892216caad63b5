// Operators, by the rules of docs/kernel-typescript.md ("Numbers on one page"): those of C but where numbers of both signs are
// compared, and where bits would be lost without a word.

import { type CBinary, type CComparison, type CExpression, computed } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { PlaceReader } from "./places.ts";
import type { Value } from "./values.ts";

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
      const of = this.truth(node.argument);
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
    if (comparison !== undefined)
      return { kind: "plain", of: this.#compared(comparison, left, right, leftNode, rightNode, span) };
    if (operator === ">>>") return refuse("SCRY1402", "'>>>' is '>>' of an unsigned number here: u64(x) >> n", at);
    if (!ARITHMETIC.has(operator)) return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
    const [a, b] = this.#together(left, right, leftNode, rightNode);
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
      const known = one.kind === "maybe" || one.kind === "map";
      const present = known ? one.present : this.asPlain(one, node);
      if (!known && !typing.isPointer(present.type))
        return refuse("SCRY1403", `this is never undefined: it is of type ${this.types.name(present.type)}`, node);
      const truth = typing.truth(present);
      return operator === "=="
        ? typing.unary("!", truth, span)
        : typing.unary("!", typing.unary("!", truth, span), span);
    }
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

  /** Numbers of both signs are compared as what they are, not as bits. */
  #bySign(operator: CComparison, a: CExpression, b: CExpression, span: Span): CExpression {
    const { typing } = this.types;
    if (!typing.isInteger(a.type) || !typing.isInteger(b.type)) return typing.compare(operator, a, b, span);
    const [x, y] = [typing.promote(a), typing.promote(b)];
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
      const given =
        left.kind === "plain" && typing.isPointer(left.of.type)
          ? { present: left.of, of: left.of }
          : left.kind === "maybe"
            ? left
            : refuse("SCRY1403", "this is never undefined", leftNode);
      const right = this.contained(() => this.plain(rightNode, given.of.type));
      return { kind: "plain", of: typing.conditional(given.present, given.of, right, span) };
    }
    const left = this.truth(leftNode);
    const right = this.contained(() => this.truth(rightNode));
    return { kind: "plain", of: typing.logical(operator as "&&", left, right, span) };
  }

  protected assignment(operator: string, targetNode: Expression, valueNode: Expression, at: Node): Value {
    const { typing } = this.types;
    const span = spanOf(at);
    const target = this.place(targetNode);
    if (operator === "=") {
      if (!typing.isScalar(target.type)) {
        this.into(target, valueNode);
        return { kind: "plain", of: target };
      }
      const value = this.fitting(this.plain(valueNode, target.type), target.type, valueNode);
      return { kind: "plain", of: { kind: "assign", target, value, type: target.type, span } };
    }
    const sign = operator.slice(0, -1);
    if (!ARITHMETIC.has(sign)) return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
    const right = this.plain(valueNode, typing.isInteger(target.type) ? typing.promote(target).type : undefined);
    const before = this.variable("before", target.type, span);
    const sum = typing.binary(sign as CBinary, this.read(before), right, span);
    const value = typing.cast(sum, target.type, span);
    return { kind: "plain", of: { kind: "update", target, before, value, post: false, type: target.type, span } };
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
