// Whether what two files say of one name can be the same thing. Qualifiers and names of types in between say nothing; behind
// a pointer only what kind of thing is there and what it is called, since one file may know a struct by its name alone.

import type { Btf, BtfType } from "../../btf/index.ts";

/** A type, and whose. */
interface Typed {
  readonly btf: Btf;
  readonly id: number;
}

const isRecord = ({ kind }: BtfType): boolean => kind === "struct" || kind === "union" || kind === "fwd";

/** Structs within structs: more is a damaged file, whose struct holds itself. */
const DEEPEST = 32;

/** What is different; undefined where nothing is. */
export function difference(a: Typed, b: Typed, whole = true, depth = 0): string | undefined {
  if (depth > DEEPEST) return "structs that hold themselves";
  const x = a.btf.resolve(a.id);
  const y = b.btf.resolve(b.id);
  const of = (from: Typed, id: number): Typed => ({ btf: from.btf, id });
  const called = ({ kind, name }: BtfType): string => (name === "" ? kind : `${kind} ${name}`);
  const unlike = `${called(x)} and ${called(y)}`;
  if (isRecord(x) && isRecord(y) && (x.kind === "fwd" || y.kind === "fwd"))
    return x.name === y.name ? undefined : unlike;
  if (x.kind === "void" || y.kind === "void") return x.kind === y.kind ? undefined : unlike;
  switch (x.kind) {
    case "int":
    case "float":
      return y.kind === x.kind && y.size === x.size ? undefined : unlike;
    case "enum":
    case "enum64":
      return (y.kind === "enum" || y.kind === "enum64") && y.size === x.size && y.name === x.name ? undefined : unlike;
    case "ptr":
      return y.kind === "ptr" ? difference(of(a, x.type), of(b, y.type), false, depth + 1) : unlike;
    case "array":
      // `extern int table[]` says nothing of the length.
      if (y.kind !== "array") return unlike;
      if (x.count !== y.count && x.count !== 0 && y.count !== 0) return `arrays of ${x.count} and ${y.count}`;
      return difference(of(a, x.element), of(b, y.element), whole, depth + 1);
    case "struct":
    case "union": {
      if (y.kind !== x.kind || y.name !== x.name) return unlike;
      if (!whole) return undefined;
      if (y.size !== x.size) return `${called(x)} of ${x.size} and of ${y.size} bytes`;
      if (y.members.length !== x.members.length)
        return `${called(x)} of ${x.members.length} and of ${y.members.length} members`;
      for (const [i, own] of x.members.entries()) {
        const other = y.members[i];
        if (other?.name !== own.name || other.bitOffset !== own.bitOffset || other.bitfieldSize !== own.bitfieldSize)
          return `member ${own.name} of ${called(x)}`;
        const inside = difference(of(a, own.type), of(b, other.type), true, depth + 1);
        if (inside !== undefined) return `member ${own.name} of ${called(x)}: ${inside}`;
      }
      return undefined;
    }
    case "func_proto": {
      if (y.kind !== "func_proto") return unlike;
      if (x.params.length !== y.params.length)
        return `functions of ${x.params.length} and of ${y.params.length} parameters`;
      const results = difference(of(a, x.returns), of(b, y.returns), false, depth + 1);
      if (results !== undefined) return `what it returns: ${results}`;
      for (const [i, { type }] of x.params.entries()) {
        const inside = difference(of(a, type), of(b, y.params[i]?.type ?? 0), false, depth + 1);
        if (inside !== undefined) return `parameter ${i + 1}: ${inside}`;
      }
      return undefined;
    }
    case "func":
    case "var":
      return y.kind === x.kind
        ? difference(of(a, x.type), of(b, y.type), true, depth + 1)
        : "a function and a variable";
    default:
      return x.kind === y.kind ? undefined : unlike;
  }
}
