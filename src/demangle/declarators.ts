// The parts that demangled names are put together from.
//
// A type is kept as what stands left and right of the declared name, since C's declarators grow from the inside out:
// `int (*)(char)` is left `int (*`, right `)(char)`.

export interface Node {
  readonly left: string;
  readonly right: string;
  /** A function or array: a pointer to it needs parentheses. */
  readonly compound?: boolean;
  /** An argument pack, or what a pack expansion gave. */
  readonly pack?: readonly Node[];
  /** Of a class of the standard library that has a longer name in constructors. */
  readonly full?: string;
}

/** A name or type with nothing to the right, or not much. */
export const node = (left: string, right = ""): Node => ({ left, right });
/** All of it, with no declared name in the middle. */
export const text = (one: Node): string => (one.pack ? joined(one.pack) : one.left + one.right);
/** A list of parameters or arguments, packs spread out. */
export const joined = (list: readonly Node[]): string => flat(list).map(text).join(", ");
const flat = (list: readonly Node[]): Node[] => list.flatMap((one) => (one.pack ? flat(one.pack) : [one]));
/** Template arguments; two closing brackets are kept apart, as GNU's tools do. */
export const bracketed = (list: readonly Node[]): string => {
  const inside = joined(list);
  return `<${inside}${inside.endsWith(">") ? " " : ""}>`;
};

/** `scope::name` */
export const join = (scope: string, name: string): string => (scope === "" ? name : `${scope}::${name}`);

/** A type with `const`, `volatile` and so on. */
export function qualified(one: Node, qualifiers: string): Node {
  if (one.pack !== undefined) return { ...one, pack: one.pack.map((each) => qualified(each, qualifiers)) };
  // The qualifiers of a member function's type stand after its parameters.
  if (one.compound && one.right.startsWith("(")) return { ...one, right: one.right + qualifiers };
  return { ...one, left: one.left + (one.left.endsWith(qualifiers) ? "" : qualifiers) };
}

/** A pointer or reference to a type; `member`: to a member of a class. */
export function pointer(one: Node, sign: string, member = false): Node {
  if (one.pack !== undefined) return { ...one, pack: one.pack.map((each) => pointer(each, sign, member)) };
  if (one.compound) return { left: `${one.left}${one.left.endsWith(" ") ? "" : " "}(${sign}`, right: `)${one.right}` };
  // A reference to a reference: & wins.
  if (sign === "&" || sign === "&&") {
    if (one.left.endsWith("&&")) return sign === "&" ? { ...one, left: one.left.slice(0, -1) } : one;
    if (one.left.endsWith("&")) return one;
  }
  return { left: one.left + (member ? " " : "") + sign, right: one.right };
}

/** `std::vector<int>` → `vector`: what a constructor is called. */
export function baseName(tagged: string): string {
  const scope = tagged.replace(/(\[abi:\w+\])+$/, "");
  let depth = 0;
  let end = scope.length;
  for (let i = scope.length - 1; i >= 0; i--) {
    const c = scope[i];
    if (c === ">" || c === ")" || c === "}") depth++;
    else if (c === "<" || c === "(" || c === "{") {
      depth--;
      if (c === "<" && depth === 0) end = i;
    } else if (c === ":" && depth === 0) return scope.slice(i + 1, end);
  }
  return scope.slice(0, end);
}
