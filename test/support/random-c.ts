// Functions of two numbers in C, made from a seed: all kinds of operators, types, loops, arrays, structs, pointers to locals.
// Nothing in them is left open by C: shifts are masked, divisors are not zero and not -1, loops end, indexes are in bounds.

const TYPES = ["char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long"] as const;
const BINARY = ["+", "-", "*", "&", "|", "^"] as const;
const COMPARE = ["<", "<=", ">", ">=", "==", "!="] as const;

class Maker {
  #state: number;
  #depth = 0;
  #loops = 0;
  #names: string[] = ["a", "b"];
  #count = 0;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  #random(below: number): number {
    // xorshift32
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }
  #pick<T>(list: readonly T[]): T {
    return list[this.#random(list.length)] as T;
  }
  #name(): string {
    return this.#pick(this.#names);
  }
  #constant(): string {
    return this.#pick([
      "0",
      "1",
      "-1",
      "7",
      "255",
      "-128",
      "65535",
      "0x7fffffff",
      "0x80000000u",
      "1234567890123L",
      "3u",
    ]);
  }

  expression(): string {
    this.#depth++;
    const leaf = this.#depth > 4 || this.#random(5) === 0;
    const made = leaf ? (this.#random(3) === 0 ? this.#constant() : this.#name()) : this.#inner();
    this.#depth--;
    return made;
  }

  #inner(): string {
    const e = (): string => this.expression();
    switch (this.#random(13)) {
      case 0:
        return `(${e()} << (${e()} & 15))`;
      case 1:
        return `((${this.#pick(TYPES)})${e()} >> (${e()} & 7))`;
      case 2:
        return `((unsigned)${e()} / ((${e()} & 31) + 1))`;
      case 3:
        return `(${e()} % ((${e()} & 15) + 2))`;
      case 4:
        return `(${e()} ${this.#pick(COMPARE)} ${e()})`;
      case 5:
        return `(${e()} ? ${e()} : ${e()})`;
      case 6:
        return `(${e()} ${this.#pick(["&&", "||"])} ${e()})`;
      case 7:
        return `(${this.#pick(TYPES)})(${e()})`;
      case 8:
        return `${this.#pick(["-", "~", "!"])}(${e()})`;
      case 9:
        return `v[(${e()}) & 3]`;
      case 10:
        return `s.${this.#pick(["c", "u", "h", "i", "l", "f", "g"])}`;
      default:
        return `(${e()} ${this.#pick(BINARY)} ${e()})`;
    }
  }

  #place(): string {
    switch (this.#random(6)) {
      case 0:
        return `v[(${this.expression()}) & 3]`;
      case 1:
        return `s.${this.#pick(["c", "u", "h", "i", "l", "f", "g"])}`;
      case 2:
        return "*p";
      case 3:
        return `q->${this.#pick(["c", "i", "l"])}`;
      default: {
        const name = this.#name();
        return name.startsWith("n") ? "x" : name;
      }
    }
  }

  statement(): string {
    switch (this.#random(this.#loops > 1 ? 6 : 8)) {
      case 0:
        return `if (${this.expression()}) { ${this.statements(2)} } else { ${this.statements(1)} }`;
      case 1: {
        const name = `d${this.#count++}`;
        const text = `${this.#pick(TYPES)} ${name} = ${this.expression()};`;
        this.#names.push(name);
        return text;
      }
      case 2:
        return `switch ((${this.expression()}) & 7) { case 0: ${this.#assignment()} case 1: ${this.#assignment()} break; case 3 ... 5: ${this.#assignment()} break; default: ${this.#assignment()} }`;
      case 6: {
        const name = `n${this.#count++}`;
        this.#loops++;
        this.#names.push(name);
        const body = this.statements(2);
        this.#names = this.#names.filter((n) => n !== name);
        this.#loops--;
        return `for (int ${name} = 0; ${name} < ${1 + this.#random(9)}; ${name}++) { ${body} ${this.#random(3) === 0 ? `if (${this.expression()}) ${this.#pick(["break", "continue"])};` : ""} }`;
      }
      case 7: {
        const name = `n${this.#count++}`;
        this.#loops++;
        const body = this.statements(2);
        this.#loops--;
        return `{ int ${name} = ${1 + this.#random(12)}; while (${name}--) { ${body} } }`;
      }
      default:
        return this.#assignment();
    }
  }

  #assignment(): string {
    return `${this.#place()} ${this.#pick(["=", "+=", "-=", "^=", "|=", "&=", "*="])} ${this.expression()};`;
  }

  statements(most: number): string {
    const names = [...this.#names];
    const made = Array.from({ length: 1 + this.#random(most) }, () => this.statement()).join(" ");
    this.#names = names;
    return made;
  }

  body(): string {
    this.#names.push("x");
    const statements = Array.from({ length: 3 + this.#random(5) }, () => this.statement());
    return `int x = a; int v[4] = {1, -2, (int)b}; struct random s = {.c = a, .i = b, .g = 3}; long y = b, *p = (a & 1) ? &y : &s.l; struct random *q = &s; ${statements.join("\n  ")}\n  long sum = x + y; for (int k = 0; k < 4; k++) sum = sum * 31 + v[k]; return sum * 7 + s.c + s.u + s.h + s.i + s.l + s.f + s.g;`;
  }
}

export const RANDOM_HEAD =
  "struct random { signed char c; unsigned char u; short h; int i; long l; int f : 5; unsigned g : 11; };\n";

/** One function: `long t_NAME(long a, long b)`. */
export const randomFunction = (name: string, seed: number): string =>
  `long ${name}(long a, long b) { ${new Maker(seed).body()} }\n`;
