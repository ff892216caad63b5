// C's preprocessor: inclusion, conditionals, macros with and without parameters (C11 6.10), and the extensions of GNU C
// that headers use: `#include_next`, `#pragma once`, `args...`, `, ## __VA_ARGS__`, `__has_include`.

import { lineColumn, type SourceText, type Span } from "../source/index.ts";
import { evaluate } from "./constant-expression.ts";
import { type CToken, fail, spell, tokenize } from "./tokens.ts";

export interface Macro {
  readonly name: string;
  /** Absent: it is used without parentheses. */
  readonly params?: readonly string[];
  /** The last parameter takes all arguments that are left. */
  readonly variadic?: boolean;
  readonly body: readonly CToken[];
}

/** How a header was named: `"x.h"` is looked for beside the file that includes it first. */
export interface IncludeRequest {
  readonly name: string;
  readonly quoted: boolean;
  /** `#include_next`: behind the folder in which this file was found. */
  readonly next: boolean;
  readonly from: SourceText;
}

export interface PreprocessorOptions {
  /** Finds a header; undefined: there is none. */
  include?(request: IncludeRequest): SourceText | undefined;
  /** Macros that stand before the first line: name and text. */
  readonly defines?: readonly (readonly [name: string, text: string])[];
  /** Answers `__has_builtin(name)`, `__has_attribute(name)` and the like; absent: no to all. */
  has?(operator: string, name: string): boolean;
}

const MOST_FILES = 2_000;
/** Characters of all files together. */
const MOST_TEXT = 16_000_000;
/** Files in files, and uses of macros in each other's arguments. */
const MOST_NESTED = 200;
/** Macros that a token may come from, one behind the other. */
const MOST_MACROS = 1_000;
/** Tokens that all expansions of a text may give: macros can double themselves. */
const MOST_TOKENS = 2_000_000;

/** Operators of `#if` that take a name. Of attributes and the like that `__has_…` asks for, none is known here. */
const ASKS = /^(?:defined|__has_\w+)$/;
/** They stand for no text, but `#ifdef` knows them. */
const KNOWN = /^__has_include(?:_next)?$/;
/** Macros whose text is another one at each use. */
const CHANGING = /^__(?:COUNTER|LINE|FILE|INCLUDE_LEVEL)__$/;

interface Conditional {
  /** Is what follows read? Never, where what stands around it is not. */
  holds: boolean;
  taken: boolean;
  /** Has its `#else` been? */
  last: boolean;
  readonly at: CToken;
}

export class Preprocessor {
  readonly macros: Map<string, Macro> = new Map();
  readonly #options: PreprocessorOptions;
  readonly #once = new Set<string>();
  #files = 0;
  #text = 0;
  #expanded = 0;
  #counter = 0;
  #nested = 0;
  /** The `#if` that is being answered. */
  #asking: CToken | undefined;
  /** In a script, brackets of all kinds keep the commas of an argument together: `@x[1, 2]`. In C, parentheses do. */
  #brackets = false;

  constructor(options: PreprocessorOptions = {}) {
    this.#options = options;
    for (const [name, text] of options.defines ?? []) this.define(name, text);
  }

  define(name: string, text: string): void {
    const body = tokenize({ name: "<command line>", text }).filter((t) => t.kind !== "end" && t.kind !== "newline");
    this.macros.set(name, { name, body });
  }

  /** The tokens of a file, or of a part of it, that are left when all directives are followed and all macros expanded. Throws DiagnosticError. */
  run(file: SourceText, from?: number, to?: number): CToken[] {
    const out: CToken[] = [];
    this.#file(file, out, 0, from, to);
    return out;
  }

  /** A piece of text with its macros expanded. */
  expandText(file: SourceText, span: Span): string {
    const tokens = tokenize(file, span.start, span.end).filter((t) => t.kind !== "end" && t.kind !== "newline");
    this.#brackets = true;
    try {
      return spell(this.#expand(tokens));
    } finally {
      this.#brackets = false;
    }
  }

  #isDefined(name: string): boolean {
    return this.macros.has(name) || KNOWN.test(name) || CHANGING.test(name);
  }

  /** Reads the lines `from…to` of a file for their directives alone; says of each conditional whether what follows holds. */
  directive(tokens: readonly CToken[], open: Conditional[], out: CToken[], depth: number): void {
    const name = tokens[0];
    if (name === undefined) return;
    const rest = tokens.slice(1);
    const active = open.at(-1)?.holds ?? true;
    const last = (): Conditional => open.at(-1) ?? fail("SCRY1012", `#${name.text} without #if`, name);
    const next = (): Conditional => {
      const c = last();
      if (c.last) fail("SCRY1012", `#${name.text} after #else`, name);
      return c;
    };
    const outer = (): boolean => open.at(-2)?.holds ?? true;
    const isDefined = (): boolean =>
      this.#isDefined((rest[0] ?? fail("SCRY1011", `macro name missing in #${name.text}`, name)).text);
    switch (name.text) {
      case "if":
        open.push(conditional(active && this.#condition(name, rest), name));
        return;
      case "ifdef":
      case "ifndef":
        open.push(conditional(active && isDefined() === (name.text === "ifdef"), name));
        return;
      case "elif":
      case "elifdef":
      case "elifndef": {
        const c = next();
        const holds =
          !c.taken &&
          outer() &&
          (name.text === "elif" ? this.#condition(name, rest) : isDefined() === (name.text === "elifdef"));
        c.holds = holds;
        c.taken ||= holds;
        return;
      }
      case "else": {
        const c = next();
        c.holds = !c.taken && outer();
        c.taken = true;
        c.last = true;
        return;
      }
      case "endif":
        last();
        open.pop();
        return;
    }
    if (!active) return;
    switch (name.text) {
      case "define":
        this.#define(name, rest);
        return;
      case "undef":
        this.macros.delete(rest[0]?.text ?? "");
        return;
      case "include":
      case "include_next":
      case "import":
        this.#include(name, rest, out, depth);
        return;
      case "error":
        fail("SCRY1017", `#error ${spell(rest)}`, name);
        return;
      case "pragma":
        if (rest[0]?.text === "once") this.#once.add(name.file.name);
        return;
      case "warning":
      case "line":
      case "ident":
      case "!":
        return;
      default:
        if (name.kind === "number") return;
        fail("SCRY1013", `unknown preprocessor directive '#${name.text}'`, name);
    }
  }

  #file(file: SourceText, out: CToken[], depth: number, from?: number, to?: number): void {
    this.#text += (to ?? file.text.length) - (from ?? 0);
    if (this.#text > MOST_TEXT)
      fail("SCRY1018", `more than ${MOST_TEXT} characters of headers`, { file, span: { start: 0, end: 0 } });
    const tokens = tokenize(file, from, to);
    const open: Conditional[] = [];
    let line: CToken[] = [];
    for (let at = 0; at < tokens.length; ) {
      const first = tokens[at] as CToken;
      let end = at;
      while (tokens[end]?.kind !== "newline" && tokens[end]?.kind !== "end") end++;
      if (first.text === "#" && first.kind === "punctuator") {
        append(out, this.#expand(line));
        line = [];
        this.directive(tokens.slice(at + 1, end), open, out, depth);
      } else if (open.at(-1)?.holds ?? true) for (let i = at; i < end; i++) line.push(tokens[i] as CToken);
      at = end + 1;
    }
    append(out, this.#expand(line));
    const left = open.at(-1);
    if (left !== undefined) fail("SCRY1012", "#if without #endif", left.at);
  }

  #condition(at: CToken, tokens: readonly CToken[]): boolean {
    let expanded: CToken[];
    this.#asking = at;
    try {
      expanded = this.#expand(tokens);
    } finally {
      this.#asking = undefined;
    }
    if (expanded.length === 0) fail("SCRY1011", `#${at.text} with no expression`, at);
    // A name that is left is 0 (C11 6.10.1).
    return evaluate(expanded, { name: (t) => (t.text === "true" ? 1n : 0n) }).value !== 0n;
  }

  /** The number that `defined NAME`, `__has_include(…)` and the like stand for in an `#if`; takes the name from what is left to read. */
  #answer(at: CToken, operator: CToken, left: CToken[]): CToken {
    const inner: CToken[] = [];
    const first = left.pop();
    if (first?.text === "(")
      for (let t = left.pop(); t?.text !== ")"; t = left.pop())
        inner.push(t ?? fail("SCRY1011", `")" is missing after ${operator.text}`, operator));
    else if (first !== undefined) inner.push(first);
    const [name] = inner;
    if (name === undefined || (operator.text === "defined" && name.kind !== "identifier"))
      return fail("SCRY1011", `${operator.text} needs a name`, operator);
    const holds =
      operator.text === "defined"
        ? this.#isDefined(name.text)
        : KNOWN.test(operator.text)
          ? this.#find(at, inner, operator.text === "__has_include_next") !== undefined
          : this.#options.has?.(operator.text, name.text) === true;
    return { ...operator, kind: "number", text: holds ? "1" : "0" };
  }

  #define(at: CToken, tokens: readonly CToken[]): void {
    const name = tokens[0];
    if (name?.kind !== "identifier") fail("SCRY1010", "macro name missing in #define", at);
    if (tokens[1]?.text !== "(" || tokens[1].space) {
      this.macros.set(name.text, { name: name.text, body: tokens.slice(1) });
      return;
    }
    const params: string[] = [];
    let variadic = false;
    let i = 2;
    for (; i < tokens.length && tokens[i]?.text !== ")"; i++) {
      const t = tokens[i] as CToken;
      if (t.text === ",") continue;
      if (t.text === "...") {
        // `args...` names what `...` calls __VA_ARGS__.
        if (tokens[i - 1]?.kind !== "identifier") params.push("__VA_ARGS__");
        variadic = true;
      } else if (t.kind === "identifier") params.push(t.text);
      else fail("SCRY1010", `unexpected ${t.text} among the parameters of a macro`, t);
    }
    if (i >= tokens.length) fail("SCRY1010", `the parameters of the macro ${name.text} do not end`, name);
    this.macros.set(name.text, { name: name.text, params, variadic, body: tokens.slice(i + 1) });
  }

  #named(at: CToken, tokens: readonly CToken[]): { name: string; quoted: boolean } {
    const first = tokens[0];
    if (first?.kind === "string") return { name: first.text.slice(1, -1), quoted: true };
    if (first?.text === "<") {
      const end = tokens.findIndex((t) => t.text === ">");
      // Spelled without the tokens' idea of where a space is.
      if (end > 0)
        return { name: at.file.text.slice(first.span.end, (tokens[end] as CToken).span.start), quoted: false };
    }
    const expanded = this.#expand(tokens);
    if (expanded[0]?.kind === "string") return { name: expanded[0].text.slice(1, -1), quoted: true };
    const text = spell(expanded).replaceAll(" ", "");
    if (text.startsWith("<") && text.endsWith(">")) return { name: text.slice(1, -1), quoted: false };
    return fail("SCRY1018", '#include expects "FILE" or <FILE>', at);
  }

  #find(at: CToken, tokens: readonly CToken[], next: boolean): SourceText | undefined {
    return this.#options.include?.({ ...this.#named(at, tokens), next, from: at.file });
  }

  #include(at: CToken, tokens: readonly CToken[], out: CToken[], depth: number): void {
    const file = this.#find(at, tokens, at.text === "include_next");
    const named =
      tokens[0] === undefined
        ? at
        : { ...at, span: { start: tokens[0].span.start, end: tokens.at(-1)?.span.end ?? 0 } };
    if (file === undefined) fail("SCRY1018", `'${this.#named(at, tokens).name}' file not found`, named);
    if (this.#once.has(file.name)) return;
    if (at.text === "import") this.#once.add(file.name);
    if (depth >= MOST_NESTED || ++this.#files > MOST_FILES)
      fail("SCRY1018", `'${file.name}' is included too deep`, named, "Does it include itself?");
    this.#file(file, out, depth + 1);
  }

  // --- macros ---------------------------------------------------------------------------------------------------

  /** By the algorithm of Prosser: each token knows the macros that it must not name again. */
  #expand(tokens: readonly CToken[]): CToken[] {
    if (this.#nested >= MOST_NESTED) fail("SCRY1019", "macros are nested too deep", tokens[0] as CToken);
    this.#nested++;
    try {
      return this.#expandAll(tokens);
    } finally {
      this.#nested--;
    }
  }

  #expandAll(tokens: readonly CToken[]): CToken[] {
    const out: CToken[] = [];
    // What is still to be read, last first: a macro's text is read again, with what stands behind it.
    const left = [...tokens].reverse();
    for (let t = left.pop(); t !== undefined; t = left.pop()) {
      if (t.kind === "newline") continue;
      if (this.#asking !== undefined && ASKS.test(t.text) && !this.macros.has(t.text)) {
        out.push(this.#answer(this.#asking, t, left));
        continue;
      }
      const macro = t.kind === "identifier" ? this.macros.get(t.text) : undefined;
      if (macro === undefined && t.kind === "identifier" && t.text.startsWith("_")) {
        if (t.text === "_Pragma") {
          passParentheses(left);
          continue;
        }
        if (CHANGING.test(t.text)) {
          out.push(this.#changing(t));
          continue;
        }
      }
      if (macro === undefined || t.from?.includes(t.text) === true) {
        out.push(t);
        continue;
      }
      let args: CToken[][] | undefined;
      let hidden = t.from ?? [];
      if (macro.params !== undefined) {
        let next = left.length - 1;
        while (left[next]?.kind === "newline") next--;
        if (left[next]?.text !== "(") {
          out.push(t);
          continue;
        }
        left.length = next;
        const found = argumentsOf(macro, t, left, this.#brackets);
        args = found.args;
        // Parentheses from elsewhere end what the macros before it hide.
        hidden = hidden.filter((name) => found.end.from?.includes(name) === true);
      }
      if (hidden.length >= MOST_MACROS) fail("SCRY1019", `the macro ${macro.name} is behind too many others`, t);
      const body = this.#substitute(macro, t, args, [...hidden, macro.name]);
      this.#expanded += body.length + 1;
      if (this.#expanded > MOST_TOKENS) fail("SCRY1019", `the macro ${macro.name} grows without end`, t);
      for (let i = body.length - 1; i >= 0; i--) left.push(body[i] as CToken);
    }
    return out;
  }

  /** What one of the macros that change stands for here. */
  #changing(t: CToken): CToken {
    if (t.text === "__FILE__") return { ...t, kind: "string", text: JSON.stringify(t.file.name) };
    const value =
      t.text === "__COUNTER__" ? this.#counter++ : t.text === "__LINE__" ? lineColumn(t.file, t.span.start).line : 0;
    return { ...t, kind: "number", text: `${value}` };
  }

  #substitute(macro: Macro, use: CToken, args: CToken[][] | undefined, from: readonly string[]): CToken[] {
    const { params = [] } = macro;
    const body =
      macro.variadic === true ? optional(macro.body, (args?.[params.length - 1] ?? []).length > 0) : macro.body;
    const placed = (t: CToken): CToken => ({ ...t, file: use.file, span: use.span });
    const parameter = (t: CToken | undefined): number =>
      t?.kind === "identifier" && args !== undefined ? params.indexOf(t.text) : -1;
    /** What stands there, as it is written: an argument, `#` with its parameter, or one token. */
    const operand = (at: number): { readonly tokens: readonly CToken[]; readonly end: number } => {
      const t = body[at] as CToken;
      const own = parameter(t);
      if (own >= 0) return { tokens: args?.[own] ?? [], end: at + 1 };
      const given = t.text === "#" ? parameter(body[at + 1]) : -1;
      if (given < 0) return { tokens: [placed(t)], end: at + 1 };
      return { tokens: [placed({ ...t, kind: "string", text: quote(args?.[given] ?? []) })], end: at + 2 };
    };
    const expanded = new Map<number, readonly CToken[]>();
    const result: CToken[] = [];
    for (let i = 0; i < body.length; ) {
      const t = body[i] as CToken;
      let { tokens, end } = operand(i);
      const own = parameter(t);
      if (body[end]?.text === "##" && end + 1 < body.length) {
        // Both sides as they are written, and one token of the last and the first.
        while (body[end]?.text === "##" && end + 1 < body.length) {
          const right = operand(end + 1);
          // GNU: `, ## __VA_ARGS__` drops the comma where nothing was given.
          if (tokens.at(-1)?.text === "," && macro.variadic === true && parameter(body[end + 1]) === params.length - 1)
            tokens = right.tokens.length === 0 ? tokens.slice(0, -1) : [...tokens, ...right.tokens];
          else tokens = paste(tokens, right.tokens);
          end = right.end;
        }
      } else if (own >= 0) {
        tokens = expanded.get(own) ?? this.#expand(tokens);
        expanded.set(own, tokens);
      }
      append(
        result,
        tokens.map((g, n) => (n === 0 ? { ...g, space: t.space } : g)),
      );
      i = end;
    }
    return result.map((t, i) => ({
      ...t,
      ...(i === 0 ? { space: use.space } : {}),
      from: t.from === undefined ? from : [...new Set([...t.from, ...from])],
    }));
  }
}

const conditional = (holds: boolean, at: CToken): Conditional => ({ holds, taken: holds, last: false, at });

/** There may be more than a call takes arguments. */
function append(to: CToken[], tokens: readonly CToken[]): void {
  for (const t of tokens) to.push(t);
}

/** A body with what stands in `__VA_OPT__(…)` where arguments are left for it, without where there are none. */
function optional(body: readonly CToken[], given: boolean): readonly CToken[] {
  const at = body.findIndex((t) => t.text === "__VA_OPT__");
  if (at < 0 || body[at + 1]?.text !== "(") return body;
  const rest = body.slice(at + 1).reverse();
  const inner = passParentheses(rest);
  return [...body.slice(0, at), ...(given ? inner : []), ...optional(rest.reverse(), given)];
}

/** Takes what stands in parentheses from what is left to read; gives it without them. */
function passParentheses(left: CToken[]): CToken[] {
  const inner: CToken[] = [];
  while (left.at(-1)?.kind === "newline") left.pop();
  if (left.at(-1)?.text !== "(") return inner;
  for (let depth = 0, t = left.pop(); t !== undefined; t = left.pop()) {
    if (t.text === "(") depth++;
    if (t.text === ")" && --depth === 0) break;
    inner.push(t);
  }
  return inner.slice(1);
}

/** `#x`: the text of an argument as a string. */
function quote(tokens: readonly CToken[]): string {
  let text = "";
  for (const t of tokens) {
    const escaped = t.kind === "string" || t.kind === "character" ? t.text.replace(/["\\]/g, "\\$&") : t.text;
    text += t.space && text !== "" ? ` ${escaped}` : escaped;
  }
  return `"${text}"`;
}

/** Takes the arguments of a macro from what is left to read; `end` is the parenthesis behind them. */
function argumentsOf(
  macro: Macro,
  use: CToken,
  left: CToken[],
  brackets: boolean,
): { readonly args: CToken[][]; readonly end: CToken } {
  const args: CToken[][] = [[]];
  const params = macro.params ?? [];
  let end: CToken;
  let line = false;
  for (let depth = 0; ; ) {
    const t = left.pop();
    if (t === undefined || t.kind === "end")
      return fail("SCRY1019", `the arguments of the macro ${macro.name} do not end`, use);
    if (t.kind === "newline") {
      line = true;
      continue;
    }
    if (t.text === ")" && depth === 0) {
      end = t;
      break;
    }
    if (t.text === "(" || (brackets && (t.text === "[" || t.text === "{"))) depth++;
    if (t.text === ")" || (brackets && (t.text === "]" || t.text === "}"))) depth--;
    const rest = macro.variadic === true && args.length >= params.length;
    if (t.text === "," && depth === 0 && !rest) args.push([]);
    else args.at(-1)?.push(line ? { ...t, space: true } : t);
    line = false;
  }
  if (params.length === 0 && args.length === 1 && args[0]?.length === 0) return { args: [], end };
  const least = macro.variadic === true ? params.length - 1 : params.length;
  if (args.length < least || args.length > params.length)
    fail("SCRY1019", `the macro ${macro.name} takes ${params.length} arguments, ${args.length} given`, use);
  return { args, end };
}

function paste(left: readonly CToken[], right: readonly CToken[]): CToken[] {
  const last = left.at(-1);
  const first = right[0];
  if (last === undefined) return [...right];
  if (first === undefined) return [...left];
  const text = last.text + first.text;
  const made = tokenize({ name: last.file.name, text }).filter((t) => t.kind !== "end");
  const joined = made.map((t, i): CToken => ({ ...t, file: last.file, span: last.span, space: i === 0 && last.space }));
  return [...left.slice(0, -1), ...joined, ...right.slice(1)];
}
