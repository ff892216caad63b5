// printf's format: `%(-)(+)( )(#)(0)(width|*)(.prec)([hlLjzt]*)([diouxXcsp]|r|rx|rh|gr|%)`.

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
