// Steps of pointers: a step is an element of what it points to.

import { elementSize } from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import type { Type } from "../../../schema/index.ts";
import type { LowerState } from "./state.ts";

/** Bytes of a step of a pointer, 1 of a number. */
export const stride = (l: LowerState, type: Type): number =>
  type.kind === "pointer" && type.to !== undefined ? elementSize(l, type.to) : 1;

/** So many steps of a pointer in bytes. */
export function scaled(l: LowerState, n: Value, pointer: Type): Value {
  const size = stride(l, pointer);
  return size === 1 ? n : l.b.binary("mul", n, size);
}
