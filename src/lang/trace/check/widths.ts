// How wide a value is as the language sees it, which may be narrower than it is kept: a literal has the smallest type that
// holds it, and a variable or map the widest of what it was given.

import { sameType, type Type, typeName } from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";
import { type CheckState, noted } from "./state.ts";

type IntType = Extract<Type, { kind: "int" }>;

/** Bits of the smallest signed type (or of uint64) that has the number. */
function literalBits(n: bigint): IntType["bits"] {
  for (const bits of [8, 16, 32] as const) if (BigInt.asIntN(bits, n) === n) return bits;
  return 64;
}

/** The type of an expression with its integers as wide as the language sees them. */
export function narrowType(c: CheckState, e: Expression, type: Type = noted(c, e) ?? { kind: "none" }): Type {
  switch (e.kind) {
    case "integer":
      return withBits(type, literalBits(e.value));
    case "unary":
      return e.operator === "-" && e.operand.kind === "integer" ? withBits(type, literalBits(-e.operand.value)) : type;
    case "variable":
      return withWidths(type, c.unit.variables.get(e)?.narrow);
    case "map":
      return withWidths(type, c.narrow.get(e.name)?.value);
    case "tuple":
      return type.kind === "tuple"
        ? { ...type, elements: type.elements.map((t, i) => narrowPart(c, t, e.elements[i])) }
        : type;
    case "record":
      return type.kind === "record"
        ? { ...type, elements: type.elements.map((t, i) => narrowPart(c, t, e.fields[i]?.value)) }
        : type;
    case "field": {
      const whole = noted(c, e.object)?.kind === "tuple" ? narrowType(c, e.object) : undefined;
      return withWidths(type, whole?.kind === "tuple" ? whole.elements[Number(e.name)] : undefined);
    }
    default:
      return withWidths(type, noted(c, e));
  }
}

const narrowPart = (c: CheckState, type: Type, e: Expression | undefined): Type =>
  e === undefined ? type : narrowType(c, e, type);

const withBits = (type: Type, bits: IntType["bits"]): Type => (type.kind === "int" ? { ...type, bits } : type);

/** A type with the widths of another of the same shape. */
export function withWidths(type: Type, narrow: Type | undefined): Type {
  if (narrow === undefined) return type;
  if (type.kind === "int")
    return narrow.kind === "int" && type.enum === undefined ? { ...type, bits: narrow.bits } : type;
  if ((type.kind === "tuple" && narrow.kind === "tuple") || (type.kind === "record" && narrow.kind === "record"))
    return { ...type, elements: type.elements.map((t, i) => withWidths(t, narrow.elements[i])) } as Type;
  return type;
}

/** What has been given one value and another: the wider of each of their integers. */
export function wider(a: Type | undefined, b: Type): Type {
  if (a === undefined) return b;
  if (a.kind === "int" && b.kind === "int") return b.bits > a.bits ? b : a;
  if ((a.kind === "tuple" && b.kind === "tuple") || (a.kind === "record" && b.kind === "record"))
    return { ...a, elements: a.elements.map((t, i) => wider(t, b.elements[i] ?? t)) } as Type;
  return a;
}

/** Bytes of the value of an expression: those of integers as the language sees them. */
export function narrowBytes(c: CheckState, e: Expression): number | undefined {
  return bytesOf(narrowType(c, e));
}

function bytesOf(type: Type): number | undefined {
  switch (type.kind) {
    case "int":
      return type.bits / 8;
    case "string":
      return type.size;
    case "bool":
      return 1;
    case "tuple":
    case "record":
      return elementBytes(type.elements);
    default:
      return undefined;
  }
}

/** Elements lie as in a C struct; texts have no alignment. */
function elementBytes(elements: readonly Type[]): number | undefined {
  let at = 0;
  let most = 1;
  for (const type of elements) {
    const size = bytesOf(type);
    if (size === undefined) return undefined;
    const align = alignmentOf(type);
    most = Math.max(most, align);
    at = Math.ceil(at / align) * align + size;
  }
  return Math.ceil(at / most) * most;
}

const alignmentOf = (type: Type): number =>
  type.kind === "int"
    ? type.bits / 8
    : type.kind === "tuple" || type.kind === "record"
      ? Math.max(1, ...type.elements.map(alignmentOf))
      : 1;

/** The type of an expression as messages show it. */
export const shownType = (c: CheckState, type: Type, e: Expression | undefined): string =>
  shown(e === undefined ? type : narrowType(c, e, type));

/** The name of a type as messages say it. */
export function shown(type: Type): string {
  if (type.kind === "tuple") return `(${type.elements.map(shown).join(",")})`;
  return type.kind === "record"
    ? `record { ${type.elements.map((t, i) => `.${type.names[i]} = ${shown(t)}`).join(", ")} }`
    : typeName(type);
}

/** Whether a cast gives what is there already. What operators give is not asked: it is wider than it need be. */
export function castsToItself(c: CheckState, to: Type, operand: Expression): boolean {
  if (!ASKED.has(operand.kind)) return false;
  return to.kind !== "bool" && to.kind !== "array" && sameType(narrowType(c, operand), to);
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
