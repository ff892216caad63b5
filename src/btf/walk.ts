// Questions about types that any source of them answers in the same way: what is behind a typedef, how large, which field.
// Types of a damaged file may be made of themselves: every walk here ends.

import { FormatError } from "../source/index.ts";
import type { BtfField, BtfMember, BtfType } from "./types.ts";

/** All that these questions need to know. */
export interface TypeSource {
  type(id: number): BtfType;
}

/** How many modifiers, arrays or nested structs there may be before it is taken for a circle. */
const DEPTH_LIMIT = 64;
/** Bytes of a pointer. */
const POINTER = 8;

/** The type behind typedef, const, volatile, restrict and type_tag. */
export function resolveType(source: TypeSource, id: number): BtfType {
  let type = source.type(id);
  for (let depth = 0; depth < DEPTH_LIMIT; depth++) {
    switch (type.kind) {
      case "typedef":
      case "volatile":
      case "const":
      case "restrict":
      case "type_tag":
        type = source.type(type.type);
        break;
      default:
        return type;
    }
  }
  throw new FormatError("BTF", `the modifiers of type ${id} do not end`);
}

/** Bytes; undefined for what has no size. */
export function sizeOfType(source: TypeSource, id: number): number | undefined {
  let elements = 1;
  let type = resolveType(source, id);
  for (let depth = 0; type.kind === "array" || type.kind === "var"; depth++) {
    if (depth > DEPTH_LIMIT) throw new FormatError("BTF", `the array of type ${id} does not end`);
    if (type.kind === "array") elements *= type.count;
    type = resolveType(source, type.kind === "array" ? type.element : type.type);
  }
  switch (type.kind) {
    case "ptr":
      return elements * POINTER;
    case "int":
    case "float":
    case "struct":
    case "union":
    case "enum":
    case "enum64":
    case "datasec":
      return elements * type.size;
    default:
      return undefined;
  }
}

/** Members of a struct or union, behind modifiers; empty for anything else. */
export function membersOf(source: TypeSource, id: number): readonly BtfMember[] {
  const type = resolveType(source, id);
  return type.kind === "struct" || type.kind === "union" ? type.members : [];
}

/** See `Btf.field`. */
export function fieldOf(source: TypeSource, id: number, path: string | readonly string[]): BtfField | undefined {
  const steps =
    typeof path === "string"
      ? path
          .replaceAll("[", ".[")
          .split(".")
          .filter((step) => step !== "")
      : path;
  let place: BtfField = { bitOffset: 0, bitfieldSize: 0, type: id };
  for (const step of steps) {
    const next = stepInto(source, place, step, new Set());
    if (next === undefined) return undefined;
    place = next;
  }
  return place;
}

/** `searched`: ids of structs without a name that were looked into, since looking again finds nothing either. */
function stepInto(source: TypeSource, from: BtfField, step: string, searched: Set<number>): BtfField | undefined {
  if (searched.size > DEPTH_LIMIT * DEPTH_LIMIT) return undefined;
  const type = resolveType(source, from.type);
  if (type.kind === "array") {
    const match = /^\[?(\d+)\]?$/.exec(step);
    const size = sizeOfType(source, type.element);
    if (match === null || size === undefined) return undefined;
    const element = Number(match[1]);
    // A flexible array has no elements of its own but may be stepped into.
    if (type.count !== 0 && element >= type.count) return undefined;
    return { bitOffset: from.bitOffset + element * size * 8, bitfieldSize: 0, type: type.element };
  }
  if (type.kind !== "struct" && type.kind !== "union") return undefined;
  if (searched.has(type.id)) return undefined;
  searched.add(type.id);
  for (const member of type.members) {
    const here = {
      bitOffset: from.bitOffset + member.bitOffset,
      bitfieldSize: member.bitfieldSize,
      type: member.type,
    };
    if (member.name === step) return here;
    if (member.name !== "") continue;
    const inner = stepInto(source, here, step, searched);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
