// Types as they are written, and what is known of an expression before the script runs.

import type { CallExpression, Expression, TypeName } from "./ast.ts";
import { namedIntType, typeOfBtf } from "./btf-types.ts";
import { builtinVariables } from "./builtin-variables.ts";
import type { Checker } from "./checker.ts";
import { headerConstant } from "./header-constants.ts";
import type { ResolvedProbe } from "./probes.ts";
import { isInteger, parseInteger, probeType, storedType } from "./type-rules.ts";
import { NONE, type Type } from "./types.ts";

export function typeFrom(c: Checker, name: TypeName, operand?: Expression): Type {
  let type: Type | undefined;
  const space = operand?.type?.kind === "pointer" ? operand.type.space : c.userSpace() ? "user" : "kernel";
  if (name.base.kind === "typeof") type = storedType(c.check(name.base.expression));
  else type = namedType(c, name.base.name, name.base.tag, space);
  if (type === undefined) {
    const what =
      name.base.kind === "named" ? `${name.base.tag === undefined ? "" : `${name.base.tag} `}${name.base.name}` : "";
    return c.error("SCRY1240", `Cannot resolve unknown type "${what}"`, name.span);
  }
  const [first, ...rest] = name.suffixes;
  let suffixes = name.suffixes;
  if (
    name.base.kind === "named" &&
    (name.base.name === "string" || name.base.name === "buffer" || name.base.name === "inet") &&
    typeof first === "number"
  ) {
    type = name.base.name === "buffer" ? { kind: "buffer", size: first } : { kind: "string", size: first };
    suffixes = rest;
  }
  for (const s of suffixes) {
    if (s === "*") type = type.kind === "none" ? { kind: "pointer", space } : { kind: "pointer", to: type, space };
    else type = { kind: "array", of: type, count: s, space };
  }
  return type;
}

export function namedType(
  c: Checker,
  name: string,
  tag: "struct" | "union" | "enum" | undefined,
  space: "kernel" | "user",
): Type | undefined {
  if (tag === undefined) {
    const int = namedIntType(name);
    if (int !== undefined) return int;
    if (name === "void") return NONE;
    if (name === "string") return { kind: "string", size: c.options.maxStrlen + 1 };
    if (name === "buffer") return { kind: "buffer", size: 64 };
    if (name === "inet") return { kind: "inet" };
  }
  const btf = c.env.btf();
  if (btf === undefined) return undefined;
  const id =
    tag === undefined
      ? btf.find(name, ["typedef", "struct", "union", "enum", "enum64", "int"])
      : btf.find(name, tag === "enum" ? ["enum", "enum64"] : tag);
  return id === undefined ? undefined : typeOfBtf(btf, id, space);
}

/** Do addresses that come without a type mean the process's memory here? */
export function userSpace(c: Checker): boolean {
  const provider = (c.unit.resolved[0] as ResolvedProbe).provider;
  return provider === "uprobe" || provider === "uretprobe" || provider === "usdt";
}

// --- constants ------------------------------------------------------------------------------------------------

/** The value of an expression that is known before the script runs. */
export function constant(c: Checker, e: Expression): bigint | undefined {
  // An enumerator of the kernel comes before a macro of the headers.
  if (
    e.kind === "identifier" &&
    builtinVariables[e.name] === undefined &&
    c.env.btf()?.enumerator(e.name) === undefined
  )
    return headerConstant(e.name);
  if (e.kind === "integer") return e.value;
  if (e.kind === "boolean") return e.value ? 1n : 0n;
  if (e.kind === "parameter") {
    if (e.index === 0) return BigInt(c.env.params.length);
    const text = c.env.params[e.index - 1];
    if (text === undefined) return 0n;
    return isInteger(text) ? parseInteger(text) : undefined;
  }
  if (e.kind === "unary" && e.operator === "-") {
    const value = c.constant(e.operand);
    return value === undefined ? undefined : -value;
  }
  return undefined;
}

/** The text of an expression that is known before the script runs. */
export function constantText(c: Checker, e: Expression): string | undefined {
  if (e.kind === "string") return e.value;
  if (e.kind === "identifier" && c.unit.resolved.length === 1) {
    const only = c.unit.resolved[0] as ResolvedProbe;
    return e.name === "probe"
      ? only.name
      : e.name === "func"
        ? only.func
        : e.name === "probetype"
          ? probeType(only)
          : undefined;
  }
  if (e.kind === "parameter") return e.index === 0 ? undefined : (c.env.params[e.index - 1] ?? "");
  if (e.kind === "call" && e.name === "str") return c.parameterText(e);
  return undefined;
}

/** `str($1)`, `str($1 + n)`, `str($1, n)`: texts from the command line. */
export function parameterText(c: Checker, call: CallExpression): string | undefined {
  const [e, length] = call.args;
  const moved = e?.kind === "binary" && e.operator === "+" && e.left.kind === "parameter" ? e.left : undefined;
  const parameter = moved ?? e;
  if (parameter?.kind !== "parameter" || parameter.index === 0) return undefined;
  const skip = e?.kind === "binary" && moved !== undefined ? c.constant(e.right) : 0n;
  const n = length === undefined ? undefined : c.constant(length);
  if (skip === undefined || skip < 0n || (length !== undefined && (n === undefined || n < 0n))) return undefined;
  const text = (c.env.params[parameter.index - 1] ?? "").slice(Number(skip));
  return n === undefined ? text : text.slice(0, Number(n));
}
