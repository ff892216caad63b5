// Writes an object as a `.o` file that libbpf, bpftool and other loaders take.
//
//     one section a SEC() name: entry functions      .text: the functions that they call or hand out
//     .maps: one variable a map, described by BTF     .data.NAME: an array that programs address directly
//     license, .BTF, .BTF.ext, .symtab, .strtab, .rel…

import { type Btf, type BtfMember, BtfWriter, openBtf, withoutSections } from "../btf/index.ts";
import { type NewSection, SectionFlag, SectionType, writeElf } from "../elf/index.ts";
import { encode, Opcode, SLOT_BYTES, slotsOf } from "../isa/index.ts";
import { lineColumn, lineText } from "../source/index.ts";
import { type ExtFunction, type ExtLine, type ExtRelocation, encodeBtfExt } from "./btf-ext.ts";
import { CoreWriter } from "./core-writer.ts";
import { ExternWriter } from "./extern-writer.ts";
import { KCONFIG } from "./externs.ts";
import { isGlobalData } from "./global-data.ts";
import { BPF_F_RDONLY_PROG } from "./map-flags.ts";
import { MAP_TYPES } from "./map-types.ts";
import { pointerToMemory } from "./memory-type.ts";
import {
  type BpfObject,
  CORE_QUESTIONS,
  type FunctionSpec,
  type MapSpec,
  type ObjectInstruction,
  type ProgramSpec,
} from "./object.ts";
import { ObjectFileError } from "./object-file-error.ts";
import { sectionName } from "./section-names.ts";
import { layStructOps, type StructOpsSection, structOpsSections } from "./struct-ops-writer.ts";
import { SYMBOL_BYTES, SymbolTable } from "./symbol-table.ts";
import { type RunConfigSection, runConfigSection, XDP_RUN_SECTION, xdpFunction } from "./xdp-run-config.ts";

export interface WriteObjectOptions {
  /** The kernel's types, needed only where code refers to fields or types of the kernel: their kinds must be known. */
  readonly kernel?: Btf;
}

const R_BPF_64_64 = 1;
const R_BPF_64_ABS64 = 2;
const R_BPF_64_32 = 10;
const EM_BPF = 247;

/** `info` of a symbol: bind << 4 | type. */
const LOCAL_SECTION = 3;
const GLOBAL_OBJECT = (1 << 4) | 1;
const WEAK_OBJECT = (2 << 4) | 1;
const GLOBAL_FUNCTION = (1 << 4) | 2;
const LOCAL_FUNCTION = 2;
const WEAK_FUNCTION = (2 << 4) | 2;
const GLOBAL_UNKNOWN = 1 << 4;
const WEAK_UNKNOWN = 2 << 4;

interface CodeSection {
  readonly name: string;
  code: ObjectInstruction[];
  slots: number;
  readonly functions: {
    readonly name: string;
    readonly slot: number;
    readonly slots: number;
    readonly type: number;
    /** Of its symbol: `info`, and whether it is hidden. */
    readonly info: number;
    readonly hidden: boolean;
  }[];
  readonly relocations: { readonly slot: number; readonly symbol: string; readonly type: number }[];
  readonly lines: ExtLine[];
  readonly core: ExtRelocation[];
}

/** Throws ObjectFileError for what the format cannot say (a map used both by handle and directly). */
export function writeObject(object: BpfObject, options: WriteObjectOptions = {}): Uint8Array {
  return new ObjectWriter(object, options).write();
}

const identifier = (name: string): string => name.replace(/[^\w.]/g, "_").replace(/^(\d)/, "_$1");

class ObjectWriter {
  readonly #object: BpfObject;
  readonly #btf: BtfWriter;
  readonly #sections = new Map<string, CodeSection>();
  /** Maps whose bytes programs address; each becomes a data section of its own. */
  readonly #data = new Set<string>();
  readonly #core: CoreWriter;
  /** Data sections whose variables the object's own types list. */
  readonly #described = new Set<string>();
  readonly #structs: readonly StructOpsSection[];
  /** What XDP programs say of their place among others: types alone, whose bytes nobody reads. */
  readonly #runConfig: RunConfigSection;
  /** Names of the kernel that code refers to. */
  readonly #externs: ExternWriter;
  /** Names of other objects. */
  readonly #others: ReadonlyMap<string, NonNullable<BpfObject["linkage"]>["externs"][number]>;
  /** References to static functions, which are named by their section and their place in it: to be put in at the end. */
  readonly #toStatic: { readonly section: CodeSection; readonly index: number; readonly name: string }[] = [];

  constructor(object: BpfObject, options: WriteObjectOptions) {
    this.#object = object;
    // Sections whose variables are known, and lie where they lay.
    const { types } = object;
    for (const map of object.maps) {
      const id = dataSection(map) === map.name ? types?.find(map.name, "datasec") : undefined;
      if (id !== undefined && types?.sizeof(id) === map.valueSize) this.#described.add(map.name);
    }
    this.#others = new Map(object.linkage?.externs.map((one) => [one.name, one]));
    const structSections = structOpsSections(object.structOps ?? []);
    const kept = (name: string): boolean =>
      this.#described.has(name) || name === XDP_RUN_SECTION || this.#others.has(name) || structSections.has(name);
    this.#btf = new BtfWriter(types === undefined ? undefined : openBtf(withoutSections(types.bytes, kept)));
    this.#core = new CoreWriter(this.#btf, options.kernel);
    this.#structs = layStructOps(object.structOps ?? [], types);
    this.#runConfig = runConfigSection(types);
    this.#externs = new ExternWriter(this.#btf, options.kernel, object.settings ?? []);
  }

  write(): Uint8Array {
    this.#sortMaps();
    const text = this.#section(".text");
    const taken = new Set<string>();
    const library = this.#object.linkage?.functions ?? [];
    // Theirs are the names that they have: others go by these.
    for (const { name } of this.#object.programs) taken.add(identifier(name).replaceAll(".", "_"));
    for (const { functions } of library) taken.add((functions[0] as FunctionSpec).name);
    for (const program of this.#object.programs)
      this.#addFunctions(
        program.name,
        this.#typed(program),
        this.#section(sectionName(program)),
        GLOBAL_FUNCTION,
        taken,
      );
    for (const { functions, weak, hidden } of library)
      this.#addFunctions(
        (functions[0] as FunctionSpec).name,
        functions,
        text,
        weak ? WEAK_FUNCTION : GLOBAL_FUNCTION,
        taken,
        hidden,
      );
    this.#placeStatic(text);
    this.#describeMaps();
    this.#externs.describe();

    const code = [...this.#sections.values()].filter((section) => section.slots > 0);
    const sections: NewSection[] = [];
    const indexOf = new Map<string, number>();
    const add = (section: NewSection): void => {
      sections.push(section);
      indexOf.set(section.name, sections.length);
    };
    for (const one of code) {
      // `encode` wants every operand resolved; what the loader resolves stays as it is.
      add({
        name: one.name,
        type: SectionType.PROGBITS,
        flags: SectionFlag.ALLOC | SectionFlag.EXEC,
        data: encode(one.code),
      });
    }
    const handles = this.#object.maps.filter((map) => !this.#data.has(map.name) && map.name !== KCONFIG);
    if (handles.length > 0) {
      add({
        name: ".maps",
        type: SectionType.PROGBITS,
        flags: SectionFlag.ALLOC | SectionFlag.WRITE,
        data: new Uint8Array(handles.reduce((sum, map) => sum + mapVariableSize(map), 0)),
      });
    }
    for (const map of this.#object.maps) {
      if (!this.#data.has(map.name) || map.name === KCONFIG) continue;
      const section = dataSection(map);
      if (section === ".bss") {
        const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
        add({ name: section, type: SectionType.NOBITS, flags, data: new Uint8Array(0), size: map.valueSize });
        continue;
      }
      const data = new Uint8Array(map.valueSize);
      data.set((map.initial ?? new Uint8Array()).subarray(0, map.valueSize));
      const flags = readOnly(map) ? SectionFlag.ALLOC : SectionFlag.ALLOC | SectionFlag.WRITE;
      add({ name: section, type: SectionType.PROGBITS, flags, data });
    }
    for (const { name, data } of this.#structs)
      add({ name, type: SectionType.PROGBITS, flags: SectionFlag.ALLOC | SectionFlag.WRITE, data });
    const { sectionBytes } = this.#runConfig;
    if (sectionBytes > 0)
      add({
        name: XDP_RUN_SECTION,
        type: SectionType.PROGBITS,
        flags: SectionFlag.ALLOC | SectionFlag.WRITE,
        data: new Uint8Array(sectionBytes),
      });
    add({
      name: "license",
      type: SectionType.PROGBITS,
      flags: SectionFlag.ALLOC | SectionFlag.WRITE,
      data: new TextEncoder().encode(`${this.#object.license}\0`),
      alignment: 1,
    });

    const ext = encodeBtfExt(
      code.map((one) => ({
        name: this.#btf.string(one.name),
        functions: one.functions.map((f): ExtFunction => ({ offset: f.slot * SLOT_BYTES, type: f.type })),
        lines: one.lines,
        relocations: one.core,
      })),
    );
    add({ name: ".BTF", type: SectionType.PROGBITS, data: this.#btf.encode(), alignment: 4 });
    add({ name: ".BTF.ext", type: SectionType.PROGBITS, data: ext, alignment: 4 });

    const symbols = this.#symbols(code, handles, indexOf);
    const entries = this.#entries(handles, symbols.index);
    // Addresses that stand in data.
    const addresses = [
      { section: ".maps", places: entries },
      ...this.#structs.map(({ name, programs }) => ({
        section: name,
        places: programs.map(({ place, program }) => {
          const symbol = symbols.index.get(program);
          if (symbol === undefined) throw new ObjectFileError(`${name}: there is no program ${program}`);
          return { place, symbol };
        }),
      })),
    ].filter(({ places }) => places.length > 0);
    const symtab = sections.length + code.filter((one) => one.relocations.length > 0).length + addresses.length + 1;
    for (const { section, places } of addresses) {
      const data = new Uint8Array(places.length * 16);
      const view = new DataView(data.buffer);
      places.forEach(({ place, symbol }, i) => {
        view.setBigUint64(i * 16, BigInt(place), true);
        view.setUint32(i * 16 + 8, R_BPF_64_ABS64, true);
        view.setUint32(i * 16 + 12, symbol, true);
      });
      const info = indexOf.get(section) as number;
      add({ name: `.rel${section}`, type: SectionType.REL, flags: 0x40, data, link: symtab, info, entrySize: 16 });
    }
    for (const one of code) {
      if (one.relocations.length === 0) continue;
      const data = new Uint8Array(one.relocations.length * 16);
      const view = new DataView(data.buffer);
      one.relocations.forEach(({ slot, symbol, type }, i) => {
        view.setBigUint64(i * 16, BigInt(slot * SLOT_BYTES), true);
        view.setUint32(i * 16 + 8, type, true);
        view.setUint32(i * 16 + 12, symbols.index.get(symbol) as number, true);
      });
      const info = indexOf.get(one.name) as number;
      add({ name: `.rel${one.name}`, type: SectionType.REL, flags: 0x40, data, link: symtab, info, entrySize: 16 });
    }
    add({
      name: ".symtab",
      type: SectionType.SYMTAB,
      data: symbols.table,
      link: symtab + 1,
      info: symbols.locals,
      entrySize: SYMBOL_BYTES,
    });
    add({ name: ".strtab", type: SectionType.STRTAB, data: symbols.strings, alignment: 1 });
    return writeElf(1, EM_BPF, sections);
  }

  // --- maps -----------------------------------------------------------------------------------------------------

  /** What the declarations of maps name: places in section `.maps`, and the symbols that belong there. */
  #entries(
    handles: readonly MapSpec[],
    index: ReadonlyMap<string, number>,
  ): { readonly place: number; readonly symbol: number }[] {
    let start = 0;
    return handles.flatMap((map) => {
      const size = mapVariableSize(map);
      const values = start + mapMembers(map).length * 8;
      start += size;
      return (map.entries ?? []).map(({ index: at, name }) => {
        const symbol = index.get(identifier(name));
        if (symbol === undefined) throw new ObjectFileError(`map ${map.name}: there is no ${name} for its entry ${at}`);
        return { place: values + at * 8, symbol };
      });
    });
  }

  #sortMaps(): void {
    const byHandle = new Set<string>();
    for (const program of this.#object.programs) {
      for (const { code } of program.functions) {
        for (const { ref } of code) {
          if (ref?.kind === "map") byHandle.add(ref.map);
          else if (ref?.kind === "map-value") this.#data.add(ref.map);
        }
      }
    }
    for (const { name } of this.#object.maps) if (isGlobalData(name)) this.#data.add(name);
    for (const map of this.#object.maps) {
      if (startsWithBytes(map) && !this.#data.has(map.name)) {
        throw new ObjectFileError(
          `map ${map.name} starts with bytes but no program addresses them, which a .o file cannot say`,
        );
      }
    }
    for (const name of this.#data) {
      const map = this.#object.maps.find((one) => one.name === name);
      if (map === undefined) throw new ObjectFileError(`there is no map ${name}`);
      if (byHandle.has(name)) {
        throw new ObjectFileError(
          `map ${name} is used both by its handle and by its bytes, which a .o file cannot say`,
        );
      }
      if (map.type !== "array" || map.maxEntries !== 1) {
        throw new ObjectFileError(`the bytes of map ${name} are used, but it is not an array of one element`);
      }
    }
  }

  #describeMaps(): void {
    const btf = this.#btf;
    const variables: { type: number; offset: number; size: number }[] = [];
    let offset = 0;
    const int = btf.int("int", 4, { signed: true });
    for (const map of this.#object.maps) {
      if (map.name === KCONFIG) continue;
      if (this.#data.has(map.name)) {
        if (this.#described.has(map.name)) continue;
        const bytes = btf.array(btf.int("char", 1, { signed: true, char: true }), map.valueSize, int);
        const variable = btf.var(dataVariable(map), bytes);
        btf.datasec(dataSection(map), map.valueSize, [{ type: variable, offset: 0, size: map.valueSize }]);
        continue;
      }
      // libbpf reads a number from the length of an array that a member points to.
      const number = (value: number): number => btf.ptr(btf.array(int, value, int));
      const members = this.#mapMembers(map, number);
      const size = mapVariableSize(map);
      variables.push({ type: btf.var(identifier(map.name), btf.struct("", size, members)), offset, size });
      offset += size;
    }
    if (variables.length > 0) btf.datasec(".maps", offset, variables);
    // Linkers want to know of every global name what it is.
    const license = this.#object.license.length + 1;
    const text = btf.array(btf.int("char", 1, { signed: true, char: true }), license, int);
    btf.datasec("license", license, [{ type: btf.var("_license", text), offset: 0, size: license }]);
  }

  /** The members of a map's struct; of maps of maps and arrays of programs the last is what their entries point to. */
  #mapMembers(map: MapSpec, number: (value: number) => number): BtfMember[] {
    const btf = this.#btf;
    const members = mapMembers(map).map(([name, value, type], i) => ({
      name,
      type: type === undefined ? number(value) : btf.ptr(type),
      bitOffset: i * 64,
      bitfieldSize: 0,
    }));
    if (map.inner === undefined && map.entries === undefined) return members;
    const held =
      map.inner === undefined
        ? btf.funcProto(btf.int("int", 4, { signed: true }), [])
        : btf.struct("", mapVariableSize(map.inner), this.#mapMembers(map.inner, number));
    const type = btf.array(btf.ptr(held), 0, btf.int("int", 4, { signed: true }));
    return [...members, { name: "values", type, bitOffset: members.length * 64, bitfieldSize: 0 }];
  }

  // --- code -----------------------------------------------------------------------------------------------------

  #section(name: string): CodeSection {
    let section = this.#sections.get(name);
    if (section === undefined) {
      section = { name, code: [], slots: 0, functions: [], relocations: [], lines: [], core: [] };
      this.#sections.set(name, section);
    }
    return section;
  }

  /** An entry, in its section, and what it reaches, which nobody else knows. */
  #addFunctions(
    name: string,
    functions: readonly FunctionSpec[],
    section: CodeSection,
    info: number,
    taken: Set<string>,
    hidden = false,
  ): void {
    const names = new Map<string, string>();
    functions.forEach((one, i) => {
      const wanted = identifier(i === 0 ? name : one.name).replaceAll(".", "_");
      let own = wanted;
      for (let n = 1; i > 0 && taken.has(own); n++) own = `${identifier(name)}_${wanted}${n === 1 ? "" : n}`;
      taken.add(own);
      names.set(one.name, own);
    });
    const text = this.#section(".text");
    functions.forEach((one, i) => {
      this.#addFunction(one, names, i === 0 ? section : text, i === 0 ? info : LOCAL_FUNCTION, hidden && i === 0);
    });
  }

  /** An XDP program's entry has the type by which it can be put among others of an interface (libxdp, freplace). */
  #typed({ name, type, functions }: ProgramSpec): readonly FunctionSpec[] {
    const [entry, ...others] = functions;
    if (type !== "xdp" || entry === undefined || entry.type !== undefined) return functions;
    const own = identifier(name).replaceAll(".", "_");
    return [{ ...entry, type: this.#btf.func(own, xdpFunction(this.#btf), "global") }, ...others];
  }

  #placeStatic(text: CodeSection): void {
    const slots = new Map(text.functions.map(({ name, slot }) => [name, slot]));
    for (const { section, index, name } of this.#toStatic) {
      const { op, dst, src, off } = section.code[index] as ObjectInstruction;
      const slot = slots.get(name) as number;
      const imm = op === Opcode.CALL ? slot - 1 : slot * SLOT_BYTES;
      section.code[index] =
        op === Opcode.CALL ? { op, dst, src, off, imm } : { op, dst, src, off, imm, imm64: BigInt(imm) };
    }
  }

  #addFunction(
    spec: FunctionSpec,
    names: ReadonlyMap<string, string>,
    section: CodeSection,
    info: number,
    hidden: boolean,
  ): void {
    const entry = info !== LOCAL_FUNCTION;
    const btf = this.#btf;
    const int = btf.int("int", 4, { signed: true });
    const u64 = btf.int("unsigned long long", 8);
    const memory = spec.global?.memory;
    const first = (): number =>
      entry || spec.global?.context === true ? btf.ptr(0) : memory === undefined ? u64 : pointerToMemory(btf, memory);
    const params = Array.from({ length: spec.parameters }, (_, i) => ({
      name: entry ? "ctx" : `a${i + 1}`,
      type: i === 0 ? first() : u64,
    }));
    const name = names.get(spec.name) as string;
    const global = entry || spec.global !== undefined;
    const type =
      info !== LOCAL_FUNCTION && spec.type !== undefined
        ? spec.type
        : btf.func(name, btf.funcProto(global ? int : u64, params), global ? "global" : "static");
    if (spec.global?.context === true) btf.declTag("arg:ctx", type, 0);
    const start = section.slots;
    let span: ObjectInstruction["span"];
    const source = this.#object.source;
    const firstSpan = spec.code.find((one) => one.span !== undefined)?.span;
    for (const instruction of spec.code) {
      const slot = section.slots;
      const here = instruction.span ?? (slot === start ? firstSpan : undefined);
      if (source !== undefined && here !== undefined && (here.start !== span?.start || here.end !== span?.end)) {
        span = here;
        const own = here.file ?? source;
        const { line, column } = lineColumn(own, here.start);
        const text = btf.string(lineText(own, line));
        section.lines.push({ offset: slot * SLOT_BYTES, file: btf.string(own.name), text, line, column });
      }
      section.code.push(this.#resolve(instruction, slot, section, names));
      section.slots += slotsOf(instruction.op);
    }
    section.functions.push({ name, slot: start, slots: section.slots - start, type, info, hidden });
  }

  /** Leaves an instruction's operand to the loader: a relocation, and in the instruction what its kind wants there. */
  #resolve(
    instruction: ObjectInstruction,
    slot: number,
    section: CodeSection,
    names: ReadonlyMap<string, string>,
  ): ObjectInstruction {
    const { ref, op, dst, src, off, imm } = instruction;
    if (ref === undefined) return instruction;
    switch (ref.kind) {
      case "map":
        section.relocations.push({ slot, symbol: identifier(ref.map), type: R_BPF_64_64 });
        return { op, dst, src: 0, off, imm: 0, imm64: 0n };
      case "map-value": {
        if (ref.map === KCONFIG) {
          section.relocations.push({ slot, symbol: this.#externs.setting(ref.offset), type: R_BPF_64_64 });
          return { op, dst, src: 0, off, imm: 0, imm64: 0n };
        }
        const map = this.#object.maps.find((one) => one.name === ref.map) as MapSpec;
        section.relocations.push({ slot, symbol: dataSection(map), type: R_BPF_64_64 });
        return { op, dst, src: 0, off, imm: ref.offset, imm64: BigInt(ref.offset) };
      }
      case "call":
      case "function": {
        const name = names.get(ref.function);
        if (name === undefined) throw new ObjectFileError(`there is no function ${ref.function}`);
        const call = ref.kind === "call";
        // The first of them is no static one.
        const symbol = name === [...names.values()][0] ? name : ".text";
        if (symbol === ".text") this.#toStatic.push({ section, index: section.code.length, name });
        section.relocations.push({ slot, symbol, type: call ? R_BPF_64_32 : R_BPF_64_64 });
        return call ? { op, dst, src: 1, off, imm: -1 } : { op, dst, src: 0, off, imm: 0, imm64: 0n };
      }
      case "field-offset": {
        const { type, access } = this.#core.field(ref.type, ref.path);
        section.core.push({ offset: slot * SLOT_BYTES, type, access: this.#btf.string(access), kind: 0 });
        return { op, dst, src, off, imm };
      }
      case "type-id": {
        const type = this.#core.type(ref.type);
        section.core.push({ offset: slot * SLOT_BYTES, type, access: this.#btf.string("0"), kind: 7 });
        return { op, dst, src: 0, off, imm: type, ...(op === Opcode.LDDW ? { imm64: BigInt(type) } : {}) };
      }
      case "core": {
        const kind = CORE_QUESTIONS.indexOf(ref.ask);
        const access = this.#btf.string(ref.access);
        section.core.push({ offset: slot * SLOT_BYTES, type: ref.type, access, kind });
        const { imm64 } = instruction;
        return { op, dst, src: 0, off, imm, ...(imm64 === undefined ? {} : { imm64 }), ...(src === 0 ? {} : { src }) };
      }
      case "ksym":
        section.relocations.push({
          slot,
          symbol: this.#other(ref.name) ?? this.#externs.symbol(ref),
          type: R_BPF_64_64,
        });
        return { op, dst, src: 0, off, imm: 0, imm64: 0n };
      case "kfunc":
        section.relocations.push({
          slot,
          symbol: this.#other(ref.name) ?? this.#externs.function(ref),
          type: R_BPF_64_32,
        });
        return { op, dst, src: 1, off, imm: -1 };
      case "poison":
        throw new ObjectFileError(
          "what was made for one kernel cannot be written into a .o file: the questions are gone",
        );
    }
  }

  /** The symbol of what another object has, or this one for others. */
  #other(name: string): string | undefined {
    const { functions = [], weak = [] } = this.#object.linkage ?? {};
    const own = weak.includes(name) || functions.some(({ functions: [first] }) => first?.name === name);
    return own || this.#others.has(name) ? name : undefined;
  }

  /** The variables of a data section that a loader looks for by their names. */
  #variablesOf(map: MapSpec): { readonly name: string; readonly offset: number; readonly size: number }[] {
    if (!this.#described.has(map.name)) return [{ name: dataVariable(map), offset: 0, size: map.valueSize }];
    const types = this.#object.types as Btf;
    const section = types.type(types.find(map.name, "datasec") ?? 0);
    if (section.kind !== "datasec") return [];
    return section.variables.flatMap(({ type: id, offset, size }) => {
      const variable = types.type(id);
      return variable.kind === "var" && variable.linkage === "global" ? [{ name: variable.name, offset, size }] : [];
    });
  }

  // --- symbols --------------------------------------------------------------------------------------------------

  #symbols(code: readonly CodeSection[], handles: readonly MapSpec[], indexOf: ReadonlyMap<string, number>) {
    const table = new SymbolTable();
    const index = new Map<string, number>();
    /** An empty name of a section is that of what is defined elsewhere. */
    const add = (
      name: string,
      key: string,
      info: number,
      section: string,
      value: number,
      size: number,
      hidden = false,
    ): void => {
      const of = section === "" ? 0 : (indexOf.get(section) as number);
      index.set(key, table.add({ name, type: info & 15, bind: info >> 4, hidden, section: of, value, size }));
    };
    for (const map of this.#object.maps) {
      if (this.#data.has(map.name) && map.name !== KCONFIG)
        add("", dataSection(map), LOCAL_SECTION, dataSection(map), 0, 0);
    }
    if (code.some((one) => one.name === ".text")) add("", ".text", LOCAL_SECTION, ".text", 0, 0);
    const functions = code.flatMap((section) => section.functions.map((one) => ({ ...one, section: section.name })));
    const isLocal = ({ info }: { readonly info: number }): boolean => info === LOCAL_FUNCTION;
    for (const one of functions.filter(isLocal))
      add(one.name, one.name, one.info, one.section, one.slot * SLOT_BYTES, one.slots * SLOT_BYTES);
    for (const one of functions)
      if (!isLocal(one))
        add(one.name, one.name, one.info, one.section, one.slot * SLOT_BYTES, one.slots * SLOT_BYTES, one.hidden);
    const isWeak = (name: string): boolean => this.#object.linkage?.weak.includes(name) === true;
    let offset = 0;
    for (const map of handles) {
      const size = mapVariableSize(map);
      add(
        identifier(map.name),
        identifier(map.name),
        isWeak(map.name) ? WEAK_OBJECT : GLOBAL_OBJECT,
        ".maps",
        offset,
        size,
      );
      offset += size;
    }
    for (const map of this.#object.maps) {
      if (this.#data.has(map.name) && map.name !== KCONFIG)
        for (const { name, offset: at, size } of this.#variablesOf(map)) {
          const weak = isWeak(name);
          add(
            name,
            weak ? name : `${map.name}\0${name}`,
            weak ? WEAK_OBJECT : GLOBAL_OBJECT,
            dataSection(map),
            at,
            size,
          );
        }
    }
    for (const { name: section, variables } of this.#structs)
      for (const { name, offset: at, size } of variables)
        add(name, `${section}\0${name}`, GLOBAL_OBJECT, section, at, size);
    for (const { name, weak } of this.#externs.all()) add(name, name, weak ? WEAK_UNKNOWN : GLOBAL_UNKNOWN, "", 0, 0);
    const library = new Set(this.#object.linkage?.functions.map(({ functions: [first] }) => first?.name));
    for (const { name, weak } of this.#others.values())
      if (!library.has(name)) add(name, name, weak ? WEAK_UNKNOWN : GLOBAL_UNKNOWN, "", 0, 0);
    for (const { name, offset: at, size } of this.#runConfig.variables)
      add(name, `${XDP_RUN_SECTION}\0${name}`, GLOBAL_OBJECT, XDP_RUN_SECTION, at, size);
    add("_license", "_license", GLOBAL_OBJECT, "license", 0, this.#object.license.length + 1);
    return { ...table.encode(), index };
  }
}

const startsWithBytes = (map: MapSpec): boolean => map.initial?.some((byte) => byte !== 0) === true;
const readOnly = (map: MapSpec): boolean => ((map.flags ?? 0) & BPF_F_RDONLY_PROG) !== 0;

/**
 * libbpf gives an array of data its own map when its section is called `.data.` and a name, and freezes those of `.rodata`.
 * A section of C keeps its name; of those of zeros libbpf knows `.bss` alone.
 */
function dataSection(map: MapSpec): string {
  if (map.name === ".bss" && !startsWithBytes(map)) return ".bss";
  if (isGlobalData(map.name)) return map.name.replace(/^\.bss/, ".data.bss");
  return `${readOnly(map) ? ".rodata" : ".data"}.${identifier(map.name)}`;
}

/** The one variable that a data section is for BTF. libbpf looks sections up by name alone: it must not be called as one. */
const dataVariable = (map: MapSpec): string => identifier(map.name).replace(/^\./, "");

/** What a map's variable says of it: name, number, or the type that a member points to. */
function mapMembers(map: MapSpec): readonly (readonly [name: string, value: number, type?: number])[] {
  const members: (readonly [string, number, number?])[] = [["type", MAP_TYPES[map.type].number]];
  if (map.keyType !== undefined) members.push(["key", 0, map.keyType]);
  else if (map.keySize > 0) members.push(["key_size", map.keySize]);
  if (map.valueType !== undefined) members.push(["value", 0, map.valueType]);
  else if (map.valueSize > 0) members.push(["value_size", map.valueSize]);
  if (map.maxEntries > 0) members.push(["max_entries", map.maxEntries]);
  const flags = (map.flags ?? 0) & ~(map.numaNode === undefined ? 0 : NUMA_NODE);
  if (flags !== 0) members.push(["map_flags", flags]);
  if (map.extra !== undefined) members.push(["map_extra", Number(map.extra)]);
  if (map.numaNode !== undefined) members.push(["numa_node", map.numaNode]);
  if (map.pinned === true) members.push(["pinning", 1]);
  return members;
}

/** `BPF_F_NUMA_NODE` */
const NUMA_NODE = 4;

const mapVariableSize = (map: MapSpec): number =>
  (mapMembers(map).length + Math.max(0, ...(map.entries ?? []).map((entry) => entry.index + 1))) * 8;
