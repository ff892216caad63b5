// An ordinary module (not `*.bpf.ts`) that a kernel module imports: its constants and pure functions, each read when it is first
// asked for, so that what else is in it is no matter.

import type { SourceText } from "../../source/index.ts";
import { bare, type Expression, type Node, type Program, refuse, type TopLevel } from "./ast.ts";
import { Closure, Evaluator, type Known, Names } from "./evaluator.ts";
import { type SharedUnit, TextScope } from "./module-scope.ts";
import type { ModuleScope, Static, Value } from "./values.ts";

export class OrdinaryModule extends TextScope<SharedUnit> {
  readonly #source: SourceText;
  readonly #declared = new Map<string, () => Known | Value>();
  readonly #exported = new Map<string, string | (() => Value | undefined)>();
  readonly #values = new Map<string, Value>();
  readonly #open = new Set<string>();
  readonly #names: Names;

  constructor(unit: SharedUnit, source: SourceText) {
    super(unit);
    this.#source = source;
    this.#names = new Names({
      get: (name) => {
        const found = this.find(name);
        return found?.kind === "static" ? { value: knownOf(found.what) } : undefined;
      },
    });
  }

  read(program: Program): this {
    for (const node of program.body) this.#top(node);
    return this;
  }

  #top(node: TopLevel): void {
    const { type } = node as { type: string };
    switch (node.type) {
      case "ImportDeclaration":
        for (const specifier of node.specifiers) {
          const { name } = specifier.local;
          const asked =
            specifier.type === "ImportSpecifier" && specifier.imported.type === "Identifier"
              ? specifier.imported.name
              : undefined;
          this.#declared.set(name, () => {
            const other = this.unit.imported(String(node.source.value), this.#source, node.source);
            const value = asked === undefined ? undefined : other.exportOf(asked);
            return value ?? refuse("SCRY1404", `'${name}' is not known when the module is compiled`, specifier);
          });
        }
        return;
      case "ExportNamedDeclaration": {
        const before = new Set(this.#declared.keys());
        if (node.declaration != null) this.#top(node.declaration as TopLevel);
        for (const name of this.#declared.keys()) if (!before.has(name)) this.#exported.set(name, name);
        for (const { local, exported } of node.specifiers) {
          if (local.type !== "Identifier" || exported.type !== "Identifier") continue;
          const { source } = node;
          this.#exported.set(
            exported.name,
            source == null
              ? local.name
              : () => this.unit.imported(String(source.value), this.#source, source).exportOf(local.name),
          );
        }
        return;
      }
      case "ExportAllDeclaration": {
        const other = this.unit.imported(String(node.source.value), this.#source, node.source);
        for (const name of other.exports()) this.#exported.set(name, () => other.exportOf(name));
        return;
      }
      case "FunctionDeclaration":
        this.#declared.set(node.id.name, () => new Closure(node, this.#names));
        return;
      case "VariableDeclaration":
        for (const { id, init } of node.declarations)
          if (id.type === "Identifier" && init != null)
            this.#declared.set(id.name, () => {
              if (node.kind !== "const")
                refuse("SCRY1402", `'${id.name}' may change: only constants are known when a module is compiled`, id);
              return new Evaluator().value(init, this.#names);
            });
        return;
      default:
        if (type === "TSTypeAliasDeclaration") {
          const { id, typeAnnotation } = node as unknown as { id: { name: string }; typeAnnotation: Node };
          this.aliases.set(id.name, typeAnnotation);
        }
    }
  }

  // --- names ------------------------------------------------------------------------------------------------------

  find(name: string): Value | undefined {
    const known = this.#values.get(name);
    const read = this.#declared.get(name);
    if (known !== undefined || read === undefined) return known;
    if (this.#open.has(name)) return undefined;
    this.#open.add(name);
    const value = read();
    const found = isValue(value) ? value : { kind: "static" as const, what: staticOf(value, this) };
    this.#open.delete(name);
    this.#values.set(name, found);
    return found;
  }
  names(): readonly string[] {
    return [...this.#declared.keys()];
  }
  exports(): readonly string[] {
    return [...this.#exported.keys()];
  }
  exportOf(name: string): Value | undefined {
    const own = this.#exported.get(name);
    return typeof own === "string" ? this.find(own) : own?.();
  }
  importable(): boolean {
    return false;
  }
}

const isValue = (value: Known | Value): value is Value =>
  typeof value === "object" && value !== null && "kind" in value && value["kind"] === "static" && "what" in value;

/** What a program sees of a value of JavaScript. */
function staticOf(value: Known, scope: ModuleScope): Static {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) ? { kind: "number", value: BigInt(value) } : { kind: "fraction", value };
    case "bigint":
      return { kind: "number", value };
    case "boolean":
      return { kind: "number", value: value ? 1n : 0n };
    case "string":
      return { kind: "text", text: value };
    default:
  }
  if (value instanceof Closure) return { kind: "function", node: value.node, scope, closure: value };
  if (Array.isArray(value)) return { kind: "list", items: value.map((item: Known) => staticOf(item, scope)) };
  if (typeof value !== "object" || value === null) return { kind: "record", members: new Map() };
  const members = new Map(
    Object.entries(value).map(([name, member]): [string, Static] => [name, staticOf(member, scope)]),
  );
  return { kind: "record", members };
}

/** And the other way round. */
function knownOf(what: Static): Known {
  switch (what.kind) {
    case "number":
      return BigInt(Number(what.value)) === what.value && Number.isSafeInteger(Number(what.value))
        ? Number(what.value)
        : what.value;
    case "fraction":
      return what.value;
    case "text":
      return what.text;
    case "list":
      return what.items.map(knownOf);
    case "record":
      return Object.fromEntries([...what.members].map(([name, member]) => [name, knownOf(member)]));
    case "function":
      return what.closure;
    default:
      return undefined;
  }
}

/** What an ordinary module's function gives when all that it is given is known; undefined: it is not. */
export function computed(
  fn: Extract<Static, { kind: "function" }>,
  args: readonly Expression[],
  value: (node: Expression) => Value,
  at: Node,
): Value | undefined {
  if (fn.closure === undefined) return undefined;
  const given: Known[] = [];
  for (const arg of args) {
    const of = simple(arg) ? value(bare(arg)) : undefined;
    if (of?.kind !== "static" || !/^(?:number|fraction|text|list|record)$/.test(of.what.kind)) return undefined;
    given.push(knownOf(of.what));
  }
  return { kind: "static", what: staticOf(new Evaluator().call(fn.closure, given, at), fn.scope) };
}

/** Reading it makes no statements: it may be read again. */
const simple = (node: Expression): boolean =>
  /^(?:Literal|Identifier|MemberExpression|UnaryExpression|BinaryExpression|TemplateLiteral)$/.test(bare(node).type);
