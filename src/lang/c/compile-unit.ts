// A typed tree of C, whatever text it was read from: maps and global data, a program for each function in a section that says
// what it is, as IR and as object code.

import { type CFunction, type CTypes, type CUnit, type CVariable, refuse, Typing } from "../../c/index.ts";
import { type Cpu, compile, type IrFunction, type IrProgram, printIr, StackError } from "../../compiler/index.ts";
import {
  type BpfObject,
  type Externs,
  type FunctionSpec,
  helper,
  KCONFIG,
  type Linkage,
  type MapSpec,
  mapOf,
  type ProgramSpec,
  programOfSection,
  readExterns,
  type StructOpsSpec,
  withMember,
} from "../../object/index.ts";
import { type Diagnostic, DiagnosticError, FormatError, type SourceText, type Span } from "../../source/index.ts";
import { DataSections } from "./data.ts";
import type { UnitDialect } from "./dialect.ts";
import { FunctionLowering } from "./functions.ts";
import { ObjectTypes } from "./object-types.ts";
import type { Shared } from "./places.ts";
import { SentRecords } from "./sent-records.ts";
import { isStructOps, structOpsOf } from "./struct-ops.ts";

const RDONLY_PROG = 0x80;
const MMAPABLE = 0x400;

export interface CompiledC {
  /** Absent where something is wrong. */
  readonly object?: BpfObject;
  readonly diagnostics: readonly Diagnostic[];
  /** What C takes and a programmer seldom means. */
  readonly warnings?: readonly Diagnostic[];
  /** Map sections and programs of sections that nothing is known of. */
  readonly skipped: readonly string[];
}

export interface CompileUnitOptions {
  /** Of the instruction set: 4 is what Linux 6.6 and later take; 3, which all do, unless said otherwise. */
  readonly cpu?: Cpu;
  /** The object is to be linked with others: it may use what these define, and has what they may use. */
  readonly linkable?: boolean;
  /** Called with the IR's text before and after each pass. */
  readonly dump?: (pass: string, text: string) => void;
}

/** Compiles a tree. What is wrong is answered, not thrown. */
export function compileUnit(
  source: SourceText,
  types: CTypes,
  unit: CUnit,
  options: CompileUnitOptions = {},
  dialect?: UnitDialect,
): CompiledC {
  return new Compilation(source, types, unit, options, dialect).run();
}

/** Diagnostics whose places say in which text they are. */
export function located(error: DiagnosticError, main: SourceText): readonly Diagnostic[] {
  const { source } = error;
  if (source === undefined || source === main) return error.diagnostics;
  return error.diagnostics.map((d) =>
    d.span === undefined || d.span.file !== undefined ? d : { ...d, span: { ...d.span, file: source } },
  );
}

class Compilation {
  readonly #source: SourceText;
  readonly #types: CTypes;
  readonly #unit: CUnit;
  readonly #options: CompileUnitOptions;
  readonly #dialect: UnitDialect | undefined;
  readonly #typing: Typing;
  readonly #data: DataSections;
  readonly #written: ObjectTypes;
  readonly #maps = new Map<CVariable, string>();
  readonly #records: SentRecords;
  readonly #others = new Map<string, Linkage["externs"][number]>();
  readonly #diagnostics: Diagnostic[] = [];
  readonly #skipped: string[] = [];

  constructor(
    source: SourceText,
    types: CTypes,
    unit: CUnit,
    options: CompileUnitOptions,
    dialect: UnitDialect | undefined,
  ) {
    this.#source = source;
    this.#types = types;
    this.#unit = unit;
    this.#options = options;
    this.#dialect = dialect;
    this.#typing = new Typing(types);
    this.#data = new DataSections(this.#typing);
    this.#records = new SentRecords(this.#typing);
    this.#written = new ObjectTypes(types);
  }

  run(): CompiledC {
    const specs = this.#attempt(() => this.#mapSpecs()) ?? [];
    const externs = this.#attempt(() => this.#externs()) ?? { settings: new Map(), symbols: new Map(), size: 0 };
    // Data that no program reads is there all the same: whoever loads the object may set it.
    for (const variable of this.#unit.globals)
      if (variable.storage === "global" && !this.#isApart(variable)) this.#attempt(() => this.#data.place(variable));
    const programs: ProgramSpec[] = [];
    if (this.#dialect !== undefined) for (const { attributes } of this.#unit.functions) attributes.add("always_inline");
    for (const fn of this.#unit.functions) {
      const section = fn.section ?? this.#dialect?.section(fn, this.#typing);
      if (section === undefined || fn.body === undefined || section === ".ksyms") continue;
      const kind = programOfSection(section.replace(/^\?/, ""));
      if (kind === undefined) {
        this.#skipped.push(section);
        continue;
      }
      const program = this.#attempt(() => this.#program(fn, section, externs));
      if (program !== undefined) programs.push({ ...kind, section, name: fn.name, functions: program });
    }
    const library = this.#options.linkable === true ? this.#library(externs) : [];
    const structs = this.#unit.globals
      .filter(isStructOps)
      .flatMap((variable) => this.#attempt(() => structOpsOf(variable, this.#typing)) ?? []);
    if (this.#diagnostics.length > 0) return { diagnostics: this.#diagnostics, skipped: this.#skipped };
    const own = programs.map((program) => withMember(program, structs));
    return { object: this.#object(specs, externs, own, structs, library), diagnostics: [], skipped: this.#skipped };
  }

  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      this.#diagnostics.push(...located(error, this.#source));
      return undefined;
    }
  }

  #isApart = (variable: CVariable): boolean => isStructOps(variable) || this.#isNoData(variable);

  #isNoData = ({ section }: CVariable): boolean =>
    section === ".maps" ||
    section === "license" ||
    section === ".kconfig" ||
    section === ".ksyms" ||
    section === "version";

  // --- maps and names of the kernel -----------------------------------------------------------------------------

  #mapSpecs(): MapSpec[] {
    const specs: MapSpec[] = [];
    for (const variable of this.#unit.globals) {
      if (variable.section !== ".maps" || variable.storage !== "global") continue;
      try {
        const spec = mapOf(this.#types, this.#typing.resolve(variable.type).id, variable.name);
        this.#maps.set(variable, variable.name);
        specs.push(this.#withEntries(spec, variable));
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        this.#diagnostics.push({ code: "SCRY1313", severity: "error", message: error.message, span: variable.span });
      }
    }
    return specs;
  }

  /** What `.values = { [0] = &inner }` says. */
  #withEntries(spec: MapSpec, variable: CVariable): MapSpec {
    const values = this.#types.members(variable.type).find((m) => m.name === "values");
    const start = values?.bitOffset ?? 0;
    const entries = (variable.initial?.entries ?? []).flatMap(({ offset, value }) => {
      let at = value;
      while (at.kind === "convert") at = at.of;
      const named = at.kind === "address" ? at.of : at;
      const name =
        named.kind === "variable" ? named.variable.name : named.kind === "function" ? named.function.name : undefined;
      return name === undefined ? [] : [{ index: (offset - start) / 64, name }];
    });
    return entries.length === 0 ? spec : { ...spec, entries };
  }

  #withTypes(spec: MapSpec): MapSpec {
    const { keyType, valueType, recordType = this.#records.of(spec.name), inner, ...rest } = spec;
    return {
      ...rest,
      ...(keyType === undefined ? {} : { keyType: this.#written.whole(keyType) }),
      ...(valueType === undefined ? {} : { valueType: this.#written.whole(valueType) }),
      ...(recordType === undefined ? {} : { recordType: this.#written.whole(recordType) }),
      ...(inner === undefined ? {} : { inner: this.#withTypes(inner) }),
    };
  }

  #externs(): Externs {
    const types = this.#types;
    const sections = new Map<string, { type: number; offset: number; size: number }[]>();
    const weak = new Set<string>();
    const add = (section: string, id: number, name: string, isWeak: boolean): void => {
      const list = sections.get(section) ?? [];
      list.push({ type: id, offset: 0, size: 0 });
      sections.set(section, list);
      if (isWeak) weak.add(name);
    };
    const seen = new Set<string>();
    for (const { name, type, section, storage, attributes, used } of this.#unit.globals) {
      if (storage !== "extern" || section === undefined || used !== true || seen.has(name)) continue;
      seen.add(name);
      add(section, types.add({ kind: "var", name, type, linkage: "extern" }), name, attributes.has("weak"));
    }
    for (const { name, type, section, attributes, body, uses } of this.#unit.functions)
      if (section === ".ksyms" && body === undefined && uses > 0)
        add(section, types.add({ kind: "func", name, type, linkage: "extern" }), name, attributes.has("weak"));
    const ids = new Map<string, number>();
    for (const [name, variables] of sections) ids.set(name, types.add({ kind: "datasec", name, size: 0, variables }));
    return readExterns({ find: (name) => ids.get(name), type: (id) => types.type(id) }, (name) => weak.has(name));
  }

  // --- programs -------------------------------------------------------------------------------------------------

  /** Functions that other objects may call. */
  #library(externs: Externs): Linkage["functions"] {
    return this.#unit.functions.flatMap((fn) => {
      const apart = fn.static || fn.inline || fn.section !== undefined || fn.attributes.has("always_inline");
      if (fn.body === undefined || apart) return [];
      const functions = this.#attempt(() => this.#program(fn, undefined, externs));
      if (functions === undefined) return [];
      const type = this.#written.function(fn.name, fn.type, "global");
      const [first, ...others] = functions as [FunctionSpec, ...FunctionSpec[]];
      const { attributes } = fn;
      return [
        { functions: [{ ...first, type }, ...others], weak: attributes.has("weak"), hidden: attributes.has("hidden") },
      ];
    });
  }

  /** What is another's, by its name. */
  #other(one: CVariable | CFunction): { readonly name: string; readonly weak: boolean } {
    // One's own that is weak.
    if ("uses" in one ? one.body !== undefined : one.storage === "global") return { name: one.name, weak: false };
    let known = this.#others.get(one.name);
    if (known === undefined) {
      const { name, attributes } = one;
      const type =
        "uses" in one ? this.#written.function(name, one.type, "extern") : this.#written.otherVariable(name, one.type);
      this.#others.set(name, (known = { name, type, weak: attributes.has("weak") }));
    }
    return known;
  }

  /** An entry and what it calls; without a section it is a function for other objects. */
  #program(fn: CFunction, section: string | undefined, externs: Externs): ProgramSpec["functions"] {
    const dialect = section === undefined ? undefined : this.#dialect;
    const entry = (section === undefined ? undefined : dialect?.entry(fn, section, this.#typing)) ?? fn;
    const functions: IrFunction[] = [];
    const waiting: CFunction[] = [];
    const names = new Map<CFunction, string>();
    const shared: Shared = {
      typing: this.#typing,
      data: this.#data,
      types: this.#written,
      functions: new Map(this.#unit.functions.map((fn) => [fn.name, fn])),
      maps: this.#maps,
      externs,
      records: this.#records,
      ...(this.#options.linkable === true ? { other: (one) => this.#other(one) } : {}),
      called: (fn) => {
        let name = names.get(fn);
        if (name === undefined) {
          names.set(fn, (name = fn.name));
          waiting.push(fn);
        }
        return name;
      },
    };
    names.set(entry, entry.name);
    const main = new FunctionLowering(entry.name, entry, shared, section !== undefined).lower();
    if (section !== undefined) dialect?.prepare(main, section);
    functions.push(settled(main));
    for (let fn = waiting.shift(); fn !== undefined; fn = waiting.shift()) {
      const called = new FunctionLowering(fn.name, fn, shared, false).lower();
      if (section !== undefined) dialect?.prepareCalled?.(called, fn, section);
      functions.push(settled(called));
    }
    refuseRecursion(functions);
    const program: IrProgram = { name: entry.name, functions };
    this.#options.dump?.("lower", printIr(program));
    try {
      const { dump, cpu = 3 } = this.#options;
      const made = compile(program, { ...(dump === undefined ? {} : { dump }), cpu, portable: true }).functions;
      // What stands for another function, or is verified on its own, is known by its types.
      const typed = [...names].filter(
        ([one]) => one.attributes.has("global") || (one === entry && section?.startsWith("freplace") === true),
      );
      const withType = (spec: FunctionSpec): FunctionSpec => {
        const of = typed.find(([, name]) => name === spec.name)?.[0];
        return of === undefined ? spec : { ...spec, type: this.#written.function(of.name, of.type, "global") };
      };
      const [first, ...others] = made as [FunctionSpec, ...FunctionSpec[]];
      return [withType(first), ...others.map(withType)];
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      const span: Span = entry.span;
      throw new DiagnosticError(
        [{ code: "SCRY1311", severity: "error", message: `'${entry.name}': ${error.message}`, span }],
        span.file ?? this.#source,
      );
    }
  }

  #object(
    specs: readonly MapSpec[],
    externs: Externs,
    programs: readonly ProgramSpec[],
    structOps: readonly StructOpsSpec[],
    library: Linkage["functions"],
  ): BpfObject {
    const withIds = (functions: readonly FunctionSpec[]): FunctionSpec[] =>
      functions.map((fn) => ({ ...fn, code: fn.code.map((one) => this.#written.instruction(one)) }));
    const written = programs.map((program) => ({ ...program, functions: withIds(program.functions) }));
    const linkage: Linkage = {
      functions: library.map((one) => ({ ...one, functions: withIds(one.functions) })),
      weak:
        this.#options.linkable === true
          ? this.#unit.globals.flatMap(({ name, storage, attributes, static: own }) =>
              storage === "global" && own !== true && attributes.has("weak") ? [name] : [],
            )
          : [],
      externs: [...this.#others.values()],
    };
    const linked = linkage.functions.length + linkage.externs.length + linkage.weak.length > 0;
    const maps = [
      ...specs.map((spec) => this.#withTypes(spec)),
      ...(externs.size === 0
        ? []
        : [
            {
              name: KCONFIG,
              type: "array" as const,
              keySize: 4,
              valueSize: externs.size,
              maxEntries: 1,
              flags: MMAPABLE | RDONLY_PROG,
            },
          ]),
      ...this.#data.maps(),
    ];
    for (const { name, size, variables } of this.#data.sections())
      this.#written.section(
        name,
        size,
        variables.map(({ variable, offset }) => ({
          name: variable.name,
          type: variable.type,
          tags: variable.tags ?? [],
          offset,
          size: this.#typing.size(variable.type),
          static: variable.static === true,
        })),
      );
    for (const section of new Set(this.#unit.globals.filter(isStructOps).map((v) => v.section ?? ""))) {
      let size = 0;
      const variables = this.#unit.globals.flatMap((variable) => {
        if (!isStructOps(variable) || variable.section !== section) return [];
        const { name, type } = variable;
        const one = { name, type, offset: size, size: this.#typing.size(type), static: false };
        size = Math.ceil((size + one.size) / 8) * 8;
        return [one];
      });
      this.#written.section(section, size, variables);
    }
    const types = this.#written.encoded();
    return {
      maps,
      programs: written,
      license: this.#license(),
      ...(externs.settings.size === 0 ? {} : { settings: [...externs.settings.values()] }),
      ...(structOps.length === 0 ? {} : { structOps }),
      ...(types === undefined ? {} : { types }),
      ...(linked ? { linkage } : {}),
      source: this.#source,
    };
  }

  #license(): string {
    const variable = this.#unit.globals.find((v) => v.section === "license");
    const value = variable?.initial?.entries[0]?.value;
    if (value?.kind !== "text") return this.#dialect?.license ?? "";
    return new TextDecoder().decode(value.bytes.subarray(0, value.bytes.indexOf(0)));
  }
}

/** A frame of BPF is made once for each call that the text has. */
function refuseRecursion(functions: readonly IrFunction[]): void {
  const byName = new Map(functions.map((fn) => [fn.name, fn]));
  const open = new Set<string>();
  const done = new Set<string>();
  const visit = (fn: IrFunction): void => {
    open.add(fn.name);
    for (const { operation, span } of fn.blocks.flatMap((block) => block.instrs)) {
      if (operation.op !== "call") continue;
      if (open.has(operation.function))
        refuse("SCRY1312", `'${operation.function}' calls itself: BPF has no recursion`, span ?? { start: 0, end: 0 });
      const callee = byName.get(operation.function);
      if (callee !== undefined && !done.has(callee.name)) visit(callee);
    }
    open.delete(fn.name);
    done.add(fn.name);
  };
  functions.forEach(visit);
}

/**
 * A context that a program writes to, hands on, or whose packet moves, gives something else at each read: then it is an
 * address like others.
 */
function settled(fn: IrFunction): IrFunction {
  const moves = fn.blocks.some((block) =>
    block.instrs.some(({ operation, args }) => {
      if (operation.op === "helper" && helper(operation.helper)?.movesPacket === true) return true;
      if (operation.op === "call" || operation.op === "kfunc") return args.some((arg) => arg.type.kind === "ctx");
      return (operation.op === "store" || operation.op === "atomic") && args[0]?.type.kind === "ctx";
    }),
  );
  if (!moves) return fn;
  const plain = (value: { type: { kind: string } }): void => {
    if (value.type.kind === "ctx") Object.assign(value, { type: { kind: "memory" } });
  };
  fn.params.forEach(plain);
  for (const block of fn.blocks) {
    block.params.forEach(plain);
    block.instrs.forEach(plain);
  }
  return fn;
}
