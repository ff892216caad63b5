// Reads a `.o` file that clang, or our own writer, made into an object: programs by their sections, maps and global data
// by BTF, functions of .text copied into each program that reaches them, fields to relocate kept as references.

import { type Btf, openBtf, placeDataSections } from "../btf/index.ts";
import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  parseElf,
  SectionFlag,
  SectionType,
  textAt,
} from "../elf/index.ts";
import { decode, EncodingError, type Instruction, Opcode, SLOT_BYTES } from "../isa/index.ts";
import { ByteReader, FormatError, type SourceText, type Span } from "../source/index.ts";
import { decodeBtfExt, type ExtLine, type ExtRelocation, type ExtSection } from "./btf-ext.ts";
import { distinctName } from "./distinct-name.ts";
import { declaredEntries, mapOfVariable } from "./elf-maps.ts";
import { readStructOps, withMember } from "./elf-struct-ops.ts";
import { type Externs, KCONFIG, readExterns } from "./externs.ts";
import { globalDataFlags, isGlobalData } from "./global-data.ts";
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from "./map-flags.ts";
import type { BpfObject, FunctionSpec, MapSpec, ObjectInstruction, ProgramSpec, Reference } from "./object.ts";
import { CORE_QUESTIONS } from "./object.ts";
import { placed } from "./placed.ts";
import { likelySection, programOfSection } from "./section-names.ts";
import { sectionPlan } from "./section-plan.ts";

export interface ReadObject {
  readonly object: BpfObject;
  /** Code sections whose name says nothing that we know, where they are not an error; their programs are left out. */
  readonly skipped: readonly string[];
}

/** What is read, for messages. */
const WHAT = "object file";

export interface ReadOptions {
  /** What is done with code in sections whose name says nothing: an error, as libbpf has it, or its programs are left out. */
  readonly unknownSections?: "error" | "skip";
}

/** Throws FormatError for bytes that do not hold together, or hold what an object cannot say yet. */
export function readObject(bytes: Uint8Array, options: ReadOptions = {}): ReadObject {
  return new ObjectReader(parseElf(bytes)).read(options);
}

interface Relocation {
  readonly type: number;
  readonly symbol: ElfSymbol;
}

interface CodeFunction {
  readonly section: ElfSection;
  readonly name: string;
  /** Slots from the start of its section. */
  readonly start: number;
  readonly end: number;
  /** Id of its BTF, where the file says which it is. */
  readonly type: number | undefined;
  /** Known outside of the object. */
  readonly global: boolean;
}

interface Code {
  /** By slot; the second slot of a wide instruction has none. */
  readonly instructions: readonly (Instruction | undefined)[];
  readonly relocations: ReadonlyMap<number, Relocation>;
  readonly core: ReadonlyMap<number, ExtRelocation>;
  readonly lines: ReadonlyMap<number, ExtLine>;
  readonly functions: readonly CodeFunction[];
}

function unknownSection(name: string): FormatError {
  const hint = likelySection(name);
  return new FormatError(
    WHAT,
    `section ${name} says nothing of what its programs are${hint === undefined ? "" : `. ${hint}`}`,
  );
}

class ObjectReader {
  readonly #file: ElfFile;
  readonly #btf: Btf | undefined;
  readonly #symbols: readonly ElfSymbol[];
  readonly #code = new Map<number, Code>();
  readonly #maps: MapSpec[] = [];
  readonly #source: ReturnType<typeof sourceOf>;
  readonly #externs: Externs | undefined;
  /** By their places in section `.maps`. */
  readonly #mapNames = new Map<number, string>();

  constructor(file: ElfFile) {
    this.#file = file;
    if (file.machine !== "bpf") throw new FormatError(WHAT, `not a BPF object: its machine is ${file.machine}`);
    if (file.type !== "rel") throw new FormatError(WHAT, "not a relocatable file");
    const btf = file.section(".BTF");
    this.#btf =
      btf === undefined ? undefined : openBtf(placeDataSections(file.data(btf), (name) => sectionPlan(file, name)));
    this.#symbols = [...file.symbols()];
    const weak = new Set(this.#symbols.filter((s) => s.bind === "weak" && s.section === 0).map((s) => s.name));
    this.#externs = this.#btf === undefined ? undefined : readExterns(this.#btf, (name) => weak.has(name));
    const ext = file.section(".BTF.ext");
    const sections = ext === undefined || this.#btf === undefined ? [] : decodeBtfExt(file.data(ext));
    this.#source = sourceOf(
      this.#btf,
      sections.flatMap((section) => section.lines),
    );
    for (const section of file.sections) {
      if (section.type !== SectionType.PROGBITS || (section.flags & SectionFlag.EXEC) === 0 || section.size === 0)
        continue;
      const own = sections.find((one) => this.#btf?.string(one.name) === section.name);
      this.#code.set(section.index, this.#readCode(section, own));
    }
  }

  read({ unknownSections = "error" }: ReadOptions): ReadObject {
    this.#readMaps();
    this.#readData();
    const structOps = this.#btf === undefined ? [] : readStructOps(this.#file, this.#btf, this.#symbols);
    const programs: ProgramSpec[] = [];
    const skipped: string[] = [];
    for (const [index, code] of this.#code) {
      const section = this.#file.sections[index] as ElfSection;
      if (section.name === ".text") continue;
      const kind = programOfSection(section.name);
      if (kind === undefined) {
        if (unknownSections === "error") throw unknownSection(section.name);
        skipped.push(section.name);
        continue;
      }
      for (const entry of code.functions)
        programs.push(
          withMember(
            {
              ...kind,
              section: section.name,
              name: entry.name,
              functions: this.#functions(entry, kind.type === "ext"),
            },
            structOps,
          ),
        );
    }
    const license = this.#file.section("license");
    const object: BpfObject = {
      maps: this.#maps,
      programs,
      license: license === undefined ? "" : textAt(this.#file.data(license), 0),
      ...(this.#btf === undefined ? {} : { types: this.#btf }),
      ...(this.#externs === undefined || this.#externs.settings.size === 0
        ? {}
        : { settings: [...this.#externs.settings.values()] }),
      ...(structOps.length === 0 ? {} : { structOps }),
      ...(this.#source === undefined ? {} : { source: this.#source.text }),
    };
    return { object, skipped };
  }

  // --- maps and data --------------------------------------------------------------------------------------------

  #readMaps(): void {
    const section = this.#file.section(".maps");
    if (section === undefined) {
      if (this.#file.section("maps") !== undefined)
        throw new FormatError(WHAT, "maps without BTF (section 'maps') are not supported");
      return;
    }
    const btf = this.#btf;
    const datasec = btf?.find(".maps", "datasec");
    if (btf === undefined || datasec === undefined) throw new FormatError(WHAT, "section .maps has no BTF");
    const type = btf.type(datasec);
    if (type.kind !== "datasec") return;
    // Of a linked file several static maps may have one name.
    const taken = new Set<string>();
    for (const { type: id, offset } of type.variables) {
      const variable = btf.type(id);
      if (variable.kind === "var" && variable.linkage === "extern") continue;
      const name = distinctName(variable.name, taken);
      taken.add(name);
      this.#mapNames.set(offset, name);
    }
    const entries = declaredEntries(this.#file, this.#symbols, section, (place) => this.#mapNames.get(place));
    for (const { type: id, offset } of type.variables) {
      const name = this.#mapNames.get(offset);
      const variable = btf.type(id);
      if (name === undefined || (variable.kind === "var" && variable.linkage === "extern")) continue;
      const map = mapOfVariable(btf, id, name);
      const own = entries.get(offset);
      this.#maps.push(own === undefined ? map.spec : { ...map.spec, entries: map.entriesAt(own) });
    }
  }

  #readData(): void {
    const settings = this.#externs?.size ?? 0;
    if (settings > 0)
      this.#maps.push({
        name: KCONFIG,
        type: "array",
        keySize: 4,
        valueSize: settings,
        maxEntries: 1,
        flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG,
      });
    for (const section of this.#file.sections) {
      if (!isGlobalData(section.name) || section.size === 0 || (section.flags & SectionFlag.ALLOC) === 0) continue;
      const initial = this.#file.data(section).slice();
      this.#maps.push({
        name: section.name,
        type: "array",
        keySize: 4,
        valueSize: section.size,
        maxEntries: 1,
        flags: globalDataFlags(section.name),
        ...(initial.length === 0 ? {} : { initial }),
      });
    }
  }

  // --- code -----------------------------------------------------------------------------------------------------

  #decode(section: ElfSection): readonly Instruction[] {
    try {
      return decode(this.#file.data(section));
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      throw new FormatError(WHAT, `${section.name}: ${error.message}`, section.offset);
    }
  }

  #readCode(section: ElfSection, ext: ExtSection | undefined): Code {
    const types = new Map(ext?.functions.map((one) => [one.offset, one.type]));
    const instructions: (Instruction | undefined)[] = [];
    for (const instruction of this.#decode(section)) {
      instructions.push(instruction);
      if (instruction.op === Opcode.LDDW) instructions.push(undefined);
    }
    const relocations = new Map<number, Relocation>();
    for (const table of this.#file.sections) {
      if (table.type !== SectionType.REL || table.info !== section.index) continue;
      const data = this.#file.data(table);
      const reader = new ByteReader(data, table.name);
      for (let at = 0; at + 16 <= data.length; at += 16) {
        const slot = reader.seek(at).u32() / SLOT_BYTES;
        const type = reader.seek(at + 8).u32();
        const symbol = this.#symbols[reader.u32()];
        if (symbol === undefined)
          throw new FormatError(WHAT, `${table.name}: a relocation names a symbol that is not there`);
        relocations.set(slot, { type, symbol });
      }
    }
    const functions = this.#symbols
      .filter((symbol) => symbol.type === "func" && symbol.section === section.index)
      .map((symbol) => ({
        section,
        name: symbol.name,
        start: symbol.value / SLOT_BYTES,
        end: (symbol.value + symbol.size) / SLOT_BYTES,
        type: types.get(symbol.value),
        global: symbol.bind !== "local" && !symbol.hidden,
      }))
      .sort((a, b) => a.start - b.start);
    for (const { name, start, end } of functions)
      if (!Number.isInteger(start) || end > instructions.length)
        throw new FormatError(WHAT, `the function ${name} is not within section ${section.name}`, section.offset);
    return {
      instructions,
      relocations,
      core: new Map(ext?.relocations.map((one) => [one.offset / SLOT_BYTES, one])),
      lines: new Map(ext?.lines.map((one) => [one.offset / SLOT_BYTES, one])),
      functions,
    };
  }

  /** An entry and every function that it reaches, in the order of discovery. `replaces`: the entry stands in for another. */
  #functions(entry: CodeFunction, replaces: boolean): FunctionSpec[] {
    // By what they are called in the program: of a linked file several static functions may have one name.
    const reached = new Map([[entry, entry.name]]);
    const taken = new Set([entry.name]);
    const reach = (target: CodeFunction): string => {
      let name = reached.get(target);
      if (name === undefined) {
        name = distinctName(target.name, taken);
        taken.add(name);
        reached.set(target, name);
      }
      return name;
    };
    const specs: FunctionSpec[] = [];
    // What is reached meanwhile is added at the end, and met there.
    for (const [one, name] of reached) {
      const own = { name, code: this.#functionCode(one, reach), parameters: this.#parameters(one) };
      const known = one.type !== undefined && one.global && (one !== entry || replaces);
      specs.push(known ? { ...own, type: one.type } : own);
    }
    return specs;
  }

  #parameters({ name, type }: CodeFunction): number {
    const id = type ?? this.#btf?.find(name, "func");
    const func = id === undefined ? undefined : this.#btf?.type(id);
    const proto = func?.kind === "func" ? this.#btf?.type(func.type) : undefined;
    return proto?.kind === "func_proto" ? proto.params.length : 1;
  }

  #functionCode(fn: CodeFunction, reach: (target: CodeFunction) => string): ObjectInstruction[] {
    const code = this.#code.get(fn.section.index) as Code;
    const out: ObjectInstruction[] = [];
    let span: Span | undefined;
    for (let slot = fn.start; slot < fn.end; slot++) {
      const instruction = code.instructions[slot];
      if (instruction === undefined) continue;
      const line = code.lines.get(slot);
      if (line !== undefined) span = this.#source?.span(line) ?? span;
      const core = code.core.get(slot);
      const found =
        core === undefined
          ? this.#reference(instruction, slot, code, fn, reach)
          : { instruction, ref: this.#coreReference(core) };
      out.push(placed(found.instruction, found.ref, span));
    }
    return out;
  }

  #functionAt(section: number, slot: number): CodeFunction {
    const found = this.#code.get(section)?.functions.find((one) => one.start === slot);
    if (found === undefined)
      throw new FormatError(
        WHAT,
        `no function starts at slot ${slot} of section ${this.#file.sections[section]?.name}`,
      );
    return found;
  }

  #reference(
    instruction: Instruction,
    slot: number,
    code: Code,
    fn: CodeFunction,
    reach: (target: CodeFunction) => string,
  ): { instruction: Instruction; ref?: Reference } {
    const relocation = code.relocations.get(slot);
    const local = instruction.op === Opcode.CALL && instruction.src === 1;
    if (relocation === undefined) {
      // A call within one section needs no relocation.
      if (!local) return { instruction };
      const target = this.#functionAt(fn.section.index, slot + 1 + instruction.imm);
      return { instruction: { ...instruction, imm: 0 }, ref: { kind: "call", function: reach(target) } };
    }
    const { symbol } = relocation;
    if (instruction.op === Opcode.CALL) {
      if (symbol.section === 0) {
        if (this.#externs !== undefined && !this.#externs.symbols.has(symbol.name)) throw open(fn.name, symbol.name);
        return {
          instruction: { ...instruction, src: 2, imm: 0 },
          ref: { kind: "kfunc", name: symbol.name, ...(symbol.bind === "weak" ? { weak: true as const } : {}) },
        };
      }
      const target = this.#functionAt(symbol.section, symbol.value / SLOT_BYTES + instruction.imm + 1);
      return { instruction: { ...instruction, src: 1, imm: 0 }, ref: { kind: "call", function: reach(target) } };
    }
    if (instruction.op !== Opcode.LDDW)
      throw new FormatError(WHAT, `${fn.name}: a relocation on opcode ${instruction.op}`);
    const section = this.#file.sections[symbol.section];
    const plain = (src: number): Instruction => ({
      op: instruction.op,
      dst: instruction.dst,
      src,
      off: 0,
      imm: 0,
      imm64: 0n,
    });
    if (section === undefined || symbol.section === 0) {
      const setting = this.#externs?.settings.get(symbol.name);
      if (setting !== undefined)
        return {
          instruction: plain(2),
          ref: { kind: "map-value", map: KCONFIG, offset: setting.offset + instruction.imm },
        };
      const extern = this.#externs?.symbols.get(symbol.name);
      if (extern !== undefined) return { instruction: plain(0), ref: { kind: "ksym", ...extern } };
      throw open(fn.name, symbol.name);
    }
    if (section.name === ".maps")
      return { instruction: plain(1), ref: { kind: "map", map: this.#mapAt(symbol, instruction.imm) } };
    if (isGlobalData(section.name)) {
      return {
        instruction: plain(2),
        ref: { kind: "map-value", map: section.name, offset: symbol.value + instruction.imm },
      };
    }
    if (this.#code.has(symbol.section)) {
      const target = this.#functionAt(symbol.section, (symbol.value + instruction.imm) / SLOT_BYTES);
      return { instruction: plain(4), ref: { kind: "function", function: reach(target) } };
    }
    throw new FormatError(WHAT, `${fn.name}: a reference into section ${section.name} is not supported`);
  }

  /** Static maps are named by their section and a place in it. */
  #mapAt(symbol: ElfSymbol, offset: number): string {
    const map = this.#mapNames.get(symbol.value + (symbol.type === "section" ? offset : 0));
    if (map === undefined) throw new FormatError(WHAT, "a relocation names no map");
    return map;
  }

  #coreReference(core: ExtRelocation): Reference {
    const ask = CORE_QUESTIONS[core.kind];
    if (ask === undefined) throw new FormatError(WHAT, `a CO-RE relocation of kind ${core.kind} is not known`);
    return { kind: "core", ask, type: core.type, access: (this.#btf as Btf).string(core.access) };
  }
}

/** What is referred to and not there. */
const open = (by: string, name: string): FormatError =>
  new FormatError(
    WHAT,
    `${by}: nothing defines ${name}; where another object does, link them: scry build A.o B.o -o LINKED.o`,
  );

/**
 * The source that line records tell of, put together from their texts: the file that most of them name is the object's, and
 * places in others say which they are in.
 */
function sourceOf(
  btf: Btf | undefined,
  lines: readonly ExtLine[],
): { text: SourceText; span(line: ExtLine): Span | undefined } | undefined {
  if (btf === undefined || lines.length === 0) return undefined;
  const byFile = new Map<number, ExtLine[]>();
  for (const line of lines) {
    const own = byFile.get(line.file);
    if (own === undefined) byFile.set(line.file, [line]);
    else own.push(line);
  }
  const files = new Map([...byFile].map(([file, own]) => [file, fileText(btf, file, own)]));
  const [main] = [...byFile].sort((a, b) => b[1].length - a[1].length)[0] as [number, ExtLine[]];
  const { text } = files.get(main) as FileText;
  return {
    text,
    span: ({ file, line, column }) => {
      const own = files.get(file);
      const place = own?.lines.get(line);
      if (own === undefined || place === undefined) return undefined;
      const start = place.start + Math.min(Math.max(column - 1, 0), place.end - place.start);
      return file === main ? { start, end: place.end } : { start, end: place.end, file: own.text };
    },
  };
}

interface FileText {
  readonly text: SourceText;
  readonly lines: ReadonlyMap<number, { readonly start: number; readonly end: number }>;
}

/** Lines that no record is of are empty. */
function fileText(btf: Btf, file: number, records: readonly ExtLine[]): FileText {
  const texts = new Map<number, string>();
  for (const { line, text } of records) if (line > 0) texts.set(line, btf.string(text));
  const lines = new Map<number, { start: number; end: number }>();
  let whole = "";
  let at = 1;
  for (const [line, own] of [...texts].sort((a, b) => a[0] - b[0])) {
    whole += "\n".repeat(line - at);
    at = line;
    lines.set(line, { start: whole.length, end: whole.length + own.length });
    whole += own;
  }
  return { text: { name: btf.string(file), text: whole }, lines };
}
