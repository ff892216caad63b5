// The types of expressions, by C11 6.3 and 6.5: promotions, usual arithmetic conversions, pointers. `int` has 32 bits,
// `long` and pointers 64, `char` a sign. Each function makes a node of the tree from its operands.

import { type BtfType, resolveType, typeNameC } from "../btf/index.ts";
import { DiagnosticError, nearest, type Span } from "../source/index.ts";
import type { CBinary, CComparison, CExpression, CPlace } from "./tree.ts";
import type { CTypes } from "./type-table.ts";

/** Says what is wrong at a place of the text. */
export function refuse(code: `SCRY${number}`, message: string, span: Span, ...hints: string[]): never {
  throw new DiagnosticError(
    [{ code, severity: "error", message, span, ...(hints.length === 0 ? {} : { hints }) }],
    span.file,
  );
}

export const WRONG_TYPE = "SCRY1035";

export function joined(a: Span, b: Span): Span {
  if (a.file !== b.file || b.end < a.start) return a;
  return { ...a, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

export class Typing {
  readonly types: CTypes;
  readonly int: number;
  readonly unsigned: number;
  readonly long: number;
  readonly unsignedLong: number;
  readonly char: number;
  readonly bool: number;

  constructor(types: CTypes) {
    this.types = types;
    this.int = types.int("int", 4, true);
    this.unsigned = types.int("unsigned int", 4, false);
    this.long = types.int("long", 8, true);
    this.unsignedLong = types.int("unsigned long", 8, false);
    this.char = types.int("char", 1, true);
    this.bool = types.int("_Bool", 1, false);
  }

  resolve(type: number): BtfType {
    return resolveType(this.types, type);
  }
  name(type: number): string {
    return typeNameC(this.types, type);
  }
  isInteger(type: number): boolean {
    const { kind } = this.resolve(type);
    return kind === "int" || kind === "enum" || kind === "enum64";
  }
  isPointer(type: number): boolean {
    return this.resolve(type).kind === "ptr";
  }
  isScalar(type: number): boolean {
    return this.isInteger(type) || this.isPointer(type);
  }
  isComposite(type: number): boolean {
    const { kind } = this.resolve(type);
    return kind === "struct" || kind === "union";
  }
  signed(type: number): boolean {
    return this.types.signed(type);
  }
  /** Bytes; 1 for void and functions, as GNU C has it. */
  size(type: number): number {
    return this.types.sizeof(type) ?? 1;
  }
  /** What a pointer or array leads to. */
  target(type: number): number {
    const found = this.resolve(type);
    return found.kind === "ptr" ? found.type : found.kind === "array" ? found.element : 0;
  }

  // --- conversions ----------------------------------------------------------------------------------------------

  constant(value: bigint, type: number, span: Span): CExpression {
    return { kind: "constant", value: this.cut(value, type), type, span };
  }

  /** The value as the type has it. */
  cut(value: bigint, type: number): bigint {
    const found = this.resolve(type);
    if (found.kind === "int" && found.bool) return value === 0n ? 0n : 1n;
    const bits = Math.min(64, this.size(type) * 8);
    return this.signed(type) ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  }

  /** An operand's value: arrays and functions become pointers. */
  value(of: CExpression): CExpression {
    const type = this.resolve(of.type);
    if (type.kind === "array") return { kind: "decay", of, type: this.types.pointer(type.element), span: of.span };
    if (type.kind === "func_proto") return { kind: "address", of, type: this.types.pointer(of.type), span: of.span };
    return of;
  }

  /** Without anything being said of whether it fits. */
  cast(of: CExpression, type: number, span: Span = of.span): CExpression {
    const value = this.value(of);
    if (value.kind === "constant" && this.isScalar(type)) return this.constant(value.value, type, span);
    return { kind: "convert", of: value, type, span };
  }

  /** A cast that is written. */
  explicit(of: CExpression, type: number, span: Span): CExpression {
    const value = this.value(of);
    const to = this.resolve(type);
    if (to.kind === "void") return { kind: "convert", of: value, type, span };
    if (this.isComposite(type) && this.resolve(value.type).id === to.id) return value;
    if (to.kind === "float" || this.resolve(value.type).kind === "float") return this.#float(span);
    if (!this.isScalar(type) || !this.isScalar(value.type))
      return refuse(WRONG_TYPE, `${this.name(value.type)} cannot be cast to ${this.name(type)}`, span);
    const cast = this.cast(value, type, span);
    return cast.kind === "convert" ? { ...cast, written: true } : cast;
  }

  #float(span: Span): never {
    return refuse(WRONG_TYPE, "BPF has no floating point numbers", span);
  }

  /** As an assignment, an argument or a return does (C11 6.5.16.1). */
  assigned(of: CExpression, type: number, what: string): CExpression {
    const value = this.value(of);
    const to = this.resolve(type);
    const from = this.resolve(value.type);
    if (to.kind === "float" || from.kind === "float") return this.#float(of.span);
    const wrong = (): never =>
      refuse(WRONG_TYPE, `${what} of type ${this.name(type)} cannot be made from ${this.name(value.type)}`, of.span);
    if (this.isComposite(type)) {
      if (
        from.kind !== to.kind ||
        (from.id !== to.id && (from.name !== to.name || this.size(type) !== this.size(value.type)))
      )
        return wrong();
      return value;
    }
    if (!this.isScalar(type) || !this.isScalar(value.type)) return wrong();
    return this.cast(value, type);
  }

  /** Integer promotion (C11 6.3.1.1); pointers stay. */
  promote(of: CExpression): CExpression {
    const value = this.value(of);
    const type = this.resolve(value.type);
    if (type.kind === "ptr") return value;
    if (type.kind === "float") return this.#float(of.span);
    if (!this.isInteger(value.type))
      return refuse(WRONG_TYPE, `a value of type ${this.name(value.type)} is no number`, of.span);
    return this.cast(value, this.#promoted(value));
  }

  #promoted(value: CExpression): number {
    const size = this.size(value.type);
    const signed = this.signed(value.type);
    if (value.kind === "member" && value.bitfieldSize > 0) {
      if (value.bitfieldSize < 32 || (value.bitfieldSize === 32 && signed)) return this.int;
      if (value.bitfieldSize === 32) return this.unsigned;
    }
    if (size < 4) return this.int;
    if (size === 4) return signed ? this.int : this.unsigned;
    if (size > 8) return value.type;
    return signed ? this.long : this.unsignedLong;
  }

  /** The type in which two numbers meet (C11 6.3.1.8). */
  #common(a: number, b: number): number {
    const [first, second] = [this.size(a), this.size(b)];
    if (first !== second) return first > second ? a : b;
    return this.signed(a) ? b : a;
  }

  // --- expressions ----------------------------------------------------------------------------------------------

  /** A condition: anything that is compared with zero. */
  truth(of: CExpression): CExpression {
    const value = this.value(of);
    if (!this.isScalar(value.type))
      return refuse(WRONG_TYPE, `a value of type ${this.name(value.type)} is neither true nor false`, of.span);
    return value;
  }

  unary(operator: "-" | "~" | "!" | "+", of: CExpression, span: Span): CExpression {
    if (operator === "!") {
      const value = this.truth(of);
      if (value.kind === "constant") return this.constant(value.value === 0n ? 1n : 0n, this.int, span);
      return { kind: "unary", operator, of: value, type: this.int, span };
    }
    const value = this.promote(of);
    if (this.isPointer(value.type)) return refuse(WRONG_TYPE, `${operator} of a pointer`, span);
    if (operator === "+") return value;
    if (value.kind === "constant")
      return this.constant(operator === "-" ? -value.value : ~value.value, value.type, span);
    return { kind: "unary", operator, of: value, type: value.type, span };
  }

  binary(operator: CBinary, a: CExpression, b: CExpression, span: Span): CExpression {
    let left = this.promote(a);
    let right = this.promote(b);
    const pointers = [this.isPointer(left.type), this.isPointer(right.type)] as const;
    if (operator === "+" && pointers[1] && !pointers[0]) [left, right] = [right, left];
    if (pointers[0] || pointers[1]) {
      if (operator === "-" && pointers[0] && pointers[1])
        return { kind: "distance", left, right, size: this.size(this.target(left.type)), type: this.long, span };
      if ((operator === "+" || operator === "-") && this.isPointer(left.type) && !this.isPointer(right.type)) {
        const size = this.size(this.target(left.type));
        const number = this.cast(right, this.long);
        const by = operator === "-" ? this.unary("-", number, span) : number;
        return { kind: "advance", pointer: left, by, size, type: left.type, span };
      }
      return refuse(WRONG_TYPE, `${this.name(left.type)} ${operator} ${this.name(right.type)}`, span);
    }
    if (operator === "<<" || operator === ">>") {
      if (left.kind === "constant" && right.kind === "constant")
        return this.constant(computed(operator, left.value, right.value), left.type, span);
      return { kind: "binary", operator, left, right, type: left.type, span };
    }
    const type = this.#common(left.type, right.type);
    left = this.cast(left, type);
    right = this.cast(right, type);
    if (left.kind === "constant" && right.kind === "constant" && !(right.value === 0n && /[/%]/.test(operator)))
      return this.constant(computed(operator, left.value, right.value), type, span);
    return { kind: "binary", operator, left, right, type, span };
  }

  compare(operator: CComparison, a: CExpression, b: CExpression, span: Span): CExpression {
    let left = this.promote(a);
    let right = this.promote(b);
    if (this.isPointer(left.type) !== this.isPointer(right.type)) {
      // Of a pointer with a number: both as numbers of 64 bits.
      const type = this.unsignedLong;
      left = this.isPointer(left.type) ? left : this.cast(left, type);
      right = this.isPointer(right.type) ? right : this.cast(right, type);
    } else if (!this.isPointer(left.type)) {
      const type = this.#common(left.type, right.type);
      left = this.cast(left, type);
      right = this.cast(right, type);
    }
    if (left.kind === "constant" && right.kind === "constant") {
      const [x, y] = [left.value, right.value];
      const holds = { "==": x === y, "!=": x !== y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y }[operator];
      return this.constant(holds ? 1n : 0n, this.int, span);
    }
    return { kind: "compare", operator, left, right, type: this.int, span };
  }

  logical(operator: "&&" | "||", a: CExpression, b: CExpression, span: Span): CExpression {
    const left = this.truth(a);
    const right = this.truth(b);
    if (left.kind === "constant") {
      const decided = operator === "&&" ? left.value === 0n : left.value !== 0n;
      if (decided) return this.constant(operator === "&&" ? 0n : 1n, this.int, span);
      if (right.kind === "constant") return this.constant(right.value === 0n ? 0n : 1n, this.int, span);
    }
    return { kind: "logical", operator, left, right, type: this.int, span };
  }

  conditional(condition: CExpression, a: CExpression, b: CExpression, span: Span): CExpression {
    const truth = this.truth(condition);
    let then = this.value(a);
    let otherwise = this.value(b);
    let type: number;
    if (this.isInteger(then.type) && this.isInteger(otherwise.type)) {
      then = this.promote(then);
      otherwise = this.promote(otherwise);
      type = this.#common(then.type, otherwise.type);
      then = this.cast(then, type);
      otherwise = this.cast(otherwise, type);
    } else if (this.isPointer(then.type) && this.isPointer(otherwise.type)) {
      // `void *` and the constant 0 take the other's type.
      const empty = this.resolve(this.target(then.type)).kind === "void";
      type = empty && then.kind === "constant" ? otherwise.type : then.type;
    } else if (this.isPointer(then.type) || this.isPointer(otherwise.type)) {
      type = this.isPointer(then.type) ? then.type : otherwise.type;
      if (this.isScalar(then.type) && this.isScalar(otherwise.type)) {
        then = this.cast(then, type);
        otherwise = this.cast(otherwise, type);
      } else type = 0;
    } else type = this.isComposite(then.type) ? then.type : 0;
    if (truth.kind === "constant") {
      const chosen = truth.value !== 0n ? then : otherwise;
      return chosen.kind === "constant" ? { ...chosen, span } : chosen;
    }
    return { kind: "conditional", condition: truth, then, otherwise, type, span };
  }

  /** `*p` */
  dereference(of: CExpression, span: Span): CExpression {
    const pointer = this.value(of);
    if (!this.isPointer(pointer.type))
      return refuse(WRONG_TYPE, `* of a value of type ${this.name(pointer.type)}, which is no pointer`, span);
    const type = this.target(pointer.type);
    // Of the address of a place, the place: also where a cast only changes how its type is qualified.
    let at = pointer;
    while (at.kind === "convert" && this.isPointer(at.of.type) && this.#sameTarget(at.type, at.of.type)) at = at.of;
    if (at.kind === "address" && at.of.kind !== "function") return { ...at.of, span };
    return { kind: "dereference", pointer, type, span };
  }

  #sameTarget(a: number, b: number): boolean {
    return this.resolve(this.target(a)).id === this.resolve(this.target(b)).id;
  }

  /** `&a` */
  address(of: CExpression, span: Span): CExpression {
    const type = this.types.pointer(of.type);
    if (of.kind === "function") return { kind: "address", of, type, span };
    if (!isPlace(of)) return refuse("SCRY1034", "an address of what is only a value", of.span);
    if (of.kind === "member" && of.bitfieldSize > 0) return refuse("SCRY1034", "an address of a bit field", of.span);
    if (of.kind === "dereference" && of.pointer.kind !== "address") return { ...of.pointer, type, span };
    // `&((struct s *)0)->member` is a number.
    const fixed = constantPlace(this, of);
    if (fixed !== undefined) return this.constant(fixed, type, span);
    const root = rootOf(of);
    if (root.kind === "variable") root.variable.addressed = true;
    return { kind: "address", of, type, span };
  }

  /** `a[i]` */
  index(a: CExpression, b: CExpression, span: Span): CExpression {
    const [of, index] = this.isInteger(a.type) ? [b, a] : [a, b];
    const type = this.resolve(of.type);
    if (type.kind === "array")
      return { kind: "element", of, index: this.cast(this.promote(index), this.long), type: type.element, span };
    return this.dereference(this.binary("+", of, index, span), span);
  }

  /** `a.name`, through members that have no name. */
  member(of: CExpression, name: string, span: Span): CExpression {
    const path = this.path(of.type, name);
    if (path === undefined) {
      const type = this.resolve(of.type);
      if (type.kind === "fwd") return refuse("SCRY1033", `${this.name(of.type)} is not declared whole`, span);
      if (type.kind === "ptr")
        return refuse(WRONG_TYPE, `'${name}' of a pointer to ${this.name(type.type)}`, span, "Did you mean '->'?");
      const names = this.#names(of.type);
      return refuse("SCRY1036", `${this.name(of.type)} has no member named '${name}'`, span, ...nearest(name, names));
    }
    let found = of;
    for (const index of path) {
      const holder = this.resolve(found.type);
      const member = holder.kind === "struct" || holder.kind === "union" ? holder.members[index] : undefined;
      if (member === undefined) break;
      const { bitOffset, bitfieldSize, type } = member;
      found = { kind: "member", of: found, index, bitOffset, bitfieldSize, type, span };
    }
    return found;
  }

  #names(type: number): string[] {
    const found = this.resolve(type);
    if (found.kind !== "struct" && found.kind !== "union") return [];
    return found.members.flatMap((m) => (m.name === "" ? this.#names(m.type) : [m.name]));
  }

  /** The way to a member by numbers; more than one where it is in members without names. */
  path(type: number, name: string): readonly number[] | undefined {
    const found = this.resolve(type);
    if (found.kind !== "struct" && found.kind !== "union") return undefined;
    const own = found.members.findIndex((m) => m.name === name);
    if (own >= 0) return [own];
    for (const [i, m] of found.members.entries()) {
      if (m.name !== "") continue;
      const inner = this.path(m.type, name);
      if (inner !== undefined) return [i, ...inner];
    }
    return undefined;
  }
}

export const isPlace = (of: CExpression): of is CPlace =>
  /^(?:variable|text|dereference|member|element|literal)$/.test(of.kind);

/** What the members and elements are of. */
export function rootOf(of: CExpression): CExpression {
  let at = of;
  while (at.kind === "member" || at.kind === "element") at = at.of;
  return at;
}

/** Where a place is that is counted from a constant pointer. */
function constantPlace(typing: Typing, of: CExpression): bigint | undefined {
  if (of.kind === "dereference") return of.pointer.kind === "constant" ? of.pointer.value : undefined;
  if (of.kind !== "member" && of.kind !== "element") return undefined;
  const base = constantPlace(typing, of.of);
  if (base === undefined) return undefined;
  if (of.kind === "member") return base + BigInt(of.bitOffset >> 3);
  return of.index.kind === "constant" ? base + of.index.value * BigInt(typing.size(of.type)) : undefined;
}

/** Without regard to bits: the result is cut to its type. Division by zero is the caller's. */
export function computed(operator: CBinary, x: bigint, y: bigint): bigint {
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    case "%":
      return x % y;
    case "&":
      return x & y;
    case "|":
      return x | y;
    case "^":
      return x ^ y;
    case "<<":
      return x << (y & 63n);
    case ">>":
      return x >> (y & 63n);
  }
}
