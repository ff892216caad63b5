// What DWARF adds to reading bytes (DWARF 5, chapter 7): lengths of units, which say how wide offsets are.

import type { ByteReader } from "../source/index.ts";

/** The length that a unit begins with: 32 bits, or 64 behind an escape (7.4); and which of them. */
export function initialLength(reader: ByteReader): { readonly length: number; readonly wide: boolean } {
  const first = reader.u32();
  if (first !== 0xffffffff) {
    if (first >= 0xfffffff0) throw reader.damage("a reserved unit length", reader.at - 4);
    return { length: first, wide: false };
  }
  return { length: reader.u64(), wide: true };
}

/** An offset into another section. */
export const sectionOffset = (reader: ByteReader, wide: boolean): number => (wide ? reader.u64() : reader.u32());
