// Programs of numbers in the kernel's TypeScript, made from a seed, each with what it gives by the rules of
// docs/kernel-typescript.md, computed here by BigInt.

import { Random } from "./random-words.ts";

export const WIDTHS = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"] as const;
export type Width = (typeof WIDTHS)[number];

const bitsOf = (type: Width): number => Number(type.slice(1));
const isSigned = (type: Width): boolean => type.startsWith("i");
const cut = (value: bigint, type: Width): bigint =>
  isSigned(type) ? BigInt.asIntN(bitsOf(type), value) : BigInt.asUintN(bitsOf(type), value);
/** Numbers of 8 and 16 bits are computed with as numbers of 32 bits with a sign. */
const promoted = (type: Width): Width => (bitsOf(type) < 32 ? "i32" : type);
function common(a: Width, b: Width): Width {
  const [x, y] = [promoted(a), promoted(b)];
  if (bitsOf(x) !== bitsOf(y)) return bitsOf(x) > bitsOf(y) ? x : y;
  return isSigned(x) ? y : x;
}

interface Typed {
  readonly text: string;
  readonly type: Width;
  value(env: ReadonlyMap<string, bigint>): bigint;
}
interface Effect {
  readonly text: string;
  run(env: Map<string, bigint>): void;
}

export interface RandomModule {
  readonly text: string;
  /** What the program leaves in `out`, of these inputs. */
  result(inputs: readonly bigint[]): bigint;
}

class Maker {
  readonly #source: Random;
  #count = 0;
  readonly #names = new Map<string, Width>();
  readonly #fixed = new Set<string>();

  constructor(seed: number) {
    this.#source = new Random(seed);
  }

  #random(below: number): number {
    return this.#source.below(below);
  }
  #pick<T>(list: readonly T[]): T {
    return this.#source.pick(list);
  }

  // --- expressions ------------------------------------------------------------------------------------------------

  #leaf(): Typed {
    const [name, type] = this.#pick([...this.#names]);
    return { text: name, type, value: (env) => env.get(name) ?? 0n };
  }
  /** A literal takes the type of what stands beside it. */
  #literal(beside: Width): Typed {
    const type = promoted(beside);
    const value = BigInt(this.#pick([0, 1, 2, 3, 7, 31, 100, 255, 1000, 65535]));
    return { text: `${value}`, type, value: () => value };
  }

  #number(depth: number): Typed {
    if (depth === 0) return this.#leaf();
    const a = this.#number(this.#random(depth));
    const kind = this.#random(11);
    if (kind < 5) {
      const b = this.#random(4) === 0 ? this.#literal(a.type) : this.#number(this.#random(depth));
      const operator = this.#pick(["+", "-", "*", "&", "|", "^"]);
      return this.#combined(a, operator, b, common(a.type, b.type));
    }
    if (kind === 5) {
      // Not zero, and not -1.
      const positive: Typed = {
        text: `((${a.text} & 7) + 1)`,
        type: promoted(a.type),
        value: (env) => (a.value(env) & 7n) + 1n,
      };
      const of = this.#number(this.#random(depth));
      return this.#combined(of, this.#pick(["/", "%"]), positive, common(of.type, positive.type));
    }
    if (kind === 6) {
      const by = this.#random(31);
      const type = promoted(a.type);
      const operator = this.#pick(["<<", ">>"]);
      return {
        text: `(${a.text} ${operator} ${by})`,
        type,
        value: (env) => {
          const x = cut(a.value(env), type);
          return cut(operator === "<<" ? x << BigInt(by) : x >> BigInt(by), type);
        },
      };
    }
    if (kind === 7) {
      const type = promoted(a.type);
      const operator = this.#pick(["-", "~"]);
      return {
        text: `(${operator}${a.text})`,
        type,
        value: (env) => cut(operator === "-" ? -a.value(env) : ~a.value(env), type),
      };
    }
    if (kind === 8) {
      const type = this.#pick(WIDTHS);
      return { text: `${type}(${a.text})`, type, value: (env) => cut(a.value(env), type) };
    }
    const test = this.#truth(depth - 1);
    const b = this.#number(this.#random(depth));
    const type = common(a.type, b.type);
    return {
      text: `(${test.text} ? ${a.text} : ${b.text})`,
      type,
      value: (env) => cut(test.holds(env) ? a.value(env) : b.value(env), type),
    };
  }

  #combined(a: Typed, operator: string, b: Typed, type: Width): Typed {
    return {
      text: `(${a.text} ${operator} ${b.text})`,
      type,
      value: (env) => {
        const [x, y] = [cut(a.value(env), type), cut(b.value(env), type)];
        switch (operator) {
          case "+":
            return cut(x + y, type);
          case "-":
            return cut(x - y, type);
          case "*":
            return cut(x * y, type);
          case "&":
            return cut(x & y, type);
          case "|":
            return cut(x | y, type);
          case "^":
            return cut(x ^ y, type);
          case "/":
            return cut(x / y, type);
          default:
            return cut(x % y, type);
        }
      },
    };
  }

  #truth(depth: number): { readonly text: string; holds(env: ReadonlyMap<string, bigint>): boolean } {
    const a = this.#number(Math.max(0, depth));
    const kind = depth > 0 ? this.#random(5) : 0;
    if (kind === 1) {
      const [x, y] = [this.#truth(depth - 1), this.#truth(depth - 1)];
      const and = this.#random(2) === 0;
      return {
        text: `(${x.text} ${and ? "&&" : "||"} ${y.text})`,
        holds: (env) => (and ? x.holds(env) && y.holds(env) : x.holds(env) || y.holds(env)),
      };
    }
    if (kind === 2) {
      const x = this.#truth(depth - 1);
      return { text: `!${x.text}`, holds: (env) => !x.holds(env) };
    }
    // Numbers are compared as what they are.
    const b = this.#number(Math.max(0, depth));
    const operator = this.#pick(["<", "<=", ">", ">=", "===", "!=="]);
    return {
      text: `(${a.text} ${operator} ${b.text})`,
      holds: (env) => {
        const [x, y] = [a.value(env), b.value(env)];
        switch (operator) {
          case "<":
            return x < y;
          case "<=":
            return x <= y;
          case ">":
            return x > y;
          case ">=":
            return x >= y;
          case "===":
            return x === y;
          default:
            return x !== y;
        }
      },
    };
  }

  // --- statements -------------------------------------------------------------------------------------------------

  #statement(depth: number): Effect {
    const kind = this.#random(depth > 0 ? 8 : 5);
    if (kind < 2 || this.#names.size < 9) {
      const type = this.#pick(WIDTHS);
      const value = this.#number(3);
      const name = `x${this.#count++}`;
      this.#names.set(name, type);
      return {
        text: `let ${name}: ${type} = ${type}(${value.text});`,
        run: (env) => void env.set(name, cut(value.value(env), type)),
      };
    }
    if (kind < 5) {
      const names = [...this.#names].filter(([n]) => !this.#fixed.has(n));
      const [name, type] = this.#pick(names);
      const value = this.#number(3);
      if (kind === 4) {
        const operator = this.#pick(["+", "-", "*", "&", "|", "^"]);
        const target: Typed = { text: name, type, value: (env) => env.get(name) ?? 0n };
        const sum = this.#combined(target, operator, value, common(type, value.type));
        return {
          text: `${name} ${operator}= ${value.text};`,
          run: (env) => void env.set(name, cut(sum.value(env), type)),
        };
      }
      return {
        text: `${name} = ${type}(${value.text});`,
        run: (env) => void env.set(name, cut(value.value(env), type)),
      };
    }
    const before = new Map(this.#names);
    const test = this.#truth(2);
    const turns = this.#random(6);
    const index = `n${this.#count++}`;
    const isLoop = kind === 7;
    if (isLoop) {
      this.#names.set(index, "u32");
      this.#fixed.add(index);
    }
    const body = Array.from({ length: 1 + this.#random(3) }, () => this.#statement(depth - 1));
    const inner = body.map((one) => one.text).join(" ");
    // What is declared within is not known behind it.
    for (const name of this.#names.keys()) if (!before.has(name)) this.#names.delete(name);
    if (isLoop)
      return {
        text: `for (const ${index} of range(${turns})) { ${inner} }`,
        run: (env) => {
          for (let i = 0; i < turns; i++) {
            env.set(index, BigInt(i));
            for (const one of body) one.run(env);
          }
        },
      };
    return {
      text: `if (${test.text}) { ${inner} }`,
      run: (env) => {
        if (test.holds(env)) for (const one of body) one.run(env);
      },
    };
  }

  module(): RandomModule {
    for (const type of WIDTHS) this.#names.set(`v_${type}`, type);
    for (const name of this.#names.keys()) this.#fixed.add(name);
    const heads = WIDTHS.map((type, i) => `const v_${type} = ${type}(in${i}.value);`);
    const body: Effect[] = [];
    for (let i = 0; i < 6; i++) body.push(this.#statement(2));
    const last = this.#number(3);
    const lives = WIDTHS.map((_, i) => `const in${i} = live(u64, 0);`);
    return {
      text: `import { live, range, rawTracepoint, ${WIDTHS.join(", ")} } from "scry/bpf";
${lives.join(" ")}
const out = live(u64, 0);
export const f = rawTracepoint("sys_enter", () => {
${heads.join("\n")}
${body.map((one) => one.text).join("\n")}
out.value = u64(${last.text});
});
`,
      result: (inputs) => {
        const env = new Map(WIDTHS.map((type, i): [string, bigint] => [`v_${type}`, cut(inputs[i] ?? 0n, type)]));
        for (const one of body) one.run(env);
        return BigInt.asUintN(64, last.value(env));
      },
    };
  }
}

export const randomModule = (seed: number): RandomModule => new Maker(seed).module();
