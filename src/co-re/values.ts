// The answer to a question, for a place in types (libbpf's relo_core.c, bpf_core_calc_field_relo and its like).

import { type Btf, type BtfType, resolveType, sizeOfType } from "../btf/index.ts";
import type { CoreQuestion } from "../object/index.ts";
import { isComposite, isEnum, type Spec, type Step } from "./spec.ts";

export const isOfField = (ask: CoreQuestion): boolean => ask.startsWith("field-");
export const isOfEnumerator = (ask: CoreQuestion): boolean => ask.startsWith("enumerator-");

export interface Answer {
  readonly value: bigint;
  /** Of a field's offset: what a load at it loads, where a load may be made wider or narrower with it. */
  readonly load?: { readonly size: number; readonly type: BtfType };
  /** False: the compiler cannot have known it, so that what it wrote says nothing. */
  readonly check: boolean;
}

/** A field that no load can take in one piece, or a question that its place does not allow. */
export class NoAnswer extends Error {}

/** Undefined: there is nothing to be asked, and code that asks must never be reached. */
export function answer(ask: CoreQuestion, spec: Spec | undefined): Answer | undefined {
  const exact = (value: bigint | number): Answer => ({ value: BigInt(value), check: true });
  switch (ask) {
    case "field-exists":
    case "enumerator-exists":
    case "type-exists":
    case "type-matches":
      return exact(spec === undefined ? 0 : 1);
    case "type-id-local":
    case "type-id":
      return { value: BigInt(spec?.root ?? 0), check: false };
    case "type-size":
      return exact(spec === undefined ? 0 : (sizeOfType(spec.btf, spec.root) ?? 0));
    case "enumerator-value": {
      const step = spec?.steps[0];
      const type = step === undefined ? undefined : resolveType((spec as Spec).btf, step.type);
      const found = type !== undefined && isEnum(type) ? type.values[step?.index ?? -1] : undefined;
      // Values of 32 bits are taken with their sign, whatever the type says of it.
      return found === undefined
        ? undefined
        : exact(type?.kind === "enum" ? BigInt.asIntN(32, found.value) : found.value);
    }
    default:
      return spec === undefined ? undefined : fieldAnswer(ask, spec);
  }
}

function fieldAnswer(ask: CoreQuestion, spec: Spec): Answer {
  const { btf, bitOffset } = spec;
  const step = spec.steps.at(-1) as Step;
  if (step.name === undefined) {
    const size = sizeOfType(btf, step.type) ?? 0;
    if (ask === "field-offset")
      return { value: BigInt(bitOffset >> 3), load: { size, type: resolveType(btf, step.type) }, check: true };
    if (ask === "field-size") return { value: BigInt(size), check: true };
    throw new NoAnswer("an element of an array has no sign and no bits of its own");
  }
  const holder = resolveType(btf, step.type);
  const member = isComposite(holder) ? holder.members[step.index] : undefined;
  if (member === undefined) throw new NoAnswer(`${step.name} is no member`);
  const type = resolveType(btf, member.type);
  const bits = member.bitfieldSize;
  const bitfield = bits > 0;
  const { offset, size } = bitfield
    ? storage(bitOffset, bits, "size" in type ? type.size : 4)
    : { offset: bitOffset >> 3, size: sizeOfType(btf, member.type) ?? 0 };
  const width = bitfield ? bits : size * 8;
  switch (ask) {
    case "field-offset": {
      const value = BigInt(offset);
      return bitfield ? { value, check: false } : { value, load: elementOf(btf, type), check: true };
    }
    case "field-size":
      return { value: BigInt(size), check: !bitfield };
    case "field-signed":
      return { value: (isEnum(type) || type.kind === "int") && type.signed ? 1n : 0n, check: true };
    case "field-left-shift":
      return { value: BigInt(64 - (bitOffset + width - offset * 8)), check: false };
    default:
      return { value: BigInt(64 - width), check: true };
  }
}

/** Of an array what is loaded is an element. */
function elementOf(btf: Btf, type: BtfType): { readonly size: number; readonly type: BtfType } {
  let inner = type;
  for (let depth = 0; inner.kind === "array" && depth < 32; depth++) inner = resolveType(btf, inner.element);
  return { size: sizeOfType(btf, inner.id) ?? 0, type: inner };
}

/** The smallest aligned word, of the bit field's own type or wider, that has all its bits. */
function storage(bitOffset: number, bits: number, own: number): { offset: number; size: number } {
  let size = Math.max(1, own);
  const place = (): number => Math.floor((bitOffset >> 3) / size) * size;
  let offset = place();
  while (bitOffset + bits - offset * 8 > size * 8) {
    if (size >= 8) throw new NoAnswer("a bit field that no word holds");
    size *= 2;
    offset = place();
  }
  return { offset, size };
}
