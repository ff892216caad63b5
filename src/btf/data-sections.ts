// Compilers leave the sizes of data sections, and where their variables lie, to whoever links the object
// (Documentation/bpf/btf.rst, BTF_KIND_DATASEC); the kernel takes no types in which they are missing.

import { ByteReader } from "../source/index.ts";
import { KIND_NUMBERS, KINDS } from "./layout.ts";

/** `BTF_VAR_STATIC` */
const STATIC = 0;

/** What an object file says of a section. */
export interface SectionPlan {
  /** Bytes. */
  readonly size: number;
  /** Bytes from the start of the section to a variable; undefined where it has no symbol. */
  offsetOf(variable: string): number | undefined;
}

/** A copy of encoded BTF in which the data sections have their sizes and the variables their places. Throws FormatError. */
export function placeDataSections(bytes: Uint8Array, plan: (section: string) => SectionPlan | undefined): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const reader = new ByteReader(copy, "BTF");
  const view = new DataView(copy.buffer);
  const u32 = (at: number): number => reader.seek(at).u32();
  const put = (at: number, value: number): void => {
    reader.seek(at).skip(4);
    view.setUint32(at, value, true);
  };
  const header = u32(4);
  const start = header + u32(8);
  const end = start + u32(12);
  const strings = header + u32(16);
  const text = (offset: number): string => reader.seek(strings + offset).text();
  /** Where each type begins, by its id; 0 is void. */
  const places = [0];
  for (let at = start; at + 12 <= end; ) {
    places.push(at);
    const info = u32(at + 4);
    const words = KINDS[(info >>> 24) & 0x1f];
    if (words === undefined) return copy;
    at += 12 + 4 * (words.fixed + words.each * (info & 0xffff));
  }
  for (const at of places) {
    if (at === 0 || ((u32(at + 4) >>> 24) & 0x1f) !== KIND_NUMBERS.datasec) continue;
    const section = plan(text(u32(at)));
    if (section === undefined) continue;
    // A linker has been there: several static variables may have one name, and lie where it says.
    const linked = u32(at + 8) !== 0;
    put(at + 8, section.size);
    const entries: [type: number, offset: number, size: number][] = [];
    for (let i = 0; i < (u32(at + 4) & 0xffff); i++) {
      const entry = at + 12 + i * 12;
      const variable = places[u32(entry)];
      const named = variable !== undefined && !(linked && u32(variable + 12) === STATIC);
      const offset = named ? section.offsetOf(text(u32(variable))) : undefined;
      entries.push([u32(entry), offset ?? u32(entry + 4), u32(entry + 8)]);
    }
    // The kernel wants them in the order in which they lie.
    entries.sort((a, b) => a[1] - b[1]);
    for (const [i, word] of entries.flat().entries()) put(at + 12 + i * 4, word);
  }
  return copy;
}
