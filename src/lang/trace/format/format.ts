// `--fmt`: a script with its lines and spaces in order. Tokens and comments are the same as before: what a script means does
// not change.

import type { SourceText } from "../../../source/index.ts";
import { asProbe, type Expression, type Probe, parseScript, type Script, walkProbe } from "../parse/index.ts";
import { StatementPrinter } from "./statements.ts";
import { eachPiece, type Piece, piecesOf } from "./tokens.ts";

/** The script, formatted. Throws DiagnosticError for a text that is no script. */
export function formatScript(source: SourceText): string {
  const script = parseScript(source, [], {
    all: false,
    // What is imported and included is not this text.
    imported: () => [],
    header: ({ name }) => ({ name, text: "" }),
    unexpanded: true,
  });
  return new Formatter(source, script).text();
}

/** `#if…` up to its `#endif`, where the text begins with one. */
function conditional(text: string): string | undefined {
  if (!/^#\s*if/.test(text)) return undefined;
  let depth = 0;
  for (const m of text.matchAll(/^[ \t]*#[ \t]*(if|endif)[^\n]*/gm)) {
    depth += m[1] === "if" ? 1 : -1;
    if (depth === 0) return text.slice(0, m.index + m[0].length);
  }
  return undefined;
}

class Formatter {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #script: Script;
  readonly #casts = new Set<number>();
  #at = 0;
  #out: string[] = [];

  constructor(source: SourceText, script: Script) {
    this.#source = source;
    this.#text = source.text;
    this.#script = script;
    const note = (e: Expression): void => {
      if (e.kind === "cast") this.#casts.add(this.#text.indexOf(")", e.to.span.end));
    };
    for (const probe of script.probes) walkProbe(probe, { expression: note });
    for (const macro of script.macros ?? []) walkProbe(asProbe(macro), { expression: note });
  }

  text(): string {
    const probes = new Map(this.#script.probes.map((p) => [p.span.start, p]));
    for (;;) {
      const gap = /^\s*/.exec(this.#text.slice(this.#at))?.[0] ?? "";
      this.#at += gap.length;
      if (this.#at >= this.#text.length) break;
      if ((gap.match(/\n/g)?.length ?? 0) > 1 && this.#out.length > 0) this.#out.push("");
      this.#item(probes.get(this.#at), gap.includes("\n") || this.#out.length === 0);
    }
    while (this.#out.at(-1) === "") this.#out.pop();
    return `${this.#out.join("\n")}\n`;
  }

  #item(probe: Probe | undefined, ownLine: boolean): void {
    const rest = this.#text.slice(this.#at);
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)/.exec(rest)?.[0];
    if (comment !== undefined) {
      const last = this.#out.length - 1;
      if (ownLine || last < 0) this.#out.push(comment.trimEnd());
      else this.#out[last] += ` ${comment.trimEnd()}`;
      this.#at += comment.length;
      return;
    }
    if (rest.startsWith("#")) {
      // What stands in a condition may not be part of the script: it is left as it is.
      const directive = conditional(rest) ?? /^#(?:[^\n\\]|\\[\s\S])*/.exec(rest)?.[0] ?? rest;
      this.#out.push(directive.trimEnd());
      this.#at += directive.length;
      return;
    }
    if (probe !== undefined) {
      this.#probe(probe);
      return;
    }
    // A declaration of C stands as it is.
    const c = /^(?:struct|union|enum|typedef)\b/.test(rest);
    const end = c ? this.#declarationEnd() : this.#definitionEnd();
    const text = this.#text.slice(this.#at, end);
    if (c) this.#out.push(text);
    else {
      const pieces = piecesOf(this.#source, this.#at, end);
      const lines = new StatementPrinter(pieces, 0, this.#casts).all();
      // The brace of a macro stands on a line of its own.
      const [first = "", ...others] = lines;
      if (/^(?:macro|fn)\b/.test(first) && first.endsWith(" {")) this.#out.push(first.slice(0, -2), "{", ...others);
      else this.#out.push(...lines);
    }
    this.#at = end;
  }

  #declarationEnd(): number {
    const ends = this.#script.declarationEnds ?? [];
    return ends.find((end) => end > this.#at) ?? this.#text.length;
  }

  /** Where a definition ends: behind its semicolon or its block. */
  #definitionEnd(): number {
    let depth = 0;
    let block: Piece | undefined;
    for (const p of eachPiece(this.#source, this.#at, this.#text.length)) {
      if (block !== undefined) return p.text === ";" ? p.end : block.end;
      if (p.kind !== "punctuator") continue;
      if (p.text === "{" || p.text === "(") depth++;
      if (p.text === "}" || p.text === ")") depth--;
      if (depth > 0) continue;
      if (p.text === ";") return p.end;
      if (p.text === "}") block = p;
    }
    return block?.end ?? this.#text.length;
  }

  #probe(probe: Probe): void {
    const { body, predicate, attachPoints } = probe;
    const head = this.#text.slice(probe.span.start, body.span.start);
    const points = attachPoints.map((p) => this.#text.slice(p.span.start, p.span.end));
    const plain = head.replace(/\s/g, "");
    const condition =
      predicate === undefined ? "" : this.#predicate(head, attachPoints.at(-1)?.span.end ?? 0, body.span.start);
    // Comments in the head: it stands as it is.
    if (plain !== `${points.join(",")}${condition.replace(/\s/g, "")}`.replace(/\s/g, ""))
      this.#out.push(head.trimEnd());
    else {
      this.#out.push(...points.map((p, i) => (i < points.length - 1 ? `${p},` : p)));
      if (condition !== "") this.#out.push(condition);
    }
    const pieces = piecesOf(this.#source, body.span.start, body.span.end);
    this.#out.push(...new StatementPrinter(pieces, 0, this.#casts).all());
    this.#at = body.span.end;
  }

  #predicate(head: string, from: number, to: number): string {
    const text = this.#text.slice(from, to);
    const start = text.indexOf("/");
    const end = text.lastIndexOf("/");
    if (start < 0 || end <= start || /\/\/|\/\*/.test(head)) return "";
    const pieces = piecesOf(this.#source, from + start + 1, from + end);
    return `/${new StatementPrinter(pieces, 0, this.#casts).all().join(" ")}/`;
  }
}
