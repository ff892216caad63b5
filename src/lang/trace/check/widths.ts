// How wide a value is as the language sees it, which may be narrower than it is kept: a literal has the smallest type that
// holds it, and a variable the widest of what it was given.

import { type Type, typeName } from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";
import { type CheckState, noted } from "./state.ts";

/** Bits of the smallest signed type (or of uint64) that has the number. */
function literalBits(n: bigint): number {
  for (const bits of [8, 16, 32]) if (BigInt.asIntN(bits, n) === n) return bits;
  return 64;
}

/** Bits of an integer; undefined for what is none. */
export function widthOf(c: CheckState, e: Expression, type: Type | undefined = noted(c, e)): number | undefined {
  if (e.kind === "integer") return literalBits(e.value);
  if (e.kind === "unary" && e.operator === "-" && e.operand.kind === "integer") return literalBits(-e.operand.value);
  if (e.kind === "variable") {
    const width = c.unit.variables.get(e)?.width;
    if (width !== undefined) return width;
  }
  return type?.kind === "int" ? type.bits : undefined;
}

/** Bytes of the value of an expression: those of an integer as the language sees it. */
export function narrowBytes(c: CheckState, e: Expression): number | undefined {
  if (e.kind === "tuple") {
    const sizes = e.elements.map((x) => narrowBytes(c, x));
    return sizes.includes(undefined) ? undefined : tupleBytes(c, e.elements, sizes as number[]);
  }
  const width = widthOf(c, e);
  if (width !== undefined) return width / 8;
  const type = noted(c, e);
  return type?.kind === "string" ? type.size : type?.kind === "bool" ? 1 : undefined;
}

/** Elements lie as in a C struct; texts have no alignment. */
function tupleBytes(c: CheckState, elements: readonly Expression[], sizes: readonly number[]): number {
  let at = 0;
  let most = 1;
  for (const [i, size] of sizes.entries()) {
    const align = noted(c, elements[i] as Expression)?.kind === "int" ? size : 1;
    most = Math.max(most, align);
    at = Math.ceil(at / align) * align + size;
  }
  return Math.ceil(at / most) * most;
}

/** The type of an expression as messages show it: integers as wide as the language sees them. */
export function shownType(c: CheckState, type: Type, e: Expression | undefined): string {
  if (type.kind === "tuple" && e?.kind === "tuple")
    return `(${type.elements.map((t, i) => shownType(c, t, e.elements[i])).join(",")})`;
  if (type.kind === "record") {
    const part = (i: number): Expression | undefined => (e?.kind === "record" ? e.fields[i]?.value : undefined);
    const fields = type.elements.map((t, i) => `.${type.names[i]} = ${shownType(c, t, part(i))}`);
    return `record { ${fields.join(", ")} }`;
  }
  const width = type.kind === "int" && type.enum === undefined && e !== undefined ? widthOf(c, e, type) : undefined;
  return width !== undefined && type.kind === "int" ? `${type.signed ? "" : "u"}int${width}` : typeName(type);
}
