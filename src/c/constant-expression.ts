// Constant expressions of C (C11 6.6) by precedence climbing: in `#if`, in an array's size, in an enumerator's value.

import { type CToken, fail } from "./tokens.ts";

/** A number as C has it: 64 bits, with or without a sign. */
export interface CNumber {
  readonly value: bigint;
  readonly unsigned: boolean;
}

export interface ConstantContext {
  /** The value of a name; throws, or gives undefined, where it has none. */
  name(token: CToken): bigint | undefined;
  /**
   * Takes a type that stands between parentheses at this token: where it ends, its size, and of an integer how a cast to
   * it works. Undefined: there is no type. Absent: there are none, as in `#if`.
   */
  type?(tokens: readonly CToken[], at: number): TypeHere | undefined;
}

export interface TypeHere {
  readonly end: number;
  readonly size: number;
  readonly align: number;
  readonly signed: boolean;
}

const LEVELS: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};
const MOST_LEVELS = 500;

/** The value of all these tokens. Throws DiagnosticError for what is no constant. */
export function evaluate(tokens: readonly CToken[], context: ConstantContext): CNumber {
  const e = new Evaluator(tokens, context);
  const value = e.conditional();
  const left = tokens[e.at];
  if (left !== undefined && left.kind !== "end")
    fail("SCRY1011", `unexpected ${left.text} in a constant expression`, left);
  return value;
}

/** Evaluates from a token on; gives where the expression ends. */
export function evaluateFrom(
  tokens: readonly CToken[],
  at: number,
  context: ConstantContext,
): CNumber & { readonly end: number } {
  const e = new Evaluator(tokens, context);
  e.at = at;
  const { value, unsigned } = e.conditional();
  return { value, unsigned, end: e.at };
}

class Evaluator {
  at = 0;
  readonly #tokens: readonly CToken[];
  readonly #context: ConstantContext;
  #depth = 0;

  constructor(tokens: readonly CToken[], context: ConstantContext) {
    this.#tokens = tokens;
    this.#context = context;
  }

  #here(): CToken | undefined {
    return this.#tokens[this.at];
  }

  #fail(message: string): never {
    const t = this.#here() ?? this.#tokens.at(-1);
    if (t === undefined) throw new RangeError(message);
    return fail("SCRY1011", message, t);
  }

  #accept(text: string): boolean {
    if (this.#here()?.text !== text || this.#here()?.kind !== "punctuator") return false;
    this.at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#fail(`"${text}" is missing in a constant expression`);
  }

  conditional(): CNumber {
    if (++this.#depth > MOST_LEVELS) this.#fail("a constant expression is nested too deep");
    const condition = this.#binary(1);
    let result = condition;
    if (this.#accept("?")) {
      const then = this.#here()?.text === ":" ? condition : this.conditional();
      this.#expect(":");
      const otherwise = this.conditional();
      result = condition.value !== 0n ? then : otherwise;
    }
    this.#depth--;
    return result;
  }

  #binary(least: number): CNumber {
    let left = this.#unary();
    for (;;) {
      const t = this.#here();
      const level = t?.kind === "punctuator" ? LEVELS[t.text] : undefined;
      if (t === undefined || level === undefined || level < least) return left;
      this.at++;
      left = apply(t, left, this.#binary(level + 1));
    }
  }

  #unary(): CNumber {
    if (++this.#depth > MOST_LEVELS) this.#fail("a constant expression is nested too deep");
    const result = this.#unaryOf();
    this.#depth--;
    return result;
  }

  #unaryOf(): CNumber {
    if (this.#accept("+")) return this.#unary();
    if (this.#accept("-")) {
      const { value, unsigned } = this.#unary();
      return number(-value, unsigned);
    }
    if (this.#accept("~")) {
      const { value, unsigned } = this.#unary();
      return number(~value, unsigned);
    }
    if (this.#accept("!")) return number(this.#unary().value === 0n ? 1n : 0n, false);
    const t = this.#here();
    if (t === undefined || t.kind === "end") return this.#fail("an expression ends too early");
    const word = t.text;
    if (t.kind === "identifier" && /^(sizeof|_Alignof|__alignof__|__alignof)$/.test(word)) {
      this.at++;
      if (this.#here()?.text !== "(") return this.#fail(`${word} needs a type in parentheses`);
      const type = this.#context.type?.(this.#tokens, this.at + 1);
      if (type === undefined) return this.#fail(`${word} of what is no type`);
      this.at = type.end;
      this.#expect(")");
      return number(BigInt(word === "sizeof" ? type.size : type.align), true);
    }
    if (this.#accept("(")) {
      const type = this.#context.type?.(this.#tokens, this.at);
      if (type !== undefined && this.#tokens[type.end]?.text === ")") {
        this.at = type.end + 1;
        const { value } = this.#unary();
        const bits = Math.min(64, Math.max(8, type.size * 8));
        return type.signed
          ? number(BigInt.asIntN(bits, value), false)
          : number(BigInt.asUintN(bits, value), bits === 64);
      }
      const inner = this.conditional();
      this.#expect(")");
      return inner;
    }
    this.at++;
    if (t.kind === "number") return integerOf(t);
    if (t.kind === "character") return number(characterOf(t), false);
    if (t.kind === "identifier") {
      const value = this.#context.name(t);
      // A name that the preprocessor does not know may stand with arguments: it is 0, too.
      if (value !== undefined) return number(value, false);
    }
    return fail("SCRY1011", `${word} is no constant`, t);
  }
}

function number(value: bigint, unsigned: boolean): CNumber {
  return { value: unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value), unsigned };
}

function apply(operator: CToken, a: CNumber, b: CNumber): CNumber {
  const unsigned = a.unsigned || b.unsigned;
  const x = unsigned ? BigInt.asUintN(64, a.value) : a.value;
  const y = unsigned ? BigInt.asUintN(64, b.value) : b.value;
  const truth = (holds: boolean): CNumber => number(holds ? 1n : 0n, false);
  switch (operator.text) {
    case "||":
      return truth(x !== 0n || y !== 0n);
    case "&&":
      return truth(x !== 0n && y !== 0n);
    case "==":
      return truth(x === y);
    case "!=":
      return truth(x !== y);
    case "<":
      return truth(x < y);
    case ">":
      return truth(x > y);
    case "<=":
      return truth(x <= y);
    case ">=":
      return truth(x >= y);
    case "|":
      return number(x | y, unsigned);
    case "^":
      return number(x ^ y, unsigned);
    case "&":
      return number(x & y, unsigned);
    case "<<":
      return number(a.value << (b.value & 63n), a.unsigned);
    case ">>":
      return number(a.value >> (b.value & 63n), a.unsigned);
    case "+":
      return number(x + y, unsigned);
    case "-":
      return number(x - y, unsigned);
    case "*":
      return number(x * y, unsigned);
    default:
      // What is not evaluated may divide by zero (C11 6.6): the branch that is not taken is read all the same.
      if (y === 0n) return number(0n, unsigned);
      return number(operator.text === "/" ? x / y : x % y, unsigned);
  }
}

/** The value of an integer constant with its suffix; throws DiagnosticError for a number with a fraction. */
export function integerOf(token: CToken): CNumber {
  const match = /^(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9']+)([uUlL]*)$/.exec(token.text);
  if (match === null) return fail("SCRY1003", `invalid integer literal: ${token.text}`, token);
  const digits = (match[1] as string).replaceAll("'", "");
  const octal = /^0[0-7]+$/.test(digits);
  if (/^0[0-9]+$/.test(digits) && !octal) return fail("SCRY1003", `invalid octal literal: ${token.text}`, token);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return {
    value: BigInt.asUintN(64, value),
    unsigned: /u/i.test(match[2] as string) || value > 0x7fff_ffff_ffff_ffffn,
  };
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, e: 27 };

function characterOf(token: CToken): bigint {
  const inner = token.text.slice(token.text.indexOf("'") + 1, -1);
  const coded = /^\\(?:([0-7]{1,3})|x([0-9a-fA-F]+))$/.exec(inner);
  if (coded !== null) {
    const code = coded[1] !== undefined ? Number.parseInt(coded[1], 8) : Number.parseInt(coded[2] as string, 16);
    return BigInt.asIntN(8, BigInt(code));
  }
  if (inner.startsWith("\\")) return BigInt(ESCAPES[inner[1] ?? ""] ?? inner.charCodeAt(1));
  // 'ab': each character is a byte of the number, as gcc and clang have it.
  return [...inner].reduce((sum, c) => (sum << 8n) | BigInt(c.charCodeAt(0) & 255), 0n);
}
