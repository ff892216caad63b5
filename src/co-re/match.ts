// Whether a type of the kernel has what a question asks for: by names without flavours and by kinds, not by sizes or places
// (libbpf's relo_core.c: bpf_core_spec_match, bpf_core_fields_are_compat, bpf_core_types_are_compat).

import { type Btf, resolveType, sizeOfType } from "../btf/index.ts";
import { essentialName, isComposite, isEnum, isFlexible, MOST_STEPS, type Spec, type Step } from "./spec.ts";

/** Pointers, arrays and functions within one another, that are followed. */
export const MOST_LEVELS = 32;

/** The same place in another type; undefined where it does not have it. */
export function matchField(local: Spec, btf: Btf, root: number): Spec | undefined {
  let type = root;
  let bitOffset = 0;
  const steps: Step[] = [];
  for (const [i, step] of local.steps.entries()) {
    if (step.name !== undefined) {
      const found = matchMember(local.btf, step, btf, type, 0);
      if (found === undefined) return undefined;
      steps.push(found.step);
      bitOffset += found.bitOffset;
      type = found.type;
      continue;
    }
    if (i > 0) {
      const array = resolveType(btf, type);
      if (array.kind !== "array") return undefined;
      if (step.index >= array.count && !isFlexible(btf, steps.at(-1) as Step, array)) return undefined;
      type = array.element;
    }
    const element = resolveType(btf, type);
    steps.push({ type: element.id, index: step.index });
    bitOffset += step.index * (sizeOfType(btf, element.id) ?? 0) * 8;
  }
  return { btf, root, steps, bitOffset };
}

interface Found {
  readonly step: Step;
  readonly bitOffset: number;
  readonly type: number;
}

/** A member by its name, in structs without a name too. */
function matchMember(localBtf: Btf, wanted: Step, btf: Btf, id: number, depth: number): Found | undefined {
  const holder = resolveType(btf, id);
  const mine = resolveType(localBtf, wanted.type);
  if (!isComposite(holder) || !isComposite(mine) || depth > MOST_STEPS) return undefined;
  const member = mine.members[wanted.index];
  if (member === undefined) return undefined;
  for (const [index, own] of holder.members.entries()) {
    if (own.name === "") {
      const inner = matchMember(localBtf, wanted, btf, own.type, depth + 1);
      if (inner !== undefined) return { ...inner, bitOffset: inner.bitOffset + own.bitOffset };
    } else if (own.name === wanted.name) {
      if (!fieldsAgree(localBtf, member.type, btf, own.type)) return undefined;
      return { step: { type: holder.id, index, name: own.name }, bitOffset: own.bitOffset, type: own.type };
    }
  }
  return undefined;
}

/** Whether two fields of one name hold the same sort of thing. */
function fieldsAgree(localBtf: Btf, localId: number, btf: Btf, id: number): boolean {
  let mine = resolveType(localBtf, localId);
  let theirs = resolveType(btf, id);
  for (let depth = 0; depth < MOST_LEVELS; depth++) {
    if (isComposite(mine) && isComposite(theirs)) return true;
    if (isEnum(mine) && isEnum(theirs)) return namesAgree(mine.name, theirs.name);
    if (mine.kind !== theirs.kind) return false;
    if (mine.kind === "fwd") return namesAgree(mine.name, theirs.name);
    if (mine.kind === "int" && theirs.kind === "int") return mine.bitOffset === 0 && theirs.bitOffset === 0;
    if (mine.kind !== "array" || theirs.kind !== "array") return mine.kind === "ptr" || mine.kind === "float";
    mine = resolveType(localBtf, mine.element);
    theirs = resolveType(btf, theirs.element);
  }
  return false;
}

/** A type without a name agrees with all. */
function namesAgree(mine: string, theirs: string): boolean {
  const [a, b] = [essentialName(mine), essentialName(theirs)];
  return a === "" || b === "" || a === b;
}

/** The enumerator of the same name. */
export function matchEnumerator(local: Spec, btf: Btf, root: number): Spec | undefined {
  const type = resolveType(btf, root);
  const name = essentialName(local.steps[0]?.name ?? "");
  if (!isEnum(type)) return undefined;
  const index = type.values.findIndex((v) => essentialName(v.name) === name);
  return index < 0
    ? undefined
    : {
        btf,
        root,
        steps: [{ type: type.id, index, name: (type.values[index] as { name: string }).name }],
        bitOffset: 0,
      };
}

/** Whether two types of one name are the same sort of thing all the way through pointers, arrays and functions. */
export function typesAgree(
  localBtf: Btf,
  localId: number,
  btf: Btf,
  id: number,
  levels: number = MOST_LEVELS,
): boolean {
  if (levels < 0) return false;
  const mine = resolveType(localBtf, localId);
  const theirs = resolveType(btf, id);
  if (isEnum(mine) && isEnum(theirs)) return true;
  if (mine.kind !== theirs.kind) return false;
  switch (mine.kind) {
    case "void":
    case "struct":
    case "union":
    case "fwd":
      return true;
    case "int":
      return theirs.kind === "int" && mine.bitOffset === 0 && theirs.bitOffset === 0;
    case "ptr":
      return theirs.kind === "ptr" && typesAgree(localBtf, mine.type, btf, theirs.type, levels - 1);
    case "array":
      return theirs.kind === "array" && typesAgree(localBtf, mine.element, btf, theirs.element, levels - 1);
    case "func_proto":
      return (
        theirs.kind === "func_proto" &&
        mine.params.length === theirs.params.length &&
        mine.variadic === theirs.variadic &&
        mine.params.every((p, i) => typesAgree(localBtf, p.type, btf, theirs.params[i]?.type ?? 0, levels - 1)) &&
        typesAgree(localBtf, mine.returns, btf, theirs.returns, levels - 1)
      );
    default:
      return false;
  }
}
