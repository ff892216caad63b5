// Types as they are written behind names: of parameters and variables, of what a function gives, of `as`.

import { annotationOf, type Expression, type Node, type Pattern, refuse } from "./ast.ts";
import { interfaceStruct } from "./contexts.ts";
import { networkType } from "./network.ts";
import { NETWORK_PROGRAMS, type NetworkProgram, type PacketForm } from "./network-programs.ts";
import { OperatorReader } from "./operators.ts";
import type { TypeArguments } from "./values.ts";

/** Packets that functions are handed, by the names of their types. */
const PACKETS: Readonly<Record<string, NetworkProgram | undefined>> = { XdpContext: NETWORK_PROGRAMS["xdp"] };

export abstract class TypeReader extends OperatorReader {
  /** What the type parameters of the function stand for. */
  protected typeArguments: TypeArguments = new Map();

  /** `sk as tcp_sock`: a pointer to another struct of the kernel's. Other types are for tsc alone. */
  protected castTo(node: Expression): number | undefined {
    const { type } = node as { type: string };
    if (type !== "TSAsExpression") return undefined;
    const annotation = (node as unknown as { typeAnnotation: Named }).typeAnnotation;
    // `Writable<T>` is T, for tsc.
    const { typeName } =
      annotation.typeName?.name === "Writable" ? (annotation.typeArguments?.params[0] ?? annotation) : annotation;
    if (typeName?.type !== "Identifier" || this.types.number(typeName.name) !== undefined) return undefined;
    return this.types.c.find(typeName.name, "struct");
  }

  /** The type that is written behind a name: `x: u32`, `event: ValueOf<typeof Event>`. */
  annotated(pattern: Pattern): number | undefined {
    const annotation = annotationOf(pattern);
    return annotation === undefined ? undefined : this.typeOf(annotation);
  }

  typeOf(node: Node): number {
    const { type, typeName, exprName, typeAnnotation, types, typeArguments } = node as unknown as {
      type: string;
      typeName?: Node;
      exprName?: Node;
      typeAnnotation?: Node;
      types?: readonly Node[];
      typeArguments?: { params: readonly Node[] };
    };
    if (type === "TSBooleanKeyword") return this.types.number("bool") as number;
    if (type === "TSNumberKeyword") return this.types.i64;
    if (type === "TSParenthesizedType" && typeAnnotation !== undefined) return this.typeOf(typeAnnotation);
    if (type === "TSUnionType") {
      const [only, ...others] = (types ?? []).filter((one) => !/^TS(?:Undefined|Null)Keyword$/.test(one.type));
      if (only !== undefined && others.length === 0) return this.typeOf(only);
    }
    const name = (typeName ?? exprName) as { type: string; name: string } | undefined;
    if (name?.type !== "Identifier") return refuse("SCRY1403", "a type by its name is needed here", node);
    const [of] = typeArguments?.params ?? [];
    if (exprName !== undefined)
      return refuse(
        "SCRY1403",
        `typeof ${name.name} is the type of the schema, not that of its values`,
        node,
        `ValueOf<typeof ${name.name}>`,
      );
    if (name.name === "Writable" && of !== undefined) return this.typeOf(of);
    if (name.name === "ValueOf" && of !== undefined) return this.#valueOf(of);
    if (name.name === "KernelStruct" && of !== undefined) return this.#kernelStruct(of);
    const number =
      this.typeArguments.get(name.name) ?? this.types.number(name.name) ?? networkType(this.types, name.name);
    if (number !== undefined) return number;
    const found = this.module.find(name.name);
    if (found?.kind === "static" && found.what.kind === "type") return found.what.type;
    const packet = Object.hasOwn(PACKETS, name.name) ? PACKETS[name.name] : undefined;
    if (packet !== undefined) {
      const { context, section } = packet;
      const struct = this.types.c.find(context, "struct") ?? interfaceStruct(context, section, this.types);
      if (struct !== undefined) return this.types.c.pointer(struct);
    }
    const alias = this.module.alias(name.name);
    if (alias !== undefined) return this.typeOf(alias);
    const kernel = this.types.c.find(name.name, ["struct", "union", "typedef"]) ?? this.types.foreignNamed(name.name);
    if (kernel !== undefined) return this.types.c.pointer(kernel);
    return refuse("SCRY1404", `there is no type '${name.name}'`, node);
  }

  /** What is known of a parameter that is the program's packet: `packet: XdpContext`. */
  protected packetOf(pattern: Pattern): PacketForm | undefined {
    const { typeName } = (annotationOf(pattern) ?? {}) as { typeName?: { type: string; name: string } };
    const name = typeName?.type === "Identifier" ? typeName.name : "";
    return Object.hasOwn(PACKETS, name) && this.module.find(name) === undefined ? PACKETS[name]?.packet : undefined;
  }

  /** A pointer to what stands in `KernelStruct<"bpf_sock_addr">`. */
  #kernelStruct(node: Node): number {
    const { literal } = node as unknown as { literal?: { value?: unknown } };
    const name = String(literal?.value);
    const given = Object.values(NETWORK_PROGRAMS).find(({ context }) => context === name);
    const struct =
      this.types.c.find(name, ["struct", "union"]) ??
      this.types.foreignNamed(name) ??
      (given === undefined ? undefined : interfaceStruct(name, given.section, this.types));
    return struct === undefined
      ? refuse("SCRY1404", `the kernel has no struct '${name}'`, node)
      : this.types.c.pointer(struct);
  }

  /** What stands in `ValueOf<typeof Event>`. */
  #valueOf(node: Node): number {
    const { exprName } = node as unknown as { exprName?: { type: string; name: string } };
    const found = exprName?.type === "Identifier" ? this.module.find(exprName.name) : undefined;
    if (found?.kind === "static" && found.what.kind === "type") return found.what.type;
    return refuse("SCRY1403", "ValueOf<typeof Event> with Event = struct({ … })", node);
  }

  /** The type of what a function gives: of structs that may be missing where they are. */
  resultOf(node: Node): number {
    const type = this.typeOf(node);
    const missing =
      node.type === ("TSUnionType" as string) &&
      (node as unknown as { types: readonly Node[] }).types.some((one) =>
        /^TS(?:Undefined|Null)Keyword$/.test(one.type),
      );
    if (!missing) return type;
    if (this.types.typing.isComposite(type)) return this.types.c.pointer(type);
    if (this.types.typing.isPointer(type)) return type;
    return refuse(
      "SCRY1402",
      "a number that may be missing cannot be given",
      node,
      "Give what stands for none, or the entry that it is in",
    );
  }
}

interface Named {
  readonly typeName?: { readonly type: string; readonly name: string };
  readonly typeArguments?: { readonly params: readonly Named[] };
}
