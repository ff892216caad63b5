// Structs of the kernel's that a text fills with its programs: variables in sections `.struct_ops` and `.struct_ops.link`.

import { type CExpression, type CFunction, type CVariable, refuse, type Typing } from "../../c/index.ts";
import type { StructOpsSpec } from "../../object/index.ts";
import { DataSections } from "./data.ts";

const SECTIONS: Readonly<Record<string, boolean>> = { ".struct_ops": false, ".struct_ops.link": true };

export const isStructOps = ({ section, storage }: CVariable): boolean =>
  storage === "global" && section !== undefined && Object.hasOwn(SECTIONS, section);

/** The function that a value is the address of. */
function functionOf(value: CExpression): CFunction | undefined {
  let at = value;
  while (at.kind === "convert" || at.kind === "address") at = at.of;
  return at.kind === "function" ? at.function : undefined;
}

/** What such a variable says: programs by their members, and the bytes of what is none. */
export function structOpsOf(variable: CVariable, typing: Typing): StructOpsSpec {
  const { name, section = "", span, initial } = variable;
  const struct = typing.resolve(variable.type);
  if (struct.kind !== "struct") return refuse("SCRY1035", `'${name}' in section ${section} is no struct`, span);
  const programs = new Map<number, string>();
  const entries = (initial?.entries ?? []).filter(({ offset, value }) => {
    const fn = functionOf(value);
    if (fn === undefined) return true;
    if (fn.body === undefined || fn.section === undefined)
      refuse("SCRY1035", `'${fn.name}' is no program: it is in no section`, value.span);
    programs.set(offset, fn.name);
    return false;
  });
  // What is not a function, as the bytes of the struct without them.
  const data = new DataSections(typing);
  data.place({ ...variable, section: ".data", initial: { entries, span: initial?.span ?? span } });
  const bytes = data.maps()[0]?.initial ?? new Uint8Array(struct.size);
  const members: StructOpsSpec["members"][number][] = [];
  for (const { name: member, type, bitOffset } of struct.members) {
    const program = programs.get(bitOffset);
    const value = bytes.subarray(bitOffset >> 3, (bitOffset >> 3) + typing.size(type));
    if (program !== undefined) members.push({ name: member, value: { program } });
    else if (member !== "" && value.some((byte) => byte !== 0)) members.push({ name: member, value: value.slice() });
  }
  return { name, struct: struct.name.replace(/___.*$/, ""), link: SECTIONS[section] === true, members };
}
