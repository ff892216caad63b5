// Characters to tokens. The parser pulls one token at a time, because an attach point is read as plain text
// (`uprobe:/bin/sh:main`) and only the parser knows where one can stand.

import { DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";

export type TokenKind = "identifier" | "integer" | "string" | "variable" | "parameter" | "map" | "punctuator" | "end";

export interface Token {
  readonly kind: TokenKind;
  /**
   * The text; for a string its contents with escapes replaced (a byte above 127, written `\xff`, is the lone surrogate
   * 0xdc00 + byte, as in Python's surrogateescape; `utf8` makes it a byte again); for a name with its `$` or `@`.
   */
  readonly text: string;
  readonly value?: bigint;
  readonly span: Span;
}

// Longest first.
const PUNCTUATORS = [
  "<<=",
  ">>=",
  "...",
  "->",
  "++",
  "--",
  "<<",
  ">>",
  "<=",
  ">=",
  "==",
  "!=",
  "&&",
  "||",
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
  "&=",
  "|=",
  "^=",
  "..",
  "?:",
  "(",
  ")",
  "{",
  "}",
  "[",
  "]",
  ",",
  ";",
  ":",
  ".",
  "?",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "|",
  "^",
  "~",
  "!",
  "<",
  ">",
  "=",
];

const DURATIONS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isNameStart = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95;
const isName = (c: number): boolean => isNameStart(c) || isDigit(c);

export class Lexer {
  readonly source: SourceText;
  at = 0;

  constructor(source: SourceText, at = 0) {
    this.source = source;
    this.at = at;
  }

  fail(code: `SCRY${number}`, message: string, span: Span, ...hints: string[]): never {
    throw new DiagnosticError(
      [{ code, severity: "error", message, span, ...(hints.length > 0 ? { hints } : {}) }],
      this.source,
    );
  }

  /** Past white space, comments and a leading `#!` line. */
  skipSpace(): void {
    const text = this.source.text;
    for (;;) {
      const c = text.charCodeAt(this.at);
      if (isSpace(c)) this.at++;
      else if (c === 47 && text.charCodeAt(this.at + 1) === 47) {
        const end = text.indexOf("\n", this.at);
        this.at = end < 0 ? text.length : end;
      } else if (c === 47 && text.charCodeAt(this.at + 1) === 42) {
        const end = text.indexOf("*/", this.at + 2);
        if (end < 0) this.fail("SCRY1001", "end of file in comment", { start: this.at, end: this.at + 2 });
        this.at = end + 2;
      } else return;
    }
  }

  next(): Token {
    this.skipSpace();
    const text = this.source.text;
    const start = this.at;
    if (start >= text.length) return { kind: "end", text: "end of file", span: { start, end: start } };
    const c = text.charCodeAt(start);
    if (isNameStart(c)) return this.#take("identifier", this.#nameEnd(start));
    if (isDigit(c)) return this.#number(start);
    if (c === 34) return this.#string(start);
    if (c === 64) return this.#take("map", this.#nameEnd(start + 1));
    if (c === 36) {
      if (text.charCodeAt(start + 1) === 35) return this.#take("parameter", start + 2);
      const end = this.#nameEnd(start + 1);
      if (end === start + 1) this.fail("SCRY1002", "invalid character '$'", { start, end: start + 1 });
      return this.#take(isDigit(text.charCodeAt(start + 1)) ? "parameter" : "variable", end);
    }
    for (const p of PUNCTUATORS) if (text.startsWith(p, start)) return this.#take("punctuator", start + p.length);
    return this.fail("SCRY1002", `invalid character '${text[start]}'`, { start, end: start + 1 });
  }

  #nameEnd(from: number): number {
    const text = this.source.text;
    let end = from;
    while (isName(text.charCodeAt(end))) end++;
    return end;
  }

  #take(kind: TokenKind, end: number): Token {
    const start = this.at;
    this.at = end;
    return { kind, text: this.source.text.slice(start, end), span: { start, end } };
  }

  /** decimal, 0x…, 0…(octal), 1e6, 1_000, with a C suffix (ignored) or a duration (`10ms`). */
  #number(start: number): Token {
    const word = this.source.text.slice(start, this.#nameEnd(start));
    const span = { start, end: start + word.length };
    const bad = (why: string): never => this.fail("SCRY1003", `${why}: ${word}`, span);
    const match = /^(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:[eE][0-9_]+)?)([a-zA-Z]*)$/.exec(word);
    if (match === null) return bad("invalid integer literal");
    const digits = (match[1] as string).replaceAll("_", "");
    const suffix = match[2] as string;
    let value: bigint;
    const exponent = /^([0-9]+)[eE]([0-9]+)$/.exec(digits);
    if (exponent !== null && !/^0[xX]/.test(digits)) {
      // bpftrace takes one digit before the exponent only; more is unambiguous as well, so it is taken here.
      const power = Number(exponent[2]);
      if (power > 19) return bad("integer literal is too large");
      value = BigInt(exponent[1] as string) * 10n ** BigInt(power);
    } else if (/^0[0-9]+$/.test(digits)) {
      if (/[89]/.test(digits)) return bad("invalid octal literal");
      value = BigInt(`0o${digits.slice(1)}`);
    } else value = BigInt(digits);
    const duration = DURATIONS[suffix];
    if (duration !== undefined) value *= duration;
    else if (!/^(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])$/.test(suffix)) return bad("invalid suffix of an integer literal");
    if (value > 0xffff_ffff_ffff_ffffn) return bad("integer literal is too large for 64 bits");
    this.at = span.end;
    return { kind: "integer", text: word, value, span };
  }

  #string(start: number): Token {
    const text = this.source.text;
    let value = "";
    let at = start + 1;
    for (;;) {
      const c = text[at];
      if (c === undefined || c === "\n")
        return this.fail(
          "SCRY1004",
          "unterminated string",
          { start, end: at },
          "Close the string with a double quote on the same line",
        );
      if (c === '"') break;
      if (c !== "\\") {
        value += c;
        at++;
        continue;
      }
      const letter = text[at + 1] ?? "";
      const simple = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\" }[letter];
      if (simple !== undefined) {
        value += simple;
        at += 2;
        continue;
      }
      const coded = /^\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2}))/.exec(text.slice(at, at + 5));
      if (coded === null)
        return this.fail("SCRY1005", `invalid escape character '\\${letter}'`, {
          start: at,
          end: at + 1 + letter.length,
        });
      const byte =
        coded[1] !== undefined ? Number.parseInt(coded[1], 8) & 255 : Number.parseInt(coded[2] as string, 16);
      value += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
      at += coded[0].length;
    }
    this.at = at + 1;
    return { kind: "string", text: value, span: { start, end: at + 1 } };
  }
}
