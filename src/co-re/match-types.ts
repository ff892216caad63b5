// `bpf_core_type_matches`: whether a type of the kernel has all that the object's own type has, member by member (libbpf's
// relo_core.c, __bpf_core_types_match).

import { type Btf, type BtfType, resolveType } from "../btf/index.ts";
import { MOST_LEVELS } from "./match.ts";
import { essentialName, isComposite, isEnum } from "./spec.ts";

export function typesMatch(
  localBtf: Btf,
  localId: number,
  btf: Btf,
  id: number,
  behindPointer = false,
  levels: number = MOST_LEVELS,
): boolean {
  if (levels <= 0) return false;
  const mine = resolveType(localBtf, localId);
  const theirs = resolveType(btf, id);
  if (!nameBegins(mine.name, theirs.name)) return false;
  const below = (a: number, b: number, pointer: boolean): boolean =>
    typesMatch(localBtf, a, btf, b, pointer, levels - 1);
  switch (mine.kind) {
    case "void":
      return theirs.kind === "void";
    case "fwd":
      if (theirs.kind === "fwd") return mine.union === theirs.union;
      return behindPointer && theirs.kind === (mine.union ? "union" : "struct");
    case "enum":
    case "enum64":
      return isEnum(theirs) && enumsMatch(mine, theirs);
    case "struct":
    case "union":
      if (behindPointer)
        return theirs.kind === mine.kind || (theirs.kind === "fwd" && theirs.union === (mine.kind === "union"));
      return (
        isComposite(theirs) &&
        theirs.kind === mine.kind &&
        mine.members.length <= theirs.members.length &&
        mine.members.every((m) =>
          theirs.members.some((t) => nameBegins(m.name, t.name) && below(m.type, t.type, false)),
        )
      );
    case "int":
      return theirs.kind === "int" && mine.size === theirs.size && mine.signed === theirs.signed;
    case "ptr":
      return theirs.kind === "ptr" && below(mine.type, theirs.type, true);
    case "array":
      return (
        theirs.kind === "array" && mine.count === theirs.count && below(mine.element, theirs.element, behindPointer)
      );
    case "func_proto":
      return (
        theirs.kind === "func_proto" &&
        mine.params.length === theirs.params.length &&
        mine.variadic === theirs.variadic &&
        mine.params.every((p, i) => below(p.type, theirs.params[i]?.type ?? 0, behindPointer)) &&
        below(mine.returns, theirs.returns, behindPointer)
      );
    default:
      return false;
  }
}

/** As libbpf compares: as many letters as the object's own name has, without its flavour. */
const nameBegins = (mine: string, theirs: string): boolean => theirs.startsWith(essentialName(mine));

type Enum = Extract<BtfType, { kind: "enum" | "enum64" }>;

function enumsMatch(mine: Enum, theirs: Enum): boolean {
  if (mine.size !== theirs.size || mine.values.length > theirs.values.length) return false;
  const names = new Set(theirs.values.map((v) => essentialName(v.name)));
  return mine.values.every((v) => names.has(essentialName(v.name)));
}
