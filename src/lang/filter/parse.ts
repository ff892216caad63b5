// From tokens to the tree, by recursive descent; each function under its rule of grammar.
//
// What is odd is so on purpose, for filters of 30 years rely on it: `and` and `or` bind alike, from left to right; names take
// over the qualifiers of the name before them; `%` and `^` bind as the grammar's author left them: what stands behind them,
// whatever it is, is their right side, and they take their left side from whatever stands before.

import { joinSpans, nearest, type Span } from "../../source/index.ts";
import type { Operator } from "./expression.ts";
import { type Token, tokens } from "./lexer.ts";
import { ALONE, FIELDS, KEYWORDS, PROTOCOLS, WITH_NAME, WITH_NUMBER, WITH_NUMBER_OR_NONE } from "./names.ts";
import { fail } from "./problems.ts";
import type { Arithmetic, Comparison, Direction, Expression, Id, Mask, Qualifiers, Type } from "./tree.ts";

/** Brackets and negations within each other, at most; and tokens of a filter. */
const DEPTH = 200;
const TOKENS = 20_000;

const PROTOCOL_WORDS = new Set(Object.values(PROTOCOLS));
const TYPES = new Set(["host", "net", "port", "portrange", "proto", "protochain", "gateway"]);
const DIRECTIONS = new Set(["src", "dst", "addr1", "addr2", "addr3", "addr4", "ra", "ta"]);
const NUMBER_WORDS = new Set(Object.values(WITH_NUMBER));
const NAME_WORDS = new Set(Object.values(WITH_NAME));
const COMPARISONS = new Set(["=", "!=", ">", ">=", "<", "<="]);
const PRECEDENCE: Readonly<Record<string, number>> = {
  "|": 1,
  "&": 2,
  "<<": 3,
  ">>": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  // Above all that stands before them …
  "%": 9,
  "^": 9,
};
/** … and below all that stands behind them. */
const TAKES_THE_REST = new Set(["%", "^"]);

/** The tree of a filter's text. Throws DiagnosticError. */
export function parseFilter(text: string): Expression {
  const parser = new Parser(tokens(text));
  return parser.program();
}

class Parser {
  readonly #tokens: readonly Token[];
  /** For each opening bracket, where its closing one is. */
  readonly #closing: ReadonlyMap<number, number>;
  #at = 0;
  #depth = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
    if (all.length > TOKENS)
      fail(
        "SCRY1508",
        (all[TOKENS] as Token).span,
        `A filter has at most ${TOKENS} words`,
        "Split it into several filters",
      );
    const closing = new Map<number, number>();
    const open: number[] = [];
    all.forEach((token, i) => {
      if (token.kind !== "sign") return;
      if (token.text === "(") open.push(i);
      const opened = token.text === ")" ? open.pop() : undefined;
      if (opened !== undefined) closing.set(opened, i);
    });
    this.#closing = closing;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  #word(...words: string[]): string | undefined {
    const token = this.#peek();
    return token.kind === "word" && words.includes(token.word) ? token.word : undefined;
  }

  #sign(text: string): boolean {
    const token = this.#peek();
    return token.kind === "sign" && token.text === text;
  }

  #from(start: Span): Span {
    return joinSpans(start, (this.#tokens[Math.max(0, this.#at - 1)] as Token).span);
  }

  #expect(sign: string, what: string): void {
    if (!this.#sign(sign)) this.#unexpected(`${what} ends with '${sign}'`);
    this.#next();
  }

  #unexpected(hint?: string): never {
    const token = this.#peek();
    const hints = hint === undefined ? [] : [hint];
    if (token.kind === "end") return fail("SCRY1501", token.span, "The filter ends too early", ...hints);
    if (token.kind === "name" || token.kind === "word")
      hints.push(
        ...nearest(
          token.text,
          [...KEYWORDS].filter((k) => k !== token.text),
        ),
      );
    return fail("SCRY1501", token.span, `'${token.text}' cannot stand here`, ...hints);
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > DEPTH) fail("SCRY1508", this.#peek().span, `A filter nests at most ${DEPTH} deep`);
    const result = parse();
    this.#depth--;
    return result;
  }

  /** program: [expression] */
  program(): Expression {
    const start = this.#peek();
    if (start.kind === "end") return { kind: "all", span: start.span };
    const [expression] = this.#expression();
    if (this.#peek().kind !== "end") this.#unexpected(this.#afterTerm());
    return expression;
  }

  #afterTerm(): string | undefined {
    const token = this.#peek();
    if (token.kind === "sign" && token.text === ")") return "It closes nothing";
    return "Terms are joined by 'and' or 'or'";
  }

  /** expression: term { (and | or) (term | id) } */
  #expression(): [Expression, Qualifiers] {
    const start = this.#peek().span;
    let [left, qualifiers] = this.#term();
    for (;;) {
      const kind = this.#word("and", "or") as "and" | "or" | undefined;
      if (kind === undefined) return [left, qualifiers];
      this.#next();
      const [right, next] = this.#atId() ? this.#id(qualifiers) : this.#term();
      qualifiers = next;
      left = { kind, left, right, span: this.#from(start) };
    }
  }

  /** Whether a bare name follows, which takes the qualifiers of the term before. */
  #atId(): boolean {
    let i = this.#at;
    const kindAt = (at: number): Token => this.#tokens[Math.min(at, this.#tokens.length - 1)] as Token;
    for (;;) {
      const token = kindAt(i);
      if (token.kind === "word" && token.word === "not") i++;
      else if (token.kind === "sign" && token.text === "(") {
        const closing = this.#closing.get(i);
        if (closing !== undefined && isOperator(kindAt(closing + 1))) return false;
        i++;
      } else break;
    }
    const first = kindAt(i);
    if (first.kind === "word" || first.kind === "sign" || first.kind === "end") return false;
    return first.kind !== "number" || !isOperator(kindAt(i + 1));
  }

  /** id: name [ "/" bits | mask address ] | not id | "(" id { (and | or) id } ")" */
  #id(qualifiers: Qualifiers): [Expression, Qualifiers] {
    const start = this.#peek().span;
    if (this.#word("not") !== undefined) {
      this.#next();
      const [of] = this.#nested(() => this.#id(qualifiers));
      return [{ kind: "not", of, span: this.#from(start) }, qualifiers];
    }
    if (this.#sign("(")) {
      this.#next();
      let [left] = this.#nested(() => this.#id(qualifiers));
      for (;;) {
        const kind = this.#word("and", "or") as "and" | "or" | undefined;
        if (kind === undefined) break;
        this.#next();
        const [right] = this.#nested(() => this.#id(qualifiers));
        left = { kind, left, right, span: this.#from(start) };
      }
      this.#expect(")", "A list of names");
      return [{ ...left, span: this.#from(start) }, qualifiers];
    }
    const id = this.#next();
    if (id.kind === "word" || id.kind === "sign" || id.kind === "end") {
      if (id.kind !== "end") this.#at--;
      const advice =
        id.kind === "word"
          ? `To use '${id.text}' as a name, write '\\${id.text}'`
          : "A name, number or address stands here";
      return this.#unexpected(advice);
    }
    const mask = this.#mask(id);
    return [
      { kind: "id", qualifiers, id, ...(mask === undefined ? {} : { mask }), span: this.#from(start) },
      qualifiers,
    ];
  }

  #mask(id: Id): Mask | undefined {
    if (id.kind !== "ip4" && id.kind !== "ip6") {
      if (id.kind === "number" && this.#sign("/"))
        this.#unexpected(`A network with a prefix has its dots: ${id.text}.0.0.0/${this.#peek(1).text}`);
      return undefined;
    }
    if (this.#sign("/")) {
      this.#next();
      const bits = this.#next();
      if (bits.kind === "number") return { kind: "bits", bits: bits.number, span: bits.span };
      this.#at--;
      this.#unexpected("Behind '/' stands the number of bits of the network");
    }
    if (id.kind === "ip4" && this.#word("mask") !== undefined) {
      this.#next();
      const mask = this.#next();
      if (mask.kind === "ip4") return { kind: "address", address: mask.address, bytes: mask.bytes, span: mask.span };
      this.#at--;
      this.#unexpected("A mask is written as an address: 255.255.255.0");
    }
    return undefined;
  }

  /** term: not term | "(" expression ")" | relation | word … | qualifiers id | protocol */
  #term(): [Expression, Qualifiers] {
    const start = this.#peek();
    if (this.#word("not") !== undefined) {
      this.#next();
      const [of, qualifiers] = this.#nested(() => this.#term());
      return [{ kind: "not", of, span: this.#from(start.span) }, qualifiers];
    }
    if (this.#atArithmetic()) return [this.#relation(), {}];
    if (this.#sign("(")) {
      this.#next();
      const [inner, qualifiers] = this.#nested(() => this.#expression());
      if (!this.#sign(")")) this.#unexpected("A bracket that is open here has no end");
      this.#next();
      return [{ ...inner, span: this.#from(start.span) }, qualifiers];
    }
    if (start.kind !== "word") {
      const host = start.kind === "ip4" || start.kind === "ip6" || start.kind === "name";
      return this.#unexpected(
        host ? `A name alone has no meaning: 'host ${start.text}' or 'net ${start.text}'` : undefined,
      );
    }
    return this.#primitive();
  }

  #atArithmetic(): boolean {
    const token = this.#peek();
    if (token.kind === "number") return isOperator(this.#peek(1));
    if (token.kind === "word") {
      const next = this.#peek(1);
      return token.word === "len" || (PROTOCOL_WORDS.has(token.word) && next.kind === "sign" && next.text === "[");
    }
    if (token.kind !== "sign") return false;
    if (token.text === "-") return true;
    const closing = token.text === "(" ? this.#closing.get(this.#at) : undefined;
    return closing !== undefined && isOperator(this.#tokens[closing + 1] as Token);
  }

  #primitive(): [Expression, Qualifiers] {
    const start = this.#peek();
    const span = start.span;
    const word = start.kind === "word" ? start.word : "";
    const none: Qualifiers = {};
    if (ALONE.has(word) || word === "pppoed") {
      this.#next();
      return [{ kind: "word", word, span }, none];
    }
    if (WITH_NUMBER_OR_NONE.has(word)) {
      this.#next();
      const number = this.#numberIfAny();
      return [{ kind: "word", word, ...(number === undefined ? {} : { number }), span: this.#from(span) }, none];
    }
    if (NUMBER_WORDS.has(word)) {
      this.#next();
      const number = this.#numberIfAny();
      if (number === undefined) this.#unexpected(`Behind '${start.text}' stands a number`);
      return [{ kind: "word", word, number, span: this.#from(span) }, none];
    }
    if (NAME_WORDS.has(word)) {
      this.#next();
      const name = this.#next();
      if (name.kind === "sign" || name.kind === "end") this.#unexpected(`Behind '${start.text}' stands a name`);
      const text = name.kind === "number" ? `${name.number}` : name.text;
      return [{ kind: "word", word, text, span: this.#from(span) }, none];
    }
    if (word === "byte") return [this.#byte(), none];
    if (FIELDS.has(word)) {
      this.#next();
      return [this.#field(word, span), none];
    }
    return this.#qualified();
  }

  #numberIfAny(): number | undefined {
    let depth = 0;
    while (this.#peek(depth).kind === "sign" && this.#peek(depth).text === "(") depth++;
    const token = this.#peek(depth);
    if (token.kind !== "number") return undefined;
    this.#at += depth + 1;
    for (; depth > 0; depth--) this.#expect(")", "A number in brackets");
    return token.number;
  }

  /** byte NUMBER comparison NUMBER */
  #byte(): Expression {
    const { span } = this.#next();
    const at = this.#numberIfAny();
    if (at === undefined) return this.#unexpected("byte AT = VALUE");
    const sign = this.#next();
    if (sign.kind !== "sign" || !/^(?:[=<>&|])$/.test(sign.text)) {
      this.#at--;
      this.#unexpected("byte AT = VALUE; also <, >, & and |");
    }
    const number = this.#numberIfAny();
    if (number === undefined) return this.#unexpected("byte AT = VALUE");
    return {
      kind: "word",
      word: "byte",
      text: `${at}`,
      relation: sign.text as Comparison,
      number,
      span: this.#from(span),
    };
  }

  /** field [comparison] NUMBER | field "(" NUMBER { or NUMBER } ")" */
  #field(word: string, span: Span): Expression {
    if (this.#sign("(")) {
      this.#next();
      let left = this.#nested(() => this.#field(word, span));
      while (this.#word("or") !== undefined) {
        this.#next();
        const right = this.#nested(() => this.#field(word, span));
        left = { kind: "or", left, right, span: this.#from(span) };
      }
      this.#expect(")", "A list of numbers");
      return left;
    }
    const relation = isComparison(this.#peek()) ? (this.#next().text as Comparison) : "=";
    const number = this.#numberIfAny();
    if (number === undefined) return this.#unexpected(`Behind '${word}' stands a number`);
    return { kind: "word", word, number, relation, span: this.#from(span) };
  }

  /** [protocol] [direction] [type] id | protocol | [protocol] (broadcast | multicast | type … | dir … | llc …) */
  #qualified(): [Expression, Qualifiers] {
    const start = this.#peek();
    let protocol: string | undefined;
    if (start.kind === "word" && PROTOCOL_WORDS.has(start.word)) {
      protocol = start.word;
      this.#next();
    }
    const of = protocol === undefined ? {} : { protocol };
    const token = this.#peek();
    const word = token.kind === "word" ? token.word : "";
    if (word === "broadcast" || word === "multicast") {
      this.#next();
      return [{ kind: "word", word, ...of, span: this.#from(start.span) }, of];
    }
    if (word === "type" || word === "subtype" || word === "dir") return [this.#frame(start.span, of), of];
    if (word === "llc" && protocol === undefined) {
      this.#next();
      const name = this.#peek();
      // `rnr` is a frame here, and a rule's number elsewhere.
      const named = name.kind === "name" || (name.kind === "word" && name.text === "rnr");
      const more = named ? { text: this.#next().text } : {};
      return [{ kind: "word", word, ...more, span: this.#from(start.span) }, {}];
    }
    let direction: Direction | undefined;
    if (DIRECTIONS.has(word)) {
      this.#next();
      direction = word as Direction;
      const joins = this.#word("and", "or");
      const other = this.#peek(1);
      const opposite = word === "src" ? "dst" : word === "dst" ? "src" : undefined;
      if (joins !== undefined && opposite !== undefined && other.kind === "word" && other.word === opposite) {
        this.#at += 2;
        direction = `src ${joins as "and" | "or"} dst`;
      }
    }
    let type: Type | undefined;
    const typed = this.#peek();
    if (typed.kind === "word" && TYPES.has(typed.word)) {
      this.#next();
      type = typed.word as Type;
    }
    if (protocol === undefined && direction === undefined && type === undefined) this.#unexpected();
    const qualifiers: Qualifiers = {
      ...of,
      ...(direction === undefined ? {} : { direction }),
      ...(type === undefined ? {} : { type }),
    };
    const bare = direction === undefined && type === undefined;
    if (bare && !this.#atNameOfProtocol()) {
      return [{ kind: "protocol", name: protocol as string, span: start.span }, of];
    }
    const [id] = this.#id(qualifiers);
    return [{ ...id, span: this.#from(start.span) }, qualifiers];
  }

  /** `ip 10.0.0.1`: the type may be left out. */
  #atNameOfProtocol(): boolean {
    const token = this.#peek();
    return token.kind !== "word" && token.kind !== "sign" && token.kind !== "end";
  }

  /** [wlan] type NAME [subtype NAME] | subtype NAME | dir NAME */
  #frame(span: Span, of: Qualifiers): Expression {
    const token = this.#next();
    const word = token.kind === "word" ? token.word : "";
    const name = this.#next();
    if (name.kind === "sign" || name.kind === "end") {
      if (name.kind !== "end") this.#at--;
      return this.#unexpected(`Behind '${token.text}' stands a name or a number`);
    }
    const textOf = (token: Token): string => (token.kind === "number" ? `${token.number}` : token.text);
    let text = textOf(name);
    if (word === "type" && this.#word("subtype") !== undefined) {
      this.#next();
      const subtype = this.#next();
      if (subtype.kind === "sign" || subtype.kind === "end") return this.#unexpected("Behind 'subtype' stands a name");
      text = `${text} ${textOf(subtype)}`;
    }
    return { kind: "word", word, ...of, text, span: this.#from(span) };
  }

  /** relation: arithmetic comparison arithmetic */
  #relation(): Expression {
    const left = this.#arithmetic(0);
    const sign = this.#peek();
    if (!isComparison(sign)) return this.#unexpected("Here a comparison is missing: = != < <= > >=");
    this.#next();
    const right = this.#arithmetic(0);
    return { kind: "relation", relation: sign.text as Comparison, left, right, span: joinSpans(left.span, right.span) };
  }

  #arithmetic(above: number): Arithmetic {
    return this.#nested(() => {
      let left = this.#operand();
      for (;;) {
        const sign = this.#peek();
        const precedence = sign.kind === "sign" ? PRECEDENCE[sign.text] : undefined;
        if (precedence === undefined || precedence <= above) return left;
        this.#next();
        const right = this.#arithmetic(TAKES_THE_REST.has(sign.text) ? 0 : precedence);
        const operator = sign.text as Operator;
        left = { kind: "binary", operator, left, right, span: joinSpans(left.span, right.span) };
      }
    });
  }

  #operand(): Arithmetic {
    const token = this.#peek();
    const { span } = token;
    if (token.kind === "number") {
      this.#next();
      return { kind: "number", number: token.number, span };
    }
    if (this.#sign("-")) {
      this.#next();
      // As the grammar has it, `%` and `^` take precedence over the minus too.
      const of = this.#arithmetic(8);
      return { kind: "negate", of, span: joinSpans(span, of.span) };
    }
    if (this.#sign("(")) {
      this.#next();
      const inner = this.#arithmetic(0);
      this.#expect(")", "A term in brackets");
      return { ...inner, span: this.#from(span) };
    }
    if (token.kind === "word" && token.word === "len") {
      this.#next();
      return { kind: "length", span };
    }
    const next = this.#peek(1);
    if (token.kind !== "word" || !PROTOCOL_WORDS.has(token.word) || next.kind !== "sign" || next.text !== "[")
      return this.#unexpected("A number, 'len' or bytes of a protocol (ip[0]) stand here");
    this.#at += 2;
    const at = this.#arithmetic(0);
    let size = 1;
    if (this.#sign(":")) {
      this.#next();
      const number = this.#next();
      if (number.kind !== "number" || ![1, 2, 4].includes(number.number))
        return fail("SCRY1509", number.span, "1, 2 or 4 bytes can be read at once");
      size = number.number;
    }
    this.#expect("]", "A place in a packet");
    return { kind: "bytes", protocol: token.word, at, size, span: this.#from(span) };
  }
}

const isComparison = (token: Token): boolean => token.kind === "sign" && COMPARISONS.has(token.text);

const isOperator = (token: Token): boolean =>
  isComparison(token) || (token.kind === "sign" && PRECEDENCE[token.text] !== undefined);
