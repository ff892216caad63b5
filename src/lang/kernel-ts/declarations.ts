// What a module declares: types, one row each. Maps are in maps.ts.

import { AGGREGATES } from "./aggregate-types.ts";
import { type CallExpression, type Expression, refuse } from "./ast.ts";
import { STACK_TYPES } from "./stacks.ts";
import type { DeclarationScope } from "./values.ts";

type TypeRow = (m: DeclarationScope, name: string, args: readonly Expression[], at: CallExpression) => number;

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

export const TYPES: Readonly<Record<string, TypeRow>> = {
  ...AGGREGATES,
  ...STACK_TYPES,
  struct: (m, name, args, at) => {
    const [node] = args;
    if (node?.type !== "ObjectExpression" || args.length > 1)
      return refuse("SCRY1405", "struct({ name: type, … })", at);
    const members = node.properties.map((property): readonly [string, number] => {
      if (property.type !== "Property" || property.computed || property.key.type !== "Identifier")
        return refuse("SCRY1402", "members are named one by one here", property);
      return [property.key.name, m.typeArgument(property.value as Expression)];
    });
    return m.types.struct(name, members, at);
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
  text: (m, _name, args, at) => m.types.text(known(m, args[0], at, "the size of a text", 4096n)),
  bytes: (m, _name, args, at) => m.types.bytes(known(m, args[0], at, "a number of bytes", 1_048_576n)),
  list: (m, _name, args, at) => {
    const [element] = args;
    if (element === undefined) return refuse("SCRY1405", "list(type, length)", at);
    return m.types.c.array(m.typeArgument(element), known(m, args[1], at, "the length of a list", 1_048_576n));
  },
};

/** Constants by name, of the kernel's interface. */
export const RECORDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  XDP: { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 },
  TC: { OK: 0, SHOT: 2, STOLEN: 4, REDIRECT: 7, NEXT: -1 },
};
