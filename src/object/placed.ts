// One instruction of an object, with what it refers to and where it came from.

import type { Instruction } from "../isa/index.ts";
import type { Span } from "../source/index.ts";
import type { ObjectInstruction, Reference } from "./object.ts";

/** Written out member by member: an object has a hundred thousand of them, and spreading takes ten times as long. */
export function placed(
  { op, dst, src, off, imm, imm64 }: Instruction,
  ref: Reference | undefined,
  span: Span | undefined,
): ObjectInstruction {
  if (imm64 !== undefined) {
    if (ref !== undefined)
      return span === undefined ? { op, dst, src, off, imm, imm64, ref } : { op, dst, src, off, imm, imm64, ref, span };
    return span === undefined ? { op, dst, src, off, imm, imm64 } : { op, dst, src, off, imm, imm64, span };
  }
  if (ref !== undefined)
    return span === undefined ? { op, dst, src, off, imm, ref } : { op, dst, src, off, imm, ref, span };
  return span === undefined ? { op, dst, src, off, imm } : { op, dst, src, off, imm, span };
}
