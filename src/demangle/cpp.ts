// C++ names as people write them: a compact demangler for the Itanium ABI, in the words that `c++filt` uses. What it
// does not know (most expressions in template arguments) it leaves mangled. Rust's names are told apart here.

import { builtinTypes, literalSuffixes, operators, specialNames, standard } from "./cpp-tables.ts";
import { baseName, bracketed, join, joined, type Node, node, pointer, qualified, text } from "./declarators.ts";
import { MangledText, Unknown } from "./mangled-text.ts";
import { demangleLegacyRust, demangleRustV0, isLegacyRust } from "./rust.ts";

/** A name, with what its encoding needs to know of it. */
interface Name {
  readonly text: string;
  /** Ends in template arguments: a return type follows, unless it is a constructor, destructor or conversion. */
  readonly template: boolean;
  readonly noReturn: boolean;
  /** Qualifiers of a member function: ` const`, ` &`. */
  readonly qualifiers: string;
}

const known = new Map<string, string>();

/** `_ZN3foo3barEv` → `foo::bar()`. A name that is not C++'s or Rust's, or that we cannot read, comes back as it is. */
export function demangle(name: string): string {
  if (!name.startsWith("_Z") && !name.startsWith("_R")) return name;
  let answer = known.get(name);
  if (answer === undefined) {
    try {
      if (name.startsWith("_R")) answer = demangleRustV0(name);
      else answer = isLegacyRust(name) ? demangleLegacyRust(name) : new Demangler(name).whole();
    } catch (error) {
      if (!(error instanceof Unknown) && !(error instanceof RangeError)) throw error;
      answer = name;
    }
    if (known.size > 50_000) known.clear();
    known.set(name, answer);
  }
  return answer;
}

class Demangler extends MangledText {
  #substitutions: Node[] = [];
  /** What T_, T0_, … mean now: the arguments of the name that is being read. */
  #arguments: readonly Node[] = [];
  /** While a pack expansion is read: which element, and how many its pack has. */
  #packIndex = -1;
  #packSize = -1;
  #depth = 0;

  /** _Z <encoding> [. <clone suffix>] */
  whole(): string {
    this.expect("_Z");
    let out = this.#encoding();
    if (this.peek() === "." || this.peek() === "@") {
      const rest = this.input.slice(this.at);
      if (rest.startsWith("@")) out += rest;
      else for (const clone of rest.match(/\.[A-Za-z_]+(?:\.\d+)*|\.\d+/g) ?? [rest]) out += ` [clone ${clone}]`;
      return out;
    }
    if (this.at !== this.input.length) throw new Unknown();
    return out;
  }

  /** <encoding> ::= <special-name> | <name> [<bare-function-type>]; `part`: with or without its return type, or the name alone. */
  #encoding(part: "whole" | "inner" | "name" = "whole"): string {
    if (++this.#depth > 200) throw new Unknown();
    const special = this.#special();
    if (special !== undefined) {
      this.#depth--;
      return special;
    }
    const outer = this.#arguments;
    const name = this.#name();
    let out = name.text + name.qualifiers;
    if (!this.#atEnd()) {
      const result = name.template && !name.noReturn ? this.#type() : undefined;
      const params = this.#parameters();
      out = part === "name" ? name.text : `${name.text}(${params})${name.qualifiers}`;
      if (result !== undefined && part === "whole")
        out = result.left + (/[\s(]$/.test(result.left) ? "" : " ") + out + result.right;
    }
    this.#arguments = outer;
    this.#depth--;
    return out;
  }

  #atEnd(): boolean {
    const c = this.peek();
    return c === "" || c === "E" || c === "." || c === "@";
  }

  /** <type>+, where a single `v` is no parameter. */
  #parameters(): string {
    const params: Node[] = [];
    while (!this.#atEnd() && !(/[RO]/.test(this.peek()) && this.peek(1) === "E")) params.push(this.#type());
    return params.length === 1 && text(params[0] as Node) === "void" ? "" : joined(params);
  }

  #special(): string | undefined {
    const word = specialNames[this.peek() + this.peek(1)];
    if (word !== undefined) {
      this.at += 2;
      return word + (word.startsWith("guard") || word.startsWith("TLS") ? this.#nameText() : text(this.#type()));
    }
    if (this.has("Th")) return `non-virtual thunk to ${this.offset()}${this.#encoding()}`;
    if (this.has("Tv")) return `virtual thunk to ${this.offset()}${this.offset()}${this.#encoding()}`;
    if (this.has("Tc")) {
      for (let i = 0; i < 2; i++) {
        if (this.take() === "v") this.offset();
        this.offset();
      }
      return `covariant return thunk to ${this.#encoding()}`;
    }
    if (this.has("TC")) {
      const derived = text(this.#type());
      this.number();
      this.expect("_");
      return `construction vtable for ${text(this.#type())}-in-${derived}`;
    }
    if (this.has("GTt")) return `transaction clone for ${this.#encoding()}`;
    if (this.has("GTn")) return `non-transaction clone for ${this.#encoding()}`;
    if (this.has("GR")) {
      const name = this.#nameText();
      return `reference temporary #${this.sequence()} for ${name}`;
    }
    return undefined;
  }

  #nameText(): string {
    const { text: name, qualifiers } = this.#name();
    return name + qualifiers;
  }

  /** <name> ::= <nested-name> | <local-name> | <substitution> <template-args> | [St] <unqualified-name> [<template-args>] */
  #name(): Name {
    const c = this.peek();
    if (c === "N") return this.#nested();
    if (c === "Z") return this.#local();
    if (c === "S" && this.peek(1) !== "t") {
      const base = this.#substitution();
      if (this.peek() !== "I") return { text: text(base), template: false, noReturn: false, qualifiers: "" };
      return { text: text(base) + this.#templateArguments(), template: true, noReturn: false, qualifiers: "" };
    }
    const prefix = this.has("St") ? "std::" : "";
    const noReturn = this.input.startsWith("cv", this.at);
    const plain = prefix + this.#unqualified("");
    if (this.peek() !== "I") return { text: plain, template: false, noReturn, qualifiers: "" };
    this.#substitutions.push(node(plain));
    return { text: plain + this.#templateArguments(), template: true, noReturn, qualifiers: "" };
  }

  /** N [<CV-qualifiers>] [<ref-qualifier>] <prefix> <unqualified-name> E */
  #nested(): Name {
    this.expect("N");
    let qualifiers = "";
    for (; /[rVK]/.test(this.peek()); )
      qualifiers = { r: " restrict", V: " volatile", K: " const" }[this.take()] + qualifiers;
    if (this.has("R")) qualifiers += " &";
    else if (this.has("O")) qualifiers += " &&";
    let name = "";
    let full: string | undefined;
    let template = false;
    let noReturn = false;
    while (!this.has("E")) {
      const c = this.peek();
      // A substitution is a candidate already; everything else becomes one, but for the whole at the end.
      let candidate = true;
      if (c === "I") {
        if (name === "") throw new Unknown();
        name += this.#templateArguments();
        template = true;
        full = undefined;
      } else {
        template = false;
        noReturn = false;
        if (c === "S") {
          if (name !== "") throw new Unknown();
          if (this.has("St")) name = "std";
          else {
            const base = this.#substitution();
            name = text(base);
            full = base.full;
          }
          candidate = false;
        } else if (c === "T") name = join(name, text(this.#templateParameter()));
        else if (c === "D" && /[tT]/.test(this.peek(1))) throw new Unknown();
        else {
          if (/[CD]/.test(c) && /[0-9I]/.test(this.peek(1))) {
            noReturn = true;
            if (full !== undefined) name = full;
          } else noReturn = this.input.startsWith("cv", this.at);
          name = join(name, this.#unqualified(name));
          full = undefined;
        }
      }
      if (candidate && this.peek() !== "E") this.#substitutions.push(node(name));
    }
    return { text: name, template, noReturn, qualifiers };
  }

  /** Z <encoding> E (<name> | s) [<discriminator>] */
  #local(): Name {
    this.expect("Z");
    const outer = this.#encoding("inner");
    this.expect("E");
    let name: Name = { text: "string literal", template: false, noReturn: false, qualifiers: "" };
    if (!this.has("s")) {
      if (this.peek() === "d") {
        this.at++;
        if (this.peek() !== "_") this.number();
        this.expect("_");
      }
      name = this.#name();
    }
    const discriminator = /_\d|__\d+_/y;
    discriminator.lastIndex = this.at;
    this.at += discriminator.exec(this.input)?.[0].length ?? 0;
    return { ...name, text: `${outer}::${name.text}` };
  }

  /** <source-name> | <operator-name> | <ctor-dtor-name> | unnamed type | lambda, then <abi-tag>*; `scope` names what is built. */
  #unqualified(scope: string): string {
    this.has("L");
    const c = this.peek();
    let name: string;
    if (/\d/.test(c)) name = this.source();
    else if (c === "C" && scope !== "") {
      this.at++;
      if (this.has("I")) {
        this.take();
        this.#type();
      } else this.take();
      name = baseName(scope);
    } else if (c === "D" && scope !== "" && /\d/.test(this.peek(1))) {
      this.at += 2;
      name = `~${baseName(scope)}`;
    } else if (this.has("Ul")) {
      const params: Node[] = [];
      while (this.peek() !== "E") params.push(this.#type());
      this.expect("E");
      const list = params.length === 1 && text(params[0] as Node) === "void" ? "" : joined(params);
      name = `{lambda(${list})#${this.ordinal()}}`;
    } else if (this.has("Ut")) name = `{unnamed type#${this.ordinal()}}`;
    else if (this.has("cv")) name = `operator ${text(this.#type())}`;
    else if (this.has("li")) name = `operator"" ${this.source()}`;
    else {
      const operator = operators[c + this.peek(1)];
      if (operator === undefined) throw new Unknown();
      this.at += 2;
      name = `operator${operator}`;
    }
    while (this.has("B")) name += `[abi:${this.source()}]`;
    return name;
  }

  /** S [<seq-id>] _ | Sa | Sb | … ; `St` is the caller's. */
  #substitution(): Node {
    this.expect("S");
    const word = standard[this.peek()];
    if (word !== undefined) {
      this.at++;
      return { left: word[0], right: "", full: word[1] };
    }
    const found = this.#substitutions[this.sequence()];
    if (found === undefined) throw new Unknown();
    return found;
  }

  /** T [<number>] _ */
  #templateParameter(): Node {
    this.expect("T");
    let index = 0;
    if (!this.has("_")) {
      index = this.number() + 1;
      this.expect("_");
    }
    const found = this.#arguments[index];
    if (found === undefined) throw new Unknown();
    if (found.pack === undefined || this.#packIndex < 0) return found;
    this.#packSize = found.pack.length;
    return found.pack[this.#packIndex] ?? node("");
  }

  /** I <template-arg>* E; they are what T_ means from here on. */
  #templateArguments(): string {
    const outer = this.#arguments;
    const start = this.at;
    const list = this.#argumentList("I");
    // Inside the arguments, T_ means those around; afterwards these.
    this.#arguments = this.#packIndex >= 0 ? outer : list;
    return this.input.slice(start - 2, start).match(/^(ls|lt)$/) ? ` ${bracketed(list)}` : bracketed(list);
  }

  #argumentList(open: string): Node[] {
    this.expect(open);
    const list: Node[] = [];
    while (!this.has("E")) list.push(this.#argument());
    return list;
  }

  /** <template-arg> ::= <type> | L <literal> E | J <template-arg>* E | X <expression> E */
  #argument(): Node {
    const outer = this.#arguments;
    const c = this.peek();
    let found: Node;
    if (c === "L") found = node(this.#literal());
    else if (c === "J") found = { left: "", right: "", pack: this.#argumentList("J") };
    else if (this.has("XadL_Z")) {
      // The one expression that is common: the address of a function.
      // GNU prints the parameters of one that is in no class or namespace.
      const inner = this.#encoding(this.peek() === "N" ? "name" : "inner");
      found = node(inner.endsWith(")") ? `&(${inner})` : `&${inner}`);
      this.expect("EE");
    } else if (c === "X") throw new Unknown();
    else found = this.#type();
    this.#arguments = outer;
    return found;
  }

  /** L <type> <value> E | L _Z <encoding> E */
  #literal(): string {
    this.expect("L");
    if (this.has("_Z")) {
      const name = this.#encoding();
      this.expect("E");
      return name;
    }
    const code = this.peek();
    const type = text(this.#type());
    const end = this.input.indexOf("E", this.at);
    if (end < 0) throw new Unknown();
    const value = this.input.slice(this.at, end).replace(/^n/, "-");
    this.at = end + 1;
    if (code === "b" && (value === "0" || value === "1")) return value === "1" ? "true" : "false";
    const suffix = literalSuffixes[code];
    return suffix === undefined ? `(${type})${value}` : value + suffix;
  }

  /** <type>; all but builtins and substitutions become substitution candidates. */
  #type(): Node {
    if (++this.#depth > 200) throw new Unknown();
    const found = this.#typeOf(this.peek());
    this.#depth--;
    return found;
  }

  #typeOf(c: string): Node {
    const builtin = builtinTypes[c] ?? (c === "D" ? builtinTypes[c + this.peek(1)] : undefined);
    if (builtin !== undefined) {
      this.at += c === "D" ? 2 : 1;
      return node(builtin);
    }
    switch (c) {
      case "r":
      case "V":
      case "K": {
        let qualifiers = "";
        for (; /[rVK]/.test(this.peek()); )
          qualifiers = { r: " restrict", V: " volatile", K: " const" }[this.take()] + qualifiers;
        return this.#candidate(qualified(this.#type(), qualifiers));
      }
      case "P":
      case "R":
      case "O": {
        this.at++;
        return this.#candidate(pointer(this.#type(), { P: "*", R: "&", O: "&&" }[c]));
      }
      case "C":
      case "G": {
        this.at++;
        return this.#candidate(qualified(this.#type(), c === "C" ? " _Complex" : " _Imaginary"));
      }
      case "F":
        return this.#candidate(this.#function());
      case "A": {
        this.at++;
        const length = /\d/.test(this.peek()) ? String(this.number()) : "";
        this.expect("_");
        const element = this.#type();
        const right = element.compound && element.right.startsWith(" [") ? element.right.slice(1) : element.right;
        return this.#candidate({ left: element.left, right: ` [${length}]${right}`, compound: true });
      }
      case "M": {
        this.at++;
        const scope = text(this.#type());
        return this.#candidate(pointer(this.#type(), `${scope}::*`, true));
      }
      case "T": {
        const parameter = this.#templateParameter();
        const found = this.#candidate(parameter);
        return this.peek() === "I" ? this.#candidate(node(text(found) + bracketed(this.#argumentList("I")))) : found;
      }
      case "S": {
        if (this.peek(1) === "t") return this.#candidate(this.#className());
        const base = this.#substitution();
        return this.peek() === "I" ? this.#candidate(node(text(base) + bracketed(this.#argumentList("I")))) : base;
      }
      case "D":
        if (this.has("Dp")) return this.#candidate(this.#expansion());
        if (this.has("Do")) return this.#candidate(this.#function(" noexcept"));
        throw new Unknown();
      case "u":
        this.at++;
        return this.#candidate(node(this.source()));
      default:
        if (c === "N" || c === "Z" || /\d/.test(c)) return this.#candidate(this.#className());
        throw new Unknown();
    }
  }

  #className(): Node {
    const outer = this.#arguments;
    const { text: name, qualifiers } = this.#name();
    this.#arguments = outer;
    return node(name + qualifiers);
  }

  #candidate(one: Node): Node {
    this.#substitutions.push(one);
    return one;
  }

  /** F [Y] <type>+ [<ref-qualifier>] E */
  #function(suffix = ""): Node {
    this.expect("F");
    this.has("Y");
    const result = this.#type();
    const params = this.#parameters();
    const reference = this.has("R") ? " &" : this.has("O") ? " &&" : "";
    this.expect("E");
    return { left: `${result.left} `, right: `(${params})${reference}${suffix}${result.right}`, compound: true };
  }

  /** The pattern is read once for each element of its pack. */
  #expansion(): Node {
    const start = this.at;
    const [index, size] = [this.#packIndex, this.#packSize];
    this.#packIndex = 0;
    this.#packSize = -1;
    const first = this.#type();
    const after = this.#substitutions.slice();
    const end = this.at;
    const count = this.#packSize;
    const list: Node[] = count === 0 ? [] : [first];
    for (let i = 1; i < count; i++) {
      this.at = start;
      this.#substitutions = after.slice();
      this.#packIndex = i;
      list.push(this.#type());
    }
    this.at = end;
    this.#substitutions = after;
    this.#packIndex = index;
    this.#packSize = size;
    return count < 0 ? node(`${text(first)}...`) : { left: "", right: "", pack: list };
  }
}
