// Where the members of a struct or union lie, by the System V ABI of x86-64 and arm64 (and GNU C's `packed`, `aligned`).

import type { BtfMember } from "../btf/index.ts";
import type { CTypes } from "./type-table.ts";

export interface MemberDeclaration {
  readonly name: string;
  readonly type: number;
  /** Bits of a bit field; 0 (with no name) ends its unit. Absent: it is none. */
  readonly bits?: number;
  /** Bytes that an attribute asks for. */
  readonly align?: number;
  readonly packed?: boolean;
  /** What `btf_decl_tag` says of it. */
  readonly tags?: readonly string[];
}

export interface Layout {
  readonly members: readonly BtfMember[];
  /** Bytes. */
  readonly size: number;
  readonly align: number;
}

const up = (value: number, to: number): number => Math.ceil(value / to) * to;

export function layoutOf(
  types: CTypes,
  kind: "struct" | "union",
  declared: readonly MemberDeclaration[],
  attributes: { readonly packed: boolean; readonly align: number },
): Layout {
  const members: BtfMember[] = [];
  let at = 0;
  let end = 0;
  let align = Math.max(1, attributes.align);
  for (const m of declared) {
    const size = types.sizeof(m.type) ?? 0;
    const packed = attributes.packed || m.packed === true;
    const natural = packed ? 1 : types.alignof(m.type);
    const own = Math.max(natural, m.align ?? 1);
    if (kind === "union") at = 0;
    if (m.bits === undefined) {
      at = up(at, own * 8);
      members.push({ name: m.name, type: m.type, bitOffset: at, bitfieldSize: 0 });
      at += size * 8;
      align = Math.max(align, own);
    } else if (m.bits === 0) {
      at = up(at, Math.max(types.alignof(m.type), m.align ?? 1) * 8);
    } else {
      const unit = types.alignof(m.type) * 8;
      if (m.align !== undefined) at = up(at, m.align * 8);
      // A bit field spans no more units than its type.
      if (!packed && Math.ceil(((at % unit) + m.bits) / unit) > (size * 8) / unit) at = up(at, unit);
      if (m.name !== "") {
        members.push({ name: m.name, type: m.type, bitOffset: at, bitfieldSize: m.bits });
        align = Math.max(align, own);
      }
      at += m.bits;
    }
    end = Math.max(end, at);
  }
  return { members, size: up(end, align * 8) / 8, align };
}
