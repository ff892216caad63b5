// Members of structs and unions in foreign memory, by BTF.

import type { Btf } from "../btf/index.ts";
import { typeOfMember } from "../probes/index.ts";
import { sizeOf, type Type } from "../schema/index.ts";
import { loadScalar, type Operand, readForeign } from "./memory.ts";
import type { ProgramState } from "./state.ts";

/**
 * The member `name` of the struct that `base`, of type `object`, is or points to; undefined where there is none. Bit fields
 * are read at once, other members are places.
 */
export function memberOperand(
  p: ProgramState,
  btf: Btf,
  base: () => Operand,
  object: Type,
  name: string,
): Operand | undefined {
  const b = p.b;
  const struct = object.kind === "pointer" ? object.to : object;
  const field = struct?.kind === "struct" ? btf.field(struct.btf.id, [name]) : undefined;
  if (struct?.kind !== "struct" || field === undefined) return undefined;
  const op = base();
  const follows = object.kind === "pointer";
  // A copy is in our own memory; what its pointers point to is not.
  const space = op.kind === "memory" && !follows ? op.space : struct.space;
  const pointer =
    op.kind === "value" ? op.value : op.kind === "none" ? b.const(0) : follows ? loadScalar(p, op) : op.pointer;
  const start = op.kind === "memory" && !follows ? op.offset : 0;
  const type = typeOfMember(btf, field.type, struct.space);
  if (field.bitfieldSize === 0) {
    // A text of our own memory that need not end is read like one of others, which ends it.
    const foreign = type.kind === "string" && space === "own" ? "kernel" : space;
    return { kind: "memory", type, pointer, offset: start + field.bitOffset / 8, space: foreign };
  }
  const shift = field.bitOffset & 7;
  const bytes = Math.ceil((shift + field.bitfieldSize) / 8);
  // Of a packed struct, a field of up to 64 bits may lie in nine bytes.
  const slot = b.slot(bytes > 8 ? 16 : 8);
  b.store(64, slot, 0, 0);
  if (bytes > 8) b.store(64, slot, 8, 0);
  readForeign(p, slot, 0, bytes, pointer, start + (field.bitOffset >> 3), space === "own" ? "kernel" : space);
  const low = b.binary("shr", b.load("u64", slot, 0), shift);
  const all = bytes > 8 ? b.binary("or", low, b.binary("shl", b.load("u64", slot, 8), 64 - shift)) : low;
  const up = b.binary("shl", all, 64 - field.bitfieldSize);
  const signed = type.kind === "bool" || (type.kind === "int" && type.signed);
  const value = b.binary(signed ? "sar" : "shr", up, 64 - field.bitfieldSize);
  return { kind: "value", type: type.kind === "int" ? { kind: "int", bits: 64, signed } : type, value };
}

/** Bytes of an element of an array, or of what a pointer points to. */
export function elementSize(p: ProgramState, type: Type): number {
  if (type.kind === "struct") return p.object.target.btf()?.sizeof(type.btf.id) ?? 1;
  return Math.max(1, type.kind === "pointer" ? 8 : sizeOf(type));
}
