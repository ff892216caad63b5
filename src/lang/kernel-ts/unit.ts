// A module with all that it imports: its texts, each read once, what they share, and their programs as functions of C.

import type { CFunction, CTypes, CVariable, Typing } from "../../c/index.ts";
import type { ContextLayout } from "../../object/index.ts";
import type { SourceText } from "../../source/index.ts";
import { helperFunction } from "../c/index.ts";
import { type Node, parseModule, refuse, spanOf } from "./ast.ts";
import { layoutOfContext } from "./context-layout.ts";
import { FunctionReader } from "./functions.ts";
import { Module, type ModuleUnit } from "./module.ts";
import { OrdinaryModule } from "./ordinary.ts";
import { permitted } from "./permissions.ts";
import { PROGRAMS, type ProgramRow, type ProgramWorld, parameterOf, STRUCT_OPS } from "./programs.ts";
import { Types } from "./types.ts";
import type { Exporting, Handed, ProgramValue, Static, StructOps, TypeArguments } from "./values.ts";

const NO_CONTEXT: ContextLayout = { size: 0, fields: [] };

/** Structs that programs could be of before links of them (Linux 6.4). */
const BEFORE_LINKS: ReadonlySet<string> = new Set(["tcp_congestion_ops", "bpf_dummy_ops"]);
/** Sections without the place: they say what a program is, and attach it nowhere. */
const ATTACHED_BY_NAME = /^(tracepoint|raw_tracepoint|k(?:ret)?probe|u(?:ret)?probe|usdt)\/.*/;

export interface ReadUnit {
  readonly functions: readonly CFunction[];
  readonly globals: readonly CVariable[];
  readonly sections: ReadonlyMap<CFunction, string>;
  /** How the fields of an event lie in the context of each program, by its name. */
  readonly contexts: ReadonlyMap<string, ContextLayout>;
  /** Functions that stand apart: what they are given. */
  readonly apart: ReadonlyMap<CFunction, Handed>;
}

/** What is asked of whoever has the texts. */
export interface UnitWorld extends ProgramWorld {
  /** A text by the name that another one imports it by; undefined: it is not there. */
  include(specifier: string, from: SourceText): SourceText | undefined;
}

export class Unit implements ModuleUnit {
  readonly types: Types;
  readonly #typing: Typing;
  readonly #world: UnitWorld;
  readonly #source: SourceText;
  readonly #globals: CVariable[] = [];
  readonly #programs: ProgramValue[] = [];
  readonly #structs: StructOps[] = [];
  readonly #helpers = new Map<string, CFunction>();
  readonly #kernelFunctions = new Map<string, CFunction>();
  readonly #modules = new Map<string, Exporting | "open">();
  readonly #open = new Set<object>();
  /** Functions of the modules, by what their type parameters stand for. */
  readonly #functions = new Map<Node, Map<string, CFunction>>();
  readonly #apart = new Map<CFunction, Handed>();
  /** Names that functions and tables have got (`unique`). */
  readonly #unique = new Set<string>();

  constructor(source: SourceText, c: CTypes, typing: Typing, world: UnitWorld) {
    this.types = new Types(c, typing);
    this.#typing = typing;
    this.#world = world;
    this.#source = source;
  }

  read(): ReadUnit {
    this.#modules.set(this.#source.name, "open");
    new Module(this, undefined).read(parseModule(this.#source));
    const sections = new Map<CFunction, string>();
    const contexts = new Map<string, ContextLayout>();
    const functions = this.#programs.map((one) => {
      const { fn, section, context } = this.#program(one, PROGRAMS[one.what] as ProgramRow);
      sections.set(fn, section);
      contexts.set(fn.name, context);
      permitted(fn, section, one.what);
      return fn;
    });
    for (const ops of this.#structs) functions.push(...this.#filled(ops));
    return {
      functions: [...functions, ...this.#kernelFunctions.values()],
      globals: this.#globals,
      sections,
      contexts,
      apart: this.#apart,
    };
  }

  // --- what modules share -------------------------------------------------------------------------------------------

  helper(name: string): CFunction {
    let fn = this.#helpers.get(name);
    if (fn === undefined) {
      fn = helperFunction(name, this.#typing);
      if (fn === undefined) throw new Error(`there is no helper ${name}`);
      this.#helpers.set(name, fn);
    }
    return fn;
  }
  kernelFunction(name: string): CFunction | undefined {
    const known = this.#kernelFunctions.get(name);
    if (known !== undefined) return known;
    const id = this.types.c.find(name, "func");
    const found = id === undefined ? undefined : this.types.c.type(id);
    if (found?.kind !== "func") return undefined;
    const fn: CFunction = {
      name,
      type: found.type,
      span: { start: 0, end: 0 },
      static: false,
      inline: false,
      section: ".ksyms",
      attributes: new Set(),
      uses: 1,
    };
    this.#kernelFunctions.set(name, fn);
    return fn;
  }
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node, types: TypeArguments): CFunction {
    const known = this.#functions.get(of.node) ?? new Map<string, CFunction>();
    this.#functions.set(of.node, known);
    const key = [...types.values()].join(" ");
    const made = known.get(key);
    if (made !== undefined) return made;
    if (this.#open.has(of))
      refuse(
        "SCRY1402",
        `'${name}' calls itself: there is no recursion in the kernel`,
        at,
        "A loop with an end does it",
      );
    this.#open.add(of);
    const reader = new FunctionReader(of.scope);
    const fn = reader.function(of.node, of.apart === undefined ? name : this.unique(name), types);
    if (reader.handsContext) of.handed = true;
    this.#open.delete(of);
    known.set(key, fn);
    if (of.apart !== undefined) this.#setApart(fn, of.apart, at);
    return fn;
  }
  /** A function that is called, not put in place of its calls. */
  #setApart(fn: CFunction, how: "static" | "global", at: Node): void {
    const { typing } = this.types;
    const type = typing.resolve(fn.type);
    const params = type.kind === "func_proto" ? type.params.map((p) => p.type) : [];
    if (params.length > 5) refuse("SCRY1405", "a function that stands apart takes five arguments", at);
    if (how === "global" && params.some((param) => !typing.isInteger(param)))
      refuse(
        "SCRY1405",
        "a function that is verified on its own takes numbers",
        at,
        "subprogram(…) takes structs, too",
      );
    fn.inline = false;
    fn.attributes.add("noinline");
    if (how === "global") fn.attributes.add("global");
    this.apart(fn, { params: params.map((param) => this.types.origin(param)) });
  }
  table(list: Extract<Static, { kind: "list" }>, at: Node): CVariable {
    if (list.table !== undefined) return list.table;
    const { types } = this;
    const span = spanOf(at);
    const numbers = list.items.map((item) =>
      item.kind === "number" ? item.value : refuse("SCRY1403", "a table has numbers", at),
    );
    const fits = (name: string): boolean =>
      numbers.every((n) => types.typing.cut(n, types.number(name) as number) === n);
    const element = types.number(["u32", "i32", "u64", "i64"].find(fits) ?? "i64") as number;
    const type = types.c.array(element, numbers.length);
    list.table = this.global(
      {
        name: this.unique("table"),
        type,
        span,
        storage: "global",
        section: ".rodata",
        attributes: new Set(),
        constant: true,
        static: true,
        align: 0,
        addressed: true,
        initial: {
          entries: numbers.map((n, i) => ({
            offset: i * types.typing.size(element) * 8,
            bits: 0,
            type: element,
            value: types.typing.constant(n, element, span),
          })),
          span,
        },
      },
      at,
    );
    return list.table;
  }
  imported(specifier: string, from: SourceText | undefined, at: Node): Exporting {
    const source = this.#world.include(specifier, from ?? this.#source);
    if (source === undefined)
      return refuse(
        "SCRY1404",
        `'${specifier}' cannot be read`,
        at,
        'Modules are imported by their paths: "./maps.bpf.ts"',
      );
    const known = this.#modules.get(source.name);
    if (known === "open") return refuse("SCRY1402", `'${specifier}' imports what imports it`, at);
    if (known !== undefined) return known;
    this.#modules.set(source.name, "open");
    const program = parseModule(source, true);
    const read = /\.bpf\.m?[jt]s$/.test(source.name)
      ? new Module(this, source).read(program)
      : new OrdinaryModule(this, source).read(program);
    this.#modules.set(source.name, read);
    return read;
  }
  apart(fn: CFunction, handed: Handed): void {
    this.#apart.set(fn, handed);
  }
  unique(word: string): string {
    const isTaken = (name: string): boolean =>
      this.#unique.has(name) || [...this.#programs, ...this.#globals].some((one) => one.name === name);
    let name = word;
    for (let number = 2; isTaken(name); number++) name = `${word}_${number}`;
    this.#unique.add(name);
    return name;
  }
  global(variable: CVariable, at: Node): CVariable {
    if (this.#globals.some(({ name }) => name === variable.name))
      refuse("SCRY1405", `there is a '${variable.name}' already: modules share their names in the kernel`, at);
    this.#globals.push(variable);
    return variable;
  }
  program(program: ProgramValue): void {
    if (this.#programs.some(({ name }) => name === program.name))
      refuse("SCRY1405", `there is a program '${program.name}' already: modules share their names`, program.at);
    this.#programs.push(program);
  }

  // --- programs -----------------------------------------------------------------------------------------------------

  structOps(ops: StructOps): void {
    this.#structs.push(ops);
  }

  /** The variable that the struct is, and its programs. */
  #filled({ name, struct, members, at }: StructOps): readonly CFunction[] {
    const { types } = this;
    const span = spanOf(at);
    const type = types.c.find(struct, "struct");
    if (type === undefined) return refuse("SCRY1404", `the kernel's types have no struct ${struct}`, at);
    const functions: CFunction[] = [];
    const entries = members.map(({ name: own, value, at: place }) => {
      const member = types.c.members(type).find((one) => one.name === own);
      if (member === undefined) return refuse("SCRY1404", `struct ${struct} has no member '${own}'`, place);
      const entry = { offset: member.bitOffset, bits: 0, type: member.type };
      const where = spanOf(place);
      if (value.kind === "function") {
        const made: ProgramValue = {
          name: `${name}_${own}`,
          what: "structOps",
          args: [
            { kind: "text", text: struct },
            { kind: "text", text: own },
          ],
          node: value.node,
          scope: value.scope,
          ...(value.sleepable === undefined ? {} : { sleepable: value.sleepable }),
          at: place,
        };
        const { fn, section } = this.#program(made, STRUCT_OPS);
        fn.section = section;
        functions.push(fn);
        return { ...entry, value: { kind: "function" as const, function: fn, type: member.type, span: where } };
      }
      if (value.kind === "number") return { ...entry, value: this.#typing.constant(value.value, member.type, where) };
      if (value.kind === "text") {
        const bytes = new TextEncoder().encode(`${value.text}\0`);
        if (bytes.length > this.#typing.size(member.type))
          refuse("SCRY1403", `there is room for ${this.#typing.size(member.type) - 1} bytes in '${own}'`, place);
        return { ...entry, value: { kind: "text" as const, bytes, type: member.type, span: where } };
      }
      return refuse("SCRY1403", `'${own}' is a function, a number or a text`, place);
    });
    this.global(
      {
        name,
        type,
        span,
        storage: "global",
        // libbpf before 1.2 knows only the older word; our loader holds both by a link where there are such.
        section: BEFORE_LINKS.has(struct) ? ".struct_ops" : ".struct_ops.link",
        attributes: new Set(),
        constant: false,
        align: 0,
        addressed: true,
        initial: { entries, span },
      },
      at,
    );
    return functions;
  }

  /** A function that takes the place of another one, with its parameters. */
  #function(
    { name, node, scope }: Pick<ProgramValue, "name" | "node" | "scope">,
    section: string,
  ): { fn: CFunction; section: string; context: ContextLayout } {
    const fn = new FunctionReader(scope).function(node, name, new Map());
    fn.static = false;
    fn.inline = false;
    this.apart(fn, { params: (fn.body?.parameters ?? []).map(() => "near") });
    return { fn, section, context: NO_CONTEXT };
  }

  #program(
    { name, args, node, scope, sleepable, at, called }: ProgramValue,
    row: ProgramRow,
  ): { fn: CFunction; section: string; context: ContextLayout } {
    const { types } = this;
    const { c } = types;
    const span = spanOf(node);
    // `fentry.s/vfs_read`: it may wait, and be put aside.
    const place = sleepable === true ? row.section(args, at).replace(/^[^/]+/, "$&.s") : row.section(args, at);
    const section = called === true ? place.replace(ATTACHED_BY_NAME, "$1") : place;
    if (row.function === true) return this.#function({ name, node, scope }, section);
    const parameters = row.parameters(args, types, this.#world, at);
    const pointer = c.pointer(parameters.context);
    const context: CVariable = { ...parameterOf("ctx", pointer, span), storage: "parameter" };
    const reader = new FunctionReader(scope);
    reader.context = context;
    reader.undisturbed = row.undisturbed === true;
    reader.packet = row.packet;
    for (const variable of parameters.globals ?? []) if (!this.#globals.includes(variable)) this.global(variable, at);
    const begin = reader.gathered(() => {
      const first = parameters.begin?.(reader.read(context, span));
      const begun = first === undefined ? undefined : reader.read(reader.held(first, first.type, span), span);
      reader.cookie = begun === undefined ? undefined : parameters.cookie?.(begun);
      for (const [i, pattern] of node.params.entries()) {
        if (parameters.whole === true) {
          if (i > 0) refuse("SCRY1405", "this program is given one thing: its event", pattern);
          reader.given(pattern, { kind: "plain", of: reader.read(context, spanOf(pattern)) });
          continue;
        }
        const param = parameters.params?.[i];
        if (param === undefined)
          return refuse("SCRY1405", `there are only ${parameters.params?.length ?? 0} arguments here`, pattern);
        const type = reader.annotated(pattern) ?? param.typed?.(pattern) ?? param.type;
        const own = this.#typing.isScalar(type) ? type : c.pointer(type);
        const variable = reader.variable(
          pattern.type === "Identifier" ? pattern.name : `given${i}`,
          own,
          spanOf(pattern),
        );
        reader.declare(variable, this.#typing.cast(param.value(reader.read(context, spanOf(pattern)), begun), own));
        reader.given(pattern, { kind: "plain", of: reader.read(variable) });
      }
    });
    const returns = parameters.returns ?? types.i32;
    const { statements } = reader.body(node, returns);
    const end = { start: Math.max(span.start, span.end - 1), end: span.end };
    const otherwise = reader.constant(row.otherwise ?? 0n, returns, end);
    const type = c.add({
      kind: "func_proto",
      name: "",
      returns,
      params: [{ name: "ctx", type: pointer }],
      variadic: false,
    });
    const last = { kind: "return" as const, value: otherwise, span: end };
    const fn: CFunction = {
      name,
      type,
      span,
      static: false,
      inline: false,
      attributes: new Set(),
      uses: 0,
      body: { parameters: [context], statements: [...begin, ...statements, last], end },
    };
    return { fn, section, context: layoutOfContext(parameters, node, section, types) };
  }
}
