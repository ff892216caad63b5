// Numbers of 64 bits that JavaScript is to have as numbers, not as bigints: `u64.asNumber` of kernel modules. Typedefs say it, so
// that objects carry it.

import { FormatError } from "../source/index.ts";
import type { BtfType } from "./types.ts";

/** The typedef of such a number, with a sign or without. */
export const asNumberTypedef = (signed: boolean): string => (signed ? "i64_as_number" : "u64_as_number");

const NAMES: ReadonlySet<string> = new Set([asNumberTypedef(true), asNumberTypedef(false)]);

/** Is this type such a number? Typedefs and qualifiers are looked through. */
export function isAsNumber(types: { type(id: number): BtfType }, id: number): boolean {
  let at = id;
  for (let depth = 0; depth < 64; depth++) {
    const type = types.type(at);
    if (type.kind === "typedef" && NAMES.has(type.name)) return true;
    if (!/^(?:typedef|const|volatile|restrict|type_tag)$/.test(type.kind) || !("type" in type)) return false;
    at = type.type as number;
  }
  throw new FormatError("BTF", `type ${id} is made of itself`);
}

/** Throws RangeError for a number that JavaScript cannot have exactly: beyond 2^53. */
export function exactNumber(view: DataView, at: number, signed: boolean): number {
  const low = view.getUint32(at, true);
  const high = signed ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
  const value = high * 4294967296 + low;
  if (!Number.isSafeInteger(value)) {
    const exact = signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
    throw new RangeError(`${exact} is beyond 2^53: no number has it exactly (asNumber); as a bigint it would be read`);
  }
  return value;
}
