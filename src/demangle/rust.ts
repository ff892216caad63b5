// Rust names as people write them, in both of its manglings, without the hashes that tell versions of a crate apart:
//
//     v0      _RNvMs0_CsdBezzDwma51_4shapeNtB5_6Square4area     RFC 2603 ("Rust Symbol Mangling v0")
//     legacy  _ZN5shape6Square4area17h0123456789abcdefE         rustc_codegen_ssa, back/symbol_names/legacy.rs

import { MangledText, Unknown } from "./mangled-text.ts";

/** `_ZN…17h<hash>E`; C++ names end so by chance only. */
export function isLegacyRust(name: string): boolean {
  return /^_ZN.+17h[0-9a-f]{16}E(?:\.|$)/.test(name);
}

const ESCAPES: Readonly<Record<string, string>> = {
  SP: "@",
  BP: "*",
  RF: "&",
  LT: "<",
  GT: ">",
  LP: "(",
  RP: ")",
  C: ",",
};

/** Throws Unknown for what it cannot read. */
export function demangleLegacyRust(name: string): string {
  const text = new MangledText(name);
  text.expect("_ZN");
  const parts: string[] = [];
  while (!text.has("E")) parts.push(text.source());
  parts.pop();
  const path = parts.map((part) =>
    part
      .replace(/^_(?=\$)/, "")
      .replace(/\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$/g, (all, code?: string, word?: string) =>
        code !== undefined ? character(Number.parseInt(code, 16)) : (ESCAPES[word as string] ?? all),
      )
      .replaceAll("..", "::"),
  );
  return path.join("::") + suffix(name.slice(text.at));
}

/** What compilers add behind a name; LLVM's own number says nothing. */
const suffix = (rest: string): string => rest.replace(/\.llvm\.[0-9A-F@]*/, "");

function character(code: number): string {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new Unknown();
  return String.fromCodePoint(code);
}

const BASIC: Readonly<Record<string, string>> = {
  a: "i8",
  b: "bool",
  c: "char",
  d: "f64",
  e: "str",
  f: "f32",
  h: "u8",
  i: "isize",
  j: "usize",
  l: "i32",
  m: "u32",
  n: "i128",
  o: "u128",
  p: "_",
  s: "i16",
  t: "u16",
  u: "()",
  v: "...",
  x: "i64",
  y: "u64",
  z: "!",
};

/** `_R…`; throws Unknown for what it cannot read. */
export function demangleRustV0(name: string): string {
  return new RustName(name).whole();
}

/** The longest name that is worth it: back references can make a short one without end. */
const MOST = 1 << 16;

class RustName extends MangledText {
  /** Lifetimes bound by the `for<…>` around. */
  #bound = 0;
  #depth = 0;
  #made = 0;

  whole(): string {
    this.expect("_R");
    const path = this.#path(true);
    // The crate that asked for it says nothing of what it is.
    if (/[A-Z]/.test(this.peek())) this.#path(false);
    const rest = this.input.slice(this.at);
    if (rest !== "" && !/^[.$]/.test(rest)) throw new Unknown();
    return path + suffix(rest);
  }

  /** [0-9a-zA-Z]* `_`: nothing is 0, `0` is 1. */
  #base62(): number {
    let value = 0;
    if (this.has("_")) return 0;
    for (let c = this.take(); c !== "_"; c = this.take()) {
      const digit = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(c);
      if (digit < 0) throw new Unknown();
      value = value * 62 + digit;
    }
    return value + 1;
  }

  #disambiguator(): number {
    return this.has("s") ? this.#base62() + 1 : 0;
  }

  #plainName(): string {
    const encoded = this.has("u");
    // A zero is a number of its own: what follows it may be the next one.
    const length = this.has("0") ? 0 : this.number();
    this.has("_");
    const text = this.input.slice(this.at, this.at + length);
    if (text.length !== length) throw new Unknown();
    this.at += length;
    return encoded ? punycode(text) : text;
  }

  /** Reads again what stands further back. */
  #back<T>(read: () => T): T {
    const target = this.#base62() + 2;
    const here = this.at;
    if (target >= here - 1) throw new Unknown();
    this.at = target;
    const found = read();
    this.at = here;
    return found;
  }

  #guard<T extends string>(read: () => T): T {
    if (++this.#depth > 200) throw new Unknown();
    const found = read();
    if ((this.#made += found.length) > MOST) throw new Unknown();
    this.#depth--;
    return found;
  }

  /** `value`: where an expression could stand, so that arguments need `::` before them. */
  #path(value: boolean): string {
    return this.#guard(() => {
      const [path, close] = this.#openPath(value);
      return path + close;
    });
  }

  /** A path, and what closes its arguments: the associated types of a `dyn` come in before that. */
  #openPath(value: boolean): [string, string] {
    const c = this.take();
    switch (c) {
      case "C":
        this.#disambiguator();
        return [this.#plainName(), ""];
      case "N":
        return [this.#nested(value), ""];
      case "M":
      case "X": {
        this.#disambiguator();
        this.#path(false);
        const type = this.#type();
        return [c === "M" ? `<${type}>` : `<${type} as ${this.#path(false)}>`, ""];
      }
      case "Y":
        return [`<${this.#type()} as ${this.#path(false)}>`, ""];
      case "I": {
        const path = this.#path(value);
        const list: string[] = [];
        while (!this.has("E")) list.push(this.#argument());
        return [`${path}${value ? "::" : ""}<${list.join(", ")}`, ">"];
      }
      case "B":
        return this.#back(() => this.#openPath(value));
      default:
        throw new Unknown();
    }
  }

  #nested(value: boolean): string {
    const space = this.take();
    const outer = this.#path(value);
    const number = this.#disambiguator();
    const name = this.#plainName();
    if (/[A-Z]/.test(space)) {
      const kind = { C: "closure", S: "shim" }[space] ?? space;
      return `${outer}::{${kind}${name === "" ? "" : `:${name}`}#${number}}`;
    }
    if (!/[a-z]/.test(space)) throw new Unknown();
    return name === "" ? outer : `${outer}::${name}`;
  }

  #argument(): string {
    if (this.has("L")) return this.#lifetime(this.#base62());
    if (this.has("K")) return this.#constant();
    return this.#type();
  }

  /** By de Bruijn: 1 is the innermost that is bound. */
  #lifetime(index: number): string {
    if (index === 0) return "'_";
    const depth = this.#bound - index;
    if (depth < 0) throw new Unknown();
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`;
  }

  #binder(read: () => string): string {
    const outer = this.#bound;
    const count = this.has("G") ? this.#base62() + 1 : 0;
    if (count > 1000) throw new Unknown();
    this.#bound += count;
    const names = Array.from({ length: count }, (_, i) => this.#lifetime(count - i));
    const found = (count === 0 ? "" : `for<${names.join(", ")}> `) + read();
    this.#bound = outer;
    return found;
  }

  #type(): string {
    return this.#guard(() => this.#typeText());
  }

  #typeText(): string {
    const c = this.peek();
    const basic = BASIC[c];
    if (basic !== undefined) {
      this.at++;
      return basic;
    }
    if (/[CNMXYI]/.test(c)) return this.#path(false);
    this.take();
    switch (c) {
      case "R":
      case "Q": {
        const lifetime = this.has("L") ? this.#base62() : 0;
        return `&${lifetime === 0 ? "" : `${this.#lifetime(lifetime)} `}${c === "Q" ? "mut " : ""}${this.#type()}`;
      }
      case "P":
        return `*const ${this.#type()}`;
      case "O":
        return `*mut ${this.#type()}`;
      case "A": {
        const element = this.#type();
        return `[${element}; ${this.#constant()}]`;
      }
      case "S":
        return `[${this.#type()}]`;
      case "T": {
        const list: string[] = [];
        while (!this.has("E")) list.push(this.#type());
        return `(${list.join(", ")}${list.length === 1 ? "," : ""})`;
      }
      case "F":
        return this.#binder(() => this.#function());
      case "D": {
        const traits = this.#binder(() => {
          const list: string[] = [];
          while (!this.has("E")) list.push(this.#trait());
          return list.join(" + ");
        });
        this.expect("L");
        const lifetime = this.#base62();
        return `dyn ${traits}${lifetime === 0 ? "" : ` + ${this.#lifetime(lifetime)}`}`;
      }
      case "B":
        return this.#back(() => this.#type());
      default:
        throw new Unknown();
    }
  }

  #function(): string {
    const unsafe = this.has("U") ? "unsafe " : "";
    const abi = this.has("K") ? (this.has("C") ? "C" : this.#plainName().replaceAll("_", "-")) : undefined;
    const list: string[] = [];
    while (!this.has("E")) list.push(this.#type());
    const result = this.#type();
    const external = abi === undefined ? "" : `extern "${abi}" `;
    return `${unsafe}${external}fn(${list.join(", ")})${result === "()" ? "" : ` -> ${result}`}`;
  }

  #trait(): string {
    let [path, close] = this.#openPath(false);
    while (this.has("p")) {
      path += `${close === "" ? "<" : ", "}${this.#plainName()} = `;
      path += this.#type();
      close = ">";
    }
    return path + close;
  }

  #constant(): string {
    if (this.has("B")) return this.#back(() => this.#constant());
    const type = this.take();
    if (type === "p") return "_";
    if (BASIC[type] === undefined || !/[a-cghijlmnostxy]/.test(type)) throw new Unknown();
    const negative = this.has("n") ? "-" : "";
    const end = this.input.indexOf("_", this.at);
    const digits = this.input.slice(this.at, end);
    if (end < 0 || !/^[0-9a-f]*$/.test(digits)) throw new Unknown();
    this.at = end + 1;
    const value = BigInt(`0x${digits === "" ? "0" : digits}`);
    if (type === "b") return value === 1n ? "true" : "false";
    if (type === "c") return `'${character(Number(value))}'`;
    return negative + (value >= 1n << 64n ? `0x${digits}` : String(value));
  }
}

/** RFC 3492, with `_` in place of the last `-`. */
function punycode(text: string): string {
  const cut = text.lastIndexOf("_");
  const out = [...(cut < 0 ? "" : text.slice(0, cut))];
  let [n, i, bias] = [128, 0, 72];
  for (let at = cut + 1; at < text.length; ) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const c = text[at++] ?? "";
      const digit = /[a-z]/.test(c) ? c.charCodeAt(0) - 97 : /[0-9]/.test(c) ? Number(c) + 26 : -1;
      if (digit < 0) throw new Unknown();
      i += digit * weight;
      const threshold = Math.min(26, Math.max(1, k - bias));
      if (digit < threshold) break;
      weight *= 36 - threshold;
      if (i > 2 ** 40) throw new Unknown();
    }
    const count = out.length + 1;
    let delta = Math.floor((i - before) / (before === 0 ? 700 : 2));
    delta += Math.floor(delta / count);
    bias = 0;
    for (; delta > 455; bias += 36) delta = Math.floor(delta / 35);
    bias += Math.floor((36 * delta) / (delta + 38));
    n += Math.floor(i / count);
    i %= count;
    out.splice(i++, 0, character(n));
  }
  return out.join("");
}
