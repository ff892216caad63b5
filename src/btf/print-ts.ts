// Types as TypeScript, as a decoder of raw memory would give their values: integers up to 32 bits as number, wider ones
// and addresses as bigint, character arrays as string, structs as interfaces.

import type { Btf, BtfComposite } from "./types.ts";

/**
 * A declaration for a struct, union, enum or typedef, and before it one for every named type that it holds by value
 * (not by pointer), each once. Ends without a newline.
 */
export function printTypeScript(btf: Btf, id: number): string {
  const declarations = new Map<string, string>();
  const type = btf.type(id);
  const text = typeText(btf, id, declarations, "");
  if (type.kind === "typedef" && text !== type.name)
    declarations.set(type.name, `export type ${identifier(type.name)} = ${text};`);
  else if (declarations.size === 0) return `export type ${identifier(type.name || "Anonymous")} = ${text};`;
  return [...declarations.values()].join("\n\n");
}

const identifier = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : `_${name.replace(/[^\w$]/g, "_")}`;

function typeText(btf: Btf, id: number, declarations: Map<string, string>, indent: string): string {
  const type = btf.resolve(id);
  switch (type.kind) {
    case "int":
      if (type.bool || type.name === "bool" || type.name === "_Bool") return "boolean";
      return type.size <= 4 ? "number" : "bigint";
    case "float":
      return "number";
    case "ptr":
      return "bigint";
    case "array": {
      const element = btf.resolve(type.element);
      if (element.kind === "int" && element.size === 1 && (element.char || element.name === "char")) return "string";
      const inner = typeText(btf, type.element, declarations, indent);
      return `readonly ${/[ |]/.test(inner) && !inner.startsWith("{") ? `(${inner})` : inner}[]`;
    }
    case "struct":
    case "union": {
      if (type.name === "") return membersText(btf, type, declarations, indent);
      if (!declarations.has(type.name)) {
        // Reserved before its members are walked, and taken out again, so that what it holds comes first.
        declarations.set(type.name, "");
        const body = membersText(btf, type, declarations, "");
        declarations.delete(type.name);
        declarations.set(type.name, `export interface ${identifier(type.name)} ${body}`);
      }
      return identifier(type.name);
    }
    case "enum":
    case "enum64": {
      const wide = type.kind === "enum64" && type.size > 4;
      const values = type.values.map(
        ({ name, value }) => `  readonly ${identifier(name)}: ${value}${wide ? "n" : ""};`,
      );
      if (type.name === "") return wide ? "bigint" : "number";
      declarations.set(
        type.name,
        `export interface ${identifier(type.name)}_values {\n${values.join("\n")}\n}\nexport type ${identifier(type.name)} = ${wide ? "bigint" : "number"};`,
      );
      return identifier(type.name);
    }
    default:
      return "unknown";
  }
}

function membersText(btf: Btf, type: BtfComposite, declarations: Map<string, string>, indent: string): string {
  const inner = `${indent}  `;
  const lines: string[] = [];
  const walk = (composite: BtfComposite): void => {
    for (const member of composite.members) {
      const target = btf.resolve(member.type);
      // The members of an anonymous struct or union are reached as if they were this one's own.
      if (member.name === "") {
        if (target.kind === "struct" || target.kind === "union") walk(target);
        continue;
      }
      lines.push(`${inner}readonly ${identifier(member.name)}: ${typeText(btf, member.type, declarations, inner)};`);
    }
  };
  walk(type);
  return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n${indent}}`;
}
