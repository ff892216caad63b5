// Accesses to the context of a program and to the structs of sockets, by the rules of object/contexts.ts.

import { type ContextRule, type ContextRules, ITERATED, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
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
  /** What an iterator goes over. */
  readonly iterates?: string | undefined;
}

/** `struct bpf_flow_keys` */
const FLOW_KEYS_BYTES = 56;

const bytes = (size: number): string => `${size} byte${size === 1 ? "" : "s"}`;

/** May a field be read or written with this size at this place? The reason why not, or undefined. */
function misuse(field: ContextRule, { off, size, write }: Access, attachType: string | undefined): string | undefined {
  const { sizes, narrow, from } = field;
  if (sizes !== undefined) {
    if (!sizes.includes(size)) {
      const whole = sizes.length === 1 ? `as a whole, ${bytes(sizes[0] as number)}` : `by ${sizes.join(" or ")} bytes`;
      return `this field must be accessed ${whole}`;
    }
  } else if (size === 8) {
    if (field.wide !== true) return "this field must be accessed by words of 4 bytes";
  } else if (size < 4 && narrow !== undefined) {
    const within = narrow === "start" ? off === from : off + size <= from + narrow;
    if (!within) return `only the first bytes of ${field.name} can be read apart`;
  }
  if (!write) return undefined;
  if (field.write === undefined || field.writeOnly?.includes(attachType ?? "") === false) return "cannot be written";
  // What is kept elsewhere is put there as a whole.
  return size < 4 && field.write === "word" ? "only whole words can be written" : undefined;
}

interface Access {
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
}

/** The field of a struct that an access is of, or why there is none. */
export function fieldOf(
  layout: ContextRules,
  access: Access,
  what: string,
  attachType?: string,
): ContextRule | { readonly wrong: string } {
  const { off, size } = access;
  const where = `${bytes(size)} at offset ${off} of ${what}`;
  if (off < 0 || off + size > layout.bytes) return { wrong: `${where}: it has ${layout.bytes} bytes` };
  if (off % size !== 0) return { wrong: `${where}: an access to it must be aligned` };
  const field = layout.fields.find(
    ({ from, to, only }) => off >= from && off + size <= to && only?.includes(attachType ?? "") !== false,
  );
  if (field === undefined) return { wrong: `${where} cannot be read` };
  const why = misuse(field, access, attachType);
  if (why === undefined) return field;
  return { wrong: why === "cannot be written" ? `${where} ${why}` : `${where}: ${why}` };
}

/** What an access to the context gives, or why it must not be. */
export function contextAccess({
  type,
  machine,
  off,
  size,
  write,
  attachType,
  iterates,
}: ContextQuestion): ContextAccess {
  const row = PROGRAM_TYPES[type];
  const layout = row.context?.(machine);
  if (layout === undefined) {
    return { wrong: `The context of ${type} programs is not known to this verifier`, unsupported: true };
  }
  const field = fieldOf(layout, { off, size, write }, "the context", attachType);
  if ("wrong" in field) return { wrong: `${field.wrong} in a program of type ${type}` };
  const nullable = field.nullable === true;
  switch (field.holds) {
    case undefined:
      break;
    case "kernel":
      return { value: KERNEL_WORD };
    case "flow-keys":
      return { value: pointer("memory", { size: FLOW_KEYS_BYTES }) };
    default:
      return { value: pointer(field.holds, { nullable }) };
  }
  // Without the kernel's types a word of these may be a kernel object or a number; both may be read through with care.
  if (row.kernelWords === true && size === 8) {
    // Behind what an iterator's run is about come pointers that are null once it is over.
    const buffers = iterates === undefined ? undefined : ITERATED[iterates];
    if (iterates === undefined || off < (buffers === undefined ? 8 : 16)) return { value: KERNEL_WORD };
    return { value: pointer(buffers?.[off] ?? "kernel", { nullable: true }) };
  }
  return { value: size === 8 ? UNKNOWN : ofSize(size) };
}

/** A word that may point to a kernel object. */
export const KERNEL_WORD: Pointer = pointer("kernel");
