// What a module declares: types, one row each. Maps are in maps.ts.

import type { MemberDeclaration } from "../../c/index.ts";
import { AGGREGATES } from "./aggregate-types.ts";
import { type CallExpression, type Expression, refuse } from "./ast.ts";
import { orderOf } from "./network.ts";
import { VERDICTS } from "./network-programs.ts";
import { STACK_TYPES } from "./stacks.ts";
import type { DeclarationScope } from "./values.ts";

type TypeRow = (
  m: DeclarationScope,
  name: string,
  args: readonly Expression[],
  at: CallExpression,
) => number | { readonly type: number; readonly bits: number };

/** A number that is known when the module is compiled. */
function known(
  m: DeclarationScope,
  node: Expression | undefined,
  at: CallExpression,
  what: string,
  most: bigint,
): number {
  const value = node === undefined ? undefined : m.evaluate(node);
  if (value?.kind !== "static" || value.what.kind !== "number" || value.what.value < 1n || value.what.value > most)
    return refuse(
      "SCRY1405",
      `${what} is a number from 1 to ${most} that is known when the module is compiled`,
      node ?? at,
    );
  return Number(value.what.value);
}

const composite =
  (kind: "struct" | "union"): TypeRow =>
  (m, name, args, at) => {
    const [node] = args;
    if (node?.type !== "ObjectExpression" || args.length > 1)
      return refuse("SCRY1405", `${kind}({ name: type, … })`, at);
    const members = node.properties.map((property): MemberDeclaration => {
      if (property.type !== "Property" || property.computed || property.key.type !== "Identifier")
        return refuse("SCRY1402", "members are named one by one here", property);
      return { name: property.key.name, ...m.memberType(property.value as Expression) };
    });
    return m.types.composite(kind, name, members, at);
  };

export const TYPES: Readonly<Record<string, TypeRow>> = {
  ...AGGREGATES,
  ...STACK_TYPES,
  struct: composite("struct"),
  union: composite("union"),
  /** Some bits of a number, as a member: those that follow share its bytes. */
  bits: (m, _name, args, at) => {
    const [element] = args;
    const type = element === undefined ? undefined : m.typeArgument(element);
    const { typing } = m.types;
    if (type === undefined || !typing.isInteger(type) || orderOf(m.types, type) !== undefined)
      return refuse("SCRY1405", "bits(u8, 3): a number's type, and how many bits of it", at);
    return { type, bits: known(m, args[1], at, "the number of bits", BigInt(typing.size(type) * 8)) };
  },
  /** A struct of the kernel's as another kernel has it: `kernelStruct("task_struct___old", { state: i64 })`. */
  kernelStruct: (m, _name, args, at) => {
    const [nameNode, members] = args;
    const name = nameNode === undefined ? undefined : m.evaluate(nameNode);
    if (name?.kind !== "static" || name.what.kind !== "text" || members === undefined || args.length > 2)
      return refuse("SCRY1405", 'kernelStruct("name___flavour", { member: type, … })', at);
    const type = TYPES["struct"]?.(m, name.what.text, [members], at) as number;
    m.types.c.preserve(type);
    return type;
  },
  /** A reference to a struct of the kernel's, kept in a map's value. */
  kptr: (m, _name, args, at) => {
    const name = args[0] === undefined ? undefined : m.evaluate(args[0]);
    if (name?.kind !== "static" || name.what.kind !== "text" || args.length > 1)
      return refuse("SCRY1405", 'kptr("task_struct")', at);
    return (
      m.types.kptr(name.what.text) ?? refuse("SCRY1404", `the kernel's types have no struct ${name.what.text}`, at)
    );
  },
  text: (m, _name, args, at) => m.types.text(known(m, args[0], at, "the size of a text", 4096n)),
  bytes: (m, _name, args, at) => m.types.bytes(known(m, args[0], at, "a number of bytes", 1_048_576n)),
  list: (m, _name, args, at) => {
    const [element] = args;
    if (element === undefined) return refuse("SCRY1405", "list(type, length)", at);
    const length = known(m, args[1], at, "the length of a list", 1_048_576n);
    return m.types.c.array(m.typeArgument(element), length);
  },
};

/** Constants by name, of the kernel's interface. */
export const RECORDS: Readonly<Record<string, Readonly<Record<string, number>>>> = VERDICTS;
