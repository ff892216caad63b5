// Where the variables of a section lie, by the symbols of the file.

import type { SectionPlan } from "../btf/index.ts";
import type { ElfFile } from "../elf/index.ts";

/** Undefined where the file has no such section. */
export function sectionPlan(file: ElfFile, name: string): SectionPlan | undefined {
  const section = file.section(name);
  if (section === undefined) return undefined;
  const symbols = new Map([...file.symbols()].filter((s) => s.section === section.index).map((s) => [s.name, s.value]));
  return { size: section.size, offsetOf: (variable) => symbols.get(variable) };
}
