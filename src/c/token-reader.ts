// Tokens one after the other, as all readers of C take them.

import { type CToken, fail } from "./tokens.ts";

export class TokenReader {
  protected tokens: readonly CToken[];
  protected at = 0;

  constructor(tokens: readonly CToken[]) {
    this.tokens = tokens;
  }

  protected get token(): CToken {
    return (this.tokens[this.at] ?? this.tokens.at(-1)) as CToken;
  }

  protected get done(): boolean {
    return this.at >= this.tokens.length || this.token.kind === "end";
  }

  protected is(text: string): boolean {
    return !this.done && this.token.text === text && this.token.kind !== "string";
  }

  protected accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  protected expect(text: string, where: string): void {
    if (!this.accept(text)) this.unexpected(`"${text}" ${where}`);
  }

  protected unexpected(wanted: string): never {
    const t = this.token;
    return fail("SCRY1030", `expected ${wanted}, found ${this.done ? "the end" : t.text}`, t);
  }

  /** Behind what closes the bracket that stands here. */
  protected pass(): void {
    const open = this.token;
    if (!this.closes()) fail("SCRY1030", `this ${open.text} is never closed`, open);
  }

  /** The same; false where nothing closes it. */
  protected closes(): boolean {
    for (let depth = 0; !this.done; ) {
      const t = this.token;
      this.at++;
      if (t.kind !== "punctuator") continue;
      if (t.text === "(" || t.text === "{" || t.text === "[") depth++;
      else if (t.text === ")" || t.text === "}" || t.text === "]") depth--;
      if (depth === 0) return true;
    }
    return false;
  }

  protected isAhead(text: string): boolean {
    return this.tokens[this.at + 1]?.text === text;
  }
}
