// Object files of BPF as one (what `bpftool gen object` does with libbpf's linker): sections of one name together, each global
// name one thing, types merged, and every reference where its target has come to. Nothing is compiled anew; questions of
// CO-RE, lines and functions stay with their instructions.
//
//     a.o  xdp: prog ── calls helper ─┐          x.o  xdp: prog ── calls helper ─┐
//     b.o  .text: helper ◀────────────┘          .text: helper ◀─────────────────┘

import { type BtfSectionVariable, BtfWriter, type MergedBtf, mergeBtf, openBtf } from "../../btf/index.ts";
import { type ElfSymbol, type NewSection, SectionFlag, SectionType, writeElf } from "../../elf/index.ts";
import { Opcode, SLOT_BYTES } from "../../isa/index.ts";
import { FormatError } from "../../source/index.ts";
import { type ExtFunction, type ExtLine, type ExtRelocation, encodeBtfExt } from "../btf-ext.ts";
import { SYMBOL_BYTES, SymbolTable } from "../symbol-table.ts";
import { Input, type LinkInput } from "./input.ts";
import { Layout, type OutSection } from "./layout.ts";
import { Names } from "./names.ts";

const EM_BPF = 247;
const BINDS = { local: 0, global: 1, weak: 2 } as const;
const TYPES: { readonly [type in ElfSymbol["type"]]?: number } = { object: 1, func: 2, section: 3 };

/**
 * Links object files to one, as bytes of an object file. A name that none of them defines stays open. Throws FormatError,
 * with the file's name, for what is no object file of BPF and where two of them do not go together: a name defined in
 * both, types that differ, another license.
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  return new Linker(inputs.map((input, index) => new Input(input, index))).link();
}

class Linker {
  readonly #inputs: readonly Input[];
  readonly #layout: Layout;
  readonly #names: Names;
  readonly #symbols = new SymbolTable();
  /** By input: what each of its symbols is in the result. */
  readonly #symbolOf: readonly Map<number, number>[];

  constructor(inputs: readonly Input[]) {
    this.#inputs = inputs;
    this.#layout = new Layout(inputs);
    this.#names = new Names(inputs);
    this.#symbolOf = inputs.map(() => new Map());
  }

  link(): Uint8Array {
    this.#addSymbols();
    const sections: NewSection[] = [];
    const relocations: { readonly out: OutSection; readonly rows: readonly (readonly number[])[] }[] = [];
    for (const out of this.#layout.sections) {
      const { data, rows } = this.#content(out);
      const { name, type, flags, alignment, size } = out;
      sections.push({ name, type, flags, alignment, data, size });
      if (rows.length > 0) relocations.push({ out, rows });
    }
    sections.push(...this.#types());
    const symtab = sections.length + relocations.length + 1;
    for (const { out, rows } of relocations) {
      const data = new Uint8Array(rows.length * 16);
      const view = new DataView(data.buffer);
      for (const [i, [offset = 0, type = 0, symbol = 0]] of rows.entries()) {
        view.setBigUint64(i * 16, BigInt(offset), true);
        view.setUint32(i * 16 + 8, type, true);
        view.setUint32(i * 16 + 12, symbol, true);
      }
      const { name, index } = out;
      sections.push({
        name: `.rel${name}`,
        type: SectionType.REL,
        flags: 0x40,
        data,
        link: symtab,
        info: index,
        entrySize: 16,
      });
    }
    const { table, strings, locals } = this.#symbols.encode();
    const entrySize = SYMBOL_BYTES;
    sections.push({
      name: ".symtab",
      type: SectionType.SYMTAB,
      data: table,
      link: symtab + 1,
      info: locals,
      entrySize,
    });
    sections.push({ name: ".strtab", type: SectionType.STRTAB, data: strings, alignment: 1 });
    return writeElf(1, EM_BPF, sections);
  }

  // --- symbols --------------------------------------------------------------------------------------------------

  #addSymbols(): void {
    const ofSection = new Map(
      this.#layout.sections.map(({ index }) => [
        index,
        this.#symbols.add({ name: "", type: 3, bind: 0, hidden: false, section: index, value: 0, size: 0 }),
      ]),
    );
    this.#inputs.forEach(({ symbols, file }, input) => {
      const own = this.#symbolOf[input] as Map<number, number>;
      symbols.forEach(({ name, type, bind, section, value, size, hidden }, index) => {
        const place = this.#layout.placeOf(file.sections[section]);
        if (bind !== "local" || place === undefined) return;
        const { out, at } = place;
        if (type === "section") own.set(index, ofSection.get(out.index) as number);
        else if (type === "func" || type === "object")
          own.set(
            index,
            this.#symbols.add({
              name,
              type: TYPES[type] ?? 0,
              bind: 0,
              hidden,
              section: out.index,
              value: value + at,
              size,
            }),
          );
      });
    });
    const globals = new Map<string, number>();
    for (const { name, definition, weak, hidden } of this.#names.all.values()) {
      const bind = weak ? BINDS.weak : BINDS.global;
      const place =
        definition === undefined
          ? undefined
          : this.#layout.placeOf(definition.input.file.sections[definition.symbol.section]);
      // It is in a section of which another file's was taken.
      if (definition !== undefined && place === undefined) continue;
      if (definition === undefined || place === undefined) {
        globals.set(name, this.#symbols.add({ name, type: 0, bind, hidden, section: 0, value: 0, size: 0 }));
        continue;
      }
      const { type, value, size } = definition.symbol;
      const section = place.out.index;
      globals.set(
        name,
        this.#symbols.add({ name, type: TYPES[type] ?? 0, bind, hidden, section, value: value + place.at, size }),
      );
    }
    this.#inputs.forEach(({ symbols }, input) => {
      symbols.forEach(({ name, bind }, index) => {
        const global = bind === "local" ? undefined : globals.get(name);
        if (global !== undefined) this.#symbolOf[input]?.set(index, global);
      });
    });
  }

  // --- bytes and relocations ------------------------------------------------------------------------------------

  #content(out: OutSection): { data: Uint8Array; rows: (readonly number[])[] } {
    // What has no bytes refers to nothing.
    if (out.type === SectionType.NOBITS) return { data: new Uint8Array(), rows: [] };
    const data = new Uint8Array(out.size);
    const view = new DataView(data.buffer);
    const rows: (readonly number[])[] = [];
    const code = (out.flags & SectionFlag.EXEC) !== 0;
    for (const { input, section, at } of out.parts) {
      data.set(input.data(section), at);
      for (const { offset, type, symbol } of input.relocations(section)) {
        const target = this.#symbolOf[input.index]?.get(symbol);
        const named = input.symbols[symbol] as ElfSymbol;
        if (target === undefined)
          throw new FormatError(
            input.name,
            `section ${out.name} refers to ${named.name || "a section"} that is not linked`,
          );
        // What is named by its section is counted from the section's beginning, which has moved.
        const moved =
          named.type === "section" ? (this.#layout.placeOf(input.file.sections[named.section])?.at ?? 0) : 0;
        const place = at + offset;
        if (!code) view.setBigUint64(place, view.getBigUint64(place, true) + BigInt(moved), true);
        else if (data[place] === Opcode.CALL)
          view.setInt32(place + 4, view.getInt32(place + 4, true) + moved / SLOT_BYTES, true);
        else view.setInt32(place + 4, view.getInt32(place + 4, true) + moved, true);
        rows.push([place, type, target]);
      }
    }
    return { data, rows };
  }

  // --- types ----------------------------------------------------------------------------------------------------

  #types(): NewSection[] {
    const typed = this.#inputs.filter((input) => input.btf !== undefined);
    if (typed.length === 0) return [];
    const merged = mergeBtf(
      this.#inputs.map(({ btf }) => btf ?? openBtf(new BtfWriter().encode())),
      { standsFor: (type) => this.#names.standsFor(type) },
    );
    const writer = new BtfWriter(merged.btf);
    this.#addDataSections(writer, merged);
    const ext = this.#ext(writer, merged);
    const type = SectionType.PROGBITS;
    return [
      { name: ".BTF", type, data: writer.encode(), alignment: 4 },
      { name: ".BTF.ext", type, data: ext, alignment: 4 },
    ];
  }

  #addDataSections(writer: BtfWriter, merged: MergedBtf): void {
    const listed = new Map<string, Map<number, BtfSectionVariable>>();
    for (const input of this.#inputs)
      for (const { name, variables } of input.dataSections()) {
        const place = this.#layout.placeOf(input.file.section(name));
        let own = listed.get(name);
        for (const { type: id, offset, size } of variables) {
          const what = { input: input.index, id };
          const type = input.btf?.type(id);
          const outside = (type?.kind === "var" || type?.kind === "func") && type.linkage === "extern";
          // Another file's stands for it, and is listed there.
          if (this.#names.standsFor(what) !== undefined || (!outside && place === undefined)) continue;
          if (own === undefined) listed.set(name, (own = new Map()));
          const merging = merged.idOf(what);
          own.set(merging, { type: merging, offset: outside ? 0 : offset + (place?.at ?? 0), size });
        }
      }
    for (const [name, variables] of listed) {
      const out = this.#layout.sections.find((section) => section.name === name);
      const inOrder = [...variables.values()].sort((a, b) => a.offset - b.offset);
      writer.datasec(name, out?.size ?? 0, inOrder);
    }
  }

  #ext(writer: BtfWriter, merged: MergedBtf): Uint8Array {
    const found = new Map<string, { functions: ExtFunction[]; lines: ExtLine[]; relocations: ExtRelocation[] }>();
    for (const { btf, ext, file, index: input } of this.#inputs) {
      if (btf === undefined) continue;
      const text = (offset: number): number => writer.string(btf.string(offset));
      for (const { name, functions, lines, relocations } of ext) {
        const section = btf.string(name);
        const place = this.#layout.placeOf(file.section(section));
        if (place === undefined) continue;
        let own = found.get(section);
        if (own === undefined) found.set(section, (own = { functions: [], lines: [], relocations: [] }));
        const { at } = place;
        for (const one of functions)
          own.functions.push({ offset: one.offset + at, type: merged.idOf({ input, id: one.type }) });
        for (const one of lines)
          own.lines.push({ ...one, offset: one.offset + at, file: text(one.file), text: text(one.text) });
        for (const one of relocations)
          own.relocations.push({
            ...one,
            offset: one.offset + at,
            type: merged.idOf({ input, id: one.type }),
            access: text(one.access),
          });
      }
    }
    return encodeBtfExt([...found].map(([name, section]) => ({ name: writer.string(name), ...section })));
  }
}
