// A question as its compiler wrote it: a type of the object and a way into it, `0:2:1`. Read against the object's own types,
// it becomes steps by name, which can be looked for in other types.

import { type Btf, type BtfMember, type BtfType, resolveType, sizeOfType } from "../btf/index.ts";
import { FormatError } from "../source/index.ts";

/** A step that a name is known of, or one into an array. */
export interface Step {
  /** The struct, union or enum that has the member or enumerator; for an element the element's type. */
  readonly type: number;
  /** Of the member or enumerator among its own; of the element. */
  readonly index: number;
  /** Absent for elements of arrays. */
  readonly name?: string;
}

/** A place in types. */
export interface Spec {
  readonly btf: Btf;
  /** The type that the way begins at. */
  readonly root: number;
  readonly steps: readonly Step[];
  /** Bits from the start of the root. */
  readonly bitOffset: number;
}

/** Steps that a way may have (libbpf: BPF_CORE_SPEC_MAX_LEN). */
export const MOST_STEPS = 64;

/** A name without the flavour that follows three underscores: `task_struct___old`. */
export function essentialName(name: string): string {
  for (let i = name.length - 5; i >= 0; i--) {
    const before = name[i];
    const after = name[i + 4];
    if (before !== "_" && name.startsWith("___", i + 1) && after !== "_") return name.slice(0, i + 1);
  }
  return name;
}

export const isComposite = (type: BtfType): type is Extract<BtfType, { kind: "struct" | "union" }> =>
  type.kind === "struct" || type.kind === "union";
export const isEnum = (type: BtfType): type is Extract<BtfType, { kind: "enum" | "enum64" }> =>
  type.kind === "enum" || type.kind === "enum64";

/** An array of no length that ends a struct may be stepped into anywhere. */
export function isFlexible(btf: Btf, step: Step, array: Extract<BtfType, { kind: "array" }>): boolean {
  if (step.name === undefined || array.count > 0) return false;
  const holder = resolveType(btf, step.type);
  return isComposite(holder) && step.index === holder.members.length - 1;
}

const damage = (reason: string): FormatError => new FormatError("a CO-RE relocation", reason);

/** Throws FormatError for an access string that the object's types do not have. */
export function fieldSpec(btf: Btf, root: number, access: string): Spec {
  const [first, ...rest] = numbers(access);
  const size = sizeOfType(btf, root);
  if (first === undefined || size === undefined) throw damage(`${access} of a type without a size`);
  const steps: Step[] = [{ type: resolveType(btf, root).id, index: first }];
  let bitOffset = first * size * 8;
  let type = resolveType(btf, root);
  for (const index of rest) {
    if (isComposite(type)) {
      const member: BtfMember | undefined = type.members[index];
      if (member === undefined) throw damage(`${type.name} has no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== "") steps.push({ type: type.id, index, name: member.name });
      type = resolveType(btf, member.type);
    } else if (type.kind === "array") {
      const element = resolveType(btf, type.element);
      if (index >= type.count && !isFlexible(btf, steps.at(-1) as Step, type))
        throw damage(`an array of ${type.count} has no element ${index}`);
      steps.push({ type: element.id, index });
      bitOffset += index * (sizeOfType(btf, element.id) ?? 0) * 8;
      type = element;
    } else throw damage(`${access} steps into a ${type.kind}`);
  }
  return { btf, root, steps, bitOffset };
}

export function enumeratorSpec(btf: Btf, root: number, access: string): Spec {
  const [index] = numbers(access);
  const type = resolveType(btf, root);
  const found = isEnum(type) && index !== undefined ? type.values[index] : undefined;
  if (found === undefined) throw damage(`there is no enumerator ${access} of ${type.name}`);
  return { btf, root, steps: [{ type: type.id, index: index as number, name: found.name }], bitOffset: 0 };
}

function numbers(access: string): number[] {
  const found = access.split(":");
  if (found.length > MOST_STEPS || !found.every((part) => /^\d{1,9}$/.test(part)))
    throw damage(`'${access.slice(0, 40)}' is no way into a type`);
  return found.map(Number);
}
