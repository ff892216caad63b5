// Types of the kernel as the types of `scry/bpf`: numbers by their width, enums as numbers, `char[]` as string, arrays as lists.
// A pointer to a struct is that struct, as programs reach its members through it; any other pointer is an address.

import { type Btf, type BtfArray, type BtfComposite, type BtfInt, networkMember } from "../../btf/index.ts";

/** What a struct that a member leads to, or a parameter, is called; undefined: nobody wants to know what it is. */
export type StructName = (struct: BtfComposite, member: string | undefined) => string | undefined;

/** How deep arrays and structs without names may lie in each other. */
const DEPTH_LIMIT = 32;

/** Longer arrays are lists of any length: no index of theirs is known to be in bounds. */
const LIST_LIMIT = 64;

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name);
export const property = (name: string): string => (isIdentifier(name) ? name : JSON.stringify(name));

/** A number of so many bytes. */
export function numberText(size: number, signed: boolean): string {
  return [1, 2, 4, 8].includes(size) ? `${signed ? "i" : "u"}${size * 8}` : "unknown";
}

/** A list of so many. */
export const listText = (element: string, count: number): string =>
  count > 0 && count <= LIST_LIMIT
    ? `List<${element}, ${count}>`
    : `readonly ${element.startsWith("readonly") ? `(${element})` : element}[]`;

interface MembersForm {
  /** How many structs without names are around them. */
  readonly depth?: number;
  readonly writable?: boolean;
  /** Pointers to functions are functions: the struct is one that programs fill. */
  readonly filled?: boolean;
}

export class TypeText {
  readonly #btf: Btf;
  readonly #nameOf: StructName;
  /** Structs whose members are being written. */
  readonly #open = new Set<number>();

  constructor(btf: Btf, nameOf: StructName) {
    this.#btf = btf;
    this.#nameOf = nameOf;
  }

  /** The type of what a member or a parameter is. */
  text(id: number, member?: string, depth = 0): string {
    const type = this.#btf.resolve(id);
    if (depth > DEPTH_LIMIT) return "unknown";
    switch (type.kind) {
      case "void":
        return "void";
      case "int":
        return isBool(type) ? "boolean" : numberText(type.size, type.signed || isChar(type));
      case "enum":
      case "enum64":
        return numberText(type.size, type.signed);
      case "ptr": {
        const target = this.#btf.resolve(type.type);
        if (target.kind === "fwd") return "object";
        const isStruct = target.kind === "struct" || target.kind === "union";
        return isStruct ? this.#struct(target, member, depth) : "u64";
      }
      case "array":
        return this.#array(type, member, depth);
      case "struct":
      case "union":
        return this.#struct(type, member, depth);
      default:
        return "unknown";
    }
  }

  #array({ element, count }: BtfArray, member: string | undefined, depth: number): string {
    const of = this.#btf.resolve(element);
    if (of.kind === "int" && isChar(of)) return "string";
    return listText(this.text(element, member, depth + 1), count);
  }

  #struct(type: BtfComposite, member: string | undefined, depth: number): string {
    if (type.name !== "") {
      const name = this.#nameOf(type, member);
      // Programs have it as an address, too.
      if (type.name === "in6_addr") return name === undefined ? "ipv6" : `${name} & ipv6`;
      return name ?? "object";
    }
    return this.#open.has(type.id) ? "object" : `{ ${this.members(type, { depth: depth + 1 }).join(" ")} }`;
  }

  /** The members of a struct or union, each as a line; those of ones without a name among them are its own. */
  members(type: BtfComposite, { depth = 0, writable = false, filled = false }: MembersForm = {}): string[] {
    const seen = new Set<string>();
    const lines: string[] = [];
    const walk = (composite: BtfComposite): void => {
      // Only in a damaged file a struct lies in itself.
      if (this.#open.has(composite.id)) return;
      this.#open.add(composite.id);
      for (const { name, type: id } of composite.members) {
        const target = this.#btf.resolve(id);
        if (name === "") {
          if (target.kind === "struct" || target.kind === "union") walk(target);
          continue;
        }
        if (seen.has(name)) continue;
        seen.add(name);
        const fn = filled && target.kind === "ptr" ? this.functionText(target.type) : undefined;
        const text = fn ?? networkMember(type.name, name) ?? this.text(id, name, depth);
        // At the end of what is gone through there is none (Documentation/bpf/bpf_iterators.rst).
        const missing = type.name.startsWith("bpf_iter__") && name !== "meta" && target.kind === "ptr";
        lines.push(`${writable ? "" : "readonly "}${property(name)}: ${text}${missing ? " | undefined" : ""};`);
      }
      this.#open.delete(composite.id);
    };
    walk(type);
    return lines;
  }

  /** A function's type. Without `first`, its first parameters are left out. */
  functionText(id: number, names: readonly string[] = [], first = 0): string | undefined {
    const type = this.#btf.resolve(id);
    if (type.kind !== "func_proto") return undefined;
    const own = type.params.slice(first);
    // What may be left out stands last to TypeScript, too.
    const needed = own.findLastIndex(({ name }) => !OPTIONAL.test(name)) + 1;
    const params = own.map(({ name, type: of }, i) => {
      const called = parameter(name || (names[i] ?? ""), i);
      return `${called}${i < needed ? "" : "?"}: ${name.endsWith("__str") ? "string" : this.text(of)}`;
    });
    return `(${params.join(", ")}) => ${this.text(type.returns)}`;
  }
}

/** Parameters of kfuncs that are the verifier's own, or may be missing (Documentation/bpf/kfuncs.rst). */
const OPTIONAL = /__(?:prog|ign|opt|nullable)$/;

const isBool = (type: BtfInt): boolean => type.bool || type.name === "bool" || type.name === "_Bool";
const isChar = (type: BtfInt): boolean =>
  type.size === 1 && type.name.endsWith("char") && type.name !== "unsigned char";

/** Words that name nothing in TypeScript. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "break case catch class const continue debugger default delete do else enum export extends false finally for function " +
    "if import in instanceof new null return super switch this throw true try typeof var void while with implements " +
    "interface let package private protected public static yield any bigint boolean never number object string symbol " +
    "undefined unknown"
  ).split(" "),
);

/** A name that a declaration can have. */
export const declarable = (name: string): string => {
  const clean = name.replace(/[^\w$]/g, "_").replace(/^(?=\d)/, "_");
  return RESERVED.has(clean) ? `${clean}_` : clean;
};

const parameter = (name: string, i: number): string => (name === "" ? `arg${i}` : declarable(name));
