// Fields of structs, tuples and records, elements of arrays: where they lie.

import type { StoreSize } from "../../compiler/index.ts";
import type { FieldExpression, IndexExpression } from "./ast.ts";
import { typeOfBtf } from "./btf-types.ts";
import { elementOffsets, sizeOf } from "./layout.ts";
import { argument } from "./lower-arguments.ts";
import { signedOf } from "./lower-conditions.ts";
import { elementSize, value } from "./lower-expressions.ts";
import { loadScalar, loadSize, type Operand, operand, ownMemory, readForeign } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import type { ProbeArgument } from "./probes.ts";
import type { Type } from "./types.ts";

/** `args.x`, `task.pid`, `$kv.0`: where it lies. */
export function fieldOperand(l: Lowering, e: FieldExpression): Operand {
  const b = l.b;
  const type = e.type as Type;
  if (e.object.kind === "identifier" && e.object.type?.kind === "args") {
    const found = l.form.args?.get(e.name) as ProbeArgument;
    return argument(l, found);
  }
  const object = e.object.type as Type;
  if (object.kind === "tuple" || object.kind === "record") {
    const at = object.kind === "tuple" ? Number(e.name) : object.names.indexOf(e.name);
    if (e.object.kind === "variable") {
      const pair = l.pairs.get(l.info(e.object));
      if (pair !== undefined) return at === 0 ? pair.key : pair.value();
    }
    const op = ownMemory(l, e.object);
    return {
      kind: "memory",
      type: (op.type as Type & { kind: "tuple" }).elements[at] as Type,
      pointer: op.pointer,
      offset: op.offset + (elementOffsets((op.type as Type & { kind: "tuple" }).elements)[at] as number),
      space: "own",
    };
  }
  const btf = l.script.checker.env.btf();
  const struct = object.kind === "pointer" ? object.to : object;
  if (btf === undefined || struct?.kind !== "struct")
    return l.fail("SCRY1300", `the field '${e.name}' cannot be reached`, e.span);
  const field = btf.field(struct.btf.id, [e.name]);
  if (field === undefined) return l.fail("SCRY1300", `the field '${e.name}' cannot be reached`, e.span);
  const base = operand(l, e.object);
  const pointer =
    base.kind === "value"
      ? base.value
      : base.kind === "memory"
        ? object.kind === "pointer"
          ? loadScalar(l, base)
          : base.pointer
        : b.const(0);
  const start = base.kind === "memory" && object.kind !== "pointer" ? base.offset : 0;
  const space = struct.space;
  if (field.bitfieldSize > 0) {
    const first = field.bitOffset >> 3;
    const shift = field.bitOffset & 7;
    const bytes = Math.ceil((shift + field.bitfieldSize) / 8);
    const slot = b.slot(8);
    b.store(64, slot, 0, 0);
    readForeign(l, slot, 0, bytes, pointer, start + first, space);
    const word = b.load("u64", slot, 0);
    const up = b.binary("shl", word, 64 - shift - field.bitfieldSize);
    return { kind: "value", type, value: b.binary(signedOf(type) ? "sar" : "shr", up, 64 - field.bitfieldSize) };
  }
  return {
    kind: "memory",
    type: typeOfBtf(btf, field.type, space),
    pointer,
    offset: start + field.bitOffset / 8,
    space,
  };
}

/** `a[i]` of arrays, pointers, strings and tuples. */
export function indexOperand(l: Lowering, e: IndexExpression): Operand {
  const b = l.b;
  const object = e.object.type as Type;
  const at = l.script.checker.constant(e.index);
  if (object.kind === "tuple") {
    return fieldOperand(l, {
      kind: "field",
      object: e.object,
      name: String(at),
      nameSpan: e.index.span,
      span: e.span,
      type: e.type as Type,
    });
  }
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
  if (base.kind !== "memory") return l.fail("SCRY1300", "this value has no elements", e.span);
  if (at !== undefined && (base.space !== "own" || object.kind === "array" || Number(at) < sizeOf(object)))
    return { ...base, type, offset: base.offset + Number(at) * size };
  const index = value(l, e.index);
  if (base.space === "kernel" || base.space === "user")
    return { ...base, type, pointer: b.add(base.pointer, b.binary("mul", index, size)) };
  // Own memory: the index must be within bounds, else the element is 0.
  const count = object.kind === "array" ? object.count : sizeOf(object);
  const slot = b.slot(8);
  b.store(64, slot, 0, 0);
  const inside = b.block("inside");
  const after = b.block("after");
  b.branch("ult", index, count, inside, after);
  b.seal(inside);
  b.at(inside);
  if (base.space === "ctx")
    readForeign(l, slot, 0, size, b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0, "kernel");
  else
    b.store(
      (Math.min(8, size) * 8) as StoreSize,
      slot,
      0,
      b.load(loadSize(type), b.add(b.add(base.pointer, base.offset), b.binary("mul", index, size)), 0),
    );
  b.jump(after);
  b.seal(after);
  b.at(after);
  return { kind: "memory", type, pointer: slot, offset: 0, space: "own" };
}
