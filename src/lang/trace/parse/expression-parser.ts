// Expressions and types, by precedence climbing; and the token stream under them.

import type { Preprocessor } from "../../../c/index.ts";
import { DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import type {
  BinaryOperator,
  Expression,
  MapExpression,
  Statement,
  TypeName,
  UnaryOperator,
  VariableExpression,
} from "./ast.ts";
import { Lexer, type Token, type TokenKind } from "./lexer.ts";
import { MOST_LEVELS, PRECEDENCE, TYPE_FUNCTIONS, TYPE_WORDS, TYPES_AMONG, UNARY } from "./words.ts";

export const tooDeep = (span: Span, source: SourceText): DiagnosticError =>
  new DiagnosticError(
    [
      {
        code: "SCRY1015",
        severity: "error",
        message: `this is nested more than ${MOST_LEVELS} levels deep`,
        span,
        hints: ["Keep parts of an expression in variables; each operator of a long sum is a level"],
      },
    ],
    source,
  );

export abstract class ExpressionParser {
  readonly source: SourceText;
  readonly params: readonly string[];
  readonly lexer: Lexer;
  /** Macros of the preamble. */
  readonly preprocessor: Preprocessor;
  token: Token;
  /** Where the last token taken ended. */
  lastEnd = 0;
  /** Inside `/…/`, a slash before `{` closes the predicate. */
  inPredicate = false;
  /** Tokens that were looked at but not taken yet. */
  readonly #pending: Token[] = [];
  #depth = 0;

  constructor(source: SourceText, params: readonly string[], preprocessor: Preprocessor) {
    this.source = source;
    this.params = params;
    this.preprocessor = preprocessor;
    this.lexer = new Lexer(source);
    this.#more();
    this.token = this.#pending.shift() as Token;
  }

  // --- tokens ---------------------------------------------------------------------------------------------------

  fail(code: `SCRY${number}`, message: string, span: Span, ...hints: string[]): never {
    return this.lexer.fail(code, message, span, ...hints);
  }

  unexpected(wanted: string): never {
    return this.fail("SCRY1000", `syntax: expected ${wanted}`, this.token.span);
  }

  /** Goes on lexing at this offset. */
  restart(at: number): void {
    this.lexer.at = at;
    this.lastEnd = at;
    this.#pending.length = 0;
    this.advance();
    this.lastEnd = at;
  }

  advance(): Token {
    const taken = this.token;
    this.lastEnd = taken.span.end;
    if (this.#pending.length === 0) this.#more();
    this.token = this.#pending.shift() as Token;
    return taken;
  }

  /** Lexes one more token to the end of the pending ones; a macro of the preamble gives all of its tokens. */
  #more(): void {
    const before = this.#pending.length;
    while (this.#pending.length === before) {
      const token = this.lexer.next();
      const macro = token.kind === "identifier" ? this.preprocessor.macros.get(token.text) : undefined;
      const end = macro === undefined ? undefined : this.#useEnd(token, macro.params !== undefined);
      if (end === undefined) {
        this.#pending.push(token);
        continue;
      }
      const span = { start: token.span.start, end };
      this.lexer.at = end;
      const inner = new Lexer({ name: this.source.name, text: this.preprocessor.expandText(this.source, span) });
      for (let t = inner.next(); t.kind !== "end"; t = inner.next()) this.#pending.push({ ...t, span });
    }
  }

  /** Where the use of a macro ends; undefined where its name stands without the arguments that it takes. */
  #useEnd(name: Token, takesArguments: boolean): number | undefined {
    if (!takesArguments) return name.span.end;
    const scan = new Lexer(this.source, name.span.end);
    let token = scan.next();
    if (token.text !== "(") return undefined;
    for (let depth = 0; token.kind !== "end"; token = scan.next()) {
      if (token.text === "(" && token.kind === "punctuator") depth++;
      if (token.text === ")" && token.kind === "punctuator" && --depth === 0) return token.span.end;
    }
    return undefined;
  }

  at(text: string): boolean {
    return this.token.kind === "punctuator" && this.token.text === text;
  }

  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.advance();
    return true;
  }

  expect(text: string): Token {
    if (!this.at(text)) this.unexpected(`'${text}'`);
    return this.advance();
  }

  expectKind(kind: TokenKind, what: string): Token {
    if (this.token.kind !== kind) this.unexpected(what);
    return this.advance();
  }

  /** Is the token after the present one this text? */
  peekText(text: string): boolean {
    return this.peek(0).text === text;
  }

  peek(ahead: number): Token {
    while (this.#pending.length <= ahead) this.#more();
    return this.#pending[ahead] as Token;
  }

  /** Is the slash here the end of the predicate? It is when only white space stands between it and a `{`. */
  #closesPredicate(): boolean {
    return this.inPredicate && this.at("/") && this.peekText("{");
  }

  /** Begins a level of nesting: the parser calls itself for each, and so do all who walk the tree. */
  protected enter(): void {
    if (++this.#depth > MOST_LEVELS) this.tooDeep(this.token.span);
  }

  protected leave(): void {
    this.#depth--;
  }

  protected tooDeep(span: Span): never {
    throw tooDeep(span, this.source);
  }

  // --- expressions ----------------------------------------------------------------------------------------------

  // expression := binary ("?" expression ":" expression | "?:" expression)?
  expression(): Expression {
    this.enter();
    const condition = this.binary(1);
    let result = condition;
    if (this.at("?")) {
      this.advance();
      const then = this.expression();
      this.expect(":");
      const otherwise = this.expression();
      result = {
        kind: "ternary",
        condition,
        then,
        otherwise,
        span: { start: condition.span.start, end: otherwise.span.end },
      };
    } else if (this.accept("?:")) {
      const otherwise = this.expression();
      result = {
        kind: "ternary",
        condition,
        otherwise,
        span: { start: condition.span.start, end: otherwise.span.end },
      };
    }
    this.leave();
    return result;
  }

  // binary := unary (OPERATOR binary)*
  binary(minimum: number): Expression {
    let left = this.unary();
    for (;;) {
      if (this.token.kind !== "punctuator" || this.#closesPredicate()) return left;
      const precedence = PRECEDENCE[this.token.text];
      if (precedence === undefined || precedence < minimum) return left;
      const operator = this.advance().text as BinaryOperator;
      const right = this.binary(precedence + 1);
      left = { kind: "binary", operator, left, right, span: { start: left.span.start, end: right.span.end } };
    }
  }

  // unary := ("!" | "~" | "-" | "*" | "&") unary | ("++" | "--") target | "(" type ")" unary | postfix
  unary(): Expression {
    this.enter();
    try {
      const start = this.token.span.start;
      if (this.token.kind === "punctuator") {
        if (UNARY.has(this.token.text)) {
          const operator = this.advance().text as UnaryOperator;
          const operand = this.unary();
          return { kind: "unary", operator, operand, span: { start, end: operand.span.end } };
        }
        if (this.at("++") || this.at("--")) {
          const by = this.advance().text === "++" ? 1 : -1;
          const target = this.incrementTarget(this.postfix());
          return { kind: "increment", target, by, prefix: true, span: { start, end: target.span.end } };
        }
        if (this.at("(") && this.#castAhead()) {
          this.advance();
          const to = this.typeName();
          this.expect(")");
          const operand = this.unary();
          return { kind: "cast", to, operand, span: { start, end: operand.span.end } };
        }
      }
      return this.postfix();
    } finally {
      this.leave();
    }
  }

  incrementTarget(target: Expression): VariableExpression | MapExpression {
    if (target.kind === "variable" || target.kind === "map") return target;
    return this.fail("SCRY1008", "only a variable or a map can be incremented", target.span);
  }

  /** After a "(": a type and then an operand, rather than an expression in parentheses? */
  #castAhead(): boolean {
    const first = this.peek(0);
    if (first.kind !== "identifier") return false;
    if (first.text === "struct" || first.text === "union" || first.text === "enum") return true;
    if (first.text === "typeof") return this.peek(1).text === "(";
    let i = 1;
    if (TYPE_WORDS.has(first.text)) {
      // uint32, unsigned long, string[64], int32[2], uint8 *
      while (TYPE_WORDS.has(this.peek(i).text)) i++;
    }
    const suffixes = i;
    for (;;) {
      const t = this.peek(i);
      if (t.text === "*") i++;
      else if (
        t.text === "[" &&
        this.peek(i + 1).kind === "integer" &&
        this.peek(i + 2).text === "]" &&
        TYPE_WORDS.has(first.text)
      )
        i += 3;
      else if (t.text === "[" && this.peek(i + 1).text === "]" && TYPE_WORDS.has(first.text)) i += 2;
      else break;
    }
    if (this.peek(i).text !== ")" || this.peek(i).kind !== "punctuator") return false;
    if (TYPE_WORDS.has(first.text)) return true;
    const after = this.peek(i + 1);
    const operand = after.kind !== "punctuator" && after.kind !== "end" ? true : after.text === "(";
    // (name *)x is a cast; (name)x is one where an operand follows, which an expression in parentheses never has.
    return operand && (i > suffixes || after.kind !== "punctuator");
  }

  // postfix := primary ("." NAME | "." INT | "->" NAME | "[" expression "]" | "++" | "--")*
  postfix(): Expression {
    let object = this.primary();
    for (;;) {
      const start = object.span.start;
      if (this.at(".") || this.at("->")) {
        this.advance();
        const name = this.advance();
        if (name.kind === "integer") {
          object = { kind: "field", object, name: name.text, nameSpan: name.span, span: { start, end: name.span.end } };
          continue;
        }
        if (name.kind !== "identifier") this.fail("SCRY1000", "syntax: expected field name", name.span);
        object = { kind: "field", object, name: name.text, nameSpan: name.span, span: { start, end: name.span.end } };
      } else if (this.at("[")) {
        this.advance();
        const index = this.#inParentheses(() => this.expression());
        const end = this.expect("]").span.end;
        object = { kind: "index", object, index, span: { start, end } };
      } else if (this.at("++") || this.at("--")) {
        const target = this.incrementTarget(object);
        const token = this.advance();
        return {
          kind: "increment",
          target,
          by: token.text === "++" ? 1 : -1,
          prefix: false,
          span: { start, end: token.span.end },
        };
      } else return object;
    }
  }

  // Within brackets a slash divides again.
  #inParentheses<T>(parse: () => T): T {
    const saved = this.inPredicate;
    this.inPredicate = false;
    const result = parse();
    this.inPredicate = saved;
    return result;
  }

  // primary := INT | STRING+ | "true" | "false" | "$1" | "$x" | MAP ("[" list "]")? | NAME ("(" list ")")? | "(" … ")" | "{" … "}"
  primary(): Expression {
    const token = this.token;
    const span = token.span;
    switch (token.kind) {
      case "integer":
        this.advance();
        return { kind: "integer", value: token.value as bigint, span };
      case "string": {
        this.advance();
        let value = token.text;
        while (this.token.kind === "string") value += this.advance().text;
        return { kind: "string", value, span: { start: span.start, end: this.lastEnd } };
      }
      case "parameter":
        this.advance();
        return { kind: "parameter", index: token.text === "$#" ? 0 : Number(token.text.slice(1)), span };
      case "variable":
        this.advance();
        return { kind: "variable", name: token.text, span };
      case "map": {
        this.advance();
        if (!this.at("[")) return { kind: "map", name: token.text, span };
        this.advance();
        const keys = this.#inParentheses(() => this.list("]"));
        const end = this.expect("]").span.end;
        if (keys.length === 0) this.fail("SCRY1016", "a map key is missing", { start: span.end, end });
        const first = keys[0] as Expression;
        const last = keys.at(-1) as Expression;
        const key: Expression =
          keys.length === 1
            ? first
            : { kind: "tuple", elements: keys, span: { start: first.span.start, end: last.span.end } };
        return { kind: "map", name: token.text, key, span: { start: span.start, end } };
      }
      case "identifier":
        return this.named();
      case "punctuator":
        if (token.text === "(") return this.#inParentheses(() => this.parenthesized());
        if (token.text === "{") {
          return this.#inParentheses(() => {
            this.advance();
            const { statements, value } = this.statementsUntilValue();
            const end = this.expect("}").span.end;
            return { kind: "block", statements, value, span: { start: span.start, end } };
          });
        }
        return this.unexpected("expression");
      default:
        return this.unexpected("expression");
    }
  }

  // named := "true" | "false" | NAME | NAME "(" list ")" | ("sizeof" | "offsetof") "(" (type | expression) ("," NAME)* ")"
  named(): Expression {
    const token = this.advance();
    const span = token.span;
    if (token.text === "if") return this.ifValue(span.start);
    if (token.text === "comptime" && !this.at(",") && !this.at(")")) {
      const operand = this.binary(this.at("(") ? 11 : 1);
      const whole = { start: span.start, end: operand.span.end };
      return { kind: "call", name: "comptime", nameSpan: span, args: [operand], span: whole };
    }
    if (token.text === "true" || token.text === "false") return { kind: "boolean", value: token.text === "true", span };
    if (!this.at("(")) return { kind: "identifier", name: token.text, nameSpan: span, args: [], span };
    this.advance();
    return this.#inParentheses((): Expression => {
      if (TYPE_FUNCTIONS.has(token.text) && this.#typeHere()) {
        const typeArgument = this.typeName();
        const args: Expression[] = [];
        while (this.accept(",")) args.push(this.expression());
        const end = this.expect(")").span.end;
        return { kind: "call", name: token.text, nameSpan: span, args, typeArgument, span: { start: span.start, end } };
      }
      const args = TYPES_AMONG.has(token.text) ? this.#expressionsAndTypes() : this.list(")");
      const end = this.expect(")").span.end;
      return { kind: "call", name: token.text, nameSpan: span, args, span: { start: span.start, end } };
    });
  }

  /** A type that stands by itself is what `typeof` of it says. */
  #expressionsAndTypes(): Expression[] {
    const items: Expression[] = [];
    while (!this.at(")")) {
      if (this.#typeHere()) {
        const typeArgument = this.typeName();
        const { span } = typeArgument;
        items.push({ kind: "call", name: "typeof", nameSpan: span, args: [], typeArgument, span });
      } else items.push(this.expression());
      if (!this.accept(",")) break;
    }
    return items;
  }

  #typeHere(): boolean {
    const t = this.token;
    return t.kind === "identifier" && (["struct", "union", "enum"].includes(t.text) || TYPE_WORDS.has(t.text));
  }

  // parenthesized := "(" ")" | "(" expression ")" | "(" expression "," list? ")" | "(" NAME "=" expression ("," …)* ")"
  parenthesized(): Expression {
    const start = this.advance().span.start;
    if (this.token.kind === "identifier" && this.peekText("=")) {
      const fields: { name: string; value: Expression }[] = [];
      do {
        if (this.at(")")) break;
        const { text: name, span } = this.expectKind("identifier", "a field name");
        this.expect("=");
        const value = this.expression();
        if (fields.some((field) => field.name === name))
          this.fail("SCRY1000", `syntax: Named argument list already contains name: ${name}`, {
            start: span.start,
            end: value.span.end,
          });
        fields.push({ name, value });
      } while (this.accept(","));
      const end = this.expect(")").span.end;
      return { kind: "record", fields, span: { start, end } };
    }
    if (this.at(")")) return { kind: "tuple", elements: [], span: { start, end: this.advance().span.end } };
    const first = this.expression();
    if (this.accept(")")) return first;
    this.expect(",");
    const elements = [first, ...this.list(")")];
    const end = this.expect(")").span.end;
    return { kind: "tuple", elements, span: { start, end } };
  }

  // list := (expression ("," expression)* ","?)?
  list(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.at(close)) {
      items.push(this.expression());
      if (!this.accept(",")) break;
    }
    return items;
  }

  // type := ("struct" | "union" | "enum")? NAME+ ("*" | "[" INT? "]")* | "typeof" "(" expression ")" suffix*
  typeName(): TypeName {
    const start = this.token.span.start;
    let base: TypeName["base"];
    const first = this.expectKind("identifier", "a type");
    if (first.text === "struct" || first.text === "union" || first.text === "enum") {
      base = { kind: "named", tag: first.text, name: this.expectKind("identifier", "a type name").text };
    } else if (first.text === "typeof" && this.at("(")) {
      this.advance();
      base = { kind: "typeof", expression: this.expression() };
      this.expect(")");
    } else {
      let name = first.text;
      while (this.token.kind === "identifier" && TYPE_WORDS.has(this.token.text)) name += ` ${this.advance().text}`;
      base = { kind: "named", name };
    }
    const suffixes: ("*" | number)[] = [];
    for (;;) {
      if (this.accept("*")) suffixes.push("*");
      else if (this.at("[")) {
        this.advance();
        suffixes.push(this.token.kind === "integer" ? Number(this.advance().value) : -1);
        this.expect("]");
      } else break;
    }
    return { base, suffixes, span: { start, end: this.lastEnd } };
  }

  /** `if` where a value stands, behind the word. */
  abstract ifValue(start: number): Expression;
  abstract statementsUntilValue(): { statements: Statement[]; value: Expression };
}
