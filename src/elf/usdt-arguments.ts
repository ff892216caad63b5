// Where a USDT probe's arguments are: the strings that <sys/sdt.h> leaves in a probe's note.
//
//     argument := [size ["f"] "@"] operand                         size: ±1 ±2 ±4 ±8, negative: signed; f: floating point
//     x86-64   := "%"reg | "$"number | [segment ":"] [number | symbol [±number]] "(" [%base] ["," %index ["," scale]] ")" | symbol
//     aarch64  := reg | number | "[" base ["," number | "," index ["," "lsl" number]] "]"
//
// The note of SystemTap (UserSpaceProbeImplementation) calls each "an operand of the assembler", so commas and blanks
// may stand inside brackets.

import { type Register, type RegisterMachine, register } from "./registers.ts";

export type UsdtArgument = {
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly float: boolean;
} & (
  | { readonly kind: "constant"; readonly value: bigint }
  | { readonly kind: "register"; readonly register: Register }
  /** At base + index × scale + offset; each register may be missing. */
  | {
      readonly kind: "memory";
      readonly base?: Register;
      readonly index?: Register;
      readonly scale: 1 | 2 | 4 | 8;
      readonly offset: number;
      /** Counted from the start of this segment (thread-local variables). */
      readonly segment?: "fs" | "gs";
    }
  /** At the run-time address of a symbol of the same file, plus offset. */
  | { readonly kind: "symbol"; readonly symbol: string; readonly offset: number }
  /** In a floating-point register, which no BPF program can read. */
  | { readonly kind: "unreadable"; readonly text: string }
);

/** An argument string that does not follow the grammar. */
export class UsdtArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsdtArgumentError";
  }
}

/** The arguments in order. Throws UsdtArgumentError for text that is none. */
export function parseUsdtArguments(spec: string, machine: RegisterMachine): UsdtArgument[] {
  return split(spec).map((text) => parseArgument(text, machine));
}

/** Cuts at blanks outside of brackets. */
function split(spec: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const char of spec) {
    if (char === "(" || char === "[") depth++;
    if (char === ")" || char === "]") depth--;
    if (depth === 0 && /\s/.test(char)) {
      if (part !== "") parts.push(part);
      part = "";
    } else part += char;
  }
  if (part !== "") parts.push(part);
  return parts;
}

function parseArgument(text: string, machine: RegisterMachine): UsdtArgument {
  const match = /^(?:(-?)([1248])(f?)@)?(.+)$/s.exec(text);
  if (match === null || (match[2] === undefined && text.includes("@")))
    throw new UsdtArgumentError(`'${text}' is not a USDT argument`);
  const operand = (match[4] as string).trim();
  const place = machine === "x86_64" ? x86Operand(operand) : armOperand(operand);
  if (place === undefined) throw new UsdtArgumentError(`'${text}' is not a USDT argument of ${machine}`);
  // Without a size the register's own width counts, else a machine word.
  const bits = place.kind === "register" ? place.register.bits : 64;
  const size = match[2] === undefined ? bits / 8 : Number(match[2]);
  return { size: size as 1 | 2 | 4 | 8, signed: match[1] === "-", float: match[3] === "f", ...place };
}

type Place = UsdtArgument extends infer A
  ? A extends UsdtArgument
    ? Omit<A, "size" | "signed" | "float">
    : never
  : never;

const NUMBER = "[+-]?(?:0[xX][0-9a-fA-F]+|\\d+)";
const SYMBOL = "[A-Za-z_.$][\\w.$@]*";

function integer(text: string): bigint {
  const negative = text.startsWith("-");
  const value = BigInt(text.replace(/^[+-]/, ""));
  return negative ? -value : value;
}

function x86Operand(text: string): Place | undefined {
  if (text.startsWith("$")) {
    const number = new RegExp(`^\\$(${NUMBER})$`).exec(text);
    if (number !== null) return { kind: "constant", value: integer(number[1] as string) };
    const symbol = new RegExp(`^\\$(${SYMBOL})$`).exec(text);
    return symbol === null ? undefined : { kind: "unreadable", text };
  }
  if (text.startsWith("%") && !text.includes("(") && !text.includes(":")) {
    const found = register(text.slice(1), "x86_64");
    if (found !== undefined) return { kind: "register", register: found };
    return /^%(?:[xyz]mm\d+|st(?:\(\d\))?|mm\d)$/.test(text) ? { kind: "unreadable", text } : undefined;
  }
  const match = new RegExp(
    `^(?:%([fg]s):)?(?:(${NUMBER})|(${SYMBOL})(${NUMBER})?)?(?:([+-]\\d+))?(?:\\(\\s*(?:%(\\w+))?\\s*(?:,\\s*%(\\w+)\\s*(?:,\\s*([1248])\\s*)?)?\\))?$`,
  ).exec(text);
  if (match === null) return undefined;
  const [, segment, number, symbol, plus, more, baseName, indexName, scale] = match;
  const offset = Number(integer(number ?? plus ?? "0")) + Number(integer(more ?? "0"));
  if (symbol !== undefined) {
    if (segment !== undefined || indexName !== undefined || (baseName !== undefined && baseName !== "rip"))
      return { kind: "unreadable", text };
    return { kind: "symbol", symbol, offset };
  }
  if (baseName === undefined && indexName === undefined && segment === undefined) return undefined;
  const base = baseName === undefined ? undefined : register(baseName, "x86_64");
  const index = indexName === undefined ? undefined : register(indexName, "x86_64");
  if ((baseName !== undefined && base === undefined) || (indexName !== undefined && index === undefined))
    return undefined;
  return {
    kind: "memory",
    scale: Number(scale ?? 1) as 1 | 2 | 4 | 8,
    offset,
    ...(base === undefined ? {} : { base }),
    ...(index === undefined ? {} : { index }),
    ...(segment === undefined ? {} : { segment: segment as "fs" | "gs" }),
  };
}

function armOperand(text: string): Place | undefined {
  if (new RegExp(`^#?${NUMBER}$`).test(text)) return { kind: "constant", value: integer(text.replace("#", "")) };
  const found = register(text, "aarch64");
  if (found !== undefined) return { kind: "register", register: found };
  if (/^[bhsdqv]\d+$/.test(text)) return { kind: "unreadable", text };
  if (text === "xzr" || text === "wzr") return { kind: "constant", value: 0n };
  const match = new RegExp(
    `^\\[\\s*(\\w+)\\s*(?:,\\s*(?:#?(${NUMBER})|(\\w+)\\s*(?:,\\s*lsl\\s+#?([0-3])\\s*)?)\\s*)?\\]$`,
  ).exec(text);
  if (match === null)
    return new RegExp(`^${SYMBOL}$`).test(text) ? { kind: "symbol", symbol: text, offset: 0 } : undefined;
  const base = register(match[1] as string, "aarch64");
  const index = match[3] === undefined ? undefined : register(match[3], "aarch64");
  if (base === undefined || (match[3] !== undefined && index === undefined)) return undefined;
  return {
    kind: "memory",
    base,
    scale: (1 << Number(match[4] ?? 0)) as 1 | 2 | 4 | 8,
    offset: match[2] === undefined ? 0 : Number(integer(match[2])),
    ...(index === undefined ? {} : { index }),
  };
}
