// printf's format: `%(-)(+)( )(#)(0)(width|*)(.prec)([hlLjzt]*)([diouxXcsp]|r|rx|rh|gr|%)`.

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
  gr: {
    doc: "Flags of an allocation in the kernel (gfp_t) by their names.",
    example: 'tracepoint:kmem:kmalloc { printf("%s %gr\\n", comm, args.gfp_flags); }',
  },
};

export interface FormatSpec {
  readonly flags: string;
  readonly width?: number;
  readonly precision?: number;
  readonly length: string;
  readonly conversion: "d" | "i" | "o" | "u" | "x" | "X" | "c" | "s" | "p" | "r" | "rx" | "rh" | "gr";
  /** As written. */
  readonly text: string;
}

export type FormatPart = string | FormatSpec;

/** Splits a format into literal text and specifications. A `%` that begins none stays as it is; `bad` gets f, e, g and a. */
export function parseFormat(format: string, bad: (spec: string) => void): FormatPart[] {
  const parts: FormatPart[] = [];
  const pattern = /%(-?\+? ?#?0?)(\*|\d+)?(?:\.(\d+))?([hlLjzt]*)(rx|rh|gr|[diouxXcsprfFeEgGaA%])/g;
  let text = "";
  let at = 0;
  for (let m = pattern.exec(format); m !== null; m = pattern.exec(format)) {
    text += format.slice(at, m.index);
    at = m.index + m[0].length;
    const conversion = m[5] as string;
    if (conversion === "%") {
      text += "%";
      continue;
    }
    if ("fFeEgGaA".includes(conversion)) bad(m[0]);
    if (text !== "") parts.push(text);
    text = "";
    parts.push({
      flags: m[1] ?? "",
      // As in bpftrace, a `*` is read over: it takes no argument.
      ...(m[2] === undefined || m[2] === "*" ? {} : { width: Number(m[2]) }),
      ...(m[3] === undefined ? {} : { precision: Number(m[3]) }),
      length: m[4] ?? "",
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
