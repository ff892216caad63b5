// One text of a module: imports, types, maps, rings, variables, functions and programs that stand at its top.

import type { CVariable } from "../../c/index.ts";
import { nearest, type SourceText } from "../../source/index.ts";
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
import { RECORDS, TYPES } from "./declarations.ts";
import { FunctionReader } from "./functions.ts";
import { MAPS, mapVariable } from "./maps.ts";
import { type SharedUnit, TextScope } from "./module-scope.ts";
import { NETWORK_NAMES, networkType } from "./network.ts";
import { computed } from "./ordinary.ts";
import { PROGRAMS } from "./programs.ts";
import { NUMBER_NAMES, type Types } from "./types.ts";
import type { DeclarationScope, Exporting, ProgramValue, Static, StructOps, Value } from "./values.ts";

/** What `scry/bpf` exports. */
const EXPORTS: ReadonlySet<string> = new Set([
  "bpf",
  "live",
  "range",
  "sizeOf",
  "exists",
  "view",
  "kernel",
  "helpers",
  "timer",
  "lock",
  "structOps",
  "subprogram",
  "sleepable",
  "globalFunction",
  "enums",
  ...NUMBER_NAMES,
  ...NETWORK_NAMES,
  ...Object.keys(TYPES),
  ...Object.keys(MAPS),
  ...Object.keys(PROGRAMS),
  ...Object.keys(RECORDS),
]);

/** What is made of what stands at the top of a module. */
export interface ModuleUnit extends SharedUnit {
  /** A map or variable; its name is its own among all. */
  global(variable: CVariable, at: Node): CVariable;
  program(program: ProgramValue): void;
  structOps(ops: StructOps): void;
}

export class Module extends TextScope<ModuleUnit> implements DeclarationScope {
  readonly #exported = new Map<string, Value>();
  /** The text, where it is not the one that is compiled but imported by it. */
  readonly #source: SourceText | undefined;
  readonly #names = new Map<string, Value>();

  constructor(unit: ModuleUnit, source: SourceText | undefined) {
    super(unit);
    this.#source = source;
  }

  read(program: Program): this {
    for (const node of program.body) this.#top(node);
    return this;
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

  // --- the top ----------------------------------------------------------------------------------------------------

  #top(node: TopLevel): void {
    switch (node.type) {
      case "ImportDeclaration":
        this.#import(node);
        return;
      case "ExportNamedDeclaration":
        this.#export(node);
        return;
      case "ExportAllDeclaration":
        this.#exportAll(this.unit.imported(String(node.source.value), this.#source, node.source));
        return;
      case "FunctionDeclaration":
        this.#names.set(node.id.name, { kind: "static", what: { kind: "function", node, scope: this } });
        return;
      case "VariableDeclaration":
        this.#declared(node);
        return;
      case "EmptyStatement":
        return;
      default:
        if ((node.type as string) === "TSTypeAliasDeclaration") {
          const { id, typeAnnotation } = node as unknown as { id: { name: string }; typeAnnotation: Node };
          this.aliases.set(id.name, typeAnnotation);
          return;
        }
        if ((node.type as string) === "TSEnumDeclaration") {
          this.#enum(node as unknown as EnumDeclaration);
          return;
        }
        if (/^TS(?:Interface|Declare|Module)/.test(node.type as string)) return;
        refuse(
          "SCRY1402",
          "only declarations stand at the top of a kernel module",
          node,
          "What is done stands in programs",
        );
    }
  }

  #import(node: Extract<TopLevel, { type: "ImportDeclaration" }>): void {
    const from = String(node.source.value);
    if (isTypeOnly(node) && !from.endsWith(".bpf.ts")) return;
    const other = from === "scry/bpf" ? undefined : this.unit.imported(from, this.#source, node.source);
    for (const specifier of node.specifiers) {
      if (isTypeOnly(node) || isTypeOnly(specifier)) {
        // `typeof Event` of another kernel module's schema; of types there is nothing but for tsc.
        const { local, imported } = specifier as { local: { name: string }; imported?: { name?: string } };
        const schema = from.endsWith(".bpf.ts") ? other?.exportOf(imported?.name ?? local.name) : undefined;
        if (schema?.kind === "static" && schema.what.kind === "type") this.#names.set(local.name, schema);
        continue;
      }
      if (specifier.type === "ImportNamespaceSpecifier" && other !== undefined) {
        const members = new Map<string, Static>();
        for (const name of other.exports()) {
          const value = other.exportOf(name);
          if (value?.kind === "static") members.set(name, value.what);
        }
        this.#names.set(specifier.local.name, { kind: "static", what: { kind: "record", members } });
        continue;
      }
      const imported = specifier.type === "ImportSpecifier" ? specifier.imported : undefined;
      const name =
        imported?.type === "Identifier" ? imported.name : refuse("SCRY1402", `import { … } from "${from}"`, specifier);
      const names = other === undefined ? [...EXPORTS] : other.exports();
      if (!names.includes(name)) refuse("SCRY1404", `${from} has no '${name}'`, specifier, ...nearest(name, names));
      const value = other === undefined ? builtin(name, this.types) : other.exportOf(name);
      this.#names.set(specifier.local.name, value as Value);
    }
  }

  #exportAll(other: Exporting): void {
    for (const name of other.exports()) {
      const value = other.exportOf(name);
      if (value !== undefined) this.#exported.set(name, value);
    }
  }
  exportOf(name: string): Value | undefined {
    return this.#exported.get(name);
  }
  exports(): readonly string[] {
    return [...this.#exported.keys()];
  }

  #export(node: Extract<TopLevel, { type: "ExportNamedDeclaration" }>): void {
    const { declaration, source, specifiers } = node;
    if (isTypeOnly(node)) return;
    if (declaration != null) {
      const before = new Set(this.#names.keys());
      this.#top(declaration as TopLevel);
      for (const [name, value] of this.#names) if (!before.has(name)) this.#exported.set(name, value);
    }
    const other = source == null ? undefined : this.unit.imported(String(source.value), this.#source, source);
    for (const specifier of specifiers) {
      if (isTypeOnly(specifier)) continue;
      const { local, exported } = specifier;
      const own = local.type === "Identifier" ? local.name : refuse("SCRY1402", "export { name }", specifier);
      const value = other === undefined ? this.find(own) : other.exportOf(own);
      const name = exported.type === "Identifier" ? exported.name : own;
      this.#exported.set(name, value ?? refuse("SCRY1404", `'${own}' is not declared`, specifier));
    }
  }

  /** `enum Kind { read, write }`: numbers that count up where none is said. */
  #enum({ id, members }: EnumDeclaration): void {
    const found = new Map<string, Static>();
    let next = 0n;
    for (const { id: member, initializer } of members) {
      const value = initializer == null ? undefined : this.#constant("", bare(initializer));
      if (value !== undefined && value.kind !== "number") refuse("SCRY1402", "members of an enum are numbers", member);
      const number = value?.value ?? next;
      found.set(member.type === "Identifier" ? member.name : "", { kind: "number", value: number });
      next = number + 1n;
    }
    this.#names.set(id.name, { kind: "static", what: { kind: "record", members: found } });
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
    if (isFunction(node)) return { kind: "function", node, scope: this };
    if (node.type === "ObjectExpression") {
      const members = new Map<string, Static>();
      for (const property of node.properties) {
        if (property.type !== "Property" || property.key.type !== "Identifier")
          return refuse("SCRY1402", "members are named one by one here", property);
        members.set(property.key.name, this.#constant(property.key.name, bare(property.value as Expression)));
      }
      return { kind: "record", members };
    }
    if (node.type === "ArrayExpression") {
      const items = node.elements.map((element) =>
        element === null || element.type === "SpreadElement"
          ? refuse("SCRY1402", "elements stand one by one here", node)
          : this.#constant("", bare(element)),
      );
      return { kind: "list", items };
    }
    const call = node.type === "CallExpression" ? node : undefined;
    const callee = call === undefined ? undefined : bare(call.callee as Expression);
    const named = callee?.type === "Identifier" ? this.find(callee.name) : undefined;
    if (call !== undefined && named?.kind === "static" && named.what.kind === "builtin") {
      const made = this.#made(name, named.what.name, call);
      if (made !== undefined) return made;
    }
    if (call !== undefined && named?.kind === "static" && named.what.kind === "function") {
      const found = computed(named.what, call.arguments as readonly Expression[], (arg) => this.evaluate(arg), node);
      if (found?.kind === "static") return found.what;
    }
    const exact = this.#asNumber(node);
    if (exact !== undefined) return { kind: "type", type: exact };
    const value = this.evaluate(node);
    if (value.kind === "static") return value.what;
    return refuse("SCRY1402", "a constant is known when the module is compiled", node);
  }

  /** `u64.asNumber` */
  #asNumber(node: Expression): number | undefined {
    if (node.type !== "MemberExpression" || node.computed || node.property.type !== "Identifier") return undefined;
    const of = bare(node.object as Expression);
    const type = of.type === "Identifier" ? this.find(of.name) : undefined;
    if (type?.kind !== "static" || type.what.kind !== "type" || node.property.name !== "asNumber") return undefined;
    return (
      this.types.asNumber(type.what.type) ??
      refuse("SCRY1404", "only u64 and i64 have an asNumber: others are numbers", node)
    );
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
      const fn = node === undefined ? undefined : this.#constant(name, bare(node));
      if (words.length < row.words || fn?.kind !== "function")
        return refuse("SCRY1405", `${what}(${row.words > 0 ? "where, " : ""}(…) => { … })`, call);
      const { scope, sleepable } = fn;
      const program: ProgramValue = {
        name,
        what,
        args: words,
        node: fn.node,
        scope,
        at: call,
        ...(sleepable === undefined ? {} : { sleepable }),
      };
      this.unit.program(program);
      return { kind: "program", program };
    }
    const type = TYPES[what];
    if (type !== undefined) {
      const made = type(this, name, args, call);
      return { kind: "type", ...(typeof made === "number" ? { type: made } : made) };
    }
    const map = MAPS[what];
    if (map !== undefined) {
      const made = mapVariable(this, name, what, map, args, call);
      const global = this.unit.global(made.variable, call);
      const lost = made.lost === undefined ? {} : { lost: this.unit.global(made.lost, call) };
      return { kind: "map", map: { ...made, variable: global, ...lost } };
    }
    if (what === "subprogram" || what === "globalFunction") {
      const node = args[0] === undefined ? undefined : bare(args[0]);
      if (node === undefined || !isFunction(node) || args.length > 1)
        return refuse("SCRY1405", `${what}((…) => { … })`, call);
      return { kind: "function", node, scope: this, apart: what === "subprogram" ? "static" : "global" };
    }
    if (what === "sleepable") {
      const fn = args[0] === undefined ? undefined : this.#constant(name, bare(args[0]));
      if (fn?.kind !== "function" || args.length > 1) return refuse("SCRY1405", "sleepable((…) => { … })", call);
      return { ...fn, sleepable: true };
    }
    if (what === "live") return this.#live(name, args, call);
    if (what === "structOps") return this.#structOps(name, args, call);
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
      const length = this.types.textLength(type);
      if (length !== undefined) {
        if (value.kind !== "static" || value.what.kind !== "text")
          return refuse("SCRY1405", "what it begins with is a text that is known when the module is compiled", start);
        const bytes = new TextEncoder().encode(value.what.text);
        if (bytes.length >= length)
          return refuse("SCRY1403", `this text has ${bytes.length} bytes, its place ${length} with its end`, start);
        const text = {
          kind: "text" as const,
          bytes: new Uint8Array([...bytes, 0]),
          type: this.types.text(bytes.length + 1),
          span,
        };
        variable.initial = { entries: [{ offset: 0, bits: 0, type: text.type, value: text }], span };
        return { kind: "live", variable: this.unit.global(variable, call) };
      }
      if (value.kind !== "static" || value.what.kind !== "number" || !this.types.typing.isInteger(type))
        return refuse("SCRY1405", "what it begins with is a number that is known when the module is compiled", start);
      const reader = new FunctionReader(this);
      const fitted = reader.fitting(reader.number(value.what.value, span, type), type, start);
      variable.initial = { entries: [{ offset: 0, bits: 0, type, value: fitted }], span };
    }
    return { kind: "live", variable: this.unit.global(variable, call) };
  }

  /** `structOps("tcp_congestion_ops", { name: "mine", ssthresh: (sk) => … })` */
  #structOps(name: string, [structNode, node]: readonly Expression[], at: CallExpression): Static {
    const struct = structNode === undefined ? undefined : this.#constant("", bare(structNode));
    if (struct?.kind !== "text" || node?.type !== "ObjectExpression")
      return refuse("SCRY1405", 'structOps("struct", { member: (…) => …, … })', at);
    const members = node.properties.map((property) => {
      if (property.type !== "Property" || property.key.type !== "Identifier")
        return refuse("SCRY1402", "members are named one by one here", property);
      return {
        name: property.key.name,
        value: this.#constant(property.key.name, bare(property.value as Expression)),
        at: property,
      };
    });
    this.unit.structOps({ name, struct: struct.text, members, at });
    return { kind: "struct-ops" };
  }

  /** A type that is given as a value: `u32`, `struct({ … })`. */
  typeArgument(node: Expression, aggregates?: "aggregates"): number {
    const found = this.#constant("", bare(node));
    if (found.kind !== "type") return refuse("SCRY1405", "a type is needed here: u32, text(16), struct({ … })", node);
    if (aggregates === undefined && this.types.aggregates.has(found.type))
      return refuse("SCRY1405", "an aggregate is the value of a hash or an array: hash(u32, hist())", node);
    if (found.bits !== undefined) return refuse("SCRY1405", "only members of a struct have some bits", node);
    return found.type;
  }
  memberType(node: Expression): { readonly type: number; readonly bits?: number } {
    const found = this.#constant("", bare(node));
    // Of some bits alone there is more to say than a type.
    return found.kind === "type" && found.bits !== undefined ? found : { type: this.typeArgument(node) };
  }
}

interface EnumDeclaration {
  readonly id: { readonly name: string };
  readonly members: readonly { readonly id: Expression; readonly initializer?: Expression | null }[];
}

const isTypeOnly = (node: object): boolean => {
  const { importKind, exportKind } = node as { importKind?: string; exportKind?: string };
  return importKind === "type" || exportKind === "type";
};

/** What a name of `scry/bpf` is. */
function builtin(name: string, types: Types): Value {
  const number = types.number(name) ?? networkType(types, name);
  if (number !== undefined) return { kind: "static", what: { kind: "type", type: number } };
  // Structs that the kernel looks for in values of maps (include/uapi/linux/bpf.h).
  if (name === "timer") return { kind: "static", what: { kind: "type", type: types.opaque("bpf_timer", 2) } };
  if (name === "lock") return { kind: "static", what: { kind: "type", type: types.opaque("bpf_spin_lock", 0) } };
  const record = RECORDS[name];
  if (record === undefined) return { kind: "static", what: { kind: "builtin", name } };
  const members = new Map(
    Object.entries(record).map(([member, value]): [string, Static] => [
      member,
      { kind: "number", value: BigInt(value) },
    ]),
  );
  return { kind: "static", what: { kind: "record", members } };
}
