// Expressions, as the typed tree that C's lowering takes. What has to be done before a value is there (a look-up, a call that
// writes into memory) becomes statements before it.

import type { CBinary, CComparison, CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { nearest } from "../../source/index.ts";
import {
  annotationOf,
  bare,
  type CallExpression,
  type Expression,
  type MemberExpression,
  type Node,
  type ObjectExpression,
  type Pattern,
  refuse,
  spanOf,
} from "./ast.ts";
import { BPF, CALLS, MAP_METHODS, MEMBERS } from "./builtins.ts";
import type { Reader } from "./reader.ts";
import type { Types } from "./types.ts";
import type { Static, Value } from "./values.ts";

/** What the module has at its top, and what the compiler knows. */
export interface ModuleScope {
  readonly types: Types;
  readonly name: string;
  find(name: string): Value | undefined;
  names(): readonly string[];
  helper(name: string): CFunction;
  /** A function of the module, read when it is first called. */
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node): CFunction;
}

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

export abstract class ExpressionReader implements Reader {
  readonly module: ModuleScope;
  readonly types: Types;
  /** The context of the program, where there is one. */
  context: CVariable | undefined;
  protected scopes: Map<string, Value>[] = [new Map()];
  protected out: CStatement[] = [];
  #temporaries = 0;

  constructor(module: ModuleScope) {
    this.module = module;
    this.types = module.types;
  }

  // --- variables and statements -----------------------------------------------------------------------------------

  push(...statements: readonly CStatement[]): void {
    this.out.push(...statements);
  }

  variable(name: string, type: number, span: Span): CVariable {
    return { name, type, span, storage: "local", attributes: new Set(), constant: false, align: 0, addressed: false };
  }
  temporary(type: number, span: Span): CVariable {
    return this.variable(`temporary${++this.#temporaries}`, type, span);
  }
  read(variable: CVariable, span: Span = variable.span): CExpression {
    return { kind: "variable", variable, type: variable.type, span };
  }
  constant(value: bigint | number, type: number, span: Span): CExpression {
    return this.types.typing.constant(BigInt(value), type, span);
  }

  /** A variable that begins with this value. */
  held(value: CExpression, type: number, span: Span): CVariable {
    const variable = this.temporary(type, span);
    this.declare(variable, this.types.typing.cast(value, type, span));
    return variable;
  }
  declare(variable: CVariable, value?: CExpression): void {
    const { span, type } = variable;
    if (value !== undefined)
      variable.initial = { entries: [{ offset: 0, bits: 0, type, value: this.types.typing.value(value) }], span };
    this.push({ kind: "declare", variable, span });
  }
  /** A variable of memory that is zero. */
  zeroed(type: number, span: Span): CVariable {
    const variable = this.temporary(type, span);
    variable.addressed = true;
    variable.initial = { entries: [], span };
    this.push({ kind: "declare", variable, span });
    return variable;
  }
  do(value: CExpression): void {
    this.push({ kind: "expression", value, span: value.span });
  }
  call(helper: string, args: readonly CExpression[], span: Span): CExpression {
    const fn = this.module.helper(helper);
    const type = this.types.typing.resolve(fn.type);
    const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
    return { kind: "call", callee, args, type: type.kind === "func_proto" ? type.returns : 0, span };
  }

  /** What an expression needs to be done before it stays within it. */
  contained(read: () => CExpression): CExpression {
    const outer = this.out;
    const own: CStatement[] = [];
    this.out = own;
    const value = this.types.typing.value(read());
    this.out = outer;
    if (own.length === 0) return value;
    const { span, type } = value;
    return { kind: "block", statements: [...own, { kind: "expression", value, span }], type, span };
  }
  /** The statements that this makes. */
  gathered(read: () => void): CStatement[] {
    const outer = this.out;
    const own: CStatement[] = [];
    this.out = own;
    read();
    this.out = outer;
    return own;
  }

  // --- names ------------------------------------------------------------------------------------------------------

  bind(name: string, value: Value): void {
    this.scopes.at(-1)?.set(name, value);
  }
  scoped<T>(read: () => T): T {
    this.scopes.push(new Map());
    try {
      return read();
    } finally {
      this.scopes.pop();
    }
  }
  #named(name: string, at: Node): Value {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]?.get(name);
      if (found !== undefined) return found;
    }
    const found = this.module.find(name);
    if (found !== undefined) return found;
    const known = [...this.scopes.flatMap((scope) => [...scope.keys()]), ...this.module.names()];
    return refuse("SCRY1404", `'${name}' is not declared`, at, ...nearest(name, known));
  }

  // --- values -----------------------------------------------------------------------------------------------------

  /** The value of an expression, whatever it is. */
  value(node: Expression): Value {
    return this.#value(bare(node));
  }

  #value(node: Expression): Value {
    const span = spanOf(node);
    switch (node.type) {
      case "Literal":
        return this.#literal(node.value, node);
      case "Identifier":
        return node.name === "undefined" ? { kind: "undefined" } : this.#named(node.name, node);
      case "TemplateLiteral": {
        const [only] = node.quasis;
        if (node.expressions.length === 0)
          return { kind: "static", what: { kind: "text", text: only?.value.cooked ?? "" } };
        return refuse("SCRY1402", "a text with values in it stands in bpf.print(`…`) only", node);
      }
      case "ObjectExpression":
        return { kind: "object", node };
      case "MemberExpression":
        return this.#member(node);
      case "CallExpression":
        return this.#call(node);
      case "UnaryExpression":
        return this.#unary(node);
      case "BinaryExpression":
        return this.#binary(node.operator, node.left as Expression, node.right, node);
      case "LogicalExpression":
        return this.#logical(node.operator, node.left, node.right, node);
      case "ConditionalExpression": {
        const test = this.truth(node.test);
        const then = this.contained(() => this.plain(node.consequent));
        const otherwise = this.contained(() => this.plain(node.alternate, then.type));
        return { kind: "plain", of: this.types.typing.conditional(test, then, otherwise, span) };
      }
      case "AssignmentExpression":
        return this.#assignment(node.operator, node.left as Expression, node.right, node);
      case "UpdateExpression": {
        const target = this.place(node.argument);
        const before = this.variable("before", target.type, span);
        const one = this.constant(1, target.type, span);
        const sum = this.types.typing.binary(node.operator === "++" ? "+" : "-", this.read(before), one, span);
        const value = this.types.typing.cast(sum, target.type, span);
        return {
          kind: "plain",
          of: { kind: "update", target, before, value, post: !node.prefix, type: target.type, span },
        };
      }
      case "SequenceExpression":
        return this.value(node.expressions.at(-1) as Expression);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return refuse(
          "SCRY1402",
          "functions stand at the top of the module: what outlives a call cannot be made in the kernel",
          node,
        );
      case "NewExpression":
      case "ClassExpression":
        return refuse(
          "SCRY1402",
          "there are no classes in the kernel: a struct({ … }) holds data, functions work on it",
          node,
        );
      case "AwaitExpression":
      case "YieldExpression":
        return refuse("SCRY1402", "a program runs to its end: there is nothing to wait for in the kernel", node);
      case "ThisExpression":
        return refuse("SCRY1402", "there is no 'this' in the kernel: functions take what they work on", node);
      default:
        return refuse("SCRY1402", `${WORDS[node.type] ?? node.type} cannot be part of a kernel program`, node);
    }
  }

  #literal(value: unknown, node: Node): Value {
    if (typeof value === "string") return { kind: "static", what: { kind: "text", text: value } };
    if (typeof value === "boolean") return { kind: "static", what: { kind: "number", value: value ? 1n : 0n } };
    if (value === null) return { kind: "undefined" };
    if (typeof value === "bigint") return { kind: "static", what: { kind: "number", value } };
    if (typeof value === "number") {
      if (!Number.isInteger(value))
        return refuse("SCRY1402", "there are no fractions in the kernel: numbers are whole", node);
      if (!Number.isSafeInteger(value))
        return refuse("SCRY1403", "a number beyond 2^53 is not exact: write it as a bigint", node, `${value}n`);
      return { kind: "static", what: { kind: "number", value: BigInt(value) } };
    }
    return refuse("SCRY1402", "regular expressions cannot be part of a kernel program", node);
  }

  /** The value as a number, an address or a place. A literal takes the type that is wanted. */
  plain(node: Expression, wanted?: number): CExpression {
    return this.asPlain(this.value(node), node, wanted);
  }

  asPlain(value: Value, at: Node, wanted?: number): CExpression {
    const span = spanOf(at);
    switch (value.kind) {
      case "plain":
      case "maybe":
        return value.of;
      case "static":
        if (value.what.kind === "number") return this.number(value.what.value, span, wanted);
        if (value.what.kind === "text") return this.#text(value.what.text, span);
        if (value.what.kind === "live") return this.read(value.what.variable, span);
        return refuse("SCRY1403", "a value is needed here", at);
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
      case "undefined":
        return this.constant(
          0,
          wanted !== undefined && this.types.typing.isScalar(wanted) ? wanted : this.types.c.pointer(0),
          span,
        );
    }
  }

  /** A literal: of the type that is wanted where it fits, else of 64 bits. */
  number(value: bigint, span: Span, wanted?: number): CExpression {
    const { types } = this;
    const fits = (type: number): boolean =>
      types.typing.cut(value, type) === value || BigInt.asUintN(64, types.typing.cut(value, type)) === value;
    if (wanted !== undefined && types.typing.isInteger(wanted) && fits(wanted))
      return this.constant(value, wanted, span);
    return this.constant(value, value > 0x7fff_ffff_ffff_ffffn ? types.u64 : types.i64, span);
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
    if (value.kind === "undefined") return this.constant(0, typing.int, spanOf(at));
    const plain = this.asPlain(value, at);
    if (!typing.isScalar(plain.type)) return this.constant(1, typing.int, spanOf(at));
    return typing.truth(plain);
  }

  // --- operators --------------------------------------------------------------------------------------------------

  #unary(node: Extract<Expression, { type: "UnaryExpression" }>): Value {
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

  #binary(operator: string, leftNode: Expression, rightNode: Expression, at: Node): Value {
    const left = this.value(leftNode);
    const right = this.value(rightNode);
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
      const present = one.kind === "maybe" ? one.present : this.asPlain(one, node);
      if (one.kind !== "maybe" && !typing.isPointer(present.type))
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

  #logical(operator: string, leftNode: Expression, rightNode: Expression, at: Node): Value {
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

  #assignment(operator: string, targetNode: Expression, valueNode: Expression, at: Node): Value {
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

  /** A number as one of this type; what would lose bits without a word is refused. */
  fitting(value: CExpression, type: number, at: Node): CExpression {
    const { typing } = this.types;
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
  #isBool(type: number): boolean {
    const found = this.types.typing.resolve(type);
    return found.kind === "int" && found.bool;
  }

  // --- places -----------------------------------------------------------------------------------------------------

  /** Something that can be assigned to. */
  place(node: Expression): CExpression {
    const value = this.value(node);
    if (value.kind === "static" && value.what.kind === "live")
      return refuse("SCRY1403", "what is live is set by its value", node, "Write .value behind it");
    const of = value.kind === "plain" || value.kind === "maybe" ? value.of : undefined;
    if (of === undefined || !/^(?:variable|dereference|member|element)$/.test(of.kind))
      return refuse("SCRY1403", "nothing can be assigned to this", node);
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
    else if (value.kind === "written") this.push(...value.into(place, place.type));
    else if (value.kind === "static" && value.what.kind === "text" && this.types.textLength(place.type) !== undefined)
      this.#textInto(place, value.what.text, at);
    else {
      const plain = this.asPlain(value, at, place.type);
      if (typing.isScalar(place.type))
        this.do({ kind: "assign", target: place, value: this.fitting(plain, place.type, at), type: place.type, span });
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

  /** Writes the members that an object literal names. */
  members(place: CExpression, node: ObjectExpression): void {
    const { typing } = this.types;
    const found = typing.resolve(place.type);
    if (found.kind !== "struct" && found.kind !== "union")
      refuse("SCRY1403", `${this.types.name(place.type)} is no struct`, node);
    for (const property of node.properties) {
      if (property.type !== "Property" || property.computed || property.method || property.kind !== "init") {
        refuse("SCRY1402", "members are named one by one here", property);
        continue;
      }
      const { key } = property;
      const name = key.type === "Identifier" ? key.name : key.type === "Literal" ? String(key.value) : "";
      this.into(typing.member(place, name, spanOf(key)), property.value as Expression);
    }
  }

  // --- members ----------------------------------------------------------------------------------------------------

  #member(node: MemberExpression): Value {
    const span = spanOf(node);
    const object = this.value(node.object as Expression);
    if (node.computed) return this.#element(object, node);
    const name = node.property.type === "Identifier" ? node.property.name : "";
    if (object.kind === "static") return this.#staticMember(object.what, name, node);
    if (object.kind === "undefined" || object.kind === "object" || object.kind === "written")
      return refuse("SCRY1403", `this has no member '${name}'`, node);
    const own = MEMBERS[name];
    const holder = this.#holder(object.of);
    if (own !== undefined && this.types.typing.resolve(holder.type).kind === "array") return own(this, holder, node);
    const of = this.types.typing.member(holder, name, span);
    if (object.kind === "maybe") return { kind: "maybe", present: object.present, of };
    if (node.optional && this.types.typing.isPointer(object.of.type)) return { kind: "maybe", present: object.of, of };
    return { kind: "plain", of };
  }

  /** What a pointer leads to; of others, themselves. */
  #holder(of: CExpression): CExpression {
    const { typing } = this.types;
    return typing.isPointer(of.type) ? typing.dereference(of, of.span) : of;
  }

  #element(object: Value, node: MemberExpression): Value {
    const { typing } = this.types;
    if (object.kind === "static")
      refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", node);
    const of = this.asPlain(object, node.object);
    const type = typing.resolve(of.type);
    if (type.kind !== "array" && type.kind !== "ptr")
      return refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", node);
    const index = this.plain(node.property as Expression);
    const at = typing.index(type.kind === "array" ? of : of, index, spanOf(node));
    return { kind: "plain", of: at };
  }

  #staticMember(what: Static, name: string, node: MemberExpression): Value {
    if (what.kind === "live" && name === "value") return { kind: "plain", of: this.read(what.variable, spanOf(node)) };
    if (what.kind === "record") {
      const member = what.members.get(name);
      if (member === undefined)
        return refuse("SCRY1404", `there is no '${name}' in it`, node, ...nearest(name, [...what.members.keys()]));
      return { kind: "static", what: member };
    }
    if (what.kind === "builtin") {
      const value = this.types.c.enumerator(name)?.value;
      if (value !== undefined) return { kind: "static", what: { kind: "number", value } };
    }
    return refuse("SCRY1404", `'${name}' is no value`, node.property);
  }

  // --- calls ------------------------------------------------------------------------------------------------------

  #call(node: CallExpression): Value {
    const callee = bare(node.callee as Expression);
    if (callee.type === "MemberExpression" && callee.computed)
      return refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", callee);
    const args = node.arguments as readonly Expression[];
    if (callee.type === "MemberExpression" && !callee.computed && callee.property.type === "Identifier") {
      const { name } = callee.property;
      const object = this.value(callee.object as Expression);
      if (object.kind === "static" && object.what.kind === "builtin" && object.what.name === "bpf") {
        const row = Object.hasOwn(BPF, name) ? BPF[name] : undefined;
        if (row === undefined)
          return refuse("SCRY1404", `there is no bpf.${name}`, callee.property, ...nearest(name, Object.keys(BPF)));
        return row(this, args, node);
      }
      if (object.kind === "static" && object.what.kind === "map") {
        const row = Object.hasOwn(MAP_METHODS, name) ? MAP_METHODS[name] : undefined;
        if (row === undefined)
          return refuse(
            "SCRY1404",
            `maps have no method '${name}'`,
            callee.property,
            ...nearest(name, Object.keys(MAP_METHODS)),
          );
        return row(this, object.what.map, args, node);
      }
      return refuse("SCRY1404", `there is no method '${name}' here`, callee.property);
    }
    const value = this.value(callee);
    if (value.kind !== "static") return refuse("SCRY1403", "this is no function", callee);
    const { what } = value;
    switch (what.kind) {
      case "type": {
        const [arg] = args;
        if (arg === undefined) return refuse("SCRY1405", `${this.types.name(what.type)} needs a value`, node);
        return { kind: "plain", of: this.#made(what.type, arg) };
      }
      case "function":
        return this.#called(what, callee.type === "Identifier" ? callee.name : "function", args, node);
      case "builtin": {
        const row = Object.hasOwn(CALLS, what.name) ? CALLS[what.name] : undefined;
        if (row !== undefined) return row(this, args, node);
        return refuse("SCRY1402", `${what.name}(…) stands at the top of the module`, node);
      }
      default:
        return refuse("SCRY1403", "this is no function", callee);
    }
  }

  /** `u32(x)`, `Event({ … })` */
  #made(type: number, arg: Expression): CExpression {
    const { typing } = this.types;
    if (typing.isScalar(type)) return typing.explicit(this.plain(arg, type), type, spanOf(arg));
    const place = this.zeroed(type, spanOf(arg));
    this.into(this.read(place), arg);
    return this.read(place);
  }

  #called(what: Extract<Static, { kind: "function" }>, name: string, args: readonly Expression[], node: Node): Value {
    const { typing } = this.types;
    const span = spanOf(node);
    const fn = this.module.function(what, name, node);
    const type = typing.resolve(fn.type);
    if (type.kind !== "func_proto") return refuse("SCRY1403", "this is no function", node);
    if (args.length !== type.params.length)
      return refuse("SCRY1405", `'${name}' takes ${type.params.length} arguments, ${args.length} given`, node);
    const given = args.map((arg, i) => {
      const wanted = type.params[i]?.type ?? 0;
      const pointer = typing.resolve(wanted);
      // Structs are handed on by reference.
      if (pointer.kind === "ptr" && typing.isComposite(pointer.type)) {
        const value = this.value(arg);
        const of = this.asPlain(value, arg, pointer.type);
        return typing.isPointer(of.type)
          ? typing.cast(of, wanted)
          : typing.cast(typing.address(this.addressable(of), spanOf(arg)), wanted);
      }
      return this.fitting(this.plain(arg, wanted), wanted, arg);
    });
    fn.uses++;
    const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
    return { kind: "plain", of: { kind: "call", callee, args: given, type: type.returns, span } };
  }

  /** The type that is written behind a name: `x: u32`, `event: typeof Event`. */
  annotated(pattern: Pattern): number | undefined {
    const annotation = annotationOf(pattern);
    return annotation === undefined ? undefined : this.typeOf(annotation);
  }

  typeOf(node: Node): number {
    const named = node as unknown as { type: string; typeName?: Node; exprName?: Node; typeAnnotation?: Node };
    const name = (named.typeName ?? named.exprName) as { type: string; name: string } | undefined;
    if (node.type === "TSBooleanKeyword") return this.types.number("bool") as number;
    if (node.type === "TSNumberKeyword") return this.types.i64;
    if (name?.type !== "Identifier") return refuse("SCRY1403", "a type by its name is needed here", node);
    const number = this.types.number(name.name);
    if (number !== undefined) return number;
    const found = this.module.find(name.name);
    if (found?.kind === "static" && found.what.kind === "type") return found.what.type;
    const kernel = this.types.c.find(name.name, ["struct", "union", "typedef"]);
    if (kernel !== undefined) return this.types.c.pointer(kernel);
    return refuse("SCRY1404", `there is no type '${name.name}'`, node);
  }
}

/** What is said of nodes that no program can have. */
const WORDS: Readonly<Record<string, string>> = {
  TaggedTemplateExpression: "a tagged text",
  ImportExpression: "an import while it runs",
  ArrayExpression: "an array by its elements",
  SpreadElement: "a spread",
  MetaProperty: "import.meta",
};

function folded(operator: string, a: bigint, b: bigint, at: Node): bigint {
  const bool = (x: boolean): bigint => (x ? 1n : 0n);
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
    case "%":
      if (b === 0n) return refuse("SCRY1403", "this divides by zero", at);
      return operator === "/" ? a / b : a % b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "<<":
      return b < 0n || b > 63n ? refuse("SCRY1403", "this shifts by more than 63", at) : a << b;
    case ">>":
      return b < 0n || b > 63n ? refuse("SCRY1403", "this shifts by more than 63", at) : a >> b;
    case "**":
      return b < 0n || b > 64n ? refuse("SCRY1403", "this number is too large", at) : a ** b;
    case "===":
    case "==":
      return bool(a === b);
    case "!==":
    case "!=":
      return bool(a !== b);
    case "<":
      return bool(a < b);
    case "<=":
      return bool(a <= b);
    case ">":
      return bool(a > b);
    case ">=":
      return bool(a >= b);
    default:
      return refuse("SCRY1402", `'${operator}' cannot be part of a kernel program`, at);
  }
}
