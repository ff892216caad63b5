// Kernel types (BTF, C spellings) as types of the language.

import type { Btf, BtfType } from "../btf/index.ts";
import { isDeclared } from "../c/index.ts";
import {
  type AddressSpace,
  DOUBLE,
  FLOAT,
  INT32,
  INT64,
  intType,
  type StructField,
  type StructType,
  type Type,
  UINT8,
  UINT32,
  UINT64,
} from "../schema/index.ts";

const bits = (size: number): 8 | 16 | 32 | 64 => (size === 1 ? 8 : size === 2 ? 16 : size === 4 ? 32 : 64);

/** The language's type of a BTF type; memory it points to is taken to be in `space`, or in user space where the kernel says `__user`. */
export function typeOfBtf(btf: Btf, id: number, space: AddressSpace): Type {
  const type = resolve(btf, id);
  switch (type.kind) {
    case "int":
      return type.bool ? { kind: "bool" } : intType(bits(type.size), type.signed);
    case "float":
      // A long double has no form that anything here could print.
      return type.size === 4 ? FLOAT : type.size === 8 ? DOUBLE : { kind: "none" };
    case "enum":
    case "enum64":
      return {
        ...intType(bits(type.size), type.signed),
        enum: { id: type.id, name: type.name },
      };
    case "ptr": {
      const target = pointee(btf, type.type, space);
      return { kind: "pointer", space: target.space, ...(target.type === undefined ? {} : { to: target.type }) };
    }
    case "struct":
    case "union":
      return {
        kind: "struct",
        btf: { id: type.id, name: `${type.kind} ${type.name === "" ? "(anonymous)" : type.name}` },
        space,
      };
    case "array": {
      const of = typeOfBtf(btf, type.element, space);
      const element = resolve(btf, type.element);
      // The kernel's `char` has no encoding of its own in BTF: its name tells it from u8.
      if (element.kind === "int" && element.size === 1 && (element.char || element.name === "char"))
        return { kind: "string", size: type.count };
      return { kind: "array", of, count: type.count, space };
    }
    default:
      return { kind: "none" };
  }
}

/** The type of a member that is read alone. A text in a struct that the script declares may fill its place: it gets a NUL. */
export function typeOfMember(btf: Btf, id: number, space: AddressSpace): Type {
  const type = typeOfBtf(btf, id, space);
  return type.kind === "string" && isDeclared(resolve(btf, id).id) ? { kind: "string", size: type.size + 1 } : type;
}

function resolve(btf: Btf, id: number): BtfType {
  return btf.resolve(id);
}

/**
 * A type as C writes it in a list of parameters: `const struct file *`, `char * *`, `size_t`. A pointer may also be a star
 * without a space before it, as debuggers have it.
 */
export function spellingOf(btf: Btf, id: number, star: " *" | "*" = " *"): string {
  let stars = "";
  let qualifiers: string[] = [];
  const before = (): string => qualifiers.map((q) => `${q} `).join("");
  let at = id;
  for (let depth = 0; depth < 64; depth++) {
    const type = btf.type(at);
    switch (type.kind) {
      case "const":
      case "volatile":
        qualifiers.push(type.kind);
        at = type.type;
        continue;
      case "restrict":
      case "type_tag":
        at = type.type;
        continue;
      case "ptr":
        stars = `${star}${qualifiers.map((q) => ` ${q}`).join("")}${stars}`;
        qualifiers = [];
        at = type.type;
        continue;
      case "array":
        return `${before()}${spellingOf(btf, type.element, star)}[${type.count}]${stars}`;
      case "struct":
      case "union":
      case "enum":
        return `${before()}${type.kind} ${type.name === "" ? "(anonymous)" : type.name}${stars}`;
      case "enum64":
        return `${before()}enum ${type.name}${stars}`;
      case "fwd":
        return `${before()}${type.union ? "union" : "struct"} ${type.name}${stars}`;
      case "func_proto":
        return `void${stars}`;
      default:
        return `${before()}${type.name === "" ? "void" : type.name}${stars}`;
    }
  }
  return "void";
}

/** The type as one of which copies can be kept and read: with the layout of every struct within. `btf` is asked for one only. */
export function withLayouts(btf: () => Btf | undefined, type: Type): Type {
  switch (type.kind) {
    case "struct": {
      const types = type.layout === undefined ? btf() : undefined;
      return types === undefined ? type : { ...type, layout: layoutOf(types, type) };
    }
    case "array": {
      const of = withLayouts(btf, type.of);
      return of === type.of ? type : { ...type, of };
    }
    case "tuple":
    case "record":
      return { ...type, elements: type.elements.map((e) => withLayouts(btf, e)) };
    default:
      return type;
  }
}

const layouts = new WeakMap<Btf, Map<string, StructType["layout"] & object>>();

function layoutOf(btf: Btf, struct: StructType): StructType["layout"] & object {
  let known = layouts.get(btf);
  if (known === undefined) layouts.set(btf, (known = new Map()));
  const key = `${struct.space}${struct.btf.id}`;
  let layout = known.get(key);
  if (layout === undefined) {
    const fields: StructField[] = [];
    gatherFields(btf, struct.btf.id, 0, struct.space, fields);
    known.set(key, (layout = { size: btf.sizeof(struct.btf.id) ?? 0, fields }));
  }
  return layout;
}

function gatherFields(btf: Btf, id: number, start: number, space: AddressSpace, into: StructField[]): void {
  for (const m of btf.members(id)) {
    const at = start + m.bitOffset;
    const kind = btf.resolve(m.type).kind;
    if (m.name === "" && (kind === "struct" || kind === "union")) {
      gatherFields(btf, m.type, at, space, into);
      continue;
    }
    const type = withLayouts(() => btf, typeOfBtf(btf, m.type, space));
    if (m.bitfieldSize === 0) into.push({ name: m.name, type, offset: at / 8 });
    else into.push({ name: m.name, type, offset: at >> 3, bits: { shift: at & 7, width: m.bitfieldSize } });
  }
}

// Pointers to pointers to structs would never end: a target is only named, and looked at when it is read.
const pointees = new WeakMap<Btf, Map<string, { type: Type | undefined; space: AddressSpace }>>();

function pointee(btf: Btf, id: number, space: AddressSpace): { type: Type | undefined; space: AddressSpace } {
  let own = space;
  let at = id;
  for (;;) {
    const type = btf.type(at);
    if (type.kind === "type_tag" && type.name === "user") own = "user";
    if (
      type.kind === "typedef" ||
      type.kind === "const" ||
      type.kind === "volatile" ||
      type.kind === "restrict" ||
      type.kind === "type_tag"
    )
      at = type.type;
    else break;
  }
  let known = pointees.get(btf);
  if (known === undefined) pointees.set(btf, (known = new Map()));
  const key = `${own}${at}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const kind = btf.kind(at);
  const entry: { type: Type | undefined; space: AddressSpace } = { type: undefined, space: own };
  known.set(key, entry);
  if (kind !== "void" && kind !== "fwd" && kind !== "func_proto") entry.type = typeOfBtf(btf, at, own);
  return entry;
}

/** Spellings of C's integer types, by any order of their words. */
const C_TYPES: Readonly<Record<string, Type>> = {
  bool: { kind: "bool" },
  _Bool: { kind: "bool" },
  char: intType(8, true),
  "signed char": intType(8, true),
  "unsigned char": UINT8,
  short: intType(16, true),
  "unsigned short": intType(16, false),
  int: INT32,
  unsigned: UINT32,
  "unsigned int": UINT32,
  long: INT64,
  "long int": INT64,
  "unsigned long": UINT64,
  "unsigned long int": UINT64,
  "long long": INT64,
  "unsigned long long": UINT64,
  "long unsigned int": UINT64,
  size_t: UINT64,
  ssize_t: INT64,
  uintptr_t: UINT64,
  pid_t: INT32,
  uid_t: UINT32,
  gid_t: UINT32,
  dev_t: UINT32,
  off_t: INT64,
  loff_t: INT64,
  sector_t: UINT64,
  umode_t: intType(16, false),
  gfp_t: UINT32,
};

/** An integer type by one of its many names: `uint32`, `u32`, `__be16`, `unsigned long`. */
export function namedIntType(name: string): Type | undefined {
  const width = /^(?:__)?(u?int|[us]|[bl]e)(8|16|32|64)(?:_t)?$/.exec(name);
  if (width !== null) return intType(Number(width[2]) as 8 | 16 | 32 | 64, width[1] === "int" || width[1] === "s");
  return C_TYPES[name];
}

/** The type of a field of a tracepoint's record from its C spelling; pointers are of `space`. */
export function typeOfSpelling(
  spelling: string,
  size: number,
  signed: boolean,
  space: AddressSpace,
  btf: () => Btf | undefined,
): Type {
  const text = spelling
    .replace(/\b(?:const|volatile|__user|__rcu)\b/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const array = /^(?:__data_loc )?(.*?)\s*\[(\d*)\]$/.exec(text);
  if (text.startsWith("__data_loc") || text.startsWith("__rel_loc")) {
    const element = namedIntType((array?.[1] ?? "char").trim()) ?? UINT8;
    return { kind: "pointer", to: element, space: "kernel" };
  }
  if (array !== null) {
    const of = namedIntType((array[1] as string).trim()) ?? intType(bits(size), signed);
    const width = of.kind === "int" ? of.bits / 8 : 8;
    if (of.kind === "int" && of.bits === 8 && /char/.test(array[1] as string)) return { kind: "string", size };
    return { kind: "array", of, count: Math.max(1, Math.floor(size / width)), space: "kernel" };
  }
  if (text.endsWith("*")) {
    const target = text.slice(0, -1).trim();
    const struct = /^(struct|union) (\w+)$/.exec(target);
    if (target.endsWith("*")) return { kind: "pointer", to: typeOfSpelling(target, 8, false, space, btf), space };
    const known = namedIntType(target);
    if (known !== undefined) return { kind: "pointer", to: known, space };
    if (struct !== null) {
      const id = btf()?.find(struct[2] as string, struct[1] as "struct" | "union");
      if (id !== undefined) return { kind: "pointer", to: { kind: "struct", btf: { id, name: target }, space }, space };
    }
    return { kind: "pointer", space };
  }
  const enumeration = /^enum (\w+)$/.exec(text);
  if (enumeration !== null) {
    const id = btf()?.find(enumeration[1] as string, ["enum", "enum64"]);
    if (id !== undefined) return { ...intType(bits(size), signed), enum: { id, name: enumeration[1] as string } };
  }
  if (text === "bool") return { kind: "bool" };
  // The record of a system call has a word for each argument, of which a narrower one fills the low part.
  const named = namedIntType(text);
  return named?.kind === "int" && named.bits < size * 8 ? named : intType(bits(size), signed);
}
