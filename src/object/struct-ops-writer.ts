// The sections `.struct_ops` and `.struct_ops.link` of an object that is written: the bytes of each struct, and where the
// addresses of its programs belong.

import type { Btf } from "../btf/index.ts";
import type { StructOpsSpec } from "./object.ts";
import { ObjectFileError } from "./object-file-error.ts";

export interface StructOpsSection {
  readonly name: string;
  readonly data: Uint8Array;
  readonly variables: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
  /** Bytes from the start, and the program whose address belongs there. */
  readonly programs: readonly { readonly place: number; readonly program: string }[];
}

const sectionOf = ({ link }: StructOpsSpec): string => (link ? ".struct_ops.link" : ".struct_ops");

/** The names of the sections that these structs need. */
export const structOpsSections = (structs: readonly StructOpsSpec[]): ReadonlySet<string> =>
  new Set(structs.map(sectionOf));

/** Where a struct lies in its section, the object's own types say. */
export function layStructOps(structs: readonly StructOpsSpec[], types: Btf | undefined): readonly StructOpsSection[] {
  return [...structOpsSections(structs)].map((name) => {
    const id = types?.find(name, "datasec");
    const section = id === undefined ? undefined : types?.type(id);
    if (types === undefined || section?.kind !== "datasec")
      throw new ObjectFileError(`the types of the object say nothing of the structs in ${name}`);
    const data = new Uint8Array(section.size);
    const variables: StructOpsSection["variables"][number][] = [];
    const programs: StructOpsSection["programs"][number][] = [];
    for (const { type, offset, size } of section.variables) {
      const variable = types.type(type);
      const spec = structs.find((one) => sectionOf(one) === name && one.name === variable.name);
      if (variable.kind !== "var" || spec === undefined) continue;
      variables.push({ name: variable.name, offset, size });
      const members = types.members(variable.type);
      for (const { name: member, value } of spec.members) {
        const found = members.find((one) => one.name === member);
        if (found === undefined) throw new ObjectFileError(`${spec.name}: ${spec.struct} has no member ${member}`);
        const place = offset + (found.bitOffset >> 3);
        if (value instanceof Uint8Array) data.set(value, place);
        else programs.push({ place, program: value.program });
      }
    }
    return { name, data, variables, programs };
  });
}
