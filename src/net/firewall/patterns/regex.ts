// Regular expressions, as far as one automaton can be made of them: no captures are kept, nothing refers back or looks around.
//
//     expression = ["^"] branch { "|" branch }          branch = { piece }
//     piece = atom [ "*" | "+" | "?" | "{" n [ "," [ m ] ] "}" ]
//     atom = "(" ["?:"] expression ")" | "[" ["^"] … "]" | "." | "\" escape | a character

import { type Wrong, wrong } from "../../../config/index.ts";
import {
  ANY,
  allBut,
  type ByteSet,
  byteRange,
  byteSet,
  either,
  eitherCase,
  literal,
  one,
  type PatternTree,
  repeat,
  sequence,
} from "./tree.ts";

export interface Regex {
  readonly tree: PatternTree;
  /** It begins where the bytes do. */
  readonly anchored: boolean;
}

const MOST_TEXT = 4096;
const MOST_REPEATED = 255;
const DEEPEST = 50;

const DIGITS = byteRange(0x30, 0x39);
const WORD = DIGITS | byteRange(0x41, 0x5a) | byteRange(0x61, 0x7a) | byteSet(0x5f);
const SPACE = byteSet(0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20);
const CLASSES: Readonly<Record<string, ByteSet>> = {
  d: DIGITS,
  D: allBut(DIGITS),
  w: WORD,
  W: allBut(WORD),
  s: SPACE,
  S: allBut(SPACE),
};
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, "0": 0, a: 7, e: 27 };

/** What is wrong, and where in the text (characters). */
class Refusal extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Reads an expression. What it cannot mean is told, with the character it begins at. */
export function parseRegex(text: string, ignoreCase = false): Regex | Wrong {
  if (text.length > MOST_TEXT) return wrong(`An expression of ${text.length} characters: ${MOST_TEXT} is the most`);
  try {
    return new Reader(text, ignoreCase).read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return wrong(error.message, ...(error.hint === undefined ? [] : [error.hint]));
  }
}

class Reader {
  readonly #text: string;
  #ignoreCase: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, ignoreCase: boolean) {
    this.#text = text;
    this.#ignoreCase = ignoreCase;
  }

  read(): Regex {
    if (this.#eat("(?i)")) this.#ignoreCase = true;
    const anchored = this.#eat("^");
    const tree = this.#expression();
    if (this.#at < this.#text.length) throw this.#refuse("')' closes nothing");
    if (anchored && tree.kind === "either" && tree.parts.length > 1 && !this.#text.slice(1).startsWith("("))
      throw new Refusal(`'${this.#text}': '^' is about the first branch alone`, "Write ^(?:a|b) for both");
    return { tree, anchored };
  }

  #refuse(what: string, hint?: string): Refusal {
    return new Refusal(`'${this.#text}': ${what}, at character ${this.#at + 1}`, hint);
  }

  #eat(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #expression(): PatternTree {
    if (++this.#depth > DEEPEST) throw this.#refuse(`groups lie more than ${DEEPEST} deep`);
    const branches = [this.#branch()];
    while (this.#eat("|")) branches.push(this.#branch());
    this.#depth--;
    return branches.length === 1 ? (branches[0] as PatternTree) : either(...branches);
  }

  #branch(): PatternTree {
    const parts: PatternTree[] = [];
    while (this.#at < this.#text.length && !/[|)]/.test(this.#text[this.#at] as string)) parts.push(this.#piece());
    return parts.length === 1 ? (parts[0] as PatternTree) : sequence(...parts);
  }

  #piece(): PatternTree {
    const atom = this.#atom();
    const times = this.#times();
    if (times === undefined) return atom;
    if (this.#eat("?") || this.#eat("+"))
      throw this.#refuse(
        "what is repeated is neither lazy nor possessive here: whether it matches is all that is asked",
      );
    if (/^[*+?]/.test(this.#text.slice(this.#at))) throw this.#refuse("nothing stands here to be repeated");
    return repeat(atom, ...times);
  }

  #times(): [number, number | undefined] | undefined {
    if (this.#eat("*")) return [0, undefined];
    if (this.#eat("+")) return [1, undefined];
    if (this.#eat("?")) return [0, 1];
    const [whole, low, comma, high] = /^\{(\d{1,6})(,(\d{1,6})?)?\}/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined) return undefined;
    const least = Number(low);
    const most = comma === undefined ? least : high === undefined ? undefined : Number(high);
    if (Math.max(least, most ?? 0) > MOST_REPEATED) throw this.#refuse(`more than ${MOST_REPEATED} times`);
    if (most !== undefined && most < least) throw this.#refuse("the numbers are the wrong way round");
    this.#at += whole.length;
    return [least, most];
  }

  #atom(): PatternTree {
    const c = this.#text[this.#at] as string;
    if (this.#eat("(")) {
      if (!this.#eat("?:") && this.#text[this.#at] === "?")
        throw this.#refuse("groups that look around, or have names, are not there", "(?:…) groups without more");
      const inner = this.#expression();
      if (!this.#eat(")")) throw this.#refuse("a group is not closed");
      return inner;
    }
    if (this.#eat("[")) return one(this.#set());
    if (this.#eat(".")) return one(ANY & ~byteSet(10));
    if (this.#eat("\\")) {
      const found = this.#escape();
      return typeof found === "number" ? this.#byte(found) : one(found);
    }
    if (c === "^") throw this.#refuse("'^' stands at the beginning only");
    if (c === "$")
      throw this.#refuse(
        "'$' is not there: where the bytes end, packets do by chance",
        "Write \\$ for the sign itself",
      );
    if (/[*+?{]/.test(c) && (c !== "{" || /^\{\d/.test(this.#text.slice(this.#at))))
      throw this.#refuse("nothing stands here to be repeated");
    const whole = String.fromCodePoint(this.#text.codePointAt(this.#at) as number);
    this.#at += whole.length;
    return whole.charCodeAt(0) < 0x80 ? this.#byte(whole.charCodeAt(0)) : literal(whole);
  }

  #byte(byte: number): PatternTree {
    return one(this.#cased(byteSet(byte)));
  }

  #cased(set: ByteSet): ByteSet {
    return this.#ignoreCase ? eitherCase(set) : set;
  }

  /** Behind a backslash: a byte, or a set of them. */
  #escape(): number | ByteSet {
    const c = this.#text[this.#at];
    if (c === undefined) throw this.#refuse("nothing stands behind the last \\");
    if (c === "x") {
      const [, hex] = /^x([\da-f]{2})/i.exec(this.#text.slice(this.#at)) ?? [];
      if (hex === undefined) throw this.#refuse("\\x is followed by two digits of sixteen");
      this.#at += 3;
      return Number.parseInt(hex, 16);
    }
    if (/[1-9]/.test(c)) throw this.#refuse("a group cannot be referred to");
    const set = Object.hasOwn(CLASSES, c) ? CLASSES[c] : undefined;
    const byte = Object.hasOwn(ESCAPES, c) ? ESCAPES[c] : undefined;
    if (set === undefined && byte === undefined && /[a-z\d]/i.test(c)) throw this.#refuse(`\\${c} means nothing here`);
    if (c.charCodeAt(0) >= 0x80) throw this.#refuse("behind a \\ stands a character of ASCII");
    this.#at++;
    return set ?? byte ?? c.charCodeAt(0);
  }

  /** Behind `[`. */
  #set(): ByteSet {
    const not = this.#eat("^");
    let set = 0n;
    for (let first = true; first || this.#text[this.#at] !== "]"; first = false) {
      const from = this.#member();
      if (typeof from === "bigint") {
        set |= from;
        continue;
      }
      if (this.#text[this.#at] !== "-" || this.#text[this.#at + 1] === "]" || this.#at + 1 >= this.#text.length) {
        set |= byteSet(from);
        continue;
      }
      this.#at++;
      const to = this.#member();
      if (typeof to === "bigint" || to < from) throw this.#refuse("a range ends before it begins");
      set |= byteRange(from, to);
    }
    this.#at++;
    const cased = this.#cased(set);
    return not ? allBut(cased) : cased;
  }

  #member(): number | ByteSet {
    const c = this.#text[this.#at];
    if (c === undefined) throw this.#refuse("a set is not closed");
    this.#at++;
    if (c === "\\") return this.#escape();
    if (c.charCodeAt(0) >= 0x80) throw this.#refuse("sets have characters of ASCII, and bytes as \\xe4");
    return c.charCodeAt(0);
  }
}
