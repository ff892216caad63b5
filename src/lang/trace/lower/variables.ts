// Variables: an SSA value where that is enough, memory of the program's own for what is larger, the CPU's part of the
// global data for what callbacks share.

import { cpuPart, fail } from "../../../codegen/index.ts";
import { INT, type Value } from "../../../compiler/index.ts";
import { isScalar, sizeOf, typeName } from "../../../schema/index.ts";
import type { VariableInfo } from "../check/index.ts";
import type { Expression, VariableExpression } from "../parse/index.ts";
import { into, type LowerState, type VariablePlace, value } from "./state.ts";

/** Bytes of a variable at the most. */
const MOST_BYTES = 1 << 14;

export const infoOf = (l: LowerState, node: VariableExpression): VariableInfo =>
  l.unit.variables.get(node) as VariableInfo;

/** Where the variable is; it gets its place when it is first asked for. */
export function placeOf(l: LowerState, info: VariableInfo): VariablePlace {
  let place = l.places.get(info);
  if (place === undefined) {
    const bytes = Math.ceil(Math.max(1, sizeOf(info.type)) / 8) * 8;
    if (info.captured) {
      place = { kind: "frame", offset: l.object.frameBytes };
      l.object.frameBytes += bytes;
    } else if (isScalar(info.type) || info.type.kind === "none")
      place = { kind: "value", variable: { name: info.name, type: INT } };
    else if (bytes > MOST_BYTES) fail(l, "SCRY1301", `${info.name} is too large: ${typeName(info.type)}`, l.span);
    else place = { kind: "memory", pointer: l.b.slot(bytes), offset: 0 };
    l.places.set(info, place);
  }
  return place;
}

export function memoryPlace(
  l: LowerState,
  place: Exclude<VariablePlace, { kind: "value" }>,
): { readonly pointer: Value; readonly offset: number } {
  return place.kind === "frame"
    ? { pointer: cpuPart(l), offset: place.offset }
    : { pointer: place.pointer, offset: place.offset };
}

export function setVariable(l: LowerState, info: VariableInfo, v: Value): void {
  const place = placeOf(l, info);
  if (place.kind === "value") l.b.write(place.variable, v);
  else {
    const { pointer, offset } = memoryPlace(l, place);
    l.b.store(64, pointer, offset, v);
  }
}

export function assignVariable(l: LowerState, target: VariableExpression, e: Expression): void {
  const info = infoOf(l, target);
  if (isScalar(info.type) || info.type.kind === "none") {
    setVariable(l, info, value(l, e));
    return;
  }
  const place = placeOf(l, info);
  if (place.kind === "value") return;
  const { pointer, offset } = memoryPlace(l, place);
  into(l, e, info.type, pointer, offset, { pad: info.type.kind !== "string" });
}
