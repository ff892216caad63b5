// Structs of the kernel's that an object fills with its programs: variables in sections `.struct_ops` and
// `.struct_ops.link` (libbpf's bpf_object__init_struct_ops_maps).
//
//     SEC(".struct_ops.link") struct tcp_congestion_ops mine = { .ssthresh = (void *)my_ssthresh, .name = "mine" };
//                                                        │ a relocation names the program      │ bytes

import type { Btf } from "../btf/index.ts";
import { type ElfFile, type ElfSymbol, SectionType } from "../elf/index.ts";
import { ByteReader, FormatError } from "../source/index.ts";
import type { ProgramSpec, StructOpsSpec } from "./object.ts";

const WHAT = "object file";
const SECTIONS = { ".struct_ops": false, ".struct_ops.link": true } as const;

/** Throws FormatError for a variable that is no struct, or a member that names no function. */
export function readStructOps(file: ElfFile, btf: Btf, symbols: readonly ElfSymbol[]): readonly StructOpsSpec[] {
  const found: StructOpsSpec[] = [];
  for (const [section, link] of Object.entries(SECTIONS)) {
    const own = file.section(section);
    const id = btf.find(section, "datasec");
    const datasec = id === undefined ? undefined : btf.type(id);
    if (own === undefined || datasec?.kind !== "datasec") continue;
    const bytes = file.data(own);
    const programs = programsAt(file, own.index, symbols, bytes);
    for (const { type: variable, offset } of datasec.variables) {
      const declared = btf.type(variable);
      const struct = declared.kind === "var" ? btf.resolve(declared.type) : declared;
      if (struct.kind !== "struct" || offset + struct.size > bytes.length)
        throw new FormatError(WHAT, `${section}: ${declared.name} is no struct`);
      const members: StructOpsSpec["members"][number][] = [];
      for (const { name, type, bitOffset } of struct.members) {
        const at = offset + (bitOffset >> 3);
        const program = programs.get(at);
        const value = bytes.subarray(at, Math.min(at + (btf.sizeof(type) ?? 0), offset + struct.size));
        if (program !== undefined) members.push({ name, value: { program } });
        else if (name !== "" && value.some((byte) => byte !== 0)) members.push({ name, value: value.slice() });
      }
      // `tcp_congestion_ops___mine`: a flavour, as in CO-RE.
      found.push({ name: declared.name, struct: struct.name.replace(/___.*$/, ""), link, members });
    }
  }
  return found;
}

/** The functions that relocations put into a section, by their places. */
function programsAt(
  file: ElfFile,
  section: number,
  symbols: readonly ElfSymbol[],
  bytes: Uint8Array,
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const table of file.sections) {
    if (table.type !== SectionType.REL || table.info !== section) continue;
    const data = file.data(table);
    const reader = new ByteReader(data, table.name);
    const content = new ByteReader(bytes, table.name);
    for (let at = 0; at + 16 <= data.length; at += 16) {
      const place = reader.seek(at).word(8);
      const symbol = symbols[reader.seek(at + 12).u32()];
      // What is static is named by its section, and the place in that stands in the bytes.
      const target =
        symbol?.type === "section"
          ? symbols.find(
              (one) =>
                one.type === "func" && one.section === symbol.section && one.value === content.seek(place).word(8),
            )
          : symbol;
      if (target?.type !== "func")
        throw new FormatError(WHAT, `${table.name}: a relocation names no function`, table.offset + at);
      found.set(place, target.name);
    }
  }
  return found;
}

/** A program with the member that it is for, where one of these structs has it. */
export function withMember(program: ProgramSpec, structs: readonly StructOpsSpec[]): ProgramSpec {
  if (program.type !== "struct_ops") return program;
  for (const { struct, members } of structs) {
    const own = members.find(({ value }) => !(value instanceof Uint8Array) && value.program === program.name);
    if (own !== undefined) return { ...program, target: { kind: "struct_ops", name: struct, member: own.name } };
  }
  return program;
}
