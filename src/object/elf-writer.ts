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
import { ExternWriter } from "./extern-writer.ts";
import { KCONFIG } from "./externs.ts";
import { isGlobalData } from "./global-data.ts";
import { BPF_F_RDONLY_PROG } from "./map-flags.ts";
import { MAP_TYPES } from "./map-types.ts";
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

export interface WriteObjectOptions {
  /** The kernel's types, needed only where code refers to fields or types of the kernel: their kinds must be known. */
  readonly kernel?: Btf;
}

const R_BPF_64_64 = 1;
const R_BPF_64_ABS64 = 2;
const R_BPF_64_32 = 10;
const EM_BPF = 247;
const SYMBOL_BYTES = 24;

/** `info` of a symbol: bind << 4 | type. */
const LOCAL_SECTION = 3;
const GLOBAL_OBJECT = (1 << 4) | 1;
const GLOBAL_FUNCTION = (1 << 4) | 2;
const GLOBAL_UNKNOWN = 1 << 4;
const WEAK_UNKNOWN = 2 << 4;

interface CodeSection {
  readonly name: string;
  code: ObjectInstruction[];
  slots: number;
  readonly functions: { readonly name: string; readonly slot: number; readonly slots: number; readonly type: number }[];
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
  readonly #kernel: Btf | undefined;
  readonly #btf: BtfWriter;
  readonly #sections = new Map<string, CodeSection>();
  /** Maps whose bytes programs address; each becomes a data section of its own. */
  readonly #data = new Set<string>();
  readonly #coreTypes = new Map<string, number>();
  /** Data sections whose variables the object's own types list. */
  readonly #described = new Set<string>();
  /** Names of the kernel that code refers to. */
  readonly #externs: ExternWriter;

  constructor(object: BpfObject, options: WriteObjectOptions) {
    this.#object = object;
    this.#kernel = options.kernel;
    // Sections whose variables are known, and lie where they lay.
    const { types } = object;
    for (const map of object.maps) {
      const id = dataSection(map) === map.name ? types?.find(map.name, "datasec") : undefined;
      if (id !== undefined && types?.sizeof(id) === map.valueSize) this.#described.add(map.name);
    }
    const kept = (section: string): boolean => this.#described.has(section);
    this.#btf = new BtfWriter(types === undefined ? undefined : openBtf(withoutSections(types.bytes, kept)));
    this.#externs = new ExternWriter(this.#btf, options.kernel, object.settings ?? []);
  }

  write(): Uint8Array {
    this.#sortMaps();
    const text = this.#section(".text");
    const taken = new Set<string>();
    for (const program of this.#object.programs) this.#addProgram(program, text, taken);
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
    const symtab =
      sections.length + code.filter((one) => one.relocations.length > 0).length + (entries.length > 0 ? 1 : 0) + 1;
    if (entries.length > 0) {
      const data = new Uint8Array(entries.length * 16);
      const view = new DataView(data.buffer);
      entries.forEach(({ place, symbol }, i) => {
        view.setBigUint64(i * 16, BigInt(place), true);
        view.setUint32(i * 16 + 8, R_BPF_64_ABS64, true);
        view.setUint32(i * 16 + 12, symbol, true);
      });
      const info = indexOf.get(".maps") as number;
      add({ name: ".rel.maps", type: SectionType.REL, flags: 0x40, data, link: symtab, info, entrySize: 16 });
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

  #addProgram(program: ProgramSpec, text: CodeSection, taken: Set<string>): void {
    const names = new Map<string, string>();
    program.functions.forEach((one, i) => {
      const wanted = identifier(i === 0 ? program.name : one.name).replaceAll(".", "_");
      let name = wanted;
      for (let n = 1; taken.has(name); n++) name = `${identifier(program.name)}_${wanted}${n === 1 ? "" : n}`;
      taken.add(name);
      names.set(one.name, name);
    });
    // Functions first, so that their places are known to whoever refers to them by section and offset.
    program.functions.forEach((one, i) => {
      this.#addFunction(one, names, i === 0 ? this.#section(sectionName(program)) : text, i === 0);
    });
  }

  #addFunction(spec: FunctionSpec, names: ReadonlyMap<string, string>, section: CodeSection, entry: boolean): void {
    const btf = this.#btf;
    const int = btf.int("int", 4, { signed: true });
    const u64 = btf.int("unsigned long long", 8);
    const params = Array.from({ length: spec.parameters }, (_, i) => ({
      name: entry ? "ctx" : `a${i + 1}`,
      type: entry || (i === 0 && spec.global?.context === true) ? btf.ptr(0) : u64,
    }));
    const name = names.get(spec.name) as string;
    const global = entry || spec.global !== undefined;
    const type = btf.func(name, btf.funcProto(global ? int : u64, params), global ? "global" : "static");
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
    section.functions.push({ name, slot: start, slots: section.slots - start, type });
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
        section.relocations.push({ slot, symbol: name, type: call ? R_BPF_64_32 : R_BPF_64_64 });
        return call ? { op, dst, src: 1, off, imm: -1 } : { op, dst, src: 0, off, imm: 0, imm64: 0n };
      }
      case "field-offset": {
        const { type, access } = this.#coreField(ref.type, ref.path);
        section.core.push({ offset: slot * SLOT_BYTES, type, access: this.#btf.string(access), kind: 0 });
        return { op, dst, src, off, imm };
      }
      case "type-id": {
        const type = this.#coreType(ref.type);
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
        section.relocations.push({ slot, symbol: this.#externs.symbol(ref), type: R_BPF_64_64 });
        return { op, dst, src: 0, off, imm: 0, imm64: 0n };
      case "kfunc":
        section.relocations.push({ slot, symbol: this.#externs.function(ref), type: R_BPF_64_32 });
        return { op, dst, src: 1, off, imm: -1 };
      case "poison":
        throw new ObjectFileError(
          "what was made for one kernel cannot be written into a .o file: the questions are gone",
        );
    }
  }

  #needKernel(what: string): Btf {
    if (this.#kernel === undefined) throw new ObjectFileError(`${what} cannot be written without the kernel's types`);
    return this.#kernel;
  }

  /** A local type of the same name and kind, which is all that libbpf compares. */
  #coreType(name: string): number {
    const kernel = this.#needKernel(`the id of type ${name}`);
    const bare = name.replace(/^(?:struct|union|enum) /, "");
    const id = kernel.find(bare, ["struct", "union", "enum", "typedef", "int"]);
    if (id === undefined) throw new ObjectFileError(`the kernel has no type ${name}`);
    let local = this.#coreTypes.get(bare);
    if (local === undefined) {
      const type = kernel.type(id);
      if (type.kind === "union") local = this.#btf.union(bare, 0, []);
      else if (type.kind === "struct") local = this.#btf.struct(bare, 0, []);
      else throw new ObjectFileError(`the id of ${type.kind} ${name} cannot be written into a .o file yet`);
      this.#coreTypes.set(bare, local);
    }
    return local;
  }

  /** A local chain of structs with one member each, of the kinds that the kernel's have. */
  #coreField(typeName: string, path: readonly string[]): { type: number; access: string } {
    const kernel = this.#needKernel(`the place of ${typeName}.${path.join(".")}`);
    const bare = typeName.replace(/^(?:struct|union) /, "");
    const key = `${bare}.${path.join(".")}`;
    const access = `0${":0".repeat(path.length)}`;
    const known = this.#coreTypes.get(key);
    if (known !== undefined) return { type: known, access };
    const root = kernel.find(bare, ["struct", "union"]);
    if (root === undefined) throw new ObjectFileError(`the kernel has no struct ${typeName}`);
    const chain: { name: string; place: number }[] = [];
    let place = root;
    for (const name of path) {
      const field = /^\[?\d+\]?$/.test(name) ? undefined : kernel.field(place, [name]);
      if (field === undefined)
        throw new ObjectFileError(`${typeName}.${path.join(".")} cannot be written: no field ${name}`);
      place = field.type;
      chain.push({ name, place });
    }
    let local = this.#kindOf(kernel, place);
    for (let i = chain.length - 1; i >= 0; i--) {
      const holder = kernel.resolve(i === 0 ? root : (chain[i - 1] as { place: number }).place);
      const members = [{ name: (chain[i] as { name: string }).name, type: local, bitOffset: 0, bitfieldSize: 0 }];
      const name = i === 0 ? bare : holder.name;
      local = holder.kind === "union" ? this.#btf.union(name, 8, members) : this.#btf.struct(name, 8, members);
    }
    this.#coreTypes.set(key, local);
    return { type: local, access };
  }

  #kindOf(kernel: Btf, id: number): number {
    const type = kernel.resolve(id);
    const btf = this.#btf;
    switch (type.kind) {
      case "int":
        return btf.int(type.name, type.size, { signed: type.signed, char: type.char, bool: type.bool });
      case "ptr":
        return btf.ptr(0);
      case "array":
        return btf.array(this.#kindOf(kernel, type.element), type.count, btf.int("int", 4, { signed: true }));
      case "float":
        return btf.float(type.name, type.size);
      case "enum":
      case "enum64":
        return btf.enum(type.name, type.size, []);
      case "union":
        return btf.union(type.name, type.size, []);
      default:
        return btf.struct(type.name, 0, []);
    }
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
    const encoder = new TextEncoder();
    const rows: { name: string; info: number; section: number; value: number; size: number }[] = [
      { name: "", info: 0, section: 0, value: 0, size: 0 },
    ];
    const index = new Map<string, number>();
    const add = (name: string, key: string, info: number, section: string, value: number, size: number): void => {
      index.set(key, rows.length);
      // An empty name is the section of what is defined elsewhere.
      rows.push({ name, info, section: section === "" ? 0 : (indexOf.get(section) as number), value, size });
    };
    for (const map of this.#object.maps) {
      if (this.#data.has(map.name) && map.name !== KCONFIG)
        add("", dataSection(map), LOCAL_SECTION, dataSection(map), 0, 0);
    }
    const text = code.find((one) => one.name === ".text");
    // libbpf knows the address of a static function only by its section, so these are marked global and hidden.
    const locals = rows.length;
    for (const one of text?.functions ?? [])
      add(one.name, one.name, GLOBAL_FUNCTION, ".text", one.slot * SLOT_BYTES, one.slots * SLOT_BYTES);
    for (const section of code) {
      if (section === text) continue;
      for (const one of section.functions) {
        add(one.name, one.name, GLOBAL_FUNCTION, section.name, one.slot * SLOT_BYTES, one.slots * SLOT_BYTES);
      }
    }
    let offset = 0;
    for (const map of handles) {
      const size = mapVariableSize(map);
      add(identifier(map.name), identifier(map.name), GLOBAL_OBJECT, ".maps", offset, size);
      offset += size;
    }
    for (const map of this.#object.maps) {
      if (this.#data.has(map.name) && map.name !== KCONFIG)
        for (const { name, offset: at, size } of this.#variablesOf(map))
          add(name, `${map.name}\0${name}`, GLOBAL_OBJECT, dataSection(map), at, size);
    }
    for (const { name, weak } of this.#externs.all()) add(name, name, weak ? WEAK_UNKNOWN : GLOBAL_UNKNOWN, "", 0, 0);
    add("_license", "_license", GLOBAL_OBJECT, "license", 0, this.#object.license.length + 1);
    const table = new Uint8Array(rows.length * SYMBOL_BYTES);
    const view = new DataView(table.buffer);
    let strings = "\0";
    rows.forEach((row, i) => {
      const at = i * SYMBOL_BYTES;
      if (row.name !== "") {
        view.setUint32(at, encoder.encode(strings).length, true);
        strings += `${row.name}\0`;
      }
      view.setUint8(at + 4, row.info);
      // Hidden: verified where it is called, as a static function is.
      if (row.info === GLOBAL_FUNCTION && row.section === indexOf.get(".text")) view.setUint8(at + 5, 2);
      view.setUint16(at + 6, row.section, true);
      view.setBigUint64(at + 8, BigInt(row.value), true);
      view.setBigUint64(at + 16, BigInt(row.size), true);
    });
    return { table, strings: encoder.encode(strings), index, locals };
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
