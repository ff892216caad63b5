// The text of a script that is being typed: its tokens whether or not they make up a script, and the items of its outermost
// level. What the lexer refuses is a token of its own here.

import { providers } from "../../../probes/index.ts";
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
  /** Its end has been seen. */
  closed: boolean;
  readonly tokens: Scanned[];
}

export interface ScannedText {
  readonly tokens: readonly Scanned[];
  readonly items: readonly Item[];
}

/**
 * What begins an item at the start of a line, whatever is still open before it. Only attach points that are no expression
 * too: `interval:s:1`, `begin {`.
 */
const NEW_ITEM = new RegExp(
  String.raw`^(?:(?:${providers.map((p) => p.name).join("|")}):[\w*?/"]|(?:begin|end|BEGIN|END)\s*[{,/]|(?:macro|fn)\s+\w+\s*\(|config\s*=\s*\{)`,
);

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
  /** Behind a comma another one would be. */
  #list = false;
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
    if (this.#item !== undefined && !this.#attach && this.#text[this.#at - 1] === "\n" && NEW_ITEM.test(rest))
      this.#end(false);
    if (this.#item === undefined && this.#afterLast(rest)) return;
    if (this.#item === undefined) this.#begin(rest);
    const attach = this.#attach ? attachPoint(rest) : 0;
    this.#attach = false;
    if (attach > 0) this.#push("attach", attach);
    else this.#token();
  }

  /** What may follow the end of an item and belongs to it. */
  #afterLast(rest: string): boolean {
    const last = this.#items.at(-1);
    const more = /^(?:;|__attribute__\s*\(\([^)]*\)\))/.exec(rest)?.[0];
    if (last === undefined || more === undefined) return false;
    this.#item = last;
    this.#push(more === ";" ? "punctuator" : "directive", more.length);
    this.#end();
    return true;
  }

  /** The next item. */
  #begin(rest: string): void {
    const word = /^[a-z]+(?![\w:*?])/.exec(rest)?.[0];
    const kind = ITEM_WORDS.find((w) => w === word) ?? "probe";
    this.#item = { kind, start: this.#at, end: this.#text.length, closed: false, tokens: [] };
    this.#items.push(this.#item);
    this.#attach = kind === "probe";
    this.#list = this.#attach;
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
      if (this.#item?.kind === "import") this.#end();
      return;
    }
    if (token.kind === "end") {
      this.#at = this.#text.length;
      return;
    }
    this.#push(token.kind, token.span.end - this.#at);
    const text = token.kind === "punctuator" ? token.text : "";
    if (text === "{") this.#depth++;
    else if (text === "}") this.#depth = Math.max(0, this.#depth - 1);
    if (text === "{" || text === "/") this.#list = false;
    if (text === "," && this.#list) this.#attach = true;
    if (this.#depth === 0 && this.#ends(token.kind, text)) this.#end();
  }

  /** Is this token, outside of braces, the last of its item? */
  #ends(kind: Token["kind"], text: string): boolean {
    switch (this.#item?.kind) {
      case "typedef":
        return text === ";";
      case "import":
        return kind === "string" || text === ";";
      case "let":
        return text === ")" || text === ";";
      case "probe":
      case "macro":
      case "fn":
        return text === "}";
      default:
        return text === "}" || text === ";";
    }
  }

  /** Of an item that is abandoned the end has not been seen. */
  #end(closed = true): void {
    if (this.#item !== undefined) {
      this.#item.end = this.#at;
      this.#item.closed = closed;
    }
    this.#item = undefined;
    this.#list = false;
    this.#depth = 0;
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
  const shape = WITH_PATHS.test(text) ? /^(?:"[^"\n]*"|[^\s,{}"])+/ : /^(?:"[^"\n]*"|[^\s,{}"/])+/;
  return shape.exec(text)?.[0].length ?? 0;
}

/** The item that an offset is in; of one that has no end, its end too. */
export function itemIn(items: readonly Item[], offset: number): Item | undefined {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle] as Item).start <= offset) low = middle + 1;
    else high = middle;
  }
  const item = items[low - 1];
  return item === undefined || (item.closed ? offset >= item.end : offset > item.end) ? undefined : item;
}

/** The token that an offset is in or at the end of; of two that touch, the one that is a name. */
export function tokenAt(tokens: readonly Scanned[], offset: number): Scanned | undefined {
  const near = tokens.filter((t) => t.start <= offset && offset <= t.end);
  return near.find((t) => t.kind !== "punctuator") ?? near[0];
}
