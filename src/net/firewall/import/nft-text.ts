// The text of `nft list ruleset`, as tables with their sets, maps and chains (nft(8)). Rules stay lists of words here: what these
// mean, nft-rules.ts says.
//
//     table inet filter { set trusted { type ipv4_addr; elements = { 10.0.0.0/8 } }  chain input { type filter hook input …; … } }

import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import { MOST_TEXT } from "./iptables.ts";

export interface Token {
  readonly text: string;
  /** It stood in quotation marks. */
  readonly quoted: boolean;
  readonly span: Span;
}

/** A set, or a map to verdicts: its elements, each as its words. */
export interface NftSet {
  readonly type: string;
  readonly dynamic: boolean;
  readonly elements: readonly (readonly Token[])[];
}

export interface NftChain {
  readonly name: string;
  /** Of chains that the kernel calls. */
  readonly hook: string | undefined;
  readonly type: string | undefined;
  readonly policy: string;
  readonly rules: readonly (readonly Token[])[];
}

export interface NftTable {
  readonly family: string;
  readonly name: string;
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly chains: ReadonlyMap<string, NftChain>;
}

const MOST_TOKENS = 2_000_000;
const FAMILIES: ReadonlySet<string> = new Set(["ip", "ip6", "inet", "arp", "bridge", "netdev"]);

export function refuseNft(source: SourceText, message: string, span: Span, ...hints: string[]): never {
  const diagnostic: Diagnostic = {
    code: "SCRY1651",
    severity: "error",
    message,
    span,
    ...(hints.length === 0 ? {} : { hints }),
  };
  throw new DiagnosticError([diagnostic], source);
}

/** Throws a DiagnosticError (SCRY1651) for what is no such text. */
export function readNft(source: SourceText): readonly NftTable[] {
  const reader = new Reader(source);
  return reader.tables();
}

function tokensOf(source: SourceText): readonly Token[] {
  const { text } = source;
  if (text.length > MOST_TEXT)
    refuseNft(source, `The text has ${text.length} characters: more than ${MOST_TEXT}`, { start: 0, end: 1 });
  const tokens: Token[] = [];
  const pattern = /#[^\n]*|"([^"\n]*)"|\\\n|\n|[;{}(),|&@!]=?|[<>=]=?|[^\s;{}(),|&@!<>="#]+/g;
  for (const match of text.matchAll(pattern)) {
    const [word, inner] = match;
    if (word.startsWith("#") || word.startsWith("\\")) continue;
    if (tokens.length >= MOST_TOKENS)
      refuseNft(source, `More than ${MOST_TOKENS} words`, { start: match.index, end: match.index + 1 });
    tokens.push({
      text: inner ?? word,
      quoted: inner !== undefined,
      span: { start: match.index, end: match.index + word.length },
    });
  }
  return tokens;
}

class Reader {
  readonly #source: SourceText;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#tokens = tokensOf(source);
  }

  tables(): readonly NftTable[] {
    const tables: NftTable[] = [];
    for (;;) {
      this.#blank();
      const token = this.#tokens[this.#at];
      if (token === undefined) break;
      if (token.text !== "table")
        this.#refuse("This is no text of nft: a table begins it", "nft list ruleset > rules.nft writes one");
      this.#at++;
      tables.push(this.#table());
    }
    if (tables.length === 0)
      refuseNft(this.#source, "The text has no table", { start: 0, end: Math.min(1, this.#source.text.length) });
    return tables;
  }

  #refuse(message: string, ...hints: string[]): never {
    const end = this.#source.text.length;
    return refuseNft(
      this.#source,
      message,
      this.#tokens[this.#at]?.span ?? { start: Math.max(0, end - 1), end },
      ...hints,
    );
  }

  /** Passes over ends of lines. */
  #blank(): void {
    while (this.#tokens[this.#at]?.text === "\n" || this.#tokens[this.#at]?.text === ";") this.#at++;
  }

  #is(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token !== undefined && !token.quoted && token.text === text;
  }

  #word(what: string): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || (!token.quoted && /^[\n;{}(),|&@!<>=]/.test(token.text)))
      return this.#refuse(`Expected ${what}`);
    this.#at++;
    return token.text;
  }

  #open(): void {
    if (!this.#is("{")) this.#refuse("Expected '{'");
    this.#at++;
  }

  #table(): NftTable {
    const first = this.#word("the name of a table");
    const family = FAMILIES.has(first) && !this.#is("{") ? first : "ip";
    const name = family === first && !this.#is("{") ? this.#word("the name of a table") : first;
    const sets = new Map<string, NftSet>();
    const chains = new Map<string, NftChain>();
    this.#open();
    for (;;) {
      this.#blank();
      if (this.#is("}")) break;
      const kind = this.#word("a chain, a set or a map");
      if (kind === "chain") {
        const chain = this.#chain(this.#word("the name of a chain"));
        chains.set(chain.name, chain);
      } else if (kind === "set" || kind === "map") {
        const own = this.#word("the name of a set");
        sets.set(own, this.#set());
      } else {
        // Counters, limits, flow tables, comments: with a block, or to the line's end.
        while (
          this.#tokens[this.#at] !== undefined &&
          !this.#is("\n") &&
          !this.#is(";") &&
          !this.#is("{") &&
          !this.#is("}")
        )
          this.#at++;
        if (this.#is("{")) this.#group();
      }
    }
    this.#at++;
    return { family, name, sets, chains };
  }

  /** All between braces, which lie in each other: without ends of lines. */
  #group(): readonly Token[] {
    this.#open();
    const inner: Token[] = [];
    let depth = 1;
    for (; depth > 0; this.#at++) {
      const token = this.#tokens[this.#at];
      if (token === undefined) this.#refuse("A '{' is not closed");
      else {
        if (!token.quoted && token.text === "{") depth++;
        if (!token.quoted && token.text === "}") depth--;
        if (depth > 0 && (token.quoted || token.text !== "\n")) inner.push(token);
      }
    }
    return inner;
  }

  /** Words up to the line's end, or a `;`; what lies in braces may go over several lines. */
  #line(): readonly Token[] {
    const words: Token[] = [];
    let depth = 0;
    for (; ; this.#at++) {
      const token = this.#tokens[this.#at];
      if (token === undefined) this.#refuse("A '{' is not closed");
      else if (token.quoted) words.push(token);
      else {
        if (token.text === "}" && depth === 0) break;
        if (depth === 0 && (token.text === "\n" || token.text === ";")) break;
        if (token.text === "{") depth++;
        if (token.text === "}") depth--;
        if (token.text !== "\n") words.push(token);
      }
    }
    return words;
  }

  #set(): NftSet {
    this.#open();
    let type = "";
    let dynamic = false;
    let elements: readonly (readonly Token[])[] = [];
    for (;;) {
      this.#blank();
      if (this.#is("}")) break;
      const line = this.#line();
      const texts = line.map(({ text }) => text);
      if (texts[0] === "type" || texts[0] === "typeof") type = texts.slice(1).join(" ");
      else if (texts[0] === "flags") dynamic ||= texts.some((flag) => flag === "dynamic" || flag === "timeout");
      else if (texts[0] === "elements")
        elements = splitAt(line.slice(line.findIndex(({ text }) => text === "{") + 1, -1));
    }
    this.#at++;
    return { type, dynamic, elements };
  }

  #chain(name: string): NftChain {
    this.#open();
    let [hook, type, policy]: [string | undefined, string | undefined, string] = [undefined, undefined, "accept"];
    const rules: (readonly Token[])[] = [];
    for (;;) {
      this.#blank();
      if (this.#is("}")) break;
      const line = this.#line();
      const texts = line.map(({ text }) => text);
      const at = texts.indexOf("hook");
      if (texts[0] === "type" && at > 0) [type, hook] = [texts[1], texts[at + 1]];
      else if (texts[0] === "policy") policy = texts[1] ?? "accept";
      else if (texts[0] !== "comment" && line.length > 0) rules.push(line);
    }
    this.#at++;
    return { name, hook, type, policy, rules };
  }
}

/** Parts with commas between them, those of inner braces not counted. */
export function splitAt(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (!token.quoted && token.text === "{") depth++;
    if (!token.quoted && token.text === "}") depth--;
    if (depth === 0 && !token.quoted && token.text === ",") parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts.filter((part) => part.length > 0);
}
