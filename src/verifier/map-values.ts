// Accesses to values of maps: by the map's flags, by what the kernel looks after in its values, and what is known of them.

import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG } from "../object/index.ts";
import type { Access } from "./access.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { refuse } from "./refusal.ts";
import { constant, isConstant } from "./scalar.ts";
import { fieldTouched } from "./special-fields.ts";
import { changed, type Value } from "./value.ts";

/** Maps that programs may only read, or only write. */
export function checkMap(access: Access, helper: boolean): void {
  const map = access.pointer.map;
  if (map === undefined) return;
  const flags = map.flags ?? 0;
  if (access.write && (flags & BPF_F_RDONLY_PROG) !== 0) {
    refuse("readonly", `The map ${map.name} cannot be written by programs`, [access.register]);
  }
  if (!access.write && !helper && (flags & BPF_F_WRONLY_PROG) !== 0) {
    refuse("readonly", `The map ${map.name} cannot be read by programs`, [access.register]);
  }
}

/** What the kernel looks after in a value is left alone; true where it is a pointer that is read. */
export function checkFields(checker: Checker, access: Access, helper: boolean): boolean {
  const { pointer, off, size, register } = access;
  const { map } = pointer;
  if (map === undefined) return false;
  const field = fieldTouched(checker.fieldsOf(map), pointer, off, size);
  if (field === undefined) return false;
  const isPointer = field.kind === "kptr" || field.kind === "kptr-untrusted";
  const whole =
    isConstant(pointer.index) && size === 8 && BigInt(pointer.off + off) + pointer.index.smin === BigInt(field.from);
  if (isPointer && !helper && whole && !(access.write && field.kind === "kptr")) return true;
  refuse(
    "pointer",
    `${map.name} has ${field.name === "kptr" ? "a pointer to a kernel object" : `a ${field.name}`} at byte ${field.from}, which must not be ${
      helper ? "handed over" : "accessed"
    } directly`,
    [register],
  );
}

/** What a pointer to a kernel object in a map value gives. */
export const kernelPointer = (checker: Checker): Value => changed(KERNEL_WORD, { nullable: true, id: checker.newId() });

/** The number at a known place of a map that never changes. */
export function constantAt(checker: Checker, { pointer, off, size, write }: Access): Value | undefined {
  if (write || pointer.map === undefined || !isConstant(pointer.index)) return undefined;
  const bytes = checker.constantsOf(pointer.map);
  if (bytes === undefined) return undefined;
  const at = pointer.off + off + Number(pointer.index.smin);
  let value = 0n;
  // What the map does not begin with is zero.
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return constant(value);
}
