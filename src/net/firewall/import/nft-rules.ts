// One rule of nft: a row of questions and statements, read from left to right, as rules of this firewall (nft(8)).

import type { Diagnostic, Span } from "../../../source/index.ts";
import { FLAG_NAMES } from "../rules-text.ts";
import { effectOf, type ImportedRule, type ImportedVerdict, type Tell } from "./chains.ts";
import { both, type Draft, EVERYTHING } from "./draft.ts";
import type { ImportOptions } from "./iptables.ts";
import { type Asked, FIELD_ROWS, flagsOf, type Meaning, type Operator } from "./nft-fields.ts";
import { type NftSet, type NftTable, splitAt, type Token } from "./nft-text.ts";
import { rateOf } from "./rates.ts";

/** Sets of addresses that rules ask about, by their names in the rules. */
export type UsedSets = Map<string, NftSet>;

export const spanOf = (words: readonly Token[]): Span => ({
  start: words[0]?.span.start ?? 0,
  end: words.at(-1)?.span.end ?? 0,
});

/** Elements may have a time, a counter or a comment behind them. */
export const elementValue = (element: readonly Token[]): string => element[0]?.text ?? "";

const VERDICTS: Readonly<Record<string, ImportedVerdict>> = {
  accept: { kind: "action", action: "allow" },
  drop: { kind: "action", action: "deny" },
  reject: { kind: "action", action: "reject" },
  return: { kind: "return" },
  continue: { kind: "count" },
};

/** Why a rule is left out. */
class LeftOut extends Error {
  readonly span: Span;
  constructor(message: string, span: Span) {
    super(message);
    this.span = span;
  }
}

export class RuleReader {
  readonly #table: NftTable;
  readonly #options: ImportOptions;
  readonly #tell: Tell;
  readonly #diagnostics: Diagnostic[];
  readonly #sets: UsedSets;
  // Of the rule that is being read.
  #words: readonly Token[] = [];
  #at = 0;
  #drafts: readonly Draft[] = [];
  #name: string | undefined;

  constructor(table: NftTable, options: ImportOptions, tell: Tell, diagnostics: Diagnostic[], sets: UsedSets) {
    this.#table = table;
    this.#options = options;
    this.#tell = tell;
    this.#diagnostics = diagnostics;
    this.#sets = sets;
  }

  /** One rule, or one for each verdict of a map; none where it is left out, which is told. */
  rules(words: readonly Token[]): readonly ImportedRule[] {
    this.#words = words;
    this.#at = 0;
    this.#drafts = [EVERYTHING];
    this.#name = undefined;
    const span = spanOf(words);
    try {
      const made: ImportedRule[] = [];
      const add = (drafts: readonly Draft[], verdict: ImportedVerdict): void =>
        void made.push({ span, drafts, verdict, ...(this.#name === undefined ? {} : { name: this.#name }) });
      let ended = false;
      while (this.#at < words.length) {
        const verdict = this.#statement(add);
        if (verdict === undefined) continue;
        ended = true;
        // A comment stands behind the verdict.
        if (this.#text() === "comment") this.#statement(add);
        add(this.#drafts, verdict);
      }
      if (!ended && made.length === 0) add(this.#drafts, { kind: "count" });
      return made.filter(({ drafts }) => drafts.length > 0);
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      const last = [...words]
        .reverse()
        .map(({ text, quoted }) => (quoted || !Object.hasOwn(VERDICTS, text) ? undefined : VERDICTS[text]))
        .find((one) => one !== undefined);
      const effect = effectOf(last);
      this.#tell(error.span, error.message, `The rule is left out${effect === "" ? "" : `: ${effect}`}`);
      return [];
    }
  }

  #text(ahead = 0): string {
    const token = this.#words[this.#at + ahead];
    return token === undefined || token.quoted ? "" : token.text;
  }

  #next(): string {
    const token = this.#words[this.#at++];
    if (token === undefined) throw this.#left("The rule ends too early");
    return token.text;
  }

  #left(message: string, at = this.#at): LeftOut {
    return new LeftOut(message, this.#words[at]?.span ?? spanOf(this.#words));
  }

  #note(message: string, at: number): void {
    const span = this.#words[at]?.span ?? spanOf(this.#words);
    this.#diagnostics.push({ code: "SCRY1652", severity: "warning", message, span });
  }

  /** Adds what is asked for. */
  #ask(meaning: Meaning, at: number): void {
    if (meaning === "never") this.#drafts = [];
    else if (typeof meaning === "string") throw this.#left(meaning, at);
    else {
      if (meaning.note !== undefined) this.#note(meaning.note, at);
      this.#drafts = this.#joined(meaning.drafts, at);
    }
  }

  #joined(others: readonly Draft[], at: number): readonly Draft[] {
    const joined = this.#drafts.flatMap((one) =>
      others.map((other) => (other === EVERYTHING ? one : both(one, other))),
    );
    if (joined.includes("unsaid")) throw this.#left("The rule asks for more than one rule here can say", at);
    return joined.filter((one): one is Draft => typeof one === "object");
  }

  /** One statement or question; its verdict, where it is one. `add` takes those of maps. */
  #statement(add: (drafts: readonly Draft[], verdict: ImportedVerdict) => void): ImportedVerdict | undefined {
    const at = this.#at;
    const word = this.#text();
    switch (word) {
      case "accept":
      case "drop":
      case "return":
      case "continue":
      case "jump":
      case "goto":
      case "reject":
        return this.#verdict();
      case "counter":
        this.#at++;
        if (this.#text() === "name") this.#at += 2;
        else if (this.#text() === "packets") this.#at += 4;
        return undefined;
      case "comment":
        this.#at++;
        this.#name =
          this.#next()
            .replace(/[\x00-\x1f\x7f]/g, " ")
            .trim()
            .slice(0, 64) || undefined;
        return undefined;
      case "log":
        this.#log();
        return undefined;
      case "limit":
        this.#limit();
        return undefined;
      default:
        if (
          (word === "meta" && this.#text(1) === "mark" && this.#text(2) === "set") ||
          (word === "mark" && this.#text(1) === "set")
        )
          return this.#mark();
        if (word === "tcp" && this.#text(1) === "flags") return void this.#ask(this.#flags(), at);
        if (word === "ip" && this.#text(1) === "frag-off") return void this.#fragment();
        this.#question(add, at);
        return undefined;
    }
  }

  #verdict(): ImportedVerdict {
    const word = this.#next();
    if (word === "jump" || word === "goto") return { kind: word, chain: this.#next() };
    if (word === "reject" && this.#text() === "with") {
      this.#at += 3;
      if (this.#words[this.#at - 1]?.text === "type") this.#at++;
    }
    return VERDICTS[word] as ImportedVerdict;
  }

  #log(): void {
    this.#note("Packets are counted here, not logged", this.#at);
    this.#at++;
    while (/^(?:prefix|level|group|flags|snaplen|queue-threshold)$/.test(this.#text())) {
      const flags = this.#next() === "flags";
      this.#at++;
      // flags tcp sequence,options
      if (flags && /^(?:tcp|ip)$/.test(this.#words[this.#at - 1]?.text ?? "")) this.#at++;
      while (this.#text() === ",") this.#at += 2;
    }
  }

  #limit(): void {
    const at = this.#at++;
    if (this.#text() !== "rate") throw this.#left("A limit with a name cannot be carried over", at);
    this.#at++;
    const over = this.#text() === "over";
    if (over) this.#at++;
    const text = this.#next();
    let burst: number | undefined = 5;
    if (this.#text() === "burst") {
      this.#at++;
      burst = Number(this.#next());
      if (this.#next() !== "packets") throw this.#left("A limit of bytes cannot be carried over", at);
    }
    const rate = rateOf(text, burst);
    if (rate === undefined) throw this.#left(`'${text}' is no number of packets in a time`, at);
    this.#ask({ drafts: [{ numbers: {}, ...(over ? { over: rate } : { within: rate }) }] }, at);
  }

  #mark(): ImportedVerdict {
    this.#at += this.#text() === "meta" ? 3 : 2;
    const word = this.#next();
    const value = /^(?:0x[\da-f]{1,8}|\d{1,10})$/i.test(word) ? Number(word) : Number.NaN;
    if (!(value <= 0xffff_ffff)) throw this.#left("A mark that is computed cannot be carried over");
    return { kind: "mark", mark: value };
  }

  /** `tcp flags syn / fin,syn,rst,ack`, `tcp flags & (fin | syn) == syn`, `tcp flags syn,ack`, `tcp flags == syn` */
  #flags(): Meaning {
    const at = this.#at;
    this.#at += 2;
    const names = (): string[] => {
      const found: string[] = [];
      const open = this.#text() === "(";
      if (open) this.#at++;
      for (;;) {
        found.push(this.#next());
        if (this.#text() !== "," && this.#text() !== "|") break;
        this.#at++;
      }
      if (open && this.#next() !== ")") throw this.#left("A ')' is missing", at);
      return found.filter((name) => name !== "0x0" && name !== "0");
    };
    if (this.#text() === "&") {
      this.#at++;
      const looked = names();
      const operator = this.#next();
      if (operator !== "==" && operator !== "!=")
        throw this.#left("Such a question for flags cannot be carried over", at);
      return flagsOf(names(), looked, operator === "!=");
    }
    const operator = /^(?:==|!=|!)$/.test(this.#text()) ? this.#next() : "";
    if (this.#text() === "{") throw this.#left("Flags in a set cannot be carried over", at);
    const set = names();
    if (this.#text() === "/") {
      this.#at++;
      return flagsOf(set, names(), operator === "!=" || operator === "!");
    }
    if (operator === "==" || operator === "!=") return flagsOf(set, FLAG_NAMES, operator === "!=");
    return flagsOf(set, "any", operator === "!");
  }

  /** `ip frag-off & 0x1fff != 0`: fragments but the first; `& 0x3fff`: all of them. */
  #fragment(): void {
    const at = this.#at;
    const [and, mask, operator, value] = [2, 3, 4, 5].map((ahead) => this.#text(ahead));
    const bits = Number(mask);
    if (
      and !== "&" ||
      Number(value) !== 0 ||
      (operator !== "!=" && operator !== "==") ||
      (bits !== 0x1fff && bits !== 0x3fff)
    )
      throw this.#left("Such a question for fragments cannot be carried over", at);
    this.#at += 6;
    const some = bits === 0x1fff ? (["later"] as const) : (["first", "later"] as const);
    const others = bits === 0x1fff ? (["none", "first"] as const) : (["none"] as const);
    this.#ask(
      { drafts: [{ numbers: { "ether-type": [0x0800, 0x0800] }, fragment: operator === "!=" ? some : others }] },
      at,
    );
  }

  /** `ip saddr != { … }`, `tcp dport vmap { 22 : accept }` */
  #question(add: (drafts: readonly Draft[], verdict: ImportedVerdict) => void, at: number): void {
    const two = `${this.#text()} ${this.#text(1)}`;
    const one = this.#text();
    const name = Object.hasOwn(FIELD_ROWS, two) ? two : one;
    const row = Object.hasOwn(FIELD_ROWS, name) ? FIELD_ROWS[name] : undefined;
    if (row === undefined)
      throw this.#left(
        `'${[one, this.#text(1)].filter((word) => /^[a-z\d]/.test(word)).join(" ")}' cannot be carried over`,
      );
    this.#at += name === two ? 2 : 1;
    if (this.#text() === ".") throw this.#left("Sets of more than one thing at once cannot be carried over", at);
    const asked = (operator: Operator, values: readonly string[], set?: string): Asked => ({
      operator,
      values,
      set,
      interface: this.#options.interface,
    });
    if (this.#text() === "vmap") {
      this.#at++;
      for (const element of this.#elements(at)) {
        const colon = element.findIndex(({ text }) => text === ":");
        const [kind = "", chain = ""] = element.slice(colon + 1).map(({ text }) => text);
        const verdict =
          kind === "jump" || kind === "goto"
            ? ({ kind, chain } as const)
            : Object.hasOwn(VERDICTS, kind)
              ? VERDICTS[kind]
              : undefined;
        const values = element
          .slice(0, Math.max(0, colon))
          .filter(({ text }) => text !== ",")
          .map(({ text }) => text);
        const meaning =
          verdict === undefined || values.length === 0
            ? "This verdict cannot be carried over"
            : row(asked("=", values));
        if (meaning === "never") continue;
        if (typeof meaning === "string") {
          const effect = effectOf(verdict);
          this.#tell(
            element[0]?.span ?? spanOf(this.#words),
            meaning,
            `This part of the map is left out${effect === "" ? "" : `: ${effect}`}`,
          );
          continue;
        }
        if (meaning.note !== undefined) this.#note(meaning.note, at);
        add(this.#joined(meaning.drafts, at), verdict as ImportedVerdict);
      }
      return;
    }
    const written = this.#text();
    const operator: Operator =
      written === "==" ? "=" : ["!=", "<", ">", "<=", ">="].includes(written) ? (written as Operator) : "=";
    if (/^(?:==|!=|[<>]=?)$/.test(written)) this.#at++;
    else if (written === "&" || written === "^" || written === "|")
      throw this.#left("What is computed cannot be carried over", at);
    if (this.#text() === "@") {
      const set = this.#words[this.#at + 1]?.text ?? "";
      const known = this.#table.sets.get(set);
      if (known !== undefined && /^ipv[46]_addr$/.test(known.type)) {
        this.#at += 2;
        this.#ask(row(asked(operator, [], this.#setName(set, known))), at);
        return;
      }
    }
    const values = this.#text() === "{" || this.#text() === "@" ? this.#elements(at).map(elementValue) : this.#list();
    this.#ask(row(asked(operator, values)), at);
  }

  /** `established,related` */
  #list(): readonly string[] {
    const values = [this.#next()];
    while (this.#text() === ",") {
      this.#at++;
      values.push(this.#next());
    }
    return values;
  }

  /** Elements in braces, or of a set with a name. */
  #elements(at: number): readonly (readonly Token[])[] {
    if (this.#text() === "@") {
      const name = this.#words[this.#at + 1]?.text ?? "";
      const set = this.#table.sets.get(name);
      if (set === undefined) throw this.#left(`There is no set '${name}'`, at);
      if (/ \. /.test(set.type)) throw this.#left("Sets of more than one thing at once cannot be carried over", at);
      this.#at += 2;
      return set.elements;
    }
    if (this.#text() !== "{") throw this.#left("What stands here cannot be carried over", at);
    let depth = 0;
    const start = this.#at + 1;
    for (; this.#at < this.#words.length; this.#at++) {
      if (this.#text() === "{") depth++;
      if (this.#text() === "}" && --depth === 0) break;
    }
    const inner = this.#words.slice(start, this.#at++);
    if (inner.some(({ text, quoted }) => !quoted && text === "."))
      throw this.#left("Sets of more than one thing at once cannot be carried over", at);
    return splitAt(inner);
  }

  /** Its name among the rules' sets: tables may have sets of the same name. */
  #setName(name: string, set: NftSet): string {
    for (let i = 1; ; i++) {
      const own = i === 1 ? name : `${name}-${i}`;
      const known = this.#sets.get(own);
      if (known === undefined) this.#sets.set(own, set);
      if (known === undefined || known === set) return own;
    }
  }
}
