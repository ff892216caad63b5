// printf's format: `%(-)(+)( )(#)(0)(width|*)(.prec)([hlLjzt]*)([diouxXcsp]|r|rx|rh|gr|%)` as bpftrace reads it, and of
// floats what printf(3) has: `%[-+ #0]*(width|*)(.prec|.)([hlLjzt]*)[fFeEgGaA]`.

interface Conversion {
  readonly doc: string;
  /** A script that uses it. */
  readonly example: string;
}

/** What a specification can turn its argument into, by the letters that end it. */
export const conversions: Readonly<Record<FormatSpec["conversion"], Conversion>> = {
  d: {
    doc: "A signed number in decimal.",
    example: 'begin { printf("%5d|%-5d|%05d\\n", -12, 12, 12); exit(); }',
  },
  i: {
    doc: "The same as %d.",
    example: 'begin { printf("%i\\n", -12); exit(); }',
  },
  u: {
    doc: "A number without a sign in decimal.",
    example: 'begin { printf("%u\\n", 12); exit(); }',
  },
  o: {
    doc: "A number in octal.",
    example: 'begin { printf("%o\\n", 8); exit(); }',
  },
  x: {
    doc: "A number in hexadecimal; with # as 0x….",
    example: 'begin { printf("%x %#x\\n", 255, 255); exit(); }',
  },
  X: {
    doc: "As %x, in capitals.",
    example: 'begin { printf("%X\\n", 255); exit(); }',
  },
  c: {
    doc: "A number as the character that it stands for.",
    example: 'begin { printf("%c\\n", 65); exit(); }',
  },
  p: {
    doc: "An address, as 0x….",
    example: 'begin { printf("%p\\n", curtask); exit(); }',
  },
  s: {
    doc: "A string, or anything else that has a text: a symbol, a stack, a user's name, an enumeration's value. Width and precision count bytes.",
    example: 'begin { printf("%-16s|%.3s\\n", comm, comm); exit(); }',
  },
  r: {
    doc: "Bytes: printable ones as they are, others as \\x0a.",
    example: 'begin { printf("%r\\n", buf("a\\n", 2)); exit(); }',
  },
  rx: {
    doc: "Bytes, each as \\x0a.",
    example: 'begin { printf("%rx\\n", buf("a\\n", 2)); exit(); }',
  },
  rh: {
    doc: "Bytes in hexadecimal, with spaces: 61 0a.",
    example: 'begin { printf("%rh\\n", buf("a\\n", 2)); exit(); }',
  },
  f: {
    doc: "A float or double in decimal, with six digits behind the point or as many as the precision says. bpftrace has no floating-point numbers.",
    example: 'begin { printf("%f %.2f\\n", (double)3, (double)3); exit(); }',
  },
  F: {
    doc: "As %f, with INF and NAN in capitals.",
    example: 'begin { printf("%F\\n", (double)3); exit(); }',
  },
  e: {
    doc: "A float or double as 3.000000e+00.",
    example: 'begin { printf("%e\\n", (double)3); exit(); }',
  },
  E: {
    doc: "As %e, in capitals.",
    example: 'begin { printf("%E\\n", (double)3); exit(); }',
  },
  g: {
    doc: "A float or double as %f or %e, whichever is shorter: as print() shows it.",
    example: 'begin { printf("%g %.3g\\n", (double)1000000, (double)1234567); exit(); }',
  },
  G: {
    doc: "As %g, in capitals.",
    example: 'begin { printf("%G\\n", (double)10000000); exit(); }',
  },
  a: {
    doc: "A float or double in hexadecimal, which loses nothing: 0x1.8p+1.",
    example: 'begin { printf("%a\\n", (double)3); exit(); }',
  },
  A: {
    doc: "As %a, in capitals.",
    example: 'begin { printf("%A\\n", (double)3); exit(); }',
  },
  gr: {
    doc: "Flags of an allocation in the kernel (gfp_t) by their names.",
    example: 'tracepoint:kmem:kmalloc { printf("%s %gr\\n", comm, args.gfp_flags); }',
  },
};

export type FloatConversion = "f" | "F" | "e" | "E" | "g" | "G" | "a" | "A";

/** Is it a conversion of floats? */
export const isFloatConversion = (conversion: FormatSpec["conversion"]): conversion is FloatConversion =>
  "fFeEgGaA".includes(conversion);

export interface FormatSpec {
  readonly flags: string;
  readonly width?: number;
  readonly precision?: number;
  readonly length: string;
  readonly conversion: "d" | "i" | "o" | "u" | "x" | "X" | "c" | "s" | "p" | "r" | "rx" | "rh" | "gr" | FloatConversion;
  /** As written. */
  readonly text: string;
}

export type FormatPart = string | FormatSpec;

const SPECIFICATION =
  /%(?:(-?\+? ?#?0?)(\*|\d+)?(?:\.(\d+))?([hlLjzt]*)(rx|rh|gr|[diouxXcspr%])|([-+ #0]*)(\*|\d+)?(?:\.(\d*))?([hlLjzt]*)([fFeEgGaA]))/g;

/** Splits a format into literal text and specifications. A `%` that begins none stays as it is. */
export function parseFormat(format: string): FormatPart[] {
  const parts: FormatPart[] = [];
  let text = "";
  let at = 0;
  for (const m of format.matchAll(SPECIFICATION)) {
    text += format.slice(at, m.index);
    at = m.index + m[0].length;
    const [flags = "", width, precision, length = "", conversion] = m[10] === undefined ? m.slice(1, 6) : m.slice(6);
    if (conversion === "%") {
      text += "%";
      continue;
    }
    if (text !== "") parts.push(text);
    text = "";
    parts.push({
      flags,
      // As in bpftrace, a `*` is read over: it takes no argument.
      ...(width === undefined || width === "*" ? {} : { width: Number(width) }),
      ...(precision === undefined ? {} : { precision: Number(precision) }),
      length,
      conversion: conversion as FormatSpec["conversion"],
      text: m[0],
    });
  }
  text += format.slice(at);
  if (text !== "") parts.push(text);
  return parts;
}

/** Bits of the argument that a specification looks at: its length modifier says, 32 without one. */
export function formatBits(spec: FormatSpec): 8 | 16 | 32 | 64 {
  if (spec.conversion === "p") return 64;
  if (spec.length.startsWith("hh")) return 8;
  if (spec.length.startsWith("h")) return 16;
  return spec.length === "" ? 32 : 64;
}
