// The journey of C text: tokens, the tree with its types, maps and global data, a program for each function in a section that
// says what it is, as IR and as object code.

import type { Btf } from "../../btf/index.ts";
import {
  type CFunction,
  type CToken,
  CTypes,
  type CUnit,
  type CVariable,
  type IncludeRequest,
  type Macro,
  Preprocessor,
  readUnit,
  refuse,
  Typing,
  warningsOf,
} from "../../c/index.ts";
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
import { type BccOptions, bccDialect } from "./bcc/index.ts";
import { DataSections } from "./data.ts";
import type { Dialect } from "./dialect.ts";
import { FunctionLowering } from "./functions.ts";
import { type Machine, ownHeader } from "./headers/index.ts";
import { helperFunction } from "./helpers.ts";
import { ObjectTypes } from "./object-types.ts";
import type { Shared } from "./places.ts";
import { remembered } from "./remembered-types.ts";
import { SentRecords } from "./sent-records.ts";
import { isStructOps, structOpsOf } from "./struct-ops.ts";

export interface CompileCOptions {
  /** The types of the kernel that `vmlinux.h` stands for; none: all must be declared. */
  btf?(): Btf | undefined;
  /** Finds a header that is none of our own. */
  include?(request: IncludeRequest): SourceText | undefined;
  /** Macros from outside (`-D`): name and text. */
  readonly defines?: readonly (readonly [name: string, text: string])[];
  /** Macros that there are not, whoever defines them outside of the text (`-U`). */
  readonly undefines?: readonly string[];
  /** Headers that stand before the text. */
  readonly includes?: readonly string[];
  /** The text is of BCC's dialect: see `lang/c/bcc`. */
  readonly bcc?: Omit<BccOptions, "machine">;
  /** Whose registers `PT_REGS_PARM1` and the like read; x86 by default. */
  readonly machine?: Machine;
  /** Of the instruction set: 4 is what Linux 6.6 and later take; 3, which all do, unless said otherwise. */
  readonly cpu?: Cpu;
  /** The object is to be linked with others: it may use what these define, and has what they may use. */
  readonly linkable?: boolean;
  /** `error`: warnings are errors; `none`: none is told; `no-NAME`: not that one. */
  readonly warnings?: readonly string[];
  /** Called with the IR's text before and after each pass. */
  readonly dump?: (pass: string, text: string) => void;
}

export interface CompiledC {
  /** Absent where something is wrong. */
  readonly object?: BpfObject;
  readonly diagnostics: readonly Diagnostic[];
  /** What C takes and a programmer seldom means. */
  readonly warnings?: readonly Diagnostic[];
  /** Map sections and programs of sections that nothing is known of. */
  readonly skipped: readonly string[];
}

/** What of a dialect a tree needs that is no text of C. */
export type UnitDialect = Pick<Dialect, "license" | "section" | "entry" | "prepare">;

const RDONLY_PROG = 0x80;
const MMAPABLE = 0x400;

const KNOWN_BUILTINS =
  /^__builtin_(?:preserve_(?:access_index|field_info|type_info|enum_value)|btf_type_id|bswap(?:16|32|64)|memcpy|memset|memmove|memcmp|expect|constant_p|ctzl*|clzl*|popcountl*|ffsl*|unreachable|trap|offsetof|types_compatible_p|choose_expr)$/;
const KNOWN_ATTRIBUTES =
  /^(?:__)?(?:preserve_access_index|packed|aligned|section|always_inline|noinline|weak|unused|used|btf_decl_tag|btf_type_tag|visibility|fallthrough)(?:__)?$/;

const PREDEFINED: readonly (readonly [string, string])[] = [
  ["__STDC__", "1"],
  ["__STDC_VERSION__", "201112L"],
  ["__STDC_HOSTED__", "0"],
  ["__GNUC__", "12"],
  ["__GNUC_MINOR__", "2"],
  ["__bpf__", "1"],
  ["__BPF__", "1"],
  ["__SCRY__", "1"],
  ["__LP64__", "1"],
  ["_LP64", "1"],
  ["__CHAR_BIT__", "8"],
  ["__SIZEOF_INT__", "4"],
  ["__SIZEOF_LONG__", "8"],
  ["__SIZEOF_POINTER__", "8"],
  ["__ORDER_LITTLE_ENDIAN__", "1234"],
  ["__ORDER_BIG_ENDIAN__", "4321"],
  ["__BYTE_ORDER__", "1234"],
  ["__INT_MAX__", "2147483647"],
  ["__LONG_MAX__", "9223372036854775807L"],
  ["__SIZE_TYPE__", "unsigned long"],
  ["__PTRDIFF_TYPE__", "long"],
];

/** Compiles C text for BPF. What is wrong with it is answered, not thrown. */
export function compileC(source: SourceText, options: CompileCOptions = {}): CompiledC {
  const machine = options.machine ?? "x86";
  const dialect = options.bcc === undefined ? undefined : bccDialect(source, { ...options.bcc, machine });
  const main = dialect === undefined ? source : { name: source.name, text: dialect.plain(source.text) };
  const kernel = options.btf?.();
  const below = kernel === undefined ? undefined : remembered(kernel);
  const types = new CTypes(() => below);
  try {
    const defines: readonly (readonly [string, string])[] = [
      ...PREDEFINED,
      ["__BPF_CPU_VERSION__", String(options.cpu ?? 3)],
      [`__TARGET_ARCH_${machine}`, "1"],
      ...(options.defines ?? []),
    ];
    // Headers that are not the user's.
    const others = new Set<SourceText>();
    const preprocessor = new Preprocessor({
      include: (request) => {
        const found = request.quoted ? options.include?.(request) : undefined;
        if (found !== undefined) return found;
        const own = ownHeader(request.name, machine) ?? dialect?.header(request.name) ?? options.include?.(request);
        if (own !== undefined) others.add(own);
        return own;
      },
      defines: defines.filter(([name]) => options.undefines?.includes(name) !== true),
      has: (operator, name) =>
        operator === "__has_builtin"
          ? KNOWN_BUILTINS.test(name)
          : operator === "__has_attribute" && KNOWN_ATTRIBUTES.test(name),
    });
    const before = (options.includes ?? []).map((name) => `#include "${name}"\n`).join("");
    const tokens = [
      ...(before === "" ? [] : preprocessor.run({ name: "<command line>", text: before })),
      ...(dialect?.before ?? []).flatMap((text) => preprocessor.run(text)),
      ...preprocessor.run(main),
    ].filter((t) => t.kind !== "end" && t.kind !== "newline");
    const end = { kind: "end" as const, text: "end of file", file: main, space: false };
    tokens.push({ ...end, span: { start: source.text.length, end: source.text.length } });
    const { unit, diagnostics } = readUnit(tokens, types, main, {
      implicit: (name, typing, within) => dialect?.alias(name, within) ?? helperFunction(name, typing),
      ...(dialect === undefined ? {} : { methods: dialect.methods }),
    });
    const told = (all: readonly Diagnostic[]): readonly Diagnostic[] =>
      unlike(all).map((d) => withMacros(d, tokens, preprocessor.macros, main));
    if (diagnostics.length > 0) return { diagnostics: told(diagnostics), skipped: [] };
    // BCC's texts are looked at by nobody's rules.
    const warnings = dialect === undefined ? warningsOf(unit, new Typing(types), main, (file) => others.has(file)) : [];
    // What macros of other headers bring is theirs, too.
    const theirs = (name: string): boolean => {
      const file = preprocessor.macros.get(name)?.body[0]?.file;
      return file !== undefined && others.has(file);
    };
    const wanted = told(wantedOf(warnings, options.warnings ?? [])).filter(
      ({ span }) =>
        !tokens.some(
          (t) => t.from?.some(theirs) === true && t.file === (span?.file ?? main) && t.span.start === span?.start,
        ),
    );
    const compiled = new Compilation(main, types, unit, options, dialect).run();
    const errors = told(compiled.diagnostics);
    if (errors.length > 0 || options.warnings?.includes("error") !== true || wanted.length === 0)
      return { ...compiled, diagnostics: errors, warnings: wanted };
    return { diagnostics: wanted.map((d) => ({ ...d, severity: "error" })), skipped: compiled.skipped };
  } catch (error) {
    if (error instanceof DiagnosticError) return { diagnostics: located(error, main), skipped: [] };
    throw error;
  }
}

/** Compiles what another language has read into C's typed tree. What is wrong is answered, not thrown. */
export function compileUnit(
  source: SourceText,
  types: CTypes,
  unit: CUnit,
  dialect: UnitDialect,
  options: Pick<CompileCOptions, "cpu" | "dump"> = {},
): CompiledC {
  const c: Dialect = {
    ...dialect,
    before: [],
    plain: (text) => text,
    header: () => undefined,
    methods: () => undefined,
    alias: () => undefined,
  };
  return new Compilation(source, types, unit, options, c).run();
}

/** Those that the words of `-W` leave. */
function wantedOf(all: readonly Diagnostic[], words: readonly string[]): readonly Diagnostic[] {
  if (words.includes("none")) return [];
  return all.filter(
    ({ message }) => !words.some((word) => word.startsWith("no-") && message.endsWith(`[-W${word.slice(3)}]`)),
  );
}

/** Each once: a macro may bring the same mistake several times. */
function unlike(all: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return all.filter(({ message, span }) => {
    const key = `${span?.file?.name ?? ""} ${span?.start} ${message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** With the macros that the place came from, the innermost first. */
function withMacros(
  d: Diagnostic,
  tokens: readonly CToken[],
  macros: ReadonlyMap<string, Macro>,
  main: SourceText,
): Diagnostic {
  const { span } = d;
  if (span === undefined) return d;
  const file = span.file ?? main;
  const token = tokens.find((t) => t.file === file && t.span.start === span.start && t.from !== undefined);
  const related = [...(token?.from ?? [])].reverse().flatMap((name) => {
    const body = macros.get(name)?.body ?? [];
    const [first] = body;
    const last = body.at(-1);
    if (first === undefined || last === undefined) return [];
    const place = { start: first.span.start, end: last.span.end };
    return [
      { message: `expanded from macro '${name}'`, span: first.file === main ? place : { ...place, file: first.file } },
    ];
  });
  return related.length === 0 ? d : { ...d, related: [...(d.related ?? []), ...related] };
}

/** Diagnostics whose places say in which text they are. */
function located(error: DiagnosticError, main: SourceText): readonly Diagnostic[] {
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
  readonly #options: CompileCOptions;
  readonly #dialect: Dialect | undefined;
  readonly #typing: Typing;
  readonly #data: DataSections;
  readonly #written: ObjectTypes;
  readonly #maps = new Map<CVariable, string>();
  readonly #records: SentRecords;
  readonly #others = new Map<string, Linkage["externs"][number]>();
  readonly #diagnostics: Diagnostic[] = [];
  readonly #skipped: string[] = [];

  constructor(source: SourceText, types: CTypes, unit: CUnit, options: CompileCOptions, dialect: Dialect | undefined) {
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
    for (let fn = waiting.shift(); fn !== undefined; fn = waiting.shift())
      functions.push(settled(new FunctionLowering(fn.name, fn, shared, false).lower()));
    refuseRecursion(functions);
    const program: IrProgram = { name: entry.name, functions };
    this.#options.dump?.("lower", printIr(program));
    try {
      const { dump, cpu = 3 } = this.#options;
      return compile(program, { ...(dump === undefined ? {} : { dump }), cpu, portable: true }).functions;
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
