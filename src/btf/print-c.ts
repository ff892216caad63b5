// Types as C declarations, in the layout of `bpftool btf dump format c`: tabs, one member a line, anonymous structs and
// unions in place.

import type { Btf, BtfComposite, BtfEnum } from "./types.ts";

export interface PrintCOptions {
  /** Put the byte offset of each member behind it as a comment. */
  readonly offsets?: boolean;
  /** What one level is indented by; a tab by default. */
  readonly indent?: string;
}

/** Deeper nesting than any sane declaration has: a cycle. */
const DEPTH_LIMIT = 64;

interface Printer {
  readonly btf: Btf;
  readonly options: PrintCOptions;
}

/** The declaration of a type, with a semicolon at the end: a whole struct, an enum, a typedef, a function's prototype. */
export function printC(btf: Btf, id: number, options: PrintCOptions = {}): string {
  const printer = { btf, options };
  const type = btf.type(id);
  switch (type.kind) {
    case "struct":
    case "union":
      return `${compositeText(printer, type, 0, 0)};`;
    case "enum":
    case "enum64":
      return `${enumText(printer, type, 0)};`;
    case "fwd":
      return `${type.union ? "union" : "struct"} ${type.name};`;
    case "typedef":
      return `typedef ${declare(printer, type.type, type.name, "", 0)};`;
    case "func":
      return `${declare(printer, type.type, type.name, "", 0)};`;
    case "var":
      return `${type.linkage === "extern" ? "extern " : ""}${declare(printer, type.type, type.name, "", 0)};`;
    default:
      return `${typeNameC(btf, id)};`;
  }
}

/** A type as it is written in a declaration: `const char *`, `struct file *`, `int [4]`; with a name, around it. */
export function typeNameC(btf: Btf, id: number, name = ""): string {
  return declare({ btf, options: {} }, id, name, "", 0);
}

/**
 * C declarations grow from the name outwards: `inner` is what stands around the name so far, `qualifiers` what
 * const and its like say of the type that comes next.
 */
function declare(printer: Printer, id: number, inner: string, qualifiers: string, level: number, depth = 0): string {
  if (depth > DEPTH_LIMIT) return "/* endless */";
  const { btf } = printer;
  const type = btf.type(id);
  const base = (text: string): string => `${qualifiers}${text}${inner === "" ? "" : ` ${inner}`}`;
  switch (type.kind) {
    case "const":
    case "volatile":
    case "restrict":
      return declare(printer, type.type, inner, `${type.kind} ${qualifiers}`, level, depth + 1);
    case "type_tag":
      return declare(printer, type.type, inner, qualifiers, level, depth + 1);
    case "ptr": {
      const own = qualifiers === "" ? "*" : `* ${qualifiers.trimEnd()}${inner === "" ? "" : " "}`;
      const target = behindQualifiers(btf, type.type);
      const pointer = `${own}${inner}`;
      return declare(
        printer,
        type.type,
        target === "array" || target === "func_proto" ? `(${pointer})` : pointer,
        "",
        level,
        depth + 1,
      );
    }
    case "array":
      return declare(printer, type.element, `${inner}[${type.count}]`, qualifiers, level, depth + 1);
    case "func_proto": {
      const params = type.params.map((param) => declare(printer, param.type, param.name, "", level, depth + 1));
      if (type.variadic) params.push("...");
      return declare(printer, type.returns, `${inner}(${params.join(", ") || "void"})`, "", level, depth + 1);
    }
    case "struct":
    case "union":
      return base(type.name === "" ? compositeText(printer, type, level, depth + 1) : `${type.kind} ${type.name}`);
    case "enum":
    case "enum64":
      return base(type.name === "" ? enumText(printer, type, level) : `enum ${type.name}`);
    case "fwd":
      return base(`${type.union ? "union" : "struct"} ${type.name}`);
    default:
      return base(type.name);
  }
}

function behindQualifiers(btf: Btf, id: number): string {
  let type = btf.type(id);
  for (let depth = 0; depth < DEPTH_LIMIT; depth++) {
    if (type.kind !== "const" && type.kind !== "volatile" && type.kind !== "restrict" && type.kind !== "type_tag")
      break;
    type = btf.type(type.type);
  }
  return type.kind;
}

function compositeText(printer: Printer, type: BtfComposite, level: number, depth: number): string {
  const head = type.name === "" ? type.kind : `${type.kind} ${type.name}`;
  if (type.members.length === 0) return `${head} {}`;
  const unit = printer.options.indent ?? "\t";
  const lines = type.members.map((member) => {
    const declared = declare(printer, member.type, member.name, "", level + 1, depth);
    const bits = member.bitfieldSize === 0 ? "" : `: ${member.bitfieldSize}`;
    const place = printer.options.offsets
      ? ` /* ${Math.floor(member.bitOffset / 8)}${member.bitfieldSize === 0 ? "" : `.${member.bitOffset % 8}`} */`
      : "";
    return `${unit.repeat(level + 1)}${declared}${bits};${place}`;
  });
  return `${head} {\n${lines.join("\n")}\n${unit.repeat(level)}}`;
}

function enumText(printer: Printer, type: BtfEnum, level: number): string {
  const unit = printer.options.indent ?? "\t";
  const head = type.name === "" ? "enum" : `enum ${type.name}`;
  const suffix = type.kind === "enum64" ? (type.signed ? "LL" : "ULL") : "";
  const lines = type.values.map(({ name, value }) => `${unit.repeat(level + 1)}${name} = ${value}${suffix},`);
  return `${head} {\n${lines.join("\n")}\n${unit.repeat(level)}}`;
}
