// One of the object files that are linked: what of it goes into the result, and what its types say of its names.

import { type Btf, type BtfDatasec, type BtfFunc, type BtfVar, openBtf, placeDataSections } from "../../btf/index.ts";
import { type ElfFile, type ElfSection, type ElfSymbol, parseElf, SectionFlag, SectionType } from "../../elf/index.ts";
import { ByteReader, FormatError } from "../../source/index.ts";
import { decodeBtfExt, type ExtSection } from "../btf-ext.ts";
import { sectionPlan } from "../section-plan.ts";

/** An object file by the name that messages have for it. */
export interface LinkInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface InputRelocation {
  /** Bytes from the start of the section that it is in. */
  readonly offset: number;
  /** `R_BPF_*` */
  readonly type: number;
  /** Index among the file's symbols. */
  readonly symbol: number;
}

/** Sections that say one thing of the whole object. */
export const SINGLE: ReadonlySet<string> = new Set(["license", "version"]);

export class Input {
  readonly name: string;
  /** Its place among the others. */
  readonly index: number;
  readonly file: ElfFile;
  readonly symbols: readonly ElfSymbol[];
  readonly btf: Btf | undefined;
  readonly ext: readonly ExtSection[];
  /** What goes into the result: code, data, maps. */
  readonly sections: readonly ElfSection[];
  /** The section of BTF that lists a variable or a function, by its id. */
  readonly #listedIn = new Map<number, string>();

  /** Throws FormatError for what is no object file of BPF. */
  constructor({ name, bytes }: LinkInput, index: number) {
    this.name = name;
    this.index = index;
    try {
      this.file = parseElf(bytes);
      const { file } = this;
      if (file.machine !== "bpf" || file.type !== "rel")
        throw new FormatError(name, "it is no relocatable object of BPF, so it cannot be linked");
      this.symbols = [...file.symbols()];
      const btf = file.section(".BTF");
      this.btf =
        btf === undefined
          ? undefined
          : openBtf(placeDataSections(file.data(btf), (section) => sectionPlan(file, section)));
      const ext = file.section(".BTF.ext");
      this.ext = ext === undefined || this.btf === undefined ? [] : decodeBtfExt(file.data(ext));
      this.sections = file.sections.filter(
        ({ type, flags, size }) =>
          (type === SectionType.PROGBITS || type === SectionType.NOBITS) &&
          (flags & SectionFlag.ALLOC) !== 0 &&
          size > 0,
      );
      for (const { variables, name: section } of this.dataSections())
        for (const { type } of variables) this.#listedIn.set(type, section);
    } catch (error) {
      throw error instanceof FormatError && error.what !== name ? error.of(name) : error;
    }
  }

  /** What BTF lists by sections. */
  *dataSections(): Generator<BtfDatasec> {
    const { btf } = this;
    for (let id = 1; btf !== undefined && id < btf.count; id++) {
      const type = btf.kind(id) === "datasec" ? btf.type(id) : undefined;
      if (type?.kind === "datasec") yield type;
    }
  }

  /** The bytes of a section; zeros where the file has none. */
  data(section: ElfSection): Uint8Array {
    return section.type === SectionType.NOBITS ? new Uint8Array(section.size) : this.file.data(section);
  }

  /** The relocations of a section. Throws FormatError for those that name no symbol. */
  *relocations(section: ElfSection): Generator<InputRelocation> {
    for (const table of this.file.sections) {
      if (table.type !== SectionType.REL || table.info !== section.index) continue;
      const data = this.file.data(table);
      const reader = new ByteReader(data, table.name);
      for (let at = 0; at + 16 <= data.length; at += 16) {
        const offset = reader.seek(at).word(8);
        const type = reader.seek(at + 8).u32();
        const symbol = reader.u32();
        if (symbol >= this.symbols.length || offset + 8 > section.size)
          throw new FormatError(
            this.name,
            `${table.name}: a relocation that is of nothing in the file`,
            table.offset + at,
          );
        yield { offset, type, symbol };
      }
    }
  }

  /** What its types say of a name that others may know. */
  declared(name: string): BtfVar | BtfFunc | undefined {
    for (const id of this.btf?.findEach(name, ["var", "func"]) ?? []) {
      const type = this.btf?.type(id);
      if ((type?.kind === "var" || type?.kind === "func") && type.linkage !== "static") return type;
    }
    return undefined;
  }

  /** The section that a declaration asks for: `.maps`, `.ksyms`, `.kconfig`; undefined where it asks for none. */
  sectionOf(type: BtfVar | BtfFunc | undefined): string | undefined {
    return type === undefined ? undefined : this.#listedIn.get(type.id);
  }
}
