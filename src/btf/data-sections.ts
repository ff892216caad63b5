// Compilers leave the sizes of data sections, and where their variables lie, to whoever links the object
// (Documentation/bpf/btf.rst, BTF_KIND_DATASEC); the kernel takes no types in which they are missing.

import { KIND_NUMBERS, KINDS } from "./layout.ts";

/** What an object file says of a section. */
export interface SectionPlan {
  /** Bytes. */
  readonly size: number;
  /** Bytes from the start of the section to a variable; undefined where it has no symbol. */
  offsetOf(variable: string): number | undefined;
}

/** A copy of encoded BTF in which the data sections have their sizes and the variables their places. */
export function placeDataSections(bytes: Uint8Array, plan: (section: string) => SectionPlan | undefined): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  const header = view.getUint32(4, true);
  const start = header + view.getUint32(8, true);
  const end = start + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const text = (offset: number): string => {
    const from = strings + offset;
    return new TextDecoder().decode(copy.subarray(from, copy.indexOf(0, from)));
  };
  /** Where each type begins, by its id; 0 is void. */
  const places = [0];
  for (let at = start; at + 12 <= end; ) {
    places.push(at);
    const info = view.getUint32(at + 4, true);
    const words = KINDS[(info >>> 24) & 0x1f];
    if (words === undefined) return copy;
    at += 12 + 4 * (words.fixed + words.each * (info & 0xffff));
  }
  for (const at of places) {
    if (at === 0 || ((view.getUint32(at + 4, true) >>> 24) & 0x1f) !== KIND_NUMBERS.datasec) continue;
    const section = plan(text(view.getUint32(at, true)));
    if (section === undefined) continue;
    view.setUint32(at + 8, section.size, true);
    for (let i = 0; i < (view.getUint32(at + 4, true) & 0xffff); i++) {
      const entry = at + 12 + i * 12;
      const variable = places[view.getUint32(entry, true)];
      const offset = variable === undefined ? undefined : section.offsetOf(text(view.getUint32(variable, true)));
      if (offset !== undefined) view.setUint32(entry + 4, offset, true);
    }
  }
  return copy;
}
