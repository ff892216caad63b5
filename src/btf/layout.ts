// What the kinds of BTF look like in bytes: number, and how many words follow the three common ones.
//
//     struct btf_type { u32 name_off; u32 info; u32 size_or_type; }
//     info: bit 31 kind_flag, bits 24..28 kind, bits 0..15 vlen            (Documentation/bpf/btf.rst)

import type { BtfKind } from "./types.ts";

interface KindLayout {
  readonly kind: BtfKind;
  /** Words after the first three, whatever vlen is. */
  readonly fixed: number;
  /** Words for each of vlen elements. */
  readonly each: number;
}

/** By kind number. */
export const KINDS: readonly KindLayout[] = [
  { kind: "void", fixed: 0, each: 0 },
  { kind: "int", fixed: 1, each: 0 },
  { kind: "ptr", fixed: 0, each: 0 },
  { kind: "array", fixed: 3, each: 0 },
  { kind: "struct", fixed: 0, each: 3 },
  { kind: "union", fixed: 0, each: 3 },
  { kind: "enum", fixed: 0, each: 2 },
  { kind: "fwd", fixed: 0, each: 0 },
  { kind: "typedef", fixed: 0, each: 0 },
  { kind: "volatile", fixed: 0, each: 0 },
  { kind: "const", fixed: 0, each: 0 },
  { kind: "restrict", fixed: 0, each: 0 },
  { kind: "func", fixed: 0, each: 0 },
  { kind: "func_proto", fixed: 0, each: 2 },
  { kind: "var", fixed: 1, each: 0 },
  { kind: "datasec", fixed: 0, each: 3 },
  { kind: "float", fixed: 0, each: 0 },
  { kind: "decl_tag", fixed: 1, each: 0 },
  { kind: "type_tag", fixed: 0, each: 0 },
  { kind: "enum64", fixed: 0, each: 3 },
];

/** Kind numbers by name. */
export const KIND_NUMBERS: { readonly [kind in BtfKind]: number } = Object.fromEntries(
  KINDS.map((layout, number) => [layout.kind, number]),
) as { [kind in BtfKind]: number };
