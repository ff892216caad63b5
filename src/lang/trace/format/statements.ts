// Statements and expressions as text again: one statement a line, blocks indented, operators with spaces around them.

import type { Piece } from "./tokens.ts";

const INDENT = "  ";
/** Words behind which an expression begins. */
const OPENERS: ReadonlySet<string> = new Set([
  "if",
  "while",
  "for",
  "unroll",
  "return",
  "else",
  "let",
  "comptime",
  "import",
  "macro",
  "struct",
  "union",
  "enum",
]);
const BINARY: ReadonlySet<string> = new Set(
  "= += -= *= /= %= &= |= ^= <<= >>= == != <= >= < > && || | ^ & << >> + - * / % ? ?:".split(" "),
);
const UNARY: ReadonlySet<string> = new Set(["!", "~", "-", "+", "*", "&", "++", "--"]);

/** Can an operand end with it? Then an operator behind it has two sides. */
const endsOperand = (p: Piece | undefined): boolean =>
  p !== undefined &&
  ((p.kind !== "punctuator" && p.kind !== "comment" && !OPENERS.has(p.text)) || p.text === ")" || p.text === "]");

export class StatementPrinter {
  readonly #pieces: readonly Piece[];
  #at: number;
  /** Lines that are done. */
  readonly lines: string[] = [];
  #line = "";
  #level: number;
  /** Brackets that are open here. */
  readonly #open: string[] = [];
  /** The last piece that is no comment. */
  #before: Piece | undefined;
  /** Was it an operator with one side? */
  #unary = false;
  /** Was it the end of a cast? */
  #cast = false;
  /** Where casts end. */
  readonly #casts: ReadonlySet<number>;

  constructor(pieces: readonly Piece[], level: number, casts: ReadonlySet<number>, at = 0) {
    this.#pieces = pieces;
    this.#level = level;
    this.#casts = casts;
    this.#at = at;
  }

  /** Everything that is left, as lines. */
  all(): string[] {
    while (this.#at < this.#pieces.length) this.#piece(this.#pieces[this.#at++] as Piece);
    this.#flush();
    return this.lines;
  }

  #flush(): void {
    if (this.#line.trim() !== "") this.lines.push(INDENT.repeat(Math.max(0, this.#level)) + this.#line.trim());
    this.#line = "";
  }

  /** One empty line where there were some. */
  #keepGap(p: Piece): void {
    if (p.lines > 1 && this.lines.length > 0 && this.lines.at(-1) !== "" && !this.lines.at(-1)?.endsWith("{"))
      this.lines.push("");
  }

  #piece(p: Piece): void {
    if (p.kind === "comment") {
      this.#comment(p);
      return;
    }
    if (this.#line === "") this.#keepGap(p);
    switch (p.text) {
      case "{":
        this.#line += this.#line === "" || /[([]$/.test(this.#line) ? "{" : " {";
        this.#flush();
        this.#open.push("{");
        this.#level++;
        break;
      case "}": {
        this.#flush();
        if (this.lines.at(-1) === "") this.lines.pop();
        this.#level--;
        this.#open.pop();
        this.#line = "}";
        const next = this.#pieces[this.#at];
        // What goes on behind a block: else, the rest of an expression.
        if (next === undefined || !(next.text === "else" || /^[);,.\]]$/.test(next.text))) this.#flush();
        break;
      }
      case ";":
        if (this.#line !== "") this.#line += ";";
        if (this.#open.at(-1) !== "(") this.#flush();
        break;
      default:
        this.#token(p);
        return;
    }
    this.#before = undefined;
    this.#unary = false;
    this.#cast = false;
  }

  #comment(p: Piece): void {
    // Behind what stands on its line, or on a line of its own.
    if (p.lines === 0 && this.#line === "" && this.lines.length > 0 && this.lines.at(-1) !== "")
      this.lines[this.lines.length - 1] += ` ${p.text}`;
    else if (this.#line === "") {
      this.#keepGap(p);
      this.lines.push(INDENT.repeat(this.#level) + p.text);
    } else if (p.text.startsWith("//")) {
      // The statement goes on in the next line.
      this.#line += ` ${p.text}`;
      this.#flush();
    } else this.#line += ` ${p.text}`;
  }

  #token(p: Piece): void {
    const { text } = p;
    const before = this.#before;
    const punctuator = p.kind === "punctuator";
    const operand = endsOperand(before) && !this.#cast;
    const unary = punctuator && UNARY.has(text) && !operand;
    const postfix = (text === "++" || text === "--") && operand;
    this.#line += this.#space(p, operand, unary || postfix) ? ` ${text}` : text;
    if (punctuator && (text === "(" || text === "[")) this.#open.push(text);
    if (punctuator && (text === ")" || text === "]")) this.#open.pop();
    this.#before = postfix ? before : p;
    this.#unary = unary;
    this.#cast = punctuator && text === ")" && this.#casts.has(p.start);
  }

  #space(p: Piece, operand: boolean, tight: boolean): boolean {
    const before = this.#before;
    const { text } = p;
    if (this.#line === "}" && p.kind === "identifier") return true;
    if (this.#line === "" || before === undefined) return false;
    if (this.#unary) return UNARY.has(text) && text[0] === before.text[0];
    if (this.#cast) return false;
    if (
      before.text === "(" ||
      before.text === "[" ||
      before.text === "." ||
      before.text === "->" ||
      before.text === ".."
    )
      return false;
    if (p.kind === "punctuator") {
      if (text === ")" || text === "]" || text === "," || text === "." || text === "->" || text === "..") return false;
      if (text === "(") return !operand || /^(?:unroll|sizeof_)$/.test(before.text) || OPENERS.has(before.text);
      if (text === "[") return !operand;
      if (tight) return !operand;
      // `let $x: int`, a record's `a=1`.
      if (text === ":") return !this.#line.startsWith("let ");
      if (text === "=" && this.#open.at(-1) === "(") return false;
      if (BINARY.has(text)) return true;
    }
    if (before.text === "=" && this.#open.at(-1) === "(") return false;
    return true;
  }
}
