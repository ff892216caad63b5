// Programs in the kernel's TypeScript, made from a seed by its grammar: numbers, loops, switches, functions, maps, structs,
// lists; each with what it gives by the rules of docs/kernel-typescript.md, computed here by BigInt.

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
  value(env: Env): bigint;
}
/** What ends a statement before its end. */
type Left = "break" | "continue" | { readonly gives: bigint } | undefined;
interface Effect {
  readonly text: string;
  run(env: Env): Left;
}
/** Variables by their names; entries of maps as `map:key`, members as `row.a`. */
type Env = Map<string, bigint>;

function runAll(body: readonly Effect[], env: Env): Left {
  for (const one of body) {
    const left = one.run(env);
    if (left !== undefined) return left;
  }
  return undefined;
}

export interface RandomModule {
  readonly text: string;
  /** What the program leaves in `out`, of these inputs. */
  result(inputs: readonly bigint[]): bigint;
}

interface Callable {
  readonly name: string;
  readonly text: string;
  readonly params: readonly Width[];
  readonly returns: Width;
  call(args: readonly bigint[]): bigint;
}

const TABLE = [3n, 0n, 70000n, 9n, 1n, 255n, 12n, 65536n];
/** Members of the struct that entries of `rows` and `box` are. */
const MEMBERS = [
  ["a", "u8"],
  ["b", "i16"],
  ["c", "u32"],
  ["d", "i64"],
] as const;

class Maker {
  readonly #source: Random;
  #count = 0;
  #names = new Map<string, Width>();
  readonly #fixed = new Set<string>();
  readonly #functions: Callable[] = [];
  /** Loops around, for `break` and `continue`; within a function: its result's type. */
  #loops = 0;
  #gives: Width | undefined;
  /** Are maps and rows at hand? Functions that are compared have none. */
  #pure = false;

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
    const special = this.#random(6) === 0 ? this.#special(depth) : undefined;
    if (special !== undefined) return special;
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

  /** Calls, look-ups, members, elements. */
  #special(depth: number): Typed | undefined {
    const kind = this.#random(this.#pure ? 4 : 9);
    const a = this.#number(this.#random(depth));
    switch (kind) {
      case 0:
      case 1: {
        const fn = this.#functions.length === 0 ? undefined : this.#pick(this.#functions);
        if (fn === undefined) return undefined;
        const args = fn.params.map((type): Typed => {
          const of = this.#number(this.#random(depth));
          return { text: `${type}(${of.text})`, type, value: (env) => cut(of.value(env), type) };
        });
        return {
          text: `${fn.name}(${args.map((arg) => arg.text).join(", ")})`,
          type: fn.returns,
          value: (env) => fn.call(args.map((arg) => arg.value(env))),
        };
      }
      case 2: {
        const b = this.#number(this.#random(depth));
        const least = this.#random(2) === 0;
        const type = common(a.type, b.type);
        return {
          text: `Math.${least ? "min" : "max"}(${a.text}, ${b.text})`,
          type,
          value: (env) => {
            const [x, y] = [a.value(env), b.value(env)];
            return cut((least ? x < y : x > y) ? x : y, type);
          },
        };
      }
      case 3:
        return {
          text: `TABLE[u32(${a.text}) & 7]`,
          type: "u32",
          value: (env) => TABLE[Number(cut(a.value(env), "u32") & 7n)] ?? 0n,
        };
      case 4: {
        const [name, type] = this.#pick(MEMBERS);
        return { text: `box.${name}`, type, value: (env) => env.get(`box.${name}`) ?? 0n };
      }
      case 5:
        return {
          text: `box.l[u32(${a.text}) & 3]`,
          type: "u16",
          value: (env) => env.get(`box.l${cut(a.value(env), "u32") & 3n}`) ?? 0n,
        };
      case 6: {
        const take = this.#random(2) === 0;
        const otherwise = BigInt(this.#random(1000));
        return {
          text: `(counts.${take ? "take" : "get"}(u32(${a.text}) & 7) ?? ${otherwise})`,
          type: "u64",
          value: (env) => {
            const key = `counts:${cut(a.value(env), "u32") & 7n}`;
            const found = env.get(key);
            if (take) env.delete(key);
            return found ?? otherwise;
          },
        };
      }
      case 7: {
        const [name, type] = this.#pick(MEMBERS);
        const wide = common(type, promoted(type));
        return {
          text: `(rows.get(u32(${a.text}) & 3)?.${name} ?? 5)`,
          type: wide,
          value: (env) => {
            const key = cut(a.value(env), "u32") & 3n;
            return env.has(`rows:${key}`) ? (env.get(`rows:${key}.${name}`) ?? 0n) : 5n;
          },
        };
      }
      default:
        return {
          text: `(counts.has(u32(${a.text}) & 7) ? u32(1) : u32(0))`,
          type: "u32",
          value: (env) => (env.has(`counts:${cut(a.value(env), "u32") & 7n}`) ? 1n : 0n),
        };
    }
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

  #truth(depth: number): { readonly text: string; holds(env: Env): boolean } {
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

  /** So many statements; what is declared among them is not known behind them. */
  #block(count: number, depth: number): Effect[] {
    const before = new Map(this.#names);
    const body = Array.from({ length: count }, () => this.#statement(depth));
    this.#names = before;
    return body;
  }
  #textOf = (body: readonly Effect[]): string => body.map((one) => one.text).join(" ");

  #statement(depth: number): Effect {
    if (this.#loops > 0 && this.#random(12) === 0) {
      const kind = this.#random(2) === 0 ? ("break" as const) : ("continue" as const);
      const test = this.#truth(1);
      return { text: `if (${test.text}) ${kind};`, run: (env) => (test.holds(env) ? kind : undefined) };
    }
    if (this.#gives !== undefined && this.#random(10) === 0) {
      const type = this.#gives;
      const [test, value] = [this.#truth(1), this.#number(2)];
      return {
        text: `if (${test.text}) return ${type}(${value.text});`,
        run: (env) => (test.holds(env) ? { gives: cut(value.value(env), type) } : undefined),
      };
    }
    const kind = this.#random(depth > 0 ? 14 : 7);
    if (kind < 2 || this.#names.size < 3) return this.#declaration();
    if (kind < 5) return this.#assignment(kind === 4);
    if (kind < 7) return this.#pure ? this.#assignment(false) : this.#stored();
    switch (kind) {
      case 7:
      case 8:
        return this.#choice(depth);
      case 9:
        return this.#switched(depth);
      case 10:
        return this.#while(depth);
      case 11:
        return this.#pure ? this.#choice(depth) : this.#overEntries();
      case 12:
        return this.#called(depth);
      default:
        return this.#counted(depth);
    }
  }

  #declaration(): Effect {
    const type = this.#pick(WIDTHS);
    const value = this.#number(3);
    const name = `x${this.#count++}`;
    this.#names.set(name, type);
    return {
      text: `let ${name}: ${type} = ${type}(${value.text});`,
      run: (env) => void env.set(name, cut(value.value(env), type)),
    };
  }

  #assignment(compound: boolean): Effect {
    const names = [...this.#names].filter(([name]) => !this.#fixed.has(name));
    if (names.length === 0) return this.#declaration();
    const [name, type] = this.#pick(names);
    const value = this.#number(3);
    if (!compound)
      return {
        text: `${name} = ${type}(${value.text});`,
        run: (env) => void env.set(name, cut(value.value(env), type)),
      };
    const operator = this.#pick(["+", "-", "*", "&", "|", "^"]);
    const target: Typed = { text: name, type, value: (env) => env.get(name) ?? 0n };
    const sum = this.#combined(target, operator, value, common(type, value.type));
    return {
      text: `${name} ${operator}= ${value.text};`,
      run: (env) => void env.set(name, cut(sum.value(env), type)),
    };
  }

  /** Into maps, entries, structs and lists. */
  #stored(): Effect {
    const key = this.#number(1);
    const value = this.#number(2);
    const [name, type] = this.#pick(MEMBERS);
    const keyOf = (env: Env, mask: bigint): bigint => cut(key.value(env), "u32") & mask;
    switch (this.#random(7)) {
      case 0:
        return {
          text: `counts.set(u32(${key.text}) & 7, u64(${value.text}));`,
          run: (env) => {
            const at = keyOf(env, 7n);
            env.set(`counts:${at}`, cut(value.value(env), "u64"));
          },
        };
      case 1:
        return {
          text: `counts.add(u32(${key.text}) & 7, u64(${value.text}));`,
          run: (env) => {
            const at = `counts:${keyOf(env, 7n)}`;
            const by = cut(value.value(env), "u64");
            env.set(at, cut((env.get(at) ?? 0n) + by, "u64"));
          },
        };
      case 2:
        return {
          text: `counts.delete(u32(${key.text}) & 7);`,
          run: (env) => void env.delete(`counts:${keyOf(env, 7n)}`),
        };
      case 3:
        return {
          text: `rows.insert(u32(${key.text}) & 3, { ${name}: ${type}(${value.text}) });`,
          run: (env) => {
            const at = `rows:${keyOf(env, 3n)}`;
            const given = cut(value.value(env), type);
            if (env.has(at)) return;
            env.set(at, 1n);
            for (const [member] of MEMBERS) env.set(`${at}.${member}`, member === name ? given : 0n);
          },
        };
      case 4: {
        const row = `row${this.#count++}`;
        return {
          text: `const ${row} = rows.get(u32(${key.text}) & 3); if (${row} !== undefined) ${row}.${name} = ${type}(${value.text});`,
          run: (env) => {
            const at = `rows:${keyOf(env, 3n)}`;
            if (env.has(at)) env.set(`${at}.${name}`, cut(value.value(env), type));
          },
        };
      }
      case 5:
        return {
          text: `box.l[u32(${key.text}) & 3] = u16(${value.text});`,
          run: (env) => {
            const at = keyOf(env, 3n);
            env.set(`box.l${at}`, cut(value.value(env), "u16"));
          },
        };
      default:
        return {
          text: `box.${name} = ${type}(${value.text});`,
          run: (env) => void env.set(`box.${name}`, cut(value.value(env), type)),
        };
    }
  }

  #choice(depth: number): Effect {
    const test = this.#truth(2);
    const then = this.#block(1 + this.#random(3), depth - 1);
    const otherwise = this.#random(2) === 0 ? this.#block(1 + this.#random(2), depth - 1) : undefined;
    return {
      text: `if (${test.text}) { ${this.#textOf(then)} }${otherwise === undefined ? "" : ` else { ${this.#textOf(otherwise)} }`}`,
      run: (env) => runAll(test.holds(env) ? then : (otherwise ?? []), env),
    };
  }

  #switched(depth: number): Effect {
    const of = this.#number(2);
    const loops = this.#loops;
    // `break` is the switch's own in here.
    this.#loops = 0;
    const cases = Array.from({ length: 1 + this.#random(3) }, (_, i) => ({
      value: BigInt(i * (1 + this.#random(2))),
      body: this.#block(1 + this.#random(2), depth - 1),
      ends: this.#random(4) > 0,
    })).filter(({ value }, i, all) => all.findIndex((one) => one.value === value) === i);
    const last = this.#random(2) === 0 ? this.#block(1, depth - 1) : undefined;
    this.#loops = loops;
    const texts = cases.map(
      ({ value, body, ends }) => `case ${value}: { ${this.#textOf(body)} ${ends ? "break; " : ""}}`,
    );
    if (last !== undefined) texts.push(`default: { ${this.#textOf(last)} }`);
    return {
      text: `switch (${of.text} & 3) { ${texts.join(" ")} }`,
      run: (env) => {
        const value = cut(of.value(env), promoted(of.type)) & 3n;
        let at = cases.findIndex((one) => one.value === value);
        if (at < 0) return last === undefined ? undefined : runAll(last, env);
        for (; at < cases.length; at++) {
          const left = runAll(cases[at]?.body ?? [], env);
          if (left !== undefined) return left;
          if (cases[at]?.ends === true) return undefined;
        }
        return last === undefined ? undefined : runAll(last, env);
      },
    };
  }

  #within<T>(read: () => T): T {
    this.#loops++;
    const made = read();
    this.#loops--;
    return made;
  }

  #counted(depth: number): Effect {
    const turns = this.#random(this.#loops > 0 ? 3 : 5);
    const index = `n${this.#count++}`;
    const before = new Map(this.#names);
    this.#names.set(index, "u32");
    this.#fixed.add(index);
    const body = this.#within(() => this.#block(1 + this.#random(3), depth - 1));
    this.#names = before;
    return {
      text: `for (const ${index} of range(${turns})) { ${this.#textOf(body)} }`,
      run: (env) => {
        for (let i = 0; i < turns; i++) {
          env.set(index, BigInt(i));
          const left = runAll(body, env);
          if (left === "break") break;
          if (left !== undefined && left !== "continue") return left;
        }
        return undefined;
      },
    };
  }

  #while(depth: number): Effect {
    const turns = this.#random(this.#loops > 0 ? 2 : 4);
    const index = `k${this.#count++}`;
    const isDo = this.#random(2) === 0;
    const before = new Map(this.#names);
    this.#names.set(index, "u32");
    this.#fixed.add(index);
    const body = this.#within(() => this.#block(1 + this.#random(2), depth - 1));
    this.#names = before;
    const head = `let ${index}: u32 = 0;`;
    const inner = `{ ${index} += 1; ${this.#textOf(body)} }`;
    return {
      text: isDo ? `${head} do ${inner} while (${index} < ${turns});` : `${head} while (${index} < ${turns}) ${inner}`,
      run: (env) => {
        env.set(index, 0n);
        const count = (): bigint => env.get(index) ?? 0n;
        if (!isDo && count() >= BigInt(turns)) return undefined;
        do {
          env.set(index, count() + 1n);
          const left = runAll(body, env);
          if (left === "break") break;
          if (left !== undefined && left !== "continue") return left;
        } while (count() < BigInt(turns));
        return undefined;
      },
    };
  }

  /** In no order: what is made of the entries does not depend on it. */
  #overEntries(): Effect {
    const names = [...this.#names].filter(([name, type]) => !this.#fixed.has(name) && type === "u64");
    if (names.length === 0) return this.#declaration();
    const [name] = this.#pick(names);
    const skip = this.#random(8);
    return {
      text: `for (const [key, value] of counts) { if (key === ${skip}) continue; ${name} += value ^ u64(key); }`,
      run: (env) => {
        for (const [at, value] of env) {
          const key = /^counts:(\d+)$/.exec(at)?.[1];
          if (key === undefined || Number(key) === skip) continue;
          env.set(name, cut((env.get(name) ?? 0n) + (value ^ BigInt(key)), "u64"));
        }
      },
    };
  }

  /** By the kernel's own loop, whose body uses what is around it. */
  #called(depth: number): Effect {
    if (this.#pure) return this.#counted(depth);
    const names = [...this.#names].filter(([name]) => !this.#fixed.has(name));
    if (names.length === 0) return this.#declaration();
    const [name, type] = this.#pick(names);
    const index = `t${this.#count++}`;
    const turns = this.#random(9);
    const before = new Map(this.#names);
    this.#names.set(index, "u32");
    this.#fixed.add(index);
    const stop = this.#truth(1);
    const value = this.#number(2);
    this.#names = before;
    return {
      text: `bpf.loop(${turns}, (${index}) => { if (${stop.text}) return true; ${name} = ${type}(${value.text}); return false; });`,
      run: (env) => {
        for (let i = 0; i < turns; i++) {
          env.set(index, BigInt(i));
          if (stop.holds(env)) return;
          env.set(name, cut(value.value(env), type));
        }
      },
    };
  }

  // --- functions and the module ------------------------------------------------------------------------------------

  #function(): Callable {
    const params = Array.from({ length: 1 + this.#random(3) }, () => this.#pick(WIDTHS));
    const returns = this.#pick(["u32", "u64", "i32", "i64"] as const);
    const name = `f${this.#count++}`;
    const outer = this.#names;
    this.#names = new Map(params.map((type, i): [string, Width] => [`p${i}`, type]));
    this.#pure = true;
    this.#gives = returns;
    const body = this.#block(1 + this.#random(3), 1);
    const last = this.#number(2);
    this.#gives = undefined;
    this.#pure = false;
    this.#names = outer;
    const inner = `${this.#textOf(body)} return ${returns}(${last.text});`;
    const list = params.map((type, i) => `p${i}: ${type}`).join(", ");
    const form = this.#random(4);
    const text =
      form === 0
        ? `const ${name} = subprogram((${list}): ${returns} => { ${inner} });`
        : form === 1
          ? `const ${name} = globalFunction((${list}): ${returns} => { ${inner} });`
          : `function ${name}(${list}): ${returns} { ${inner} }`;
    return {
      name,
      text,
      params,
      returns,
      call: (args) => {
        const env: Env = new Map(args.map((value, i) => [`p${i}`, value]));
        const left = runAll(body, env);
        return typeof left === "object" ? left.gives : cut(last.value(env), returns);
      },
    };
  }

  module(): RandomModule {
    for (let i = this.#random(3); i > 0; i--) this.#functions.push(this.#function());
    for (const type of WIDTHS) this.#names.set(`v_${type}`, type);
    for (const name of this.#names.keys()) this.#fixed.add(name);
    const heads = WIDTHS.map((type, i) => `const v_${type} = ${type}(in${i}.value);`);
    const body = Array.from({ length: 7 }, () => this.#statement(2));
    const last = this.#number(3);
    const lives = WIDTHS.map((_, i) => `const in${i} = live(u64, 0);`);
    return {
      text: `import { bpf, globalFunction, hash, list, live, range, rawTracepoint, struct, subprogram, ${WIDTHS.join(", ")} } from "scry/bpf";
${lives.join(" ")}
const out = live(u64, 0);
const Row = struct({ a: u8, b: i16, c: u32, d: i64, l: list(u16, 4) });
const counts = hash(u32, u64, { maxEntries: 16 });
const rows = hash(u32, Row, { maxEntries: 16 });
const TABLE = [${TABLE.join(", ")}];
${this.#functions.map(({ text }) => text).join("\n")}
export const f = rawTracepoint("sys_enter", () => {
${heads.join("\n")}
const box = Row({ a: 7, c: 9, l: [1, 2, 3, 4] });
${body.map((one) => one.text).join("\n")}
out.value = u64(${last.text});
});
`,
      result: (inputs) => {
        const env: Env = new Map(WIDTHS.map((type, i): [string, bigint] => [`v_${type}`, cut(inputs[i] ?? 0n, type)]));
        const box: Readonly<Record<string, bigint>> = { a: 7n, b: 0n, c: 9n, d: 0n, l0: 1n, l1: 2n, l2: 3n, l3: 4n };
        for (const [name, value] of Object.entries(box)) env.set(`box.${name}`, value);
        runAll(body, env);
        return BigInt.asUintN(64, last.value(env));
      },
    };
  }
}

export const randomModule = (seed: number): RandomModule => new Maker(seed).module();
