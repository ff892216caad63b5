// Functions of two numbers in C, made from a seed: all kinds of operators, types, loops, arrays, structs and unions, bit fields,
// pointers, calls, globals. Nothing in them is left open by C: shifts are masked, divisors are not zero and not -1, loops end,
// indexes are in bounds, and what is written in an expression is read nowhere else in it.

const TYPES = ["char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long"] as const;
const BINARY = ["+", "-", "*", "&", "|", "^"] as const;
const COMPARE = ["<", "<=", ">", ">=", "==", "!="] as const;
/** Members of `struct random` that are numbers, and of them those that are no bit fields. */
const MEMBERS = [
  "c",
  "u",
  "h",
  "i",
  "l",
  "f",
  "g",
  "k",
  "m",
  "w",
  "o",
  "in.x",
  "in.y",
  "un.s[1]",
  "un.l",
  "t[1]",
] as const;
const ADDRESSED = ["c", "i", "l", "h", "in.x", "un.l", "t[2]", "m"] as const;

class Maker {
  #state: number;
  #depth = 0;
  #loops = 0;
  #structs = 0;
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
      "0x123456789abcdefL",
      "-2147483648",
      "0xffffffffffffffffUL",
      "'x'",
      "16",
      "1000u",
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
    switch (this.#random(20)) {
      case 0:
        return `(${e()} << (${e()} & 15))`;
      case 1:
        return `((${this.#pick(TYPES)})${e()} >> (${e()} & 7))`;
      case 2:
        return this.#random(2) === 0
          ? `((unsigned)${e()} / ((${e()} & 31) + 1))`
          : `(${e()} / ${this.#pick(["2", "3", "-7", "10", "16", "1000", "255u", "0x10000L"])})`;
      case 3:
        return `(${e()} % ${this.#pick([`((${e()} & 15) + 2)`, "8", "10", "-3", "60u"])})`;
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
        return this.#member(this.#pick(["s", "r[1]", "G", "(*q)", `r[${e()} & 1]`]));
      case 11:
        return `f_${this.#pick(["char", "mixed", "place", "hidden"])}(${e()}, ${e()})`;
      case 12:
        return `${this.#pick(["G.t", "gs", "gb", "q->t", "s.t"])}[(${e()}) & 3]`;
      case 13:
        return `((${this.#pick(TYPES)})${e()} << (${e()} & 7))`;
      case 14:
        // Each is a struct on the stack.
        return this.#structs++ < 1 ? this.#member(`f_struct(s, ${e()})`) : "1";
      case 15:
        return this.#pick(["*p", "gw", "*(v + 1)", "(long)(p != &s.l)", "p[0]", "(&v[3])[-1]", "(int)sizeof(s)"]);
      case 16:
        return `({ ${this.#pick(TYPES)} w = ${e()}; w ${this.#pick(["+", "^", "-"])} (w >> 1); })`;
      default:
        return `(${e()} ${this.#pick(BINARY)} ${e()})`;
    }
  }

  /** The value of a member. One of more than 32 bits is cast: gcc would go on in as many bits as it has, clang in those of its type. */
  #member(of: string): string {
    const name = this.#pick(MEMBERS);
    return name === "w" ? `(long)${of}.w` : `${of}.${name}`;
  }

  #place(): string {
    switch (this.#random(10)) {
      case 6:
        return `${this.#pick(["s", "r[0]", "r[1]", "G", "(*q)"])}.${this.#pick(MEMBERS)}`;
      case 7:
        return `${this.#pick(["G.t", "gs", "gb", "q->t"])}[(${this.expression()}) & 3]`;
      case 8:
        return this.#pick(["gw", "(*(v + 2))", "p[0]", "r[a & 1].l", "r[b & 1].k"]);
      case 0:
        return `v[(${this.expression()}) & 3]`;
      case 1:
        return `s.${this.#pick(MEMBERS)}`;
      case 2:
        return "(*p)";
      case 3:
        return `q->${this.#pick(ADDRESSED)}`;
      default: {
        const name = this.#name();
        return name.startsWith("n") ? "x" : name;
      }
    }
  }

  statement(): string {
    switch (this.#random(this.#loops > 1 ? 6 : 11)) {
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
      case 3:
        return this.#pick([
          "r[0] = s;",
          "s = r[1];",
          "r[1] = *q;",
          "G = s;",
          "*q = G;",
          `s = (${this.expression()}) ? r[0] : G;`,
          `s = f_struct(s, ${this.expression()});`,
          "q = &r[a & 1];",
          "q = &s;",
          "p = &y;",
          "p = &q->l;",
          "r[0].in = s.in;",
          "G.un = r[1].un;",
          `s.in = (struct inner){${this.expression()}, .y = ${this.expression()}};`,
          `r[1] = (struct random){.h = ${this.expression()}, .t = {1, [2] = ${this.expression()}}, .k = ${this.expression()}};`,
        ]);
      case 4: {
        const place = this.#place();
        return this.#pick([`${place}++;`, `--${place};`, `z = ${place}++;`, `z -= --${place};`, `z += ++${place};`]);
      }
      case 5: {
        const place = this.#place();
        return `z += (${place} ${this.#pick(["=", "+=", "-=", "^=", "*="])} ${this.expression()}) & 0xffff;`;
      }
      case 10: {
        const label = `l${this.#count++}`;
        this.#loops++;
        const body = this.statements(2);
        this.#loops--;
        return `{ int k = 0; ${label}: ${body} if (++k < ${1 + this.#random(4)} && (${this.expression()})) goto ${label}; }`;
      }
      case 9: {
        this.#loops += 2;
        const body = this.statements(1);
        this.#loops -= 2;
        return `for (unsigned char k = 0; k < 4; k++) { ${this.#pick(["v[k]", "s.t[k]", "gs[k]", "G.t[3 - k]", "gb[k]"])} ${this.#pick(["=", "+=", "^="])} ${this.expression()} + k; ${body} }`;
      }
      case 8: {
        const name = `n${this.#count++}`;
        this.#loops++;
        const body = this.statements(2);
        this.#loops--;
        return `{ int ${name} = 0; do { ${body} if (${this.expression()}) continue; ${this.#assignment()} } while (++${name} < ${1 + this.#random(5)}); }`;
      }
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
    this.#names.push("x", "y");
    const statements = Array.from({ length: 3 + this.#random(5) }, () => this.statement());
    return `int x = a; int v[4] = {1, -2, (int)b}; struct random s = {.c = a, .i = b, .g = 3, .k = b, .in = {7}}, r[2] = {{.l = 4}, {1, 2, a, .t = {b, 1}}}; long y = b, z = 0, *p = (a & 1) ? &y : &s.l; struct random *q = b & 2 ? &s : &r[0]; G = (struct random){.h = 3}; gw = 5; gs[0] = gs[1] = gs[2] = gs[3] = 1; gb[0] = gb[1] = gb[2] = gb[3] = 200; ${statements.join("\n  ")}\n  long sum = x + y + *p + z * 3; for (int k = 0; k < 4; k++) sum = sum * 31 + v[k] + gs[k] * 3 + gb[k]; return sum * 7 + f_sum(&s) + f_sum(&r[0]) * 3 + f_sum(&r[1]) * 5 + f_sum(&G) * 7 + gw;`;
  }
}

/** What the functions share. `f_hidden` and `f_sum` are called as functions by BPF as well. */
export const RANDOM_HEAD = `
struct inner { short x; int y : 20; };
struct random { signed char c; unsigned char u; short h; int i; long l; int f : 5; unsigned g : 11; unsigned k : 23; char m; long w : 37; unsigned char o : 3; struct inner in; union { long l; short s[4]; } un; unsigned short t[4]; };
static struct random G; static long gw; static short gs[4]; static unsigned char gb[4];
static signed char f_char(long a, int b) { a ^= b; if (b & 1) return a; return a >> 3; }
static inline long f_mixed(unsigned char a, short b) { for (int i = 0; i < 3; i++) { if (a > b) return a * b; a += 50; } return a - b; }
static int f_place(long a, long b) { long v[2] = {a, b}; long *p = a < b ? v : v + 1; *p += 3; return v[0] ^ v[1]; }
static __attribute__((noinline)) unsigned short f_hidden(long a, unsigned b) { switch (a & 3) { case 0: return b; case 1: return a; } return b - a; }
static __attribute__((noinline)) long f_sum(struct random *p) { return p->c + p->u * 3 + p->h * 5 + p->i * 7 + p->l * 11 + p->f * 13 + p->g * 17 + p->k * 19L + p->m * 23 + (long)p->w * 29 + p->o * 31 + p->in.x * 37 + p->in.y * 41 + p->un.l * 43 + p->t[0] + p->t[1] * 3 + p->t[2] * 5 + p->t[3] * 7; }
static struct random f_struct(struct random s, long n) { s.i += n; s.k = n; s.t[n & 3]--; s.in.y ^= n; return s; }
`;

/** One function: `long t_NAME(long a, long b)`. */
export const randomFunction = (name: string, seed: number): string =>
  `long ${name}(long a, long b) { ${new Maker(seed).body()} }\n`;
