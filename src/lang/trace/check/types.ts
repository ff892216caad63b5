// Types as they are written, and what is known of an expression before the script runs.

import { namedIntType, providerOf, typeOfBtf, withLayouts } from "../../../probes/index.ts";
import { DOUBLE, FLOAT, NONE, type Type } from "../../../schema/index.ts";
import type { Expression, TypeName } from "../parse/index.ts";
import { type CheckState, check, error, firstProbe, firstVariant, noted } from "./state.ts";
import { storedType } from "./type-rules.ts";

export function typeFrom(c: CheckState, name: TypeName, operand?: Expression): Type {
  let type: Type | undefined;
  const operandType = operand === undefined ? undefined : noted(c, operand);
  const space = operandType?.kind === "pointer" ? operandType.space : userSpace(c) ? "user" : "kernel";
  if (name.base.kind === "typeof") type = storedType(typeGiven(c, name.base.expression));
  else type = namedType(c, name.base.name, name.base.tag, space);
  if (type === undefined) {
    const what =
      name.base.kind === "named" ? `${name.base.tag === undefined ? "" : `${name.base.tag} `}${name.base.name}` : "";
    return error(c, "SCRY1240", `Cannot resolve unknown type "${what}"`, name.span);
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

/** The type of what is given: of an expression, or the type that `typeof(…)` names. */
export function typeGiven(c: CheckState, e: Expression): Type {
  if (e.kind === "call" && e.name === "typeof")
    return e.typeArgument === undefined ? check(c, e.args[0] as Expression) : typeFrom(c, e.typeArgument);
  return check(c, e);
}

/** The type as one whose values are kept or sent whole. */
export const valued = (c: CheckState, type: Type): Type => withLayouts(() => c.env.btf(), type);

export function namedType(
  c: CheckState,
  name: string,
  tag: "struct" | "union" | "enum" | undefined,
  space: "kernel" | "user",
): Type | undefined {
  if (tag === undefined) {
    const int = namedIntType(name);
    if (int !== undefined) return int;
    if (name === "void") return NONE;
    if (name === "float") return FLOAT;
    if (name === "double") return DOUBLE;
    if (name === "string") return { kind: "string", size: c.options.maxStrlen + 1 };
    if (name === "buffer") return { kind: "buffer", size: 64 };
    if (name === "inet") return { kind: "inet" };
  }
  const btf = c.env.btf();
  const known =
    btf === undefined
      ? undefined
      : tag === undefined
        ? btf.find(name, ["typedef", "struct", "union", "enum", "enum64", "int"])
        : btf.find(name, tag === "enum" ? ["enum", "enum64"] : tag);
  const { attach } = firstVariant(c);
  // A type of the probed program, where the kernel has none of this name.
  const id = known ?? (attach.kind === "uprobe" ? c.env.typeOfProgram?.(attach.path, tag, name) : undefined);
  const all = c.env.btf();
  return id === undefined || all === undefined ? undefined : typeOfBtf(all, id, space);
}
/** Do addresses that come without a type mean the process's memory here? */
export const userSpace = (c: CheckState): boolean => providerOf(firstProbe(c).provider)?.addresses === "user";
