// Expressions of C, each method under its rule (C11 6.5), with what GNU C adds: statements as expressions, `typeof`, `a ?: b`,
// case ranges, the compiler's own functions. What is read is typed at once.

import { nearest, type SourceText, type Span } from "../source/index.ts";
import { BUILTINS, type BuiltinContext } from "./builtins.ts";
import { type ConstantContext, characterOf, ESCAPES, integerOf, LEVELS } from "./constant-expression.ts";
import { DeclarationReader } from "./declarations.ts";
import { type Methods, methodText } from "./methods.ts";
import { type CToken, fail } from "./tokens.ts";
import type { CBinary, CComparison, CExpression, CFunction, CStatement, CVariable } from "./tree.ts";
import type { CTypes } from "./type-table.ts";
import { isPlace, joined, refuse, rootOf, Typing, WRONG_TYPE } from "./typing.ts";

export type Binding =
  | { readonly kind: "variable"; readonly variable: CVariable }
  | { readonly kind: "function"; readonly function: CFunction }
  | { readonly kind: "typedef"; readonly type: number };

export interface UnitOptions {
  /** A function that is there without being declared, by its name; or another name that it goes by in this function. */
  implicit?(name: string, typing: Typing, within: string | undefined): CFunction | string | undefined;
  /** The methods of a variable (`variable.name(…)`), where it has any: dialects of C. */
  methods?(variable: CVariable): Methods | undefined;
}

const ASSIGNMENT = /^(?:[-+*/%&|^]|<<|>>)?=$/;
const MOST_NESTED = 200;
const encoder = new TextEncoder();

export const noWords: ReadonlySet<string> = new Set();

export abstract class ExpressionReader extends DeclarationReader {
  readonly typing: Typing;
  protected readonly main: SourceText;
  protected readonly scopes: Map<string, Binding>[] = [new Map()];
  readonly #unit: UnitOptions;
  #nested = 0;
  /** Those of the enumeration that is being read. */
  #enumerators: ConstantContext | undefined;

  constructor(tokens: readonly CToken[], types: CTypes, main: SourceText, options: UnitOptions) {
    super(tokens, types, {});
    this.typing = new Typing(types);
    this.main = main;
    this.#unit = options;
  }

  /** Statements in braces, for `({ … })`. */
  protected abstract statements(): readonly CStatement[];
  /** The name of the function that is being read. */
  protected abstract within(): string | undefined;
  /** What stands in braces behind the type of a compound literal. */
  protected abstract initialized(variable: CVariable): void;

  // --- places and names -----------------------------------------------------------------------------------------

  protected spanOf(t: CToken): Span {
    return t.file === this.main ? t.span : { ...t.span, file: t.file };
  }
  protected get span(): Span {
    return this.spanOf(this.token);
  }
  protected from(start: Span): Span {
    const last = this.tokens[this.at - 1];
    return last === undefined ? start : joined(start, this.spanOf(last));
  }

  protected binding(name: string): Binding | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]?.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  /** Begins a block with names of its own. */
  protected open(): void {
    this.scopes.push(new Map());
    this.types.enter();
  }
  /** Ends blocks, until so many are left. */
  protected close(depth: number = this.scopes.length - 1): void {
    this.scopes.length = depth;
    this.types.leave(depth - 1);
  }
  protected bind(name: string, binding: Binding): void {
    this.scopes.at(-1)?.set(name, binding);
  }

  protected override named(name: string): number | undefined {
    const binding = this.binding(name);
    if (binding?.kind === "typedef") return binding.type;
    return binding === undefined ? super.named(name) : undefined;
  }

  protected override inBody(): boolean {
    return this.scopes.length > 1;
  }

  protected override typedef(name: CToken, type: number, align: number, system: boolean): void {
    super.typedef(name, type, align, system);
    const id = this.types.own(name.text, "typedef");
    // A variable of this name is hidden by it.
    if (id !== undefined && this.inBody()) this.bind(name.text, { kind: "typedef", type: id });
  }

  /** Constants may be any expressions here: `sizeof(x)`, an enumerator, a cast. */
  protected override constant(): number {
    return Number(this.constantValue());
  }
  protected override enumeratorValue(context: ConstantContext): bigint {
    const outer = this.#enumerators;
    this.#enumerators = context;
    try {
      return this.constantValue();
    } finally {
      this.#enumerators = outer;
    }
  }
  protected constantValue(): bigint {
    const value = this.typing.value(this.conditional());
    if (value.kind === "constant") return value.value;
    return refuse("SCRY1011", "this is no constant", value.span);
  }

  protected override typeofHere(at: CToken): number {
    if (this.beginsType(this.at)) return super.typeofHere(at);
    const type = this.expression().type;
    return type;
  }

  /** `(` with a type behind it. */
  protected get typeInParentheses(): boolean {
    return this.is("(") && this.beginsType(this.at + 1);
  }

  protected abstractType(): number {
    const found = this.typeName(this.at);
    return found === undefined ? this.unexpected("a type") : found.type;
  }

  // --- expressions ----------------------------------------------------------------------------------------------

  // expression := assignment ("," assignment)*
  protected expression(): CExpression {
    let left = this.assignment();
    while (this.accept(",")) {
      const right = this.typing.value(this.assignment());
      left = { kind: "comma", left, right, type: right.type, span: joined(left.span, right.span) };
    }
    return left;
  }

  // assignment := conditional (("=" | "+=" …) assignment)?
  protected assignment(): CExpression {
    if (++this.#nested > MOST_NESTED) fail("SCRY1030", "an expression is nested too deep", this.token);
    const target = this.conditional();
    const t = this.token;
    let result = target;
    if (!this.done && t.kind === "punctuator" && ASSIGNMENT.test(t.text)) {
      this.at++;
      const value = this.assignment();
      this.#assignable(target);
      const span = joined(target.span, value.span);
      const { typing } = this;
      result =
        t.text === "="
          ? { kind: "assign", target, value: typing.assigned(value, target.type, "a value"), type: target.type, span }
          : this.#updated(target, t.text.slice(0, -1) as CBinary, value, false, span);
    }
    this.#nested--;
    return result;
  }

  #assignable(target: CExpression): void {
    if (!isPlace(target) || target.kind === "text" || this.typing.resolve(target.type).kind === "array")
      refuse("SCRY1008", "nothing can be assigned to this", target.span);
    const root = rootOf(target);
    if (root.kind === "variable" && root.variable.constant && root.variable.storage !== "local")
      refuse("SCRY1008", `'${root.variable.name}' is constant`, target.span);
  }

  #updated(target: CExpression, operator: CBinary, value: CExpression, post: boolean, span: Span): CExpression {
    const { typing } = this;
    const before: CVariable = { ...temporary("before", target.type, target.span) };
    const old: CExpression = { kind: "variable", variable: before, type: target.type, span: target.span };
    const sum = typing.assigned(typing.binary(operator, old, value, span), target.type, "a value");
    return { kind: "update", target, before, value: sum, post, type: target.type, span };
  }

  // conditional := binary ("?" expression? ":" conditional)?
  protected conditional(): CExpression {
    const condition = this.binaryFrom(1);
    if (!this.accept("?")) return condition;
    const { typing } = this;
    if (this.accept(":")) {
      // GNU: the condition is the value, and evaluated once.
      const otherwise = this.conditional();
      const span = joined(condition.span, otherwise.span);
      const held = temporary("held", typing.value(condition).type, condition.span);
      const value: CExpression = { kind: "variable", variable: held, type: held.type, span: condition.span };
      held.initial = { entries: [{ offset: 0, bits: 0, type: held.type, value: typing.value(condition) }], span };
      const chosen = typing.conditional(value, value, otherwise, span);
      return {
        kind: "block",
        statements: [
          { kind: "declare", variable: held, span },
          { kind: "expression", value: chosen, span },
        ],
        type: chosen.type,
        span,
      };
    }
    const then = this.expression();
    this.expect(":", "in a conditional expression");
    const otherwise = this.conditional();
    return typing.conditional(condition, then, otherwise, joined(condition.span, otherwise.span));
  }

  // binary := unary (OPERATOR binary)*
  protected binaryFrom(least: number): CExpression {
    let left = this.castExpression();
    for (;;) {
      const t = this.token;
      const level = !this.done && t.kind === "punctuator" ? LEVELS[t.text] : undefined;
      if (level === undefined || level < least) return left;
      this.at++;
      const right = this.binaryFrom(level + 1);
      const span = joined(left.span, right.span);
      if (level <= 2) left = this.typing.logical(t.text as "&&", left, right, span);
      else if (level === 6 || level === 7) left = this.typing.compare(t.text as CComparison, left, right, span);
      else left = this.typing.binary(t.text as CBinary, left, right, span);
    }
  }

  // cast := "(" type ")" (cast | "{" initializer "}") | unary
  protected castExpression(): CExpression {
    if (!this.typeInParentheses) return this.unary();
    const start = this.span;
    this.at++;
    const type = this.abstractType();
    this.expect(")", "after a type");
    if (this.is("{")) return this.suffixed(this.#literal(type, start));
    if (++this.#nested > MOST_NESTED) fail("SCRY1030", "an expression is nested too deep", this.token);
    const of = this.castExpression();
    this.#nested--;
    return this.typing.explicit(of, type, joined(start, of.span));
  }

  #literal(type: number, start: Span): CExpression {
    const variable = { ...temporary("literal", type, start), addressed: true };
    this.initialized(variable);
    return { kind: "literal", variable, type: variable.type, span: this.from(start) };
  }

  // unary := ("++" | "--" | "&" | "*" | "+" | "-" | "~" | "!" | "__extension__") cast | sizeof | suffixed
  protected unary(): CExpression {
    if (++this.#nested > MOST_NESTED) fail("SCRY1030", "an expression is nested too deep", this.token);
    const result = this.#unaryHere();
    this.#nested--;
    return result;
  }

  #unaryHere(): CExpression {
    const t = this.token;
    const start = this.spanOf(t);
    const { typing } = this;
    if (t.kind === "identifier" && !this.done) {
      if (t.text === "__extension__") {
        this.at++;
        return this.castExpression();
      }
      if (/^(?:sizeof|_Alignof|__alignof__|__alignof)$/.test(t.text)) return this.#sizeof(t);
    }
    if (t.kind !== "punctuator" || this.done) return this.suffixed(this.primary());
    switch (t.text) {
      case "++":
      case "--": {
        this.at++;
        const of = this.unary();
        this.#assignable(of);
        const one = typing.constant(1n, typing.int, start);
        return this.#updated(of, t.text === "++" ? "+" : "-", one, false, joined(start, of.span));
      }
      case "&": {
        this.at++;
        const of = this.castExpression();
        return typing.address(of, joined(start, of.span));
      }
      case "*": {
        this.at++;
        const of = this.castExpression();
        // Of a function, itself.
        if (of.kind === "function") return of;
        return typing.dereference(of, joined(start, of.span));
      }
      case "+":
      case "-":
      case "~":
      case "!": {
        this.at++;
        const of = this.castExpression();
        return typing.unary(t.text, of, joined(start, of.span));
      }
      default:
        return this.suffixed(this.primary());
    }
  }

  #sizeof(t: CToken): CExpression {
    this.at++;
    let type: number;
    let aligned: number | undefined;
    if (this.typeInParentheses) {
      this.at++;
      type = this.abstractType();
      this.expect(")", "after a type");
      // A compound literal: its size is the type's, but of arrays without one.
      if (this.is("{")) type = this.#literal(type, this.spanOf(t)).type;
    } else {
      const of = this.unary();
      type = of.type;
      if (of.kind === "variable" && of.variable.align > 0) aligned = of.variable.align;
    }
    const span = this.from(this.spanOf(t));
    const found = this.typing.resolve(type);
    if (found.kind === "fwd")
      refuse("SCRY1033", `the size of ${this.typing.name(type)}, which is not declared whole`, span);
    const bytes = t.text === "sizeof" ? this.typing.size(type) : (aligned ?? this.types.alignof(type));
    return this.typing.constant(BigInt(bytes), this.typing.unsignedLong, span);
  }

  // suffixed := primary ("[" expression "]" | "." NAME | "->" NAME | "(" arguments ")" | "++" | "--")*
  protected suffixed(first: CExpression): CExpression {
    let of = first;
    const { typing } = this;
    for (;;) {
      if (this.accept("[")) {
        const index = this.expression();
        this.expect("]", "after an index");
        of = typing.index(of, index, this.from(of.span));
      } else if (this.is(".") || this.is("->")) {
        const arrow = this.is("->");
        this.at++;
        const name = this.token;
        if (name.kind !== "identifier" || this.done) this.unexpected("the name of a member");
        const methods =
          !arrow && of.kind === "variable" && this.tokens[this.at - 2]?.text === of.variable.name && this.isAhead("(")
            ? this.#unit.methods?.(of.variable)
            : undefined;
        if (methods !== undefined) {
          of = this.#methodCall(of, name, methods);
          continue;
        }
        this.at++;
        const holder = arrow ? typing.dereference(of, of.span) : of;
        of = typing.member(holder, name.text, joined(of.span, this.spanOf(name)));
      } else if (this.is("(")) {
        of = this.#call(of);
      } else if (this.is("++") || this.is("--")) {
        const operator = this.is("++") ? "+" : "-";
        this.at++;
        this.#assignable(of);
        const one = typing.constant(1n, typing.int, of.span);
        of = this.#updated(of, operator, one, true, this.from(of.span));
      } else return of;
    }
  }

  /** Puts the method's text in place of its call, and reads that. */
  #methodCall(of: CExpression, name: CToken, methods: Methods): CExpression {
    const start = this.at - 2;
    this.at++;
    const open = this.at;
    this.pass();
    const text = methodText(methods, name, this.tokens[start] as CToken, this.tokens.slice(open, this.at));
    this.tokens = [...this.tokens.slice(0, start), ...text, ...this.tokens.slice(this.at)];
    this.at = start;
    const value = this.primary();
    return { ...value, span: joined(of.span, value.span) };
  }

  #arguments(): CExpression[] {
    const args: CExpression[] = [];
    this.expect("(", "before arguments");
    while (!this.is(")")) {
      args.push(this.assignment());
      if (!this.accept(",")) break;
    }
    this.expect(")", "after arguments");
    return args;
  }

  #call(callee: CExpression): CExpression {
    const args = this.#arguments();
    const span = this.from(callee.span);
    const { typing } = this;
    const own = typing.resolve(callee.type);
    const type = own.kind === "ptr" ? typing.resolve(own.type) : own;
    if (type.kind !== "func_proto")
      return refuse(WRONG_TYPE, `${typing.name(callee.type)} is called, which is no function`, callee.span);
    const name = callee.kind === "function" ? `'${callee.function.name}'` : "the function";
    const { params, variadic } = type;
    // `f()` says nothing of parameters.
    const told = params.length > 0 || variadic || callee.kind === "function";
    if (told && (args.length < params.length || (args.length > params.length && !variadic)))
      refuse("SCRY1037", `${name} takes ${params.length} arguments, ${args.length} given`, span);
    const given = args.map((arg, i) => {
      const parameter = params[i];
      if (parameter !== undefined && typing.resolve(parameter.type).kind !== "void")
        return typing.assigned(arg, this.parameterType(parameter.type), `argument ${i + 1} of ${name}`);
      // A register for whatever it is.
      const value = typing.promote(arg);
      if (typing.isPointer(value.type)) return value;
      return typing.cast(value, typing.signed(value.type) ? typing.long : typing.unsignedLong);
    });
    return { kind: "call", callee, args: given, type: type.returns, span };
  }

  /** Arrays and functions are given as pointers. */
  protected parameterType(type: number): number {
    const found = this.typing.resolve(type);
    if (found.kind === "array") return this.types.pointer(found.element);
    return found.kind === "func_proto" ? this.types.pointer(type) : type;
  }

  // primary := NAME | NUMBER | CHARACTER | STRING+ | "(" expression ")" | "({" statement* "})" | BUILTIN
  protected primary(): CExpression {
    const t = this.token;
    const span = this.spanOf(t);
    const { typing } = this;
    if (this.done) return this.unexpected("an expression");
    switch (t.kind) {
      case "number": {
        this.at++;
        if (/^0[xX]/.test(t.text) ? /[pP.]/.test(t.text) : /[.eE]|f$/.test(t.text))
          refuse(WRONG_TYPE, "BPF has no floating point numbers", span);
        const { value, unsigned, bits } = integerOf(t, 32);
        const type =
          bits === 64 ? (unsigned ? typing.unsignedLong : typing.long) : unsigned ? typing.unsigned : typing.int;
        return typing.constant(value, type, span);
      }
      case "character":
        this.at++;
        return typing.constant(characterOf(t), typing.int, span);
      case "string": {
        const parts: number[] = [];
        while (!this.done && this.token.kind === "string") {
          for (const byte of bytesOf(this.token)) parts.push(byte);
          this.at++;
        }
        parts.push(0);
        return {
          kind: "text",
          bytes: Uint8Array.from(parts),
          type: this.types.array(typing.char, parts.length),
          span: this.from(span),
        };
      }
      case "identifier":
        return this.#name(t, span);
      default:
        break;
    }
    if (this.is("(") && this.tokens[this.at + 1]?.text === "{") {
      this.at++;
      const statements = this.statements();
      this.expect(")", "after ({ … }");
      const last = statements.at(-1);
      const value = last?.kind === "expression" ? typing.value(last.value) : undefined;
      const whole =
        value === undefined || last === undefined
          ? statements
          : [...statements.slice(0, -1), { kind: "expression" as const, value, span: last.span }];
      return { kind: "block", statements: whole, type: value?.type ?? 0, span: this.from(span) };
    }
    if (this.accept("(")) {
      const inner = this.expression();
      this.expect(")", "after an expression");
      // Its place is with the parentheses.
      return { ...inner, span: this.from(span) };
    }
    return this.unexpected("an expression");
  }

  #name(t: CToken, span: Span): CExpression {
    const { typing } = this;
    const binding = this.binding(t.text);
    if (binding?.kind === "variable") {
      this.at++;
      binding.variable.used = true;
      return { kind: "variable", variable: binding.variable, type: binding.variable.type, span };
    }
    if (binding?.kind === "function") {
      this.at++;
      binding.function.uses++;
      return { kind: "function", function: binding.function, type: binding.function.type, span };
    }
    const builtin = BUILTINS[t.text];
    if (builtin !== undefined) {
      this.at++;
      return builtin(this.builtinContext(t.text, span));
    }
    const own = this.#enumerators?.name(t);
    const enumerator = own === undefined ? this.types.enumerator(t.text) : { value: own };
    if (enumerator !== undefined) {
      this.at++;
      const { value } = enumerator;
      const small = value === BigInt.asIntN(32, value);
      const type = small
        ? typing.int
        : value === BigInt.asUintN(32, value)
          ? typing.unsigned
          : value < 0n
            ? typing.long
            : typing.unsignedLong;
      return typing.constant(value, type, span);
    }
    const implicit = this.#unit.implicit?.(t.text, typing, this.within());
    if (typeof implicit === "string") return this.#name({ ...t, text: implicit }, span);
    if (implicit !== undefined) {
      this.at++;
      this.scopes[0]?.set(t.text, { kind: "function", function: implicit });
      return { kind: "function", function: implicit, type: implicit.type, span };
    }
    const known = [...new Set(this.scopes.flatMap((scope) => [...scope.keys()]))];
    return fail("SCRY1038", `'${t.text}' is not declared`, t, ...nearest(t.text, known));
  }

  // --- the compiler's own functions -----------------------------------------------------------------------------

  protected builtinContext(name: string, start: Span): BuiltinContext {
    return {
      name,
      typing: this.typing,
      span: () => this.from(start),
      open: () => this.expect("(", `after ${name}`),
      close: () => this.expect(")", `after ${name}(`),
      comma: () => this.expect(",", `in ${name}(`),
      next: (text) => this.accept(text),
      type: () => this.abstractType(),
      isType: () => this.beginsType(this.at),
      argument: () => this.assignment(),
      word: () => {
        const { text } = this.token;
        this.at++;
        return text;
      },
    };
  }
}

/** A variable that the text does not name. */
export function temporary(name: string, type: number, span: Span): CVariable {
  return {
    name,
    type,
    span,
    storage: "local",
    attributes: noWords,
    constant: false,
    align: 0,
    used: true,
    addressed: false,
  };
}

/** The bytes of a string, without an end. */
export function bytesOf(token: CToken): Uint8Array {
  const inner = token.text.slice(token.text.indexOf('"') + 1, -1);
  if (!token.text.startsWith('"') && !token.text.startsWith("u8"))
    fail("SCRY1005", "strings of wide characters are not supported", token);
  const bytes: number[] = [];
  for (const [, octal, hexadecimal, wide, escaped, plain] of inner.matchAll(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|(?:u([0-9a-fA-F]{4}))|([\s\S]))|([^\\]+)/gu,
  )) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 255);
    else if (hexadecimal !== undefined) bytes.push(Number.parseInt(hexadecimal, 16) & 255);
    else if (wide !== undefined) bytes.push(...encoder.encode(String.fromCodePoint(Number.parseInt(wide, 16))));
    else if (escaped !== undefined)
      bytes.push(...(Object.hasOwn(ESCAPES, escaped) ? [ESCAPES[escaped] as number] : encoder.encode(escaped)));
    else bytes.push(...encoder.encode(plain ?? ""));
  }
  return Uint8Array.from(bytes);
}
