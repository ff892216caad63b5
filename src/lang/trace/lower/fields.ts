// Fields of structs, tuples and records, elements of arrays: where they lie.

import {
  argument,
  elementSize,
  fail,
  loadSize,
  memberOperand,
  type Operand,
  readForeign,
} from "../../../codegen/index.ts";
import type { StoreSize } from "../../../compiler/index.ts";
import type { ProbeArgument } from "../../../probes/index.ts";
import { elementOffsets, sizeOf, type Type } from "../../../schema/index.ts";
import { constant } from "../check/index.ts";
import type { Expression, FieldExpression, IndexExpression } from "../parse/index.ts";
import { ownMemory } from "./own-memory.ts";
import { type LowerState, operand, typeOf, value } from "./state.ts";
import { infoOf } from "./variables.ts";

/** `args.x`, `task.pid`, `$kv.0`: where it lies. */
export function fieldOperand(l: LowerState, e: FieldExpression): Operand {
  if (e.object.kind === "identifier" && typeOf(l, e.object).kind === "args") {
    return argument(l, l.variant.args?.get(e.name) as ProbeArgument);
  }
  const object = typeOf(l, e.object);
  if (object.kind === "tuple") return elementOperand(l, e.object, Number(e.name));
  if (object.kind === "record") return elementOperand(l, e.object, object.names.indexOf(e.name));
  const btf = l.check.env.btf();
  const member = btf === undefined ? undefined : memberOperand(l, btf, () => operand(l, e.object), object, e.name);
  return member ?? fail(l, "SCRY1300", `the field '${e.name}' cannot be reached`, e.span);
}

/** An element of a tuple or record. */
function elementOperand(l: LowerState, object: Expression, at: number): Operand {
  if (object.kind === "variable") {
    const pair = l.pairs.get(infoOf(l, object));
    if (pair !== undefined) return at === 0 ? pair.key() : pair.value();
  }
  const op = ownMemory(l, object);
  const { elements } = op.type as Type & { kind: "tuple" };
  const offset = op.offset + (elementOffsets(elements)[at] as number);
  return { kind: "memory", type: elements[at] as Type, pointer: op.pointer, offset, space: "own" };
}

/** `a[i]` of arrays, pointers, strings and tuples. */
export function indexOperand(l: LowerState, e: IndexExpression): Operand {
  const b = l.b;
  const object = typeOf(l, e.object);
  const at = constant(l.check, e.index);
  if (object.kind === "tuple") return elementOperand(l, e.object, Number(at));
  const type: Type =
    object.kind === "array"
      ? object.of
      : object.kind === "pointer"
        ? (object.to as Type)
        : { kind: "int", bits: 8, signed: true };
  const size = elementSize(l, type);
  const base =
    object.kind === "pointer"
      ? ({ kind: "memory", type, pointer: value(l, e.object), offset: 0, space: object.space } as const)
      : operand(l, e.object);
  if (base.kind !== "memory") return fail(l, "SCRY1300", "this value has no elements", e.span);
  if (at !== undefined && (base.space !== "own" || object.kind === "array" || Number(at) < sizeOf(object)))
    return { ...base, type, offset: base.offset + Number(at) * size };
  const index = value(l, e.index);
  if (base.space === "kernel" || base.space === "user")
    return { ...base, type, pointer: b.add(base.pointer, b.binary("mul", index, size)) };
  // Own memory: the index must be within bounds, else the element is 0.
  const count = object.kind === "array" ? object.count : sizeOf(object);
  const slot = b.slot(8);
  b.store(64, slot, 0, 0);
  b.when("ult", index, count, () => {
    if (base.space === "ctx" || base.offset % size !== 0)
      readForeign(l, slot, 0, size, b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0, "kernel");
    else
      b.store(
        (Math.min(8, size) * 8) as StoreSize,
        slot,
        0,
        b.load(loadSize(type), b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0),
      );
  });
  return { kind: "memory", type, pointer: slot, offset: 0, space: "own" };
}
