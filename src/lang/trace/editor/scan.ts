// The text of a script that is being typed: its tokens whether or not they make up a script, and the items of its outermost
// level. What the lexer refuses is a token of its own here.

import { DiagnosticError, type SourceText } from "../../../source/index.ts";
import { ITEM_WORDS, type ItemWord, Lexer, type Token } from "../parse/index.ts";

export interface Scanned {
  /** `attach`: an attach point; `directive`: a line of the preprocessor; `broken`: what is no token. */
  readonly kind: "comment" | "attach" | "directive" | "broken" | Exclude<Token["kind"], "end">;
  /** As it is written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What stands at the outermost level. */
export interface Item {
  /** The word it begins with says what it is; without one it is a probe. */
  readonly kind: "probe" | ItemWord;
  readonly start: number;
  end: number;
  readonly tokens: Scanned[];
}

export interface ScannedText {
  readonly tokens: readonly Scanned[];
  readonly items: readonly Item[];
}

/** Providers whose attach points have paths in them. */
const WITH_PATHS = /^(?:uprobe|u|uretprobe|ur|usdt|U|iter|it):/;

export function scan(source: SourceText): ScannedText {
  return new Scanner(source).scan();
}

class Scanner {
  readonly #text: string;
  readonly #lexer: Lexer;
  readonly #tokens: Scanned[] = [];
  readonly #items: Item[] = [];
  #item: Item | undefined;
  /** An attach point is expected. */
  #attach = false;
  #depth = 0;
  #at = 0;

  constructor(source: SourceText) {
    this.#text = source.text;
    this.#lexer = new Lexer(source);
  }

  scan(): ScannedText {
    const text = this.#text;
    while (this.#at < text.length) {
      const rest = /\S/.exec(text.slice(this.#at));
      if (rest === null) break;
      this.#at += rest.index;
      this.#piece();
    }
    if (this.#item !== undefined) this.#item.end = text.length;
    return { tokens: this.#tokens, items: this.#items };
  }

  #piece(): void {
    const rest = this.#text.slice(this.#at);
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/.exec(rest)?.[0];
    if (comment !== undefined) {
      this.#push("comment", comment.length);
      return;
    }
    const directive = this.#item === undefined ? /^#(?:[^\n]*\\\n)*[^\n]*/.exec(rest)?.[0] : undefined;
    if (directive !== undefined) {
      this.#push("directive", directive.length);
      return;
    }
    if (this.#item === undefined) this.#begin(rest);
    const attach = this.#attach ? attachPoint(rest) : 0;
    this.#attach = false;
    if (attach > 0) this.#push("attach", attach);
    else this.#token();
  }

  /** The next item. */
  #begin(rest: string): void {
    const word = /^[a-z]+(?![\w:*?])/.exec(rest)?.[0];
    const kind = ITEM_WORDS.find((w) => w === word) ?? "probe";
    this.#item = { kind, start: this.#at, end: this.#text.length, tokens: [] };
    this.#items.push(this.#item);
    this.#attach = kind === "probe";
  }

  #token(): void {
    this.#lexer.at = this.#at;
    let token: Token;
    try {
      token = this.#lexer.next();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      const rest = this.#text.slice(this.#at);
      const length = /^(?:"(?:[^"\\\n]|\\.)*"?|\w+)/.exec(rest)?.[0].length ?? 1;
      this.#push(rest.startsWith('"') ? "string" : "broken", length);
      return;
    }
    if (token.kind === "end") {
      this.#at = this.#text.length;
      return;
    }
    this.#push(token.kind, token.span.end - this.#at);
    if (token.kind !== "punctuator") return;
    const { text } = token;
    if (text === "{") this.#depth++;
    else if (text === "}") this.#depth = Math.max(0, this.#depth - 1);
    else if (text === "," && this.#depth === 0 && this.#item?.kind === "probe") this.#attach = true;
    const declaration = this.#item?.kind !== "probe" && this.#item?.kind !== "macro";
    if (this.#depth === 0 && (text === "}" || (text === ";" && declaration))) this.#end();
  }

  #end(): void {
    if (this.#item !== undefined) this.#item.end = this.#at;
    this.#item = undefined;
  }

  #push(kind: Scanned["kind"], length: number): void {
    const token = {
      kind,
      text: this.#text.slice(this.#at, this.#at + length),
      start: this.#at,
      end: this.#at + length,
    };
    this.#tokens.push(token);
    this.#item?.tokens.push(token);
    this.#at += length;
  }
}

/** How many characters of the text are an attach point. */
function attachPoint(text: string): number {
  const shape = WITH_PATHS.test(text) ? /^(?:"[^"\n]*"|[^\s,{"])+/ : /^(?:"[^"\n]*"|[^\s,{"/])+/;
  return shape.exec(text)?.[0].length ?? 0;
}

/** The token that an offset is in or at the end of; of two that touch, the one that is a name. */
export function tokenAt(tokens: readonly Scanned[], offset: number): Scanned | undefined {
  const near = tokens.filter((t) => t.start <= offset && offset <= t.end);
  return near.find((t) => t.kind !== "punctuator") ?? near[0];
}
