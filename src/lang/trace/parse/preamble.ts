// What a script says to C's preprocessor: `#!`, `#include`, `#define`, `#if…`. Headers of the user are read at once; those
// of the system only when a script turns out to need them, because the kernel's types come from BTF.

import { type CToken, type IncludeRequest, Preprocessor, tokenize } from "../../../c/index.ts";
import { DiagnosticError, type SourceText } from "../../../source/index.ts";

/** Where headers come from, and which are wanted. */
export interface Headers {
  header?(request: IncludeRequest, whose: "own" | "system"): SourceText | undefined;
  /** See `ProbeEnvironment.imported`. */
  imported?(path: string, from: SourceText): readonly SourceText[] | string;
  /** Headers that stand before the script. */
  readonly includes?: readonly string[];
  /** Leave macros as they are. */
  readonly unexpanded?: true;
  /** Read those of the system, too. */
  readonly all: boolean;
}

export interface Preamble {
  /** The text with every preprocessor line blanked out, so that offsets stay true. */
  readonly source: SourceText;
  readonly preprocessor: Preprocessor;
  /** What the headers declare. */
  readonly tokens: readonly CToken[];
  readonly skipped: readonly string[];
  readonly system: (file: SourceText) => boolean;
}

/**
 * Headers that nobody misses: those of the kernel, whose types BTF has, and those that a C compiler brings, whose types the
 * language has.
 */
const NOT_MISSED =
  /^(?:acpi|asm|asm-generic|bpf|crypto|drm|generated|keys|kvm|linux|media|mtd|net|rdma|scsi|sound|trace|uapi|vdso|video|xen)\/|^(?:float|limits|stdarg|stdbool|stddef|stdint)\.h$/;

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** Macros that a compiler for this machine defines itself, as far as headers ask for them. */
const PREDEFINED: readonly (readonly [string, string])[] = [
  ["BPFTRACE_HAVE_BTF", "1"],
  ["__STDC__", "1"],
  ["__STDC_VERSION__", "201112L"],
  ["__STDC_HOSTED__", "1"],
  ["__GNUC__", "12"],
  ["__GNUC_MINOR__", "2"],
  ["__linux__", "1"],
  ["__unix__", "1"],
  ["__LP64__", "1"],
  ["_LP64", "1"],
  ["__CHAR_BIT__", "8"],
  ["__SIZEOF_LONG__", "8"],
  ["__SIZEOF_POINTER__", "8"],
  ["__SIZEOF_INT128__", "16"],
  ["__BITS_PER_LONG", "64"],
  ["__ORDER_LITTLE_ENDIAN__", "1234"],
  ["__ORDER_BIG_ENDIAN__", "4321"],
  ["__BYTE_ORDER__", "1234"],
  ["__SIZE_TYPE__", "unsigned long"],
  ["__PTRDIFF_TYPE__", "long"],
  ["__WCHAR_TYPE__", "int"],
  ["__INT_MAX__", "2147483647"],
  ["__LONG_MAX__", "9223372036854775807L"],
  ["__x86_64__", "1"],
  ["__x86_64", "1"],
];

export function readPreamble(source: SourceText, headers: Headers): Preamble {
  const skipped: string[] = [];
  const systemFiles = new Set<string>();
  const system = (file: SourceText): boolean => systemFiles.has(file.name);
  const include = (request: IncludeRequest): SourceText | undefined => {
    const inSystem = systemFiles.has(request.from.name);
    const own = inSystem ? undefined : headers.header?.(request, "own");
    if (own !== undefined) return own;
    const missed = !inSystem && headers.header !== undefined && !NOT_MISSED.test(request.name);
    if (!headers.all && !request.quoted) {
      if (missed && headers.header?.(request, "system") === undefined) return undefined;
      skipped.push(request.name);
      return { name: request.name, text: "" };
    }
    const found = headers.header?.(request, "system");
    if (found !== undefined) {
      systemFiles.add(found.name);
      return found;
    }
    if (missed || (request.quoted && !inSystem)) return undefined;
    // What the kernel's headers say of types, BTF says too: who misses something is told that this one was not found.
    skipped.push(request.name);
    return { name: request.name, text: "" };
  };
  const preprocessor = new Preprocessor({ include, defines: PREDEFINED });
  const tokens: CToken[] = [];
  for (const name of headers.includes ?? []) {
    const from = { name: "<command line>", text: `"${name}"` };
    preprocessor.directive(tokenize({ name: from.name, text: `include "${name}"` }).slice(0, 2), [], tokens, 0);
  }
  const result = (text: string): Preamble => ({
    source: { ...source, text },
    preprocessor,
    tokens,
    skipped,
    system,
  });
  if (!/^[ \t]*#/m.test(source.text)) return result(source.text);

  const open: Parameters<Preprocessor["directive"]>[1] = [];
  const lines = source.text.split("\n");
  let offset = 0;
  let comment = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const start = offset;
    offset += line.length + 1;
    // A line that begins inside a comment is no directive.
    const within = comment;
    comment = endsInComment(line, comment);
    if (within || !/^\s*#/.test(line)) {
      if (!open.every((o) => o.holds)) lines[i] = blank(line);
      continue;
    }
    let last = i;
    while (/\\\s*$/.test(lines[last] as string) && last + 1 < lines.length) {
      last++;
      offset += (lines[last] as string).length + 1;
    }
    for (let n = i; n <= last; n++) lines[n] = blank(lines[n] as string);
    i = last;
    if (/^\s*#!/.test(line)) continue;
    const directive = tokenize(source, start, Math.min(offset - 1, source.text.length));
    preprocessor.directive(
      directive.slice(1).filter((t) => t.kind !== "end" && t.kind !== "newline"),
      open,
      tokens,
      0,
    );
  }
  const last = open.at(-1);
  if (last !== undefined)
    throw new DiagnosticError(
      [{ code: "SCRY1012", severity: "error", message: "#if without #endif", span: last.at.span }],
      source,
    );
  return result(lines.join("\n"));
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
