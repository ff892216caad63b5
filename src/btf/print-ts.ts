// Types as TypeScript, as `values.ts` decodes them: integers up to 32 bits as number, wider ones and addresses as bigint,
// character arrays as string, structs as interfaces, enums as the names of their values.

import { isAsNumber } from "./as-number.ts";
import { networkKind } from "./network.ts";
import type { Btf, BtfComposite, BtfEnum, BtfMember } from "./types.ts";

/**
 * A declaration for a struct, union, enum or typedef, and before it one for every named type that it holds by value
 * (not by pointer), each once. Ends without a newline.
 */
export function printTypeScript(btf: Btf, id: number): string {
  const printer = new TypeScriptTypes(btf);
  const type = btf.type(id);
  const text = printer.text(id);
  const named = identifier(type.name || "Anonymous");
  if (type.kind === "typedef" ? text !== named : printer.declarations.length === 0)
    return [...printer.declarations, `export type ${named} = ${text};`].join("\n\n");
  return printer.declarations.join("\n\n");
}

const identifier = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : `_${name.replace(/[^\w$]/g, "_")}`;

/** A name in front of a colon: quoted where it is no identifier. */
const property = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** Types as TypeScript, with the declarations of those that have names, each once. */
export class TypeScriptTypes {
  readonly #btf: Btf;
  /** Declarations by what they are of. */
  readonly #declared = new Map<number, { readonly name: string; text: string }>();
  readonly #order: number[] = [];
  readonly #taken: Set<string>;

  /** `taken`: names that declarations must not have, since something else does. */
  constructor(btf: Btf, taken: Iterable<string> = []) {
    this.#btf = btf;
    this.#taken = new Set(taken);
  }

  /** What stands before the types, in an order in which each uses only those before it. */
  get declarations(): readonly string[] {
    return this.#order.map((id) => this.#declared.get(id)?.text ?? "");
  }

  /** The type of values of `id`. */
  text(id: number, indent = ""): string {
    if (/^(?:ip|mac)/.test(networkKind(this.#btf, id) ?? "")) return "string";
    const type = this.#btf.resolve(id);
    if (type.kind === "int" && type.size === 8 && isAsNumber(this.#btf, id)) return "number";
    switch (type.kind) {
      case "int":
        if (type.bool || type.name === "bool" || type.name === "_Bool") return "boolean";
        return type.size <= 4 ? "number" : "bigint";
      case "float":
        return "number";
      case "ptr":
        return "bigint";
      case "var":
        return this.text(type.type, indent);
      case "array": {
        const element = this.#btf.resolve(type.element);
        if (element.kind === "int" && element.size === 1 && (element.char || element.name === "char")) return "string";
        const inner = this.text(type.element, indent);
        return `readonly ${/[ |]/.test(inner) && !inner.startsWith("{") ? `(${inner})` : inner}[]`;
      }
      case "struct":
      case "union":
        if (type.name === "") return this.#members(type, indent);
        return this.#declare(type.id, type.name, (name) => `export interface ${name} ${this.#members(type, "")}`);
      case "enum":
      case "enum64":
        if (type.name === "") return enumText(type);
        return this.#declare(type.id, type.name, (name) => `export type ${name} = ${enumText(type)};`);
      default:
        return "unknown";
    }
  }

  /** What a type is called, once it is declared. Two of one name (flavours, other files) get numbers. */
  #declare(id: number, wanted: string, write: (name: string) => string): string {
    const known = this.#declared.get(id);
    if (known !== undefined) return known.name;
    let name = identifier(wanted);
    for (let i = 2; this.#taken.has(name); i++) name = `${identifier(wanted)}_${i}`;
    this.#taken.add(name);
    // Its name is known before its members are walked; it is listed after what it holds.
    const own = { name, text: "" };
    this.#declared.set(id, own);
    own.text = write(name);
    this.#order.push(id);
    return name;
  }

  #members(type: BtfComposite, indent: string): string {
    const inner = `${indent}  `;
    const lines: string[] = [];
    const walk = (composite: BtfComposite, depth: number): void => {
      for (const member of composite.members) {
        const target = this.#btf.resolve(member.type);
        // The members of an anonymous struct or union are reached as if they were this one's own.
        if (member.name === "") {
          if ((target.kind === "struct" || target.kind === "union") && depth < 32) walk(target, depth + 1);
          continue;
        }
        lines.push(`${inner}readonly ${property(member.name)}: ${this.#memberText(member, inner)};`);
      }
    };
    walk(type, 0);
    return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n${indent}}`;
  }

  #memberText({ type, bitfieldSize }: BtfMember, indent: string): string {
    if (bitfieldSize > 0) return bitfieldSize <= 32 ? "number" : "bigint";
    return this.text(type, indent);
  }
}

/** The names, and the numbers that have none. */
function enumText(type: BtfEnum): string {
  const number = type.size > 4 ? "bigint" : "number";
  const names = [...new Set(type.values.map(({ name }) => JSON.stringify(name)))];
  return [...names, number].join(" | ");
}
