// Constant expressions of C (C11 6.6) by precedence climbing: in `#if`, in an array's size, in an enumerator's value.

import { type CToken, fail } from "./tokens.ts";

/** A number as C has it, with or without a sign. */
export interface CNumber {
  readonly value: bigint;
  readonly unsigned: boolean;
  /** Of its type: 32 or 64. In `#if`, all have 64 (C11 6.10.1). */
  readonly bits: number;
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

/** How tightly binary operators bind (C11 6.5.5 to 6.5.14). */
export const LEVELS: Readonly<Record<string, number>> = {
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
  return { ...e.conditional(), end: e.at };
}

class Evaluator {
  at = 0;
  readonly #tokens: readonly CToken[];
  readonly #context: ConstantContext;
  /** Bits of an `int`. */
  readonly #int: number;
  #depth = 0;
  /** Operands around here that do not count: they may divide by zero (C11 6.6). */
  #idle = 0;

  constructor(tokens: readonly CToken[], context: ConstantContext) {
    this.#tokens = tokens;
    this.#context = context;
    this.#int = context.type === undefined ? 64 : 32;
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
      const holds = condition.value !== 0n;
      const then = this.#here()?.text === ":" ? condition : this.#counting(holds, () => this.conditional());
      this.#expect(":");
      const otherwise = this.#counting(!holds, () => this.conditional());
      const { unsigned, bits } = common(then, otherwise);
      result = number(holds ? then.value : otherwise.value, unsigned, bits);
    }
    this.#depth--;
    return result;
  }

  #counting(counts: boolean, read: () => CNumber): CNumber {
    if (counts) return read();
    this.#idle++;
    const result = read();
    this.#idle--;
    return result;
  }

  #binary(least: number): CNumber {
    let left = this.#unary();
    for (;;) {
      const t = this.#here();
      const level = t?.kind === "punctuator" ? LEVELS[t.text] : undefined;
      if (t === undefined || level === undefined || level < least) return left;
      this.at++;
      const counts = t.text === "&&" ? left.value !== 0n : t.text === "||" ? left.value === 0n : true;
      const right = this.#counting(counts, () => this.#binary(level + 1));
      if ((t.text === "/" || t.text === "%") && right.value === 0n && this.#idle === 0)
        fail("SCRY1011", "division by zero in a constant expression", t);
      left = apply(t.text, left, right, this.#int);
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
      const { value, unsigned, bits } = this.#unary();
      return number(-value, unsigned, bits);
    }
    if (this.#accept("~")) {
      const { value, unsigned, bits } = this.#unary();
      return number(~value, unsigned, bits);
    }
    if (this.#accept("!")) return number(this.#unary().value === 0n ? 1n : 0n, false, this.#int);
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
      return number(BigInt(word === "sizeof" ? type.size : type.align), true, 64);
    }
    if (this.#accept("(")) {
      const type = this.#context.type?.(this.#tokens, this.at);
      if (type !== undefined && this.#tokens[type.end]?.text === ")") {
        this.at = type.end + 1;
        const { value } = this.#unary();
        const bits = Math.min(64, Math.max(8, type.size * 8));
        // What is narrower than `int` becomes one (C11 6.3.1.1).
        const cast = number(value, !type.signed, bits);
        return bits < 32 ? number(cast.value, false, 32) : cast;
      }
      const inner = this.conditional();
      this.#expect(")");
      return inner;
    }
    this.at++;
    if (t.kind === "number") return integerOf(t, this.#int);
    if (t.kind === "character") return number(characterOf(t), false, this.#int);
    const value = t.kind === "identifier" ? this.#context.name(t) : undefined;
    if (value !== undefined) return typed(value, true, this.#int);
    return fail("SCRY1011", `${word} is no constant`, t);
  }
}

function number(value: bigint, unsigned: boolean, bits: number): CNumber {
  return { value: unsigned ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value), unsigned, bits };
}

/** A value in the first type that holds it (C11 6.4.4.1): `int`, `unsigned int` where it may be, `long`, `unsigned long`. */
function typed(value: bigint, mayBeUnsigned: boolean, int: number): CNumber {
  const holds = (unsigned: boolean, bits: number): boolean => number(value, unsigned, bits).value === value;
  for (const bits of int === 64 ? [64] : [int, 64]) {
    if (holds(false, bits)) return number(value, false, bits);
    if (mayBeUnsigned && holds(true, bits)) return number(value, true, bits);
  }
  return number(value, true, 64);
}

/** The type in which two operands meet (C11 6.3.1.8). */
function common(a: CNumber, b: CNumber): { readonly unsigned: boolean; readonly bits: number } {
  if (a.bits !== b.bits) return a.bits > b.bits ? a : b;
  return { unsigned: a.unsigned || b.unsigned, bits: a.bits };
}

function apply(operator: string, a: CNumber, b: CNumber, int: number): CNumber {
  const { unsigned, bits } = common(a, b);
  const x = number(a.value, unsigned, bits).value;
  const y = number(b.value, unsigned, bits).value;
  const truth = (holds: boolean): CNumber => number(holds ? 1n : 0n, false, int);
  switch (operator) {
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
      return number(x | y, unsigned, bits);
    case "^":
      return number(x ^ y, unsigned, bits);
    case "&":
      return number(x & y, unsigned, bits);
    case "<<":
      return number(a.value << (b.value & 63n), a.unsigned, a.bits);
    case ">>":
      return number(a.value >> (b.value & 63n), a.unsigned, a.bits);
    case "+":
      return number(x + y, unsigned, bits);
    case "-":
      return number(x - y, unsigned, bits);
    case "*":
      return number(x * y, unsigned, bits);
    default:
      // By zero only where it does not count.
      if (y === 0n) return number(0n, unsigned, bits);
      return number(operator === "/" ? x / y : x % y, unsigned, bits);
  }
}

/** The value of an integer constant with its suffix; throws DiagnosticError for a number with a fraction. */
export function integerOf(token: CToken, int: number): CNumber {
  const match = /^(0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9']+)([uUlL]*)$/.exec(token.text);
  if (match === null) return fail("SCRY1003", `invalid integer literal: ${token.text}`, token);
  const digits = (match[1] as string).replaceAll("'", "");
  const octal = /^0[0-7]+$/.test(digits);
  if (/^0[0-9]+$/.test(digits) && !octal) return fail("SCRY1003", `invalid octal literal: ${token.text}`, token);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  const suffix = match[2] as string;
  const bits = /l/i.test(suffix) ? 64 : int;
  if (/u/i.test(suffix)) return number(value, true, value >> BigInt(bits) === 0n ? bits : 64);
  return typed(value, /^0./.test(digits), bits);
}

export const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, e: 27 };

export function characterOf(token: CToken): bigint {
  const inner = token.text.slice(token.text.indexOf("'") + 1, -1);
  const codes = [...inner.matchAll(/\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|([\s\S]))|([\s\S])/gu)].map(
    ([, octal, hexadecimal, escaped, plain]) => {
      if (octal !== undefined) return Number.parseInt(octal, 8);
      if (hexadecimal !== undefined) return Number.parseInt(hexadecimal, 16);
      return (escaped === undefined ? undefined : ESCAPES[escaped]) ?? (escaped ?? plain)?.codePointAt(0) ?? 0;
    },
  );
  const [only] = codes;
  if (only === undefined) return fail("SCRY1003", "empty character constant", token);
  const wide = !token.text.startsWith("'");
  if (codes.length === 1) return wide ? BigInt(only) : BigInt.asIntN(8, BigInt(only));
  // 'ab': each character is a byte of the number, as gcc and clang have it.
  return BigInt.asIntN(
    32,
    codes.reduce((sum, c) => (sum << 8n) | BigInt(c & 255), 0n),
  );
}
