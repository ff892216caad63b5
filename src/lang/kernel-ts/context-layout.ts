// Contexts as named fields, which events that are fired on the embedded machine are made by.

import type { ContextField, ContextLayout } from "../../object/index.ts";
import type { FunctionNode } from "./ast.ts";
import type { ProgramParameters } from "./parameters.ts";
import type { Types } from "./types.ts";

/** How fields of an event lie in the context of a program: a struct's members, or the parameters by the module's names. */
export function layoutOfContext(
  parameters: ProgramParameters,
  node: FunctionNode,
  section: string,
  types: Types,
): ContextLayout {
  const space = /^(?:tracepoint\/syscalls|u(?:ret)?probe|usdt)/.test(section) ? "user" : "kernel";
  if (parameters.whole === true) return structLayout(parameters.context, space, types);
  const fields = node.params.flatMap((pattern, i): ContextField[] => {
    const param = parameters.params?.[i];
    if (param?.offset === undefined || pattern.type !== "Identifier") return [];
    return [
      { name: pattern.name, offset: param.offset, size: 8, kind: "value", space, ...pointedTo(param.type, types) },
    ];
  });
  const size = parameters.context === 0 ? WORDS : types.typing.size(parameters.context);
  return { size, fields };
}

/** Bytes of twelve arguments, the most that a program is given. */
const WORDS = 96;

function structLayout(struct: number, space: "user" | "kernel", types: Types): ContextLayout {
  const found = types.typing.resolve(struct);
  if (found.kind !== "struct") return { size: 0, fields: [] };
  const texts = types.texts.get(struct);
  const fields = found.members.flatMap(({ name, type, bitOffset, bitfieldSize }): ContextField[] => {
    if (name === "" || bitfieldSize > 0) return [];
    const location = texts?.get(name);
    const kind =
      location === "absolute"
        ? "data-loc"
        : location === "relative"
          ? "rel-loc"
          : types.typing.resolve(type).kind === "array"
            ? "array"
            : "value";
    const size = types.typing.size(type);
    return [{ name, offset: bitOffset >> 3, size, kind, space, ...pointedTo(type, types) }];
  });
  return { size: found.size, fields };
}

function pointedTo(type: number, { typing }: Types): { struct?: string } {
  const found = typing.resolve(type);
  const to = found.kind === "ptr" && found.type !== 0 ? typing.resolve(found.type) : undefined;
  return to?.kind === "struct" && to.name !== "" ? { struct: to.name } : {};
}
