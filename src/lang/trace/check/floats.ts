// Floats: kept, moved and printed as they are. eBPF computes nothing with them but what integers do with their bits.

import { NONE, type Type, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import type { Expression } from "../parse/index.ts";
import { comptimeValue } from "./comptime.ts";
import { type CheckState, error } from "./state.ts";

export function hasFloat(type: Type): boolean {
  switch (type.kind) {
    case "float":
      return true;
    case "array":
      return hasFloat(type.of);
    case "tuple":
    case "record":
      return type.elements.some(hasFloat);
    default:
      return false;
  }
}

/** Says that this cannot be computed where one of the types is, or has, a float; undefined where none has. */
export function refuseFloats(c: CheckState, what: string, types: readonly Type[], span: Span): Type | undefined {
  const found = types.find(hasFloat);
  if (found === undefined) return undefined;
  return error(c, "SCRY1275", `${what} of '${typeName(found)}': eBPF has no floating point`, span, [
    found.kind === "float"
      ? "(int64)x is the number without its fraction; x itself can be kept, be a key, and be printed"
      : "A number without its fraction, (int64)x, can be compared",
  ]);
}

/** The bits of a number that is known before the script runs, as a float; undefined for one that is not. */
export function floatBits(c: CheckState, e: Expression, bits: 32 | 64): bigint | undefined {
  const known = comptimeValue(c, e);
  if (known === undefined || typeof known === "string") return undefined;
  const view = new DataView(new ArrayBuffer(8));
  if (bits === 32) view.setFloat32(0, Number(known), true);
  else view.setFloat64(0, Number(known), true);
  return view.getBigUint64(0, true);
}

/** `(double)x`: of a float that is no wider, or a number that is known before the script runs. */
export function castToFloat(
  c: CheckState,
  to: Type & { kind: "float" },
  from: Type,
  operand: Expression,
  span: Span,
): Type {
  if (from.kind === "float") {
    if (from.bits <= to.bits) return to;
    return error(c, "SCRY1275", `'${typeName(from)}' as '${typeName(to)}': eBPF has no floating point`, span, [
      "It can be kept and printed as it is",
    ]);
  }
  if (from.kind !== "int" && from.kind !== "bool") {
    error(c, "SCRY1238", `Cannot cast from "${typeName(from)}" to "${typeName(to)}"`, span);
    return NONE;
  }
  if (floatBits(c, operand, to.bits) !== undefined) return to;
  return error(c, "SCRY1275", `'${typeName(from)}' as '${typeName(to)}': eBPF has no floating point`, span, [
    "Only a number that is known before the script runs can become one",
  ]);
}
