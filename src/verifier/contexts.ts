// Accesses to the context of a program, by the rules of its type (object/contexts.ts).

import { PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { ofSize, UNKNOWN } from "./scalar.ts";
import { type Pointer, pointer, type Value } from "./value.ts";

export type ContextAccess = { readonly value: Value } | { readonly wrong: string; readonly unsupported?: true };

export interface ContextQuestion {
  readonly type: ProgramType;
  readonly machine: string;
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
  /** What the program is loaded for, where that is said. */
  readonly attachType?: string | undefined;
}

/** What an access to the context gives, or why it must not be. */
export function contextAccess({ type, machine, off, size, write, attachType }: ContextQuestion): ContextAccess {
  const row = PROGRAM_TYPES[type];
  const layout = row.context?.(machine);
  if (layout === undefined) {
    return { wrong: `The context of ${type} programs is not known to this verifier`, unsupported: true };
  }
  const where = `${size} byte${size === 1 ? "" : "s"} at offset ${off} of the context`;
  if (off < 0 || off + size > layout.bytes) {
    return { wrong: `${where}: it has ${layout.bytes} bytes in a program of type ${type}` };
  }
  if (off % size !== 0) return { wrong: `${where}: an access to the context must be aligned` };
  const field = layout.fields.find(
    ({ from, to, only }) => off >= from && off + size <= to && (only === undefined || only === attachType),
  );
  if (field === undefined) return { wrong: `${where} cannot be read in a program of type ${type}` };
  if (field.size !== undefined && size !== field.size) {
    return { wrong: `${where}: this field must be accessed as a whole, ${field.size} bytes` };
  }
  if (write && field.write !== true) return { wrong: `${where} cannot be written in a program of type ${type}` };
  // Words of the packet's context are narrowed on reading only.
  if (write && size < 4 && field.name !== "cb") return { wrong: `${where}: only whole words can be written` };
  if (field.holds === "socket") return { value: pointer("socket", { nullable: true }) };
  if (field.holds !== undefined) return { value: pointer(field.holds) };
  // Without the kernel's types a word of these may be a kernel object or a number; both may be read through with care.
  if (row.kernelWords === true && size === 8) return { value: KERNEL_WORD };
  return { value: size === 8 ? UNKNOWN : ofSize(size) };
}

/** A word that may point to a kernel object. */
export const KERNEL_WORD: Pointer = pointer("kernel");
