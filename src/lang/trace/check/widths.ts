// The types of values as the language sees them, where they may be narrower than they are kept: a literal has the smallest
// type that holds it; a variable or a map the widest of what it was given.

import { intType, isNumeric, sameType, sizeOf, type Type, typeName } from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";
import { constant } from "./constants.ts";
import { type CheckState, noted } from "./state.ts";
import { joinTypes } from "./type-rules.ts";

/** Bits of the smallest signed type (or of uint64) that has the number. */
function literalBits(n: bigint): 8 | 16 | 32 | 64 {
  for (const bits of [8, 16, 32] as const) if (BigInt.asIntN(bits, n) === n) return bits;
  return 64;
}

/** The type of an expression as the language sees it. */
export function narrowType(c: CheckState, e: Expression, type: Type | undefined = noted(c, e)): Type | undefined {
  if (type === undefined) return undefined;
  const part = (inner: Expression, kept: Type): Type => {
    const seen = narrowType(c, inner);
    return seen?.kind === kept.kind ? seen : kept;
  };
  switch (e.kind) {
    case "integer":
      return type.kind === "int" ? intType(literalBits(e.value), type.signed) : type;
    case "unary":
      if (e.operator !== "-" || e.operand.kind !== "integer" || type.kind !== "int") return type;
      return intType(literalBits(-e.operand.value), type.signed);
    case "variable":
      return c.unit.variables.get(e)?.narrow ?? type;
    case "map":
      return c.narrowMaps.get(e.name)?.value ?? type;
    case "tuple":
      if (type.kind !== "tuple") return type;
      return { ...type, elements: type.elements.map((t, i) => part(e.elements[i] as Expression, t)) };
    case "record":
      if (type.kind !== "record" || type.elements.length !== e.fields.length) return type;
      return { ...type, elements: type.elements.map((t, i) => part((e.fields[i] as { value: Expression }).value, t)) };
    case "field":
    case "index": {
      const object = narrowType(c, e.object);
      if (object?.kind === "record" && e.kind === "field") return object.elements[object.names.indexOf(e.name)] ?? type;
      if (object?.kind !== "tuple") return type;
      const at = e.kind === "field" ? Number(e.name) : Number(constant(c, e.index) ?? -1n);
      return object.elements[at] ?? type;
    }
    default:
      return type;
  }
}

/** As it is seen after it was given one more value; what is kept as another kind of value is seen as it is kept. */
export function narrowed(c: CheckState, before: Type | undefined, value: Expression, kept: Type): Type | undefined {
  const given = narrowType(c, value);
  if (given === undefined) return before;
  if (given.kind !== kept.kind) return isNumeric(given) && isNumeric(kept) ? kept : (before ?? kept);
  return before === undefined ? given : (joinTypes(before, given) ?? before);
}

/** Notes what a map is given; without an expression, what arithmetic gives it. */
export function narrowMap(
  c: CheckState,
  map: string,
  part: "key" | "value",
  value: Expression | undefined,
  kept: Type,
): void {
  const known = c.narrowMaps.get(map) ?? {};
  const now = value === undefined ? kept : narrowed(c, known[part], value, kept);
  if (now !== undefined) c.narrowMaps.set(map, { ...known, [part]: now });
}

/** Bytes of the value of an expression as the language sees it; undefined for what has no type. */
export function narrowBytes(c: CheckState, e: Expression): number | undefined {
  const type = narrowType(c, e);
  return type === undefined ? undefined : bytesOf(c, type);
}

function bytesOf(c: CheckState, type: Type): number {
  if (type.kind === "struct") return c.env.btf()?.sizeof(type.btf.id) ?? 0;
  if (type.kind !== "tuple" && type.kind !== "record") return sizeOf(type);
  // Elements lie as in a C struct.
  let at = 0;
  for (const element of type.elements) {
    const align = alignOf(element);
    at = Math.ceil(at / align) * align + bytesOf(c, element);
  }
  const most = alignOf(type);
  return Math.ceil(at / most) * most;
}

/** Texts have no alignment. */
function alignOf(type: Type): number {
  switch (type.kind) {
    case "int":
      return type.bits / 8;
    case "bool":
    case "string":
    case "buffer":
      return 1;
    case "array":
      return alignOf(type.of);
    case "tuple":
    case "record":
      return Math.max(1, ...type.elements.map(alignOf));
    default:
      return 8;
  }
}

/** The type of an expression as messages show it. */
export const shownType = (c: CheckState, type: Type, e: Expression | undefined): string =>
  shownName(e === undefined ? type : (narrowType(c, e, type) ?? type));

export function shownName(type: Type): string {
  if (type.kind === "tuple") return `(${type.elements.map(shownName).join(",")})`;
  if (type.kind !== "record") return typeName(type);
  return `record { ${type.elements.map((t, i) => `.${type.names[i]} = ${shownName(t)}`).join(", ")} }`;
}

/** Whether a cast gives what is there already. What operators give is not asked: it is wider than it need be. */
export function castsToItself(c: CheckState, to: Type, operand: Expression): boolean {
  if (!ASKED.has(operand.kind) || to.kind === "bool" || to.kind === "array" || to.kind === "float") return false;
  const seen = narrowType(c, operand);
  return seen !== undefined && sameType(seen, to);
}

const ASKED: ReadonlySet<Expression["kind"]> = new Set([
  "integer",
  "string",
  "variable",
  "map",
  "identifier",
  "call",
  "field",
  "cast",
]);
