// What may stand before the first probe in the C preprocessor's tongue: `#!`, `#include`, `#define`, `#if…`.
// The kernel's own types come from BTF, so headers are not read; conditionals on BPFTRACE_HAVE_BTF are answered.

import type { SourceText } from "../../../source/index.ts";
import { Lexer } from "./lexer.ts";

export interface Preamble {
  /** The text with every preprocessor line blanked out, so that offsets stay true. */
  readonly source: SourceText;
  readonly defines: ReadonlyMap<string, string>;
}

const blank = (line: string): string => " ".repeat(line.length);

export function readPreamble(source: SourceText): Preamble {
  const defines = new Map<string, string>([["BPFTRACE_HAVE_BTF", "1"]]);
  if (!/^[ \t]*#/m.test(source.text)) return { source, defines };
  const lexer = new Lexer(source);
  // One entry per open #if: does its present branch hold, and has any branch held?
  const open: { holds: boolean; taken: boolean; at: number }[] = [];
  const lines = source.text.split("\n");
  let offset = 0;
  let continued = false;
  let comment = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const span = { start: offset, end: offset + line.length };
    offset += line.length + 1;
    const active = open.every((o) => o.holds);
    // A line that begins inside a comment is no directive.
    const within = comment;
    comment = endsInComment(line, comment);
    if (within) {
      if (!active) lines[i] = blank(line);
      continue;
    }
    if (continued) {
      continued = line.endsWith("\\");
      lines[i] = blank(line);
      continue;
    }
    const directive = /^\s*#\s*(!|[a-z]*)\s*(.*?)\s*$/.exec(line);
    if (directive === null) {
      if (!active) lines[i] = blank(line);
      continue;
    }
    lines[i] = blank(line);
    continued = line.endsWith("\\");
    const rest = (directive[2] as string).replace(/\/\/.*$|\/\*.*?\*\/\s*$/, "").trim();
    switch (directive[1]) {
      case "!":
      case "include":
      case "pragma":
      case "":
        break;
      case "define": {
        const define = /^([A-Za-z_]\w*)(\(.*)?(?:\s+(.*))?$/.exec(rest);
        if (define === null || define[2] !== undefined)
          return lexer.fail(
            "SCRY1010",
            "function-like #define is not supported yet",
            span,
            "Use an object-like #define, or repeat the expression",
          );
        if (active) defines.set(define[1] as string, define[3] ?? "");
        break;
      }
      case "undef":
        if (active) defines.delete(rest);
        break;
      case "ifdef":
      case "ifndef": {
        const holds = defines.has(rest) === (directive[1] === "ifdef");
        open.push({ holds, taken: holds, at: span.start });
        break;
      }
      case "if":
      case "elif": {
        const holds = condition(rest, defines, () =>
          lexer.fail("SCRY1011", `unsupported #${directive[1]} condition: ${rest}`, span),
        );
        if (directive[1] === "if") open.push({ holds, taken: holds, at: span.start });
        else {
          const last = open.at(-1) ?? lexer.fail("SCRY1012", "#elif without #if", span);
          last.holds = !last.taken && holds;
          last.taken ||= holds;
        }
        break;
      }
      case "else": {
        const last = open.at(-1) ?? lexer.fail("SCRY1012", "#else without #if", span);
        last.holds = !last.taken;
        last.taken = true;
        break;
      }
      case "endif":
        if (open.pop() === undefined) lexer.fail("SCRY1012", "#endif without #if", span);
        break;
      default:
        lexer.fail("SCRY1013", `unknown preprocessor directive '#${directive[1]}'`, span);
    }
  }
  const last = open.at(-1);
  if (last !== undefined) lexer.fail("SCRY1012", "#if without #endif", { start: last.at, end: last.at + 3 });
  return { source: { name: source.name, text: lines.join("\n") }, defines };
}

/** Is a block comment open at the end of the line? Strings and line comments do not open one. */
function endsInComment(line: string, open: boolean): boolean {
  let inside = open;
  for (const m of line.matchAll(/"(?:\\.|[^"\\])*"|\/\/.*$|\/\*|\*\//g)) {
    if (m[0] === "/*") inside = true;
    else if (m[0] === "*/") inside = false;
    else if (inside && m[0].includes("*/")) inside = false;
  }
  return inside;
}

/** `defined(X)`, `!defined(X)`, a number, a defined name. */
function condition(text: string, defines: ReadonlyMap<string, string>, fail: () => never): boolean {
  const match = /^(!?)\s*(?:defined\s*\(?\s*(\w+)\s*\)?|(\w+))$/.exec(text);
  if (match === null) return fail();
  const value =
    match[2] !== undefined ? defines.has(match[2]) : Number(defines.get(match[3] as string) ?? match[3]) > 0;
  return match[1] === "!" ? !value : value;
}
