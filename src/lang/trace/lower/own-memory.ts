// Values in memory of our own: put there, or where they are already.

import { copyInto, type Operand } from "../../../codegen/index.ts";
import { sizeOf } from "../../../schema/index.ts";
import type { Expression } from "../parse/index.ts";
import { at, into, type LowerState, operand, typeOf } from "./state.ts";

/** The value in memory of our own. */
export function materialise(l: LowerState, e: Expression, pad = false): Operand & { kind: "memory" } {
  const type = typeOf(l, e);
  const slot = l.b.slot(Math.max(8, Math.ceil(sizeOf(type) / 8) * 8));
  into(l, e, type, slot, 0, { pad });
  return { kind: "memory", type, pointer: slot, offset: 0, space: "own", padded: pad };
}

/** The value in memory of our own, where it is if it is there already. */
export function ownMemory(l: LowerState, e: Expression): Operand & { kind: "memory" } {
  if (e.kind === "variable" || e.kind === "map" || e.kind === "field" || e.kind === "index") {
    const op = operand(l, e);
    if (op.kind === "memory" && op.space === "own") return op;
    if (op.kind === "memory") {
      const slot = l.b.slot(Math.max(8, Math.ceil(sizeOf(op.type) / 8) * 8));
      at(l, e, () => copyInto(l, op, op.type, slot, 0, { pad: false }));
      return { kind: "memory", type: op.type, pointer: slot, offset: 0, space: "own" };
    }
  }
  return materialise(l, e);
}
