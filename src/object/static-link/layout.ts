// The sections of the result: those of one name stand in one, file after file.

import type { ElfSection } from "../../elf/index.ts";
import { SectionFlag, SectionType } from "../../elf/index.ts";
import { FormatError } from "../../source/index.ts";
import { type Input, SINGLE } from "./input.ts";

/** A section of a file, and where it stands in the result's. */
export interface Part {
  readonly input: Input;
  readonly section: ElfSection;
  /** Bytes from the start of the result's section. */
  readonly at: number;
}

export interface OutSection {
  readonly name: string;
  /** From 1, as the file counts. */
  readonly index: number;
  type: number;
  readonly flags: number;
  alignment: number;
  size: number;
  readonly parts: Part[];
}

/** Bytes: no map is larger, nor any program. */
const LARGEST = 256 << 20;

/** Alignments that a section can have: up to a page. */
const POWERS: ReadonlySet<number> = new Set([0, ...Array.from({ length: 13 }, (_, n) => 2 ** n)]);

const KEPT = SectionFlag.ALLOC | SectionFlag.WRITE | SectionFlag.EXEC;

export class Layout {
  readonly sections: readonly OutSection[];
  readonly #parts = new Map<ElfSection, { readonly out: OutSection; readonly part: Part }>();

  /** Throws FormatError where files do not agree on what a section is, or what it says. */
  constructor(inputs: readonly Input[]) {
    const byName = new Map<string, OutSection>();
    for (const input of inputs)
      for (const section of input.sections) {
        const flags = section.flags & KEPT;
        if (!POWERS.has(section.alignment))
          throw new FormatError(input.name, `section ${section.name} has alignment ${section.alignment}`);
        let out = byName.get(section.name);
        if (out === undefined) {
          const { name, type } = section;
          out = { name, index: byName.size + 1, type, flags, alignment: 1, size: 0, parts: [] };
          byName.set(name, out);
        }
        const [first] = out.parts;
        if (out.flags !== flags)
          throw new FormatError(input.name, `section ${section.name} is of another kind than in ${first?.input.name}`);
        if (first !== undefined && SINGLE.has(section.name)) {
          agree(first, input, section);
          continue;
        }
        out.alignment = Math.max(out.alignment, section.alignment);
        out.size = Math.ceil(out.size / out.alignment) * out.alignment;
        const part = { input, section, at: out.size };
        out.parts.push(part);
        out.size += section.size;
        if (!(out.size <= LARGEST)) throw new FormatError(input.name, `section ${section.name} is of too many bytes`);
        if (section.type === SectionType.PROGBITS) out.type = section.type;
        this.#parts.set(section, { out, part });
      }
    this.sections = [...byName.values()];
  }

  /** Where a section of a file has come to; undefined where it was left out. */
  placeOf(section: ElfSection | undefined): { readonly out: OutSection; readonly at: number } | undefined {
    const found = section === undefined ? undefined : this.#parts.get(section);
    return found === undefined ? undefined : { out: found.out, at: found.part.at };
  }
}

/** What the whole object is said to be, every file says alike. */
function agree(first: Part, input: Input, section: ElfSection): void {
  const text = (of: Input, what: ElfSection): string => new TextDecoder().decode(of.data(what)).replace(/\0.*$/s, "");
  const [one, other] = [text(first.input, first.section), text(input, section)];
  if (one !== other)
    throw new FormatError(input.name, `its ${section.name} is "${other}", that of ${first.input.name} "${one}"`);
}
