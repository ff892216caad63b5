// A reading position in a mangled name, and the small words that many rules share.

/** Thrown for what is no mangled name, or one with something that the demangler does not know. */
export class Unknown extends Error {}

export class MangledText {
  readonly input: string;
  /** Where we are in it. */
  at = 0;

  constructor(mangled: string) {
    this.input = mangled;
  }

  /** The character here, or so many further on; empty beyond the end. */
  peek(ahead = 0): string {
    return this.input[this.at + ahead] ?? "";
  }

  /** The character here, which is then read. */
  take(): string {
    const c = this.input[this.at++];
    if (c === undefined) throw new Unknown();
    return c;
  }

  /** Reads a word where it stands here. */
  has(word: string): boolean {
    if (!this.input.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }
  expect(word: string): void {
    if (!this.has(word)) throw new Unknown();
  }
  number(): number {
    const digits = /\d+/y;
    digits.lastIndex = this.at;
    const match = digits.exec(this.input);
    if (match === null) throw new Unknown();
    this.at += match[0].length;
    return Number(match[0]);
  }

  /** <nv-offset>: n? digits `_`, of which nothing is printed */
  offset(): string {
    this.has("n");
    this.number();
    this.expect("_");
    return "";
  }

  /** <seq-id> `_`: nothing is 0, `0` is 1, in base 36. */
  sequence(): number {
    const end = this.input.indexOf("_", this.at);
    const digits = this.input.slice(this.at, end);
    if (end < 0 || !/^[0-9A-Z]*$/.test(digits)) throw new Unknown();
    this.at = end + 1;
    return digits === "" ? 0 : Number.parseInt(digits, 36) + 1;
  }

  /** [<number>] `_`: nothing is 1, `0` is 2. */
  ordinal(): number {
    if (this.has("_")) return 1;
    const number = this.number();
    this.expect("_");
    return number + 2;
  }

  /** <source-name>: its length, then itself */
  source(): string {
    const length = this.number();
    const name = this.input.slice(this.at, this.at + length);
    if (name.length !== length) throw new Unknown();
    this.at += length;
    return name.startsWith("_GLOBAL__N") ? "(anonymous namespace)" : name;
  }
}
