// What stands at the top of a module: imports, types, maps, rings, variables, functions and programs.

import type { CFunction, CTypes, CVariable, Typing } from "../../c/index.ts";
import { nearest } from "../../source/index.ts";
import { helperFunction } from "../c/index.ts";
import {
  bare,
  type CallExpression,
  type Expression,
  isFunction,
  type Node,
  type Program,
  refuse,
  spanOf,
  type TopLevel,
  type VariableDeclaration,
} from "./ast.ts";
import { type DeclarationScope, MAPS, mapVariable, RECORDS, TYPES } from "./declarations.ts";

import { FunctionReader } from "./functions.ts";
import { PROGRAMS, type ProgramRow, type ProgramWorld, parameterOf } from "./programs.ts";
import { NUMBER_NAMES, Types } from "./types.ts";
import type { ProgramValue, Static, Value } from "./values.ts";
import type { ModuleScope } from "./writer.ts";

/** What `scry/bpf` exports. */
const EXPORTS: ReadonlySet<string> = new Set([
  "bpf",
  "live",
  "range",
  "sizeOf",
  "exists",
  ...NUMBER_NAMES,
  ...Object.keys(TYPES),
  ...Object.keys(MAPS),
  ...Object.keys(PROGRAMS),
  ...Object.keys(RECORDS),
]);

export interface ModuleUnit {
  readonly functions: readonly CFunction[];
  readonly globals: readonly CVariable[];
  readonly sections: ReadonlyMap<CFunction, string>;
}

export class ModuleReader implements ModuleScope, DeclarationScope {
  readonly types: Types;
  readonly #typing: Typing;
  readonly #world: ProgramWorld;
  readonly #names = new Map<string, Value>();
  readonly #globals: CVariable[] = [];
  readonly #programs: ProgramValue[] = [];
  readonly #helpers = new Map<string, CFunction>();
  readonly #open = new Set<object>();

  constructor(c: CTypes, typing: Typing, world: ProgramWorld) {
    this.types = new Types(c, typing);
    this.#typing = typing;
    this.#world = world;
  }

  read(program: Program): ModuleUnit {
    for (const node of program.body) this.#top(node);
    const sections = new Map<CFunction, string>();
    const functions = this.#programs.map((one) => {
      const { fn, section } = this.#program(one);
      sections.set(fn, section);
      return fn;
    });
    return { functions, globals: this.#globals, sections };
  }

  // --- names ------------------------------------------------------------------------------------------------------

  find(name: string): Value | undefined {
    return this.#names.get(name);
  }
  names(): readonly string[] {
    return [...this.#names.keys()];
  }
  importable(name: string): boolean {
    return EXPORTS.has(name);
  }
  helper(name: string): CFunction {
    let fn = this.#helpers.get(name);
    if (fn === undefined) {
      fn = helperFunction(name, this.#typing);
      if (fn === undefined) throw new Error(`there is no helper ${name}`);
      this.#helpers.set(name, fn);
    }
    return fn;
  }
  function(of: Extract<Static, { kind: "function" }>, name: string, at: Node): CFunction {
    if (of.lowered !== undefined) return of.lowered;
    if (this.#open.has(of))
      refuse(
        "SCRY1402",
        `'${name}' calls itself: there is no recursion in the kernel`,
        at,
        "A loop with an end does it",
      );
    this.#open.add(of);
    of.lowered = new FunctionReader(this).function(of.node, name);
    this.#open.delete(of);
    return of.lowered;
  }

  // --- the top ----------------------------------------------------------------------------------------------------

  #top(node: TopLevel): void {
    switch (node.type) {
      case "ImportDeclaration": {
        const from = String(node.source.value);
        if ((node as unknown as { importKind?: string }).importKind === "type") return;
        if (from !== "scry/bpf")
          refuse("SCRY1402", `a kernel module imports from "scry/bpf" only, so far`, node.source);
        for (const specifier of node.specifiers) {
          if (specifier.type !== "ImportSpecifier" || specifier.imported.type !== "Identifier")
            refuse("SCRY1402", 'import { … } from "scry/bpf"', specifier);
          const { name } = specifier.imported;
          if ((specifier as unknown as { importKind?: string }).importKind === "type") continue;
          if (!EXPORTS.has(name))
            refuse("SCRY1404", `scry/bpf has no '${name}'`, specifier, ...nearest(name, [...EXPORTS]));
          this.#names.set(specifier.local.name, this.#imported(name));
        }
        return;
      }
      case "ExportNamedDeclaration":
        if (node.declaration != null) this.#top(node.declaration as TopLevel);
        return;
      case "FunctionDeclaration":
        this.#names.set(node.id.name, { kind: "static", what: { kind: "function", node } });
        return;
      case "VariableDeclaration":
        this.#declared(node);
        return;
      case "EmptyStatement":
        return;
      default:
        if (/^TS(?:TypeAlias|Interface)/.test(node.type as string)) return;
        refuse(
          "SCRY1402",
          "only declarations stand at the top of a kernel module",
          node,
          "What is done stands in programs",
        );
    }
  }

  #imported(name: string): Value {
    const number = this.types.number(name);
    if (number !== undefined) return { kind: "static", what: { kind: "type", type: number } };
    const record = RECORDS[name];
    if (record !== undefined)
      return {
        kind: "static",
        what: {
          kind: "record",
          members: new Map(
            Object.entries(record).map(([member, value]): [string, Static] => [
              member,
              { kind: "number", value: BigInt(value) },
            ]),
          ),
        },
      };
    return { kind: "static", what: { kind: "builtin", name } };
  }

  #declared(node: VariableDeclaration): void {
    for (const { id, init } of node.declarations) {
      if (node.kind !== "const" || id.type !== "Identifier" || init == null)
        refuse(
          "SCRY1402",
          "the top of a kernel module has constants: const NAME = …",
          id,
          "What programs change is live(…) or a map",
        );
      this.#names.set(id.name, { kind: "static", what: this.#constant(id.name, bare(init)) });
    }
  }

  /** What a constant at the top is. */
  #constant(name: string, node: Expression): Static {
    if (isFunction(node)) return { kind: "function", node };
    if (node.type === "ObjectExpression") {
      const members = new Map<string, Static>();
      for (const property of node.properties) {
        if (property.type !== "Property" || property.key.type !== "Identifier")
          return refuse("SCRY1402", "members are named one by one here", property);
        members.set(property.key.name, this.#constant(property.key.name, bare(property.value as Expression)));
      }
      return { kind: "record", members };
    }
    const call = node.type === "CallExpression" ? node : undefined;
    const callee = call === undefined ? undefined : bare(call.callee as Expression);
    const named = callee?.type === "Identifier" ? this.find(callee.name) : undefined;
    if (call !== undefined && named?.kind === "static" && named.what.kind === "builtin") {
      const made = this.#made(name, named.what.name, call);
      if (made !== undefined) return made;
    }
    const value = this.evaluate(node);
    if (value.kind === "static") return value.what;
    return refuse("SCRY1402", "a constant is known when the module is compiled", node);
  }

  /** A value that is known when the module is compiled. */
  evaluate(node: Expression): Value {
    return new FunctionReader(this).value(node);
  }

  #made(name: string, what: string, call: CallExpression): Static | undefined {
    const args = call.arguments as readonly Expression[];
    const row = PROGRAMS[what];
    if (row !== undefined) {
      const words = args.slice(0, row.words).map((arg) => this.#constant(name, bare(arg)));
      const node = args[row.words];
      const fn = node === undefined ? undefined : bare(node);
      if (words.length < row.words || fn === undefined || !isFunction(fn))
        return refuse("SCRY1405", `${what}(${row.words > 0 ? "where, " : ""}(…) => { … })`, call);
      const program: ProgramValue = { name, what, args: words, node: fn, at: call };
      this.#programs.push(program);
      return { kind: "program", program };
    }
    const type = TYPES[what];
    if (type !== undefined) return { kind: "type", type: type(this, name, args, call) };
    const map = MAPS[what];
    if (map !== undefined) {
      const made = mapVariable(this, name, what, map, args, call);
      this.#globals.push(made.variable);
      return { kind: "map", map: made };
    }
    if (what === "live") return this.#live(name, args, call);
    return undefined;
  }

  #live(name: string, args: readonly Expression[], call: CallExpression): Static {
    const [typeNode, start] = args;
    const type = typeNode === undefined ? undefined : this.typeArgument(typeNode);
    if (type === undefined || args.length > 2) return refuse("SCRY1405", "live(type, value)", call);
    const span = spanOf(call);
    const variable: CVariable = {
      name,
      // Others change it while programs run.
      type: this.types.c.qualified("volatile", type),
      span,
      storage: "global",
      section: ".data",
      attributes: new Set(),
      constant: false,
      align: 0,
      addressed: true,
    };
    if (start !== undefined) {
      const value = this.evaluate(start);
      if (value.kind !== "static" || value.what.kind !== "number" || !this.#typing.isInteger(type))
        return refuse("SCRY1405", "what it begins with is a number that is known when the module is compiled", start);
      const reader = new FunctionReader(this);
      const fitted = reader.fitting(reader.number(value.what.value, span, type), type, start);
      variable.initial = { entries: [{ offset: 0, bits: 0, type, value: fitted }], span };
    }
    this.#globals.push(variable);
    return { kind: "live", variable };
  }

  /** A type that is given as a value: `u32`, `struct({ … })`. */
  typeArgument(node: Expression): number {
    const found = this.#constant("", bare(node));
    if (found.kind !== "type") return refuse("SCRY1405", "a type is needed here: u32, text(16), struct({ … })", node);
    return found.type;
  }

  // --- programs -----------------------------------------------------------------------------------------------------

  #program({ name, what, args, node, at }: ProgramValue): { fn: CFunction; section: string } {
    const row = PROGRAMS[what] as ProgramRow;
    const { types } = this;
    const { c } = types;
    const span = spanOf(node);
    const section = row.section(args, at);
    const parameters = row.parameters(args, types, this.#world, at);
    const pointer = c.pointer(parameters.context);
    const context: CVariable = { ...parameterOf("ctx", pointer, span), storage: "parameter" };
    const reader = new FunctionReader(this);
    reader.context = context;
    const begin = reader.gathered(() => {
      for (const [i, pattern] of node.params.entries()) {
        if (pattern.type !== "Identifier") return refuse("SCRY1402", "a parameter is a name here", pattern);
        if (parameters.whole === true) {
          if (i > 0) refuse("SCRY1405", "this program is given one thing: its event", pattern);
          reader.bind(pattern.name, { kind: "plain", of: reader.read(context, spanOf(pattern)) });
          continue;
        }
        const param = parameters.params?.[i];
        if (param === undefined)
          return refuse("SCRY1405", `there are only ${parameters.params?.length ?? 0} arguments here`, pattern);
        const type = reader.annotated(pattern) ?? param.type;
        const own = this.#typing.isScalar(type) ? type : c.pointer(type);
        const variable = reader.variable(pattern.name, own, spanOf(pattern));
        reader.declare(variable, this.#typing.cast(param.value(reader.read(context, spanOf(pattern))), own));
        reader.bind(pattern.name, { kind: "plain", of: reader.read(variable) });
      }
    });
    const { statements } = reader.body(node, types.i32);
    const end = { start: Math.max(span.start, span.end - 1), end: span.end };
    const otherwise = reader.constant(row.otherwise ?? 0n, types.i32, end);
    const type = c.add({
      kind: "func_proto",
      name: "",
      returns: types.i32,
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
    return { fn, section };
  }
}
