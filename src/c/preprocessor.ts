// C's preprocessor: inclusion, conditionals, macros with and without parameters (C11 6.10), and the extensions of GNU C
// that headers use: `#include_next`, `#pragma once`, `args...`, `, ## __VA_ARGS__`, `__has_include`.

import type { SourceText, Span } from "../source/index.ts";
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
}

const MOST_FILES = 2_000;
const MOST_NESTED = 200;
/** Tokens that all expansions of a text may give: macros can double themselves. */
const MOST_TOKENS = 4_000_000;

const HIDDEN: ReadonlySet<string> = new Set(["defined", "__has_include", "__has_include_next"]);

interface Conditional {
  holds: boolean;
  taken: boolean;
  readonly at: CToken;
}

export class Preprocessor {
  readonly macros: Map<string, Macro> = new Map();
  readonly #options: PreprocessorOptions;
  readonly #once = new Set<string>();
  #files = 0;
  #expanded = 0;

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
    return spell(this.#expand(tokens));
  }

  /** Reads the lines `from…to` of a file for their directives alone; says of each conditional whether what follows holds. */
  directive(tokens: readonly CToken[], open: Conditional[], out: CToken[], depth: number): void {
    const name = tokens[0];
    if (name === undefined) return;
    const rest = tokens.slice(1);
    const active = open.every((o) => o.holds);
    const last = (): Conditional => open.at(-1) ?? fail("SCRY1012", `#${name.text} without #if`, name);
    switch (name.text) {
      case "if":
        open.push(conditional(active && this.#condition(name, rest), name));
        return;
      case "ifdef":
      case "ifndef": {
        const macro = rest[0] ?? fail("SCRY1011", `macro name missing in #${name.text}`, name);
        open.push(conditional(this.macros.has(macro.text) === (name.text === "ifdef"), name));
        return;
      }
      case "elif":
      case "elifdef":
      case "elifndef": {
        const c = last();
        const outer = open.slice(0, -1).every((o) => o.holds);
        const holds =
          !c.taken &&
          outer &&
          (name.text === "elif"
            ? this.#condition(name, rest)
            : this.macros.has(rest[0]?.text ?? "") === (name.text === "elifdef"));
        c.holds = holds;
        c.taken ||= holds;
        return;
      }
      case "else": {
        const c = last();
        c.holds = !c.taken;
        c.taken = true;
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
    const tokens = tokenize(file, from, to);
    const open: Conditional[] = [];
    let line: CToken[] = [];
    for (let at = 0; at < tokens.length; ) {
      const first = tokens[at] as CToken;
      let end = at;
      while (tokens[end]?.kind !== "newline" && tokens[end]?.kind !== "end") end++;
      if (first.text === "#" && first.kind === "punctuator") {
        out.push(...this.#expand(line));
        line = [];
        this.directive(tokens.slice(at + 1, end), open, out, depth);
      } else if (open.every((o) => o.holds)) for (let i = at; i < end; i++) line.push(tokens[i] as CToken);
      at = end + 1;
    }
    out.push(...this.#expand(line));
    const left = open.at(-1);
    if (left !== undefined) fail("SCRY1012", "#if without #endif", left.at);
  }

  #condition(at: CToken, tokens: readonly CToken[]): boolean {
    // `defined` and `__has_include` are answered before macros are expanded.
    const answered: CToken[] = [];
    const number = (t: CToken, holds: boolean): CToken => ({ ...t, kind: "number", text: holds ? "1" : "0" });
    for (let i = 0; i < tokens.length; i++) {
      const t = tokens[i] as CToken;
      if (!HIDDEN.has(t.text)) {
        answered.push(t);
        continue;
      }
      const parenthesis = tokens[i + 1]?.text === "(";
      let end = i + 1;
      if (parenthesis) while (end < tokens.length && tokens[end]?.text !== ")") end++;
      const inner = parenthesis ? tokens.slice(i + 2, end) : tokens.slice(end, end + 1);
      if (inner.length === 0) fail("SCRY1011", `${t.text} needs a name`, t);
      answered.push(
        number(
          t,
          t.text === "defined"
            ? this.macros.has(inner[0]?.text ?? "")
            : this.#find(at, inner, t.text === "__has_include_next") !== undefined,
        ),
      );
      i = end;
    }
    const expanded = this.#expand(answered);
    if (expanded.length === 0) fail("SCRY1011", `#${at.text} with no expression`, at);
    // A name that is left is 0 (C11 6.10.1).
    return evaluate(expanded, { name: (t) => (t.text === "true" ? 1n : 0n) }).value !== 0n;
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
    if (depth >= MOST_NESTED || ++this.#files > MOST_FILES)
      fail("SCRY1018", `'${file.name}' is included too deep`, named, "Does it include itself?");
    this.#file(file, out, depth + 1);
  }

  // --- macros ---------------------------------------------------------------------------------------------------

  #expand(tokens: readonly CToken[]): CToken[] {
    const out: CToken[] = [];
    // What is still to be read, last first: a macro's text is read again, with what stands behind it.
    const left = [...tokens].reverse();
    for (let t = left.pop(); t !== undefined; t = left.pop()) {
      if (t.kind === "newline") continue;
      const macro = t.kind === "identifier" ? this.macros.get(t.text) : undefined;
      if (macro === undefined || t.from?.includes(t.text) === true) {
        out.push(t);
        continue;
      }
      let args: CToken[][] | undefined;
      if (macro.params !== undefined) {
        let next = left.length - 1;
        while (left[next]?.kind === "newline") next--;
        if (left[next]?.text !== "(") {
          out.push(t);
          continue;
        }
        left.length = next;
        args = argumentsOf(macro, t, left);
      }
      const body = this.#substitute(macro, t, args);
      this.#expanded += body.length;
      if (this.#expanded > MOST_TOKENS) fail("SCRY1019", `the macro ${macro.name} grows without end`, t);
      for (let i = body.length - 1; i >= 0; i--) left.push(body[i] as CToken);
    }
    return out;
  }

  #substitute(macro: Macro, use: CToken, args: CToken[][] | undefined): CToken[] {
    const from = [...(use.from ?? []), macro.name];
    const mark = (t: CToken): CToken => ({
      ...t,
      file: use.file,
      span: use.span,
      from: t.from === undefined ? from : [...new Set([...t.from, ...from])],
    });
    const argument = (t: CToken | undefined): CToken[] | undefined => {
      if (t?.kind !== "identifier" || args === undefined) return undefined;
      const at = macro.params?.indexOf(t.text) ?? -1;
      return at < 0 ? undefined : (args[at] ?? []);
    };
    const result: CToken[] = [];
    const { body } = macro;
    for (let i = 0; i < body.length; i++) {
      const t = body[i] as CToken;
      if (t.text === "#" && args !== undefined) {
        const given = argument(body[i + 1]);
        if (given !== undefined) {
          result.push(mark({ ...t, kind: "string", text: `"${spell(given).replace(/["\\]/g, "\\$&")}"` }));
          i++;
          continue;
        }
      }
      if (body[i + 1]?.text === "##") {
        // Both sides as they are written, and one token of the last and the first.
        let left = argument(t) ?? [t];
        while (body[i + 1]?.text === "##") {
          const side = body[i + 2];
          if (side === undefined) break;
          const right = argument(side) ?? [side];
          // GNU: `, ## __VA_ARGS__` drops the comma where nothing was given.
          if (left.at(-1)?.text === "," && macro.variadic === true && side.text === macro.params?.at(-1))
            left = right.length === 0 ? left.slice(0, -1) : [...left, ...right];
          else left = paste(left, right);
          i += 2;
        }
        result.push(...left.map(mark));
        continue;
      }
      const given = argument(t);
      if (given === undefined) result.push(mark(t));
      else {
        const full = this.#expand(given);
        result.push(...full.map((g, n) => ({ ...g, space: n === 0 ? t.space : g.space })));
      }
    }
    return result;
  }
}

const conditional = (holds: boolean, at: CToken): Conditional => ({ holds, taken: holds, at });

/** Takes the arguments of a macro from what is left to read. */
function argumentsOf(macro: Macro, use: CToken, left: CToken[]): CToken[][] {
  const args: CToken[][] = [[]];
  const params = macro.params ?? [];
  for (let depth = 0; ; ) {
    const t = left.pop();
    if (t === undefined || t.kind === "end")
      return fail("SCRY1019", `the arguments of the macro ${macro.name} do not end`, use);
    if (t.kind === "newline") continue;
    if (t.text === ")" && depth === 0) break;
    if (t.text === "(" || t.text === "[" || t.text === "{") depth++;
    if (t.text === ")" || t.text === "]" || t.text === "}") depth--;
    const rest = macro.variadic === true && args.length >= params.length;
    if (t.text === "," && depth === 0 && !rest) args.push([]);
    else args.at(-1)?.push(t);
  }
  if (params.length === 0 && args.length === 1 && args[0]?.length === 0) return [];
  const least = macro.variadic === true ? params.length - 1 : params.length;
  if (args.length < least || args.length > params.length)
    fail("SCRY1019", `the macro ${macro.name} takes ${params.length} arguments, ${args.length} given`, use);
  return args;
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
