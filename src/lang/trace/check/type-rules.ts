// Which types go together: joining, storing, assigning, arithmetic; and constants that the checker reads.

import {
  elementPlaces,
  INT64,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  sameType,
  type Type,
  UINT64,
} from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";

/** The type in which a value is kept: numbers are kept whole. */
export function storedType(type: Type): Type {
  // What is read of an aggregate is a number.
  if (isReadableAggregate(type)) return "signed" in type && type.signed ? INT64 : UINT64;
  if (type.kind === "int" && type.enum === undefined) return type.signed ? INT64 : UINT64;
  if (type.kind === "tuple" || type.kind === "record") return { ...type, elements: type.elements.map(storedType) };
  return type;
}

/** Keys keep the width of their numbers where it is known: a narrow key hashes faster. */
export function keyTypeOf(type: Type, e: Expression): Type {
  if (type.kind === "int")
    return e.kind === "integer" || e.kind === "parameter"
      ? storedType(type)
      : type.bits < 32 && type.enum === undefined
        ? { ...type, bits: 32 }
        : type;
  return type;
}

export function storable(type: Type): boolean {
  switch (type.kind) {
    case "args":
    case "ctx":
    case "none":
      return false;
    case "struct":
      return type.layout !== undefined;
    case "timestamp":
      return true;
    default:
      return !isAggregate(type);
  }
}

export function assignable(to: Type, from: Type): boolean {
  return (
    from.kind === "none" ||
    joinTypes(to, storedType(from)) !== undefined ||
    (to.kind === "int" && isNumeric(from)) ||
    (to.kind === "string" && from.kind === "string")
  );
}

/** The type that holds both; undefined where there is none. */
export function joinTypes(a: Type, b: Type): Type | undefined {
  if (a.kind === "none") return b;
  if (b.kind === "none") return a;
  if (a.kind === "int" && b.kind === "int") {
    if (sameType(a, b)) return a;
    const bits = Math.max(a.bits, b.bits) as 8 | 16 | 32 | 64;
    // A signed and an unsigned number of the same width are kept with the sign of the first, as its registers are.
    const signed = a.bits === b.bits ? a.signed : a.signed || b.signed;
    return { kind: "int", bits, signed };
  }
  if (a.kind === "bool" && b.kind === "int") return b;
  if (a.kind === "int" && b.kind === "bool") return a;
  if (a.kind === "pointer" && b.kind === "int") return a;
  if (a.kind === "int" && b.kind === "pointer") return b;
  // The name of a kernel function is kept as its address beside other addresses.
  if (a.kind === "ksym" && b.kind === "probe" && b.function === true) return a;
  if (b.kind === "ksym" && a.kind === "probe" && a.function === true) return b;
  if (a.kind === "string" && b.kind === "string") return a.size >= b.size ? a : b;
  if (a.kind === "buffer" && b.kind === "buffer") return a.size >= b.size ? a : b;
  if (a.kind === "pointer" && b.kind === "pointer") return a.to === undefined ? b : a;
  if (a.kind === "tuple" && b.kind === "tuple" && a.elements.length === b.elements.length) {
    const elements = a.elements.map((x, i) => joinTypes(x, b.elements[i] as Type));
    return elements.includes(undefined) ? undefined : { kind: "tuple", elements: elements as Type[] };
  }
  if (a.kind === "record" && b.kind === "record" && a.names.length === b.names.length) {
    // Fields are told apart by their names; they lie as those of the first.
    const places = elementPlaces(b, a);
    if (places.includes(-1)) return undefined;
    const elements = a.elements.map((x, i) => joinTypes(x, b.elements[places[i] as number] as Type));
    return elements.includes(undefined) ? undefined : { ...a, elements: elements as Type[] };
  }
  if (a.kind === "array" && b.kind === "array") return a.count === b.count && sameType(a.of, b.of) ? a : undefined;
  if (isAggregate(a) && a.kind === b.kind) {
    if (a.kind === "hist" || a.kind === "lhist") return typeKey(a) === typeKey(b) ? a : undefined;
    if (a.kind === "tseries" && b.kind === "tseries" && typeKey(a) !== typeKey({ ...b, signed: a.signed }))
      return undefined;
    return "signed" in a && "signed" in b && b.signed && !a.signed ? b : a;
  }
  return sameType(a, b) ? a : undefined;
}

const typeKey = (t: Type): string => JSON.stringify(t);

/** Arithmetic is done in 64 bits; it is signed when both sides are, and a plain number takes the other side's sign. */
export function intResult(left: Type, right: Type, e: Expression & { kind: "binary" }): Type {
  const literal = (x: Expression): boolean => x.kind === "integer" || x.kind === "parameter" || x.kind === "boolean";
  const signedOf = (t: Type): boolean => (t.kind === "int" ? t.signed : "signed" in t ? t.signed : false);
  if (literal(e.left) && !literal(e.right)) return signedOf(right) ? INT64 : UINT64;
  if (literal(e.right) && !literal(e.left))
    return e.operator === "<<" || e.operator === ">>" || signedOf(left) ? (signedOf(left) ? INT64 : UINT64) : UINT64;
  if (e.operator === "<<" || e.operator === ">>") return signedOf(left) ? INT64 : UINT64;
  const signed = signedOf(left) && signedOf(right);
  // A narrower unsigned number fits a signed one whole.
  const fits = (n: Type, w: Type): boolean => n.kind === "int" && !n.signed && n.bits < 64 && signedOf(w);
  return signed || fits(left, right) || fits(right, left) ? INT64 : UINT64;
}
