// Which bits of a value may be set, and which value gives the same bits for less.

import { constantOf } from "./graph.ts";
import type { Value } from "./ir.ts";

export const ALL_BITS: bigint = (1n << 64n) - 1n;
const LOW_HALF = 0xffff_ffffn;
const DEEPEST = 6;

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** The bits that may be set; all others are zero. */
export function possibleBits(value: Value, depth = 0): bigint {
  const { def } = value;
  if (def === undefined) return ones(value.bits ?? 64);
  if (depth > DEEPEST) return ALL_BITS;
  const { operation, args } = def;
  const of = (i: number): bigint => possibleBits(args[i] as Value, depth + 1);
  const cut = (bits: bigint): bigint => ("width" in operation && operation.width === 32 ? bits & LOW_HALF : bits);
  const by = (): number | undefined => {
    const constant = constantOf(args[1] as Value);
    return constant === undefined || !("width" in operation) ? undefined : Number(constant) & (operation.width - 1);
  };
  switch (operation.op) {
    case "const":
      return BigInt.asUintN(64, operation.value);
    case "load":
      return operation.size.startsWith("u") ? ones(Number(operation.size.slice(1))) : ALL_BITS;
    case "zext":
      return of(0) & ones(operation.bits);
    case "and":
      return cut(of(0) & of(1));
    case "or":
    case "xor":
      return cut(of(0) | of(1));
    case "shl": {
      const shift = by();
      return cut(shift === undefined ? ALL_BITS : (of(0) << BigInt(shift)) & ALL_BITS);
    }
    case "shr": {
      const shift = by();
      return shift === undefined ? cut(ALL_BITS) : cut(of(0)) >> BigInt(shift);
    }
    default:
      return cut(ALL_BITS);
  }
}

/** A value with the same bits where the mask has ones, which costs less: what only changes others is left out. */
export function sameBits(value: Value, mask: bigint, resolve: (value: Value) => Value): Value {
  for (let at = value; ; ) {
    const { def } = at;
    const operation = def?.operation;
    const [a, b] = (def?.args ?? []) as [Value, Value];
    const wide = operation !== undefined && "width" in operation && operation.width === 64;
    if ((operation?.op === "zext" || operation?.op === "sext") && (mask & ~ones(operation.bits)) === 0n)
      at = resolve(a);
    else if (operation?.op === "zext" && (possibleBits(a) & mask & ~ones(operation.bits)) === 0n) at = resolve(a);
    else if (operation?.op === "and" && (wide || mask <= LOW_HALF)) {
      const kept = constantOf(b);
      if (kept === undefined || (mask & ~BigInt.asUintN(64, kept) & possibleBits(a)) !== 0n) return at;
      at = resolve(a);
    } else if ((operation?.op === "or" || operation?.op === "xor") && (wide || mask <= LOW_HALF)) {
      if ((possibleBits(b) & mask) === 0n) at = resolve(a);
      else if ((possibleBits(a) & mask) === 0n) at = resolve(b);
      else return at;
    } else return at;
  }
}
