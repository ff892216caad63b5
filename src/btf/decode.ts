// One type from its words (see `layout.ts`).

import { FormatError } from "../source/index.ts";
import { KINDS } from "./layout.ts";
import type { BtfEnumerator, BtfKind, BtfLinkage, BtfMember, BtfParam, BtfSectionVariable, BtfType } from "./types.ts";

const LINKAGES: readonly BtfLinkage[] = ["static", "global", "extern"];

/** The type that begins at `at` of a type section's words, which hold it whole; `string` reads names. */
export function decodeType(words: Uint32Array, at: number, id: number, string: (offset: number) => string): BtfType {
  const word = (place: number): number => words[place] as number;
  const info = word(at + 1);
  const kind = (KINDS[(info >>> 24) & 31] as { kind: BtfKind }).kind;
  const name = string(word(at));
  const flag = info >>> 31 === 1;
  const vlen = info & 0xffff;
  const value = word(at + 2);
  const extra = at + 3;
  switch (kind) {
    case "void":
      throw new FormatError("BTF", `type ${id} is of kind 0`);
    case "int": {
      const encoded = word(extra);
      const encoding = (encoded >>> 24) & 15;
      return {
        kind,
        id,
        name,
        size: value,
        bits: encoded & 0xff,
        bitOffset: (encoded >>> 16) & 0xff,
        signed: (encoding & 1) !== 0,
        char: (encoding & 2) !== 0,
        bool: (encoding & 4) !== 0,
      };
    }
    case "ptr":
      return { kind, id, name, type: value };
    case "array":
      return {
        kind,
        id,
        name,
        element: word(extra),
        index: word(extra + 1),
        count: word(extra + 2),
      };
    case "struct":
    case "union": {
      const members: BtfMember[] = [];
      for (let i = 0, p = extra; i < vlen; i++, p += 3) {
        const place = word(p + 2);
        members.push({
          name: string(word(p)),
          type: word(p + 1),
          bitOffset: flag ? place & 0xffffff : place,
          bitfieldSize: flag ? place >>> 24 : 0,
        });
      }
      return { kind, id, name, size: value, members };
    }
    case "enum":
    case "enum64": {
      const values: BtfEnumerator[] = [];
      const step = kind === "enum" ? 2 : 3;
      for (let i = 0, p = extra; i < vlen; i++, p += step) {
        const low = BigInt(word(p + 1));
        const all = kind === "enum" ? low : low | (BigInt(word(p + 2)) << 32n);
        values.push({
          name: string(word(p)),
          value: flag ? BigInt.asIntN(kind === "enum" ? 32 : 64, all) : all,
        });
      }
      return { kind, id, name, size: value, signed: flag, values };
    }
    case "fwd":
      return { kind, id, name, union: flag };
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "type_tag":
      return { kind, id, name, type: value };
    case "func":
      return { kind, id, name, type: value, linkage: linkage(vlen, id) };
    case "func_proto": {
      const params: BtfParam[] = [];
      let variadic = false;
      for (let i = 0, p = extra; i < vlen; i++, p += 2) {
        const type = word(p + 1);
        if (i === vlen - 1 && type === 0) variadic = true;
        else params.push({ name: string(word(p)), type });
      }
      return { kind, id, name, returns: value, params, variadic };
    }
    case "var":
      return { kind, id, name, type: value, linkage: linkage(word(extra), id) };
    case "datasec": {
      const variables: BtfSectionVariable[] = [];
      for (let i = 0, p = extra; i < vlen; i++, p += 3) {
        variables.push({ type: word(p), offset: word(p + 1), size: word(p + 2) });
      }
      return { kind, id, name, size: value, variables };
    }
    case "float":
      return { kind, id, name, size: value };
    case "decl_tag":
      return { kind, id, name, type: value, component: word(extra) | 0 };
  }
}

function linkage(number: number, id: number): BtfLinkage {
  const found = LINKAGES[number];
  if (found === undefined) throw new FormatError("BTF", `type ${id} has linkage ${number}`);
  return found;
}
