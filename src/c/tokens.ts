// C text to tokens, as translation phases 2 and 3 of C11 (5.1.1.2) say: lines that end in a backslash go on, a comment is
// a space. `$` and `@` begin names here, as GNU C has it of the first: texts of other languages have macros, too.

import { DiagnosticError, type SourceText, type Span } from "../source/index.ts";

export type CTokenKind = "identifier" | "number" | "string" | "character" | "punctuator" | "newline" | "end";

export interface CToken {
  readonly kind: CTokenKind;
  readonly text: string;
  readonly file: SourceText;
  readonly span: Span;
  /** Is there white space before it? */
  readonly space: boolean;
  /** Macros that it came from: they do not expand it again (C11 6.10.3.4). */
  readonly from?: readonly string[];
}

const PUNCTUATORS =
  /%:%:|\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|##|[[\](){}.&*+\-~!/%<>^|?:;=,#]/y;
const NAME = /[A-Za-z_$@\u0080-\uffff][\w$@\u0080-\uffff]*/y;
const NUMBER = /\.?[0-9](?:[eEpP][+-]|[\w.])*/y;
const STRING = /(?:u8|[uUL])?"(?:\\[\s\S]|[^"\\\n])*"/y;
const CHARACTER = /(?:[uUL])?'(?:\\[^\n]|[^'\\\n])*'/y;

export function fail(
  code: `SCRY${number}`,
  message: string,
  at: { file: SourceText; span: Span },
  ...hints: string[]
): never {
  throw new DiagnosticError(
    [{ code, severity: "error", message, span: at.span, ...(hints.length === 0 ? {} : { hints }) }],
    at.file,
  );
}

/** All tokens of a file between two offsets, lines' ends among them, "end" last. Throws DiagnosticError for a comment that does not end. */
export function tokenize(file: SourceText, from = 0, to: number = file.text.length): CToken[] {
  const text = file.text;
  const tokens: CToken[] = [];
  let at = from;
  let space = false;
  const match = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    return expression.exec(text)?.[0];
  };
  const take = (kind: CTokenKind, spelled: string, end = at + spelled.length): void => {
    tokens.push({ kind, text: spelled, file, span: { start: at, end }, space });
    at = end;
    space = false;
  };
  while (at < to) {
    const c = text[at] as string;
    if (c === "\n") take("newline", c);
    else if (c === "\\" && /^\\[ \t\r]*\n/.test(text.slice(at, at + 80))) {
      at = text.indexOf("\n", at) + 1;
      space = true;
    } else if (c === " " || c === "\t" || c === "\r" || c === "\v" || c === "\f") {
      at++;
      space = true;
    } else if (c === "/" && text[at + 1] === "/") {
      while (at < to && text[at] !== "\n") at += text[at] === "\\" && text[at + 1] === "\n" ? 2 : 1;
      space = true;
    } else if (c === "/" && text[at + 1] === "*") {
      const end = text.indexOf("*/", at + 2);
      if (end < 0) fail("SCRY1001", "end of file in comment", { file, span: { start: at, end: at + 2 } });
      at = end + 2;
      space = true;
    } else {
      const string = match(STRING);
      const character = string === undefined ? match(CHARACTER) : undefined;
      const number = string === undefined && character === undefined ? match(NUMBER) : undefined;
      const name = string === undefined && character === undefined && number === undefined ? match(NAME) : undefined;
      // Its text is without the ends of lines that go on, its place with them.
      if (string !== undefined) take("string", string.replaceAll("\\\n", ""), at + string.length);
      else if (character !== undefined) take("character", character);
      else if (number !== undefined) take("number", number);
      else if (name !== undefined) take("identifier", name);
      else take("punctuator", match(PUNCTUATORS) ?? c);
    }
  }
  tokens.push({ kind: "end", text: "end of file", file, span: { start: to, end: to }, space });
  return tokens;
}

/** Tokens as text again, with a space where there was one, and where two would otherwise be read as one. */
export function spell(tokens: readonly CToken[]): string {
  let text = "";
  let last: CToken | undefined;
  for (const t of tokens) {
    if (last !== undefined && (t.space || glues(last, t))) text += " ";
    text += t.text;
    last = t;
  }
  return text;
}

/** Would the two be read as something else without a space? */
function glues(a: CToken, b: CToken): boolean {
  const first = b.text[0] ?? "";
  if (a.kind === "number" && /^[\w.$@]/.test(first)) return true;
  if (a.kind === "number") return (first === "+" || first === "-") && /[eEpP]$/.test(a.text);
  if (a.kind === "identifier")
    return /[\w$@\u0080-\uffff]/.test(first) || (/^["']/.test(first) && /^(?:u8|[uUL])$/.test(a.text));
  if (a.kind !== "punctuator") return false;
  if (a.text === "/" && (first === "/" || first === "*")) return true;
  if (a.text === "." && /[0-9]/.test(first)) return true;
  PUNCTUATORS.lastIndex = 0;
  return (PUNCTUATORS.exec(a.text + b.text)?.[0].length ?? 0) > a.text.length;
}
